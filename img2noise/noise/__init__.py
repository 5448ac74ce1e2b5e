"""Noise for a picture: seeded draws and mixtures, correlated noise in one shot, and the annealing search."""

from .annealing import LOSSES, Annealed, anneal, loss_of
from .correlated import correlated_noise, correlation
from .draw import Seed, draw, lerp, slerp

__all__ = [
    "LOSSES",
    "Annealed",
    "Seed",
    "anneal",
    "correlated_noise",
    "correlation",
    "draw",
    "lerp",
    "loss_of",
    "slerp",
]
