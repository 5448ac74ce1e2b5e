"""img2noise: from a picture to the noise behind it, and back. It knows nothing of ComfyUI."""

from .annealing import LOSSES, Annealed, anneal, loss_of
from .correlated import correlated_noise, correlation
from .denoisers import GaussianDenoiser
from .diagnostics import Whiteness, neighbour_correlation, whiteness
from .moments import STRUCTURES, Moments, measure
from .noise import draw, lerp, slerp
from .spaces import SPACES, Space
from .storage import facts, load, save
from .structures import Dense, Kronecker, Stationary, fit
from .whitening import METHODS, Whitener

__all__ = [
    "LOSSES",
    "METHODS",
    "SPACES",
    "STRUCTURES",
    "Annealed",
    "Dense",
    "GaussianDenoiser",
    "Kronecker",
    "Moments",
    "Space",
    "Stationary",
    "Whitener",
    "Whiteness",
    "anneal",
    "correlated_noise",
    "correlation",
    "draw",
    "facts",
    "fit",
    "lerp",
    "load",
    "loss_of",
    "measure",
    "neighbour_correlation",
    "save",
    "slerp",
    "whiteness",
]
