"""img2noise: from a picture to the noise behind it, and back. It knows nothing of ComfyUI.

Everyday names are here; the rest is reached through its room: `whitening`, `noise`, `diagnostics`, and the
modules `edit_friendly`, `noise_maps`, `ddim` and `first_step` of `inversion`.
"""

from . import diagnostics, inversion, noise, whitening
from .denoisers import GaussianDenoiser
from .files.storage import load, metadata, save
from .inversion import ddim, edit_friendly, first_step, noise_maps
from .inversion.edit_friendly import extract, replay
from .inversion.noise_maps import NoiseMaps
from .networks import EpsDenoiser, VDenoiser, VelocityDenoiser, guided
from .noise.annealing import anneal
from .noise.correlated import correlated_noise
from .noise.draw import draw, lerp, slerp
from .sigmas import Levels, ddim_uniform, from_vp, scaled_linear, to_vp
from .whitening.moments import Moments, measure
from .whitening.structures import fit
from .whitening.whitener import Whitener

__version__ = "0.1.0"

__all__ = [
    "EpsDenoiser",
    "GaussianDenoiser",
    "Levels",
    "Moments",
    "NoiseMaps",
    "VDenoiser",
    "VelocityDenoiser",
    "Whitener",
    "anneal",
    "correlated_noise",
    "ddim",
    "ddim_uniform",
    "diagnostics",
    "draw",
    "edit_friendly",
    "extract",
    "metadata",
    "first_step",
    "fit",
    "from_vp",
    "guided",
    "inversion",
    "lerp",
    "load",
    "measure",
    "noise",
    "noise_maps",
    "replay",
    "save",
    "scaled_linear",
    "slerp",
    "to_vp",
    "whitening",
]
