"""Noise for a picture: seeded draws and mixtures, correlated noise in one shot, and the annealing search."""

from .annealing import LOSSES, Annealed, anneal, loss_of
from .correlated import correlated_noise, correlation
from .draw import draw, lerp, slerp

__all__ = [
    "LOSSES",
    "Annealed",
    "anneal",
    "correlated_noise",
    "correlation",
    "draw",
    "lerp",
    "loss_of",
    "slerp",
]
