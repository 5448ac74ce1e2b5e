"""img2noise: from a picture to the noise behind it, and back. It knows nothing of ComfyUI."""

from . import ddim, first_step
from .annealing import LOSSES, Annealed, anneal, loss_of
from .correlated import correlated_noise, correlation
from .denoisers import GaussianDenoiser
from .diagnostics import (
    Whiteness,
    autocorrelation,
    kl_divergence,
    neighbour_correlation,
    radial_spectrum,
    whiteness,
)
from .edit_friendly import edit, extract, replay, shifted
from .inspection import Inspection, inspect
from .least_squares import compare_whitenings, least_squares, least_squares_per_frequency
from .moments import STRUCTURES, Moments, measure
from .networks import EpsDenoiser, VDenoiser, guided
from .noise import draw, lerp, slerp
from .noise_maps import NoiseMaps, bound_last, flip, recolour, shift, statistics
from .plain import plain_mask
from .populations import assignment, inversion_error, most_probable_triangle, top_correlation, triangle_angles
from .sigmas import ddim_uniform, from_vp, scaled_linear, to_vp
from .spaces import SPACES, Space
from .storage import facts, load, save
from .structures import Dense, Kronecker, Stationary, fit
from .verdict import verdict
from .whitening import METHODS, Whitener

__version__ = "0.1.0"

__all__ = [
    "LOSSES",
    "METHODS",
    "SPACES",
    "STRUCTURES",
    "Annealed",
    "Dense",
    "EpsDenoiser",
    "GaussianDenoiser",
    "Inspection",
    "Kronecker",
    "Moments",
    "NoiseMaps",
    "Space",
    "Stationary",
    "VDenoiser",
    "Whitener",
    "Whiteness",
    "anneal",
    "assignment",
    "autocorrelation",
    "bound_last",
    "compare_whitenings",
    "correlated_noise",
    "correlation",
    "ddim",
    "ddim_uniform",
    "draw",
    "edit",
    "extract",
    "facts",
    "first_step",
    "fit",
    "flip",
    "from_vp",
    "guided",
    "inspect",
    "inversion_error",
    "kl_divergence",
    "least_squares",
    "least_squares_per_frequency",
    "lerp",
    "load",
    "loss_of",
    "measure",
    "most_probable_triangle",
    "neighbour_correlation",
    "plain_mask",
    "radial_spectrum",
    "recolour",
    "replay",
    "save",
    "scaled_linear",
    "shift",
    "shifted",
    "slerp",
    "statistics",
    "to_vp",
    "top_correlation",
    "triangle_angles",
    "verdict",
    "whiteness",
]
