"""Noise for a picture: seeded draws and mixtures, correlated noise in one shot, by region and by subject, and
the annealing search; what a sampler passes of it.
"""

from .annealing import LOSSES, Annealed, anneal, loss_of
from .blends import blend_by_frequency, vary
from .correlated import correlated_noise, correlation, similarity_at, temperature_for
from .draw import Seed, draw, lerp, slerp
from .gains import (
    Gain,
    Transfer,
    compensated,
    euler_gain,
    measured_transfer,
    passed,
    preview,
    sampled_gain,
)
from .regions import kept_noise
from .shares import shared_noise

__all__ = [
    "LOSSES",
    "Annealed",
    "Gain",
    "Seed",
    "Transfer",
    "anneal",
    "blend_by_frequency",
    "compensated",
    "correlated_noise",
    "correlation",
    "draw",
    "euler_gain",
    "kept_noise",
    "lerp",
    "loss_of",
    "measured_transfer",
    "passed",
    "preview",
    "sampled_gain",
    "shared_noise",
    "similarity_at",
    "slerp",
    "temperature_for",
    "vary",
]
