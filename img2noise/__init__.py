"""img2noise: from a picture to the noise behind it, and back. It knows nothing of ComfyUI."""

from . import ddim, first_step
from .annealing import LOSSES, Annealed, anneal, loss_of
from .correlated import correlated_noise, correlation
from .denoisers import GaussianDenoiser
from .diagnostics import Whiteness, neighbour_correlation, whiteness
from .edit_friendly import edit, extract, replay, shifted
from .moments import STRUCTURES, Moments, measure
from .noise import draw, lerp, slerp
from .noise_maps import NoiseMaps, bound_last, flip, recolour, shift, statistics
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
    "NoiseMaps",
    "Space",
    "Stationary",
    "Whitener",
    "Whiteness",
    "anneal",
    "bound_last",
    "correlated_noise",
    "correlation",
    "ddim",
    "draw",
    "edit",
    "extract",
    "facts",
    "first_step",
    "fit",
    "flip",
    "lerp",
    "load",
    "loss_of",
    "measure",
    "neighbour_correlation",
    "recolour",
    "replay",
    "save",
    "shift",
    "shifted",
    "slerp",
    "statistics",
    "whiteness",
]
