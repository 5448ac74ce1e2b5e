"""What is given wrongly to each function of the library, and a part of the sentence that it must answer with.

Each row of BAD exchanges one of the arguments that `good_inputs` has for the function.
"""

from __future__ import annotations

import torch

from .good_inputs import SHAPE, X

NAN, INF = float("nan"), float("inf")
FLOATS, TENSOR, WHOLE, NUMBER = (
    "of floating-point numbers",
    "expected a tensor",
    "whole number",
    "expected a number",
)
MAPS = "the maps; expected NoiseMaps"

# What no tensor of pictures may be, with what is said of it.
PICTURES = {
    "None": (None, f"got None for {{}}; {TENSOR}"),
    "a text": ("photo.png", f"got the text 'photo.png' for {{}}; {TENSOR}"),
    "a list": ([[1.0]], f"got a list for {{}}; {TENSOR}"),
    "whole numbers": (
        torch.ones(2, *SHAPE).long(),
        "got a tensor of torch.int64 for {}; expected floating-point",
    ),
    "complex numbers": (X + 0j, "got a tensor of torch.complex64 for {}; expected floating-point"),
}
EMPTY = {"no rows": (X[:0], "got a tensor of shape (0, 3, 8, 8) for {}")}
FLAT = {"one axis": (X[0, 0, 0], "got a tensor of shape (8,) for {}")}
UNSOUND = {
    "NaN": (X * NAN, "NaN or infinity"),
    "infinity": (X / 0, "NaN or infinity"),
}
SEEDS = {
    "None": (None, "got None for the seed; expected a whole number or a list"),
    "a text": ("seven", "got the text 'seven' for the seed"),
    "a fraction": (1.5, "got 1.5 for the seed"),
    "a bool": (True, "got True for the seed"),
    "fractions": ([0.5, 1.5], "for the seed; expected a whole number or a list"),
    "a negative": (-1, "got seed -1, index 0; seeds lie in"),
    "too large": (2**64, "seeds lie in [0, 2^64)"),
    "too many": ([1, 2, 3], "got 3 seeds or indices for 2 rows"),
}
SIGMAS = {
    "None": (None, "got None for the sigmas; expected a list of numbers"),
    "a text": ("5, 1, 0", "got the text '5, 1, 0' for the sigmas"),
    "one": ([1.0], "got sigmas of shape (1,)"),
    "none": ([], "got sigmas of shape (0,)"),
    "upwards": ([0.0, 1.0, 2.0], "descend at every step"),
    "NaN": ([NAN, 1.0, 0.0], "expected finite ones that descend"),
    "complex": (torch.ones(3) + 0j, "got sigmas of torch.complex64"),
}
DENOISERS = {
    "None": (None, "got None for a denoiser; expected a function denoise(x, sigma)"),
    "a text": ("unet", "got the text 'unet' for a denoiser"),
    "one of half a picture": (
        lambda x, s: x[..., :4],
        "got a tensor of shape (2, 3, 8, 4) from the denoiser",
    ),
    "one of nothing": (lambda x, s: None, "got None from the denoiser"),
}
UNIT = {
    "None": (None, "got"),
    "a text": ("1", "got"),
    "a bool": (True, "got"),
    "NaN": (NAN, "got"),
    "-1": (-1, "got"),
}
COUNTS = {"None": (None, WHOLE), "a text": ("2", WHOLE), "a fraction": (1.5, WHOLE), "a bool": (True, WHOLE)}
NUMBERS = {"None": (None, NUMBER), "a text": ("2", NUMBER), "a bool": (True, NUMBER), "NaN": (NAN, NUMBER)}
PATHS = {
    "None": (None, "got None for the path"),
    "a number": (3, "got 3 for the path; expected the name of a file"),
}
NO_FILES = {
    "a name of none": ("no-such-whitener", "neither a file nor a shipped whitener"),
    "NUL": ("a\0b", "neither a file nor"),
    "a folder": (".", "neither a file nor"),
    "a long name": ("x" * 300, "neither a file nor"),
}


def things(words):
    """What is no object of the kind that the words name."""
    return {"None": (None, f"got None for {words}"), "a tensor": (X, f"for {words}"), "a text": ("sd", words)}


WHITENERS = things("the whitener; expected Whitener")
NOISE_MAPS = things(MAPS)
CALLABLES = {"None": (None, "got None for a denoiser"), "a text": ("unet", "got the text 'unet'")}
SCHEDULES = {
    "None": (None, TENSOR),
    "a list": ([0.1, 0.2], TENSOR),
    "two axes": (torch.ones(2, 2), "got a schedule of shape (2, 2)"),
    "descending": (torch.tensor([2.0, 1.0]), "ascending from above 0"),
    "from 0": (torch.tensor([0.0, 1.0]), "ascending from above 0"),
    "infinity": (torch.tensor([1.0, INF]), "one finite sigma per timestep"),
}
WRAPPED = dict(
    network={"None": (None, "got None for the network; expected a function network(x_vp, t)")},
    schedule=SCHEDULES,
    dtype={"a text": ("float16", "for the dtype"), "whole": (torch.int8, "for the dtype")},
)
ANSWERS = {
    "one of half a picture": (lambda x, t: x[..., :4], "got a tensor of shape (2, 3, 8, 4) from the network"),
    "one of twice the channels": (lambda x, t: torch.cat([x, x], 1), "got a tensor of shape (2, 6, 8, 8)"),
    "one of a tuple": (lambda x, t: (x,), "got a tuple from the network"),
}
SIGMA = {**UNIT, "three": (torch.ones(3), "got sigma of shape (3,) for x of shape (2, 3, 8, 8)")}
FITS = {**PICTURES, **EMPTY, **FLAT, **UNSOUND}
LATENT = "the picture"

BAD = {
    "anneal": dict(x0=FITS, whitener=WHITENERS, iterations=COUNTS, alpha=UNIT, temperature=UNIT, seed=SEEDS),
    "loss_of": dict(
        z=FITS, x0=FITS, whitener=WHITENERS, loss={"unknown": ("l2", "got loss 'l2'; choose one")}
    ),
    "correlated_noise": dict(x0=FITS, whitener=WHITENERS, temperature=UNIT, strength=UNIT, seed=SEEDS),
    "correlation": dict(lam=PICTURES, temperature=UNIT),
    "draw": dict(seed=SEEDS, shape={"None": (None, "for the shape"), "a side of 0": ((2, 0), "at least 1")}),
    "extract": dict(
        denoise=DENOISERS, x0=FITS, sigmas=SIGMAS, eta=UNIT, skip=COUNTS, seed=SEEDS, levels_per_call=COUNTS
    ),
    "edit": dict(
        denoise_target=DENOISERS, x0=FITS, sigmas=SIGMAS, weight=NUMBERS, bound=UNIT | {"None": ("", "got")}
    ),
    "replay": dict(denoise=DENOISERS, maps=NOISE_MAPS),
    "turbo_sigmas": dict(sigmas=SIGMAS),
    "ddim": dict(denoise=DENOISERS, x0=FITS, sigmas=SIGMAS, forward_steps=COUNTS, iterations=COUNTS),
    "ddim.sample": dict(denoise=DENOISERS, x=FITS, sigmas=SIGMAS),
    "first_step": dict(x0=FITS, sigma=UNIT, iterations=COUNTS, anderson_window=COUNTS, tolerance=UNIT),
    "metadata": dict(path={**PATHS, **NO_FILES}),
    "load": dict(path={**PATHS, **NO_FILES}),
    "save": dict(
        path=PATHS, obj={"None": (None, "only a Whitener"), "NaN": (X * NAN, "NaN"), **FLAT, **EMPTY}
    ),
    "measure": dict(
        x=PICTURES, structure={"?": ("x", "choose one of")}, patch=UNIT | {"None": ("", "patch")}
    ),
    "fit": dict(moments=things("the moments; expected Moments"), shrinkage=UNIT),
    "Moments": dict(other=things("what to add; expected Moments")),
    "flip": dict(maps=NOISE_MAPS),
    "shift": dict(maps=NOISE_MAPS, down=COUNTS | {"8": (8, "must be smaller")}, right=COUNTS),
    "statistics": dict(maps=NOISE_MAPS),
    "clip_last_map": dict(maps=NOISE_MAPS, bound=UNIT),
    "recolor": dict(denoise=DENOISERS, maps=NOISE_MAPS, target=FITS, mask=FITS, strength=UNIT, band=UNIT),
    "slerp": dict(a={**PICTURES, **UNSOUND}, b={**PICTURES, **UNSOUND}, weight=UNIT),
    "lerp": dict(a={**PICTURES, **UNSOUND}, b={**PICTURES, **UNSOUND}, weight=UNIT),
    "GaussianDenoiser": dict(whitener=WHITENERS),
    "GaussianDenoiser()": dict(x=FITS, sigma=UNIT),
    "EpsDenoiser": WRAPPED,
    "EpsDenoiser()": dict(x={**PICTURES, **EMPTY}, sigma=SIGMA),
    "EpsDenoiser()()": dict(network=ANSWERS),
    "VDenoiser": WRAPPED,
    "guided": dict(cond=CALLABLES, uncond=CALLABLES, scale=NUMBERS),
    "to_vp": dict(x={**PICTURES, **EMPTY}, sigma=SIGMA),
    "from_vp": dict(x={**PICTURES, **EMPTY}, sigma=SIGMA),
    "scaled_linear": {},
    "ddim_uniform": dict(steps={"0": (0, "must divide 1000"), "300": (300, "must divide 1000")}),
    "Stationary": dict(x=FITS, strength=NUMBERS),
    "Whitener": dict(z=FITS, strength=NUMBERS),
    "Kronecker": dict(x={**PICTURES, **EMPTY, **FLAT}),
    "Dense": dict(x={**PICTURES, **EMPTY, **FLAT}),
    "whiteness": dict(
        whitener=WHITENERS, pictures={"one": (X, "a list of tensors"), "none": ([], "no pictures")}
    ),
    "neighbor_correlation": dict(pictures={"one": (X, "a list of tensors"), "none": ([], "got no pictures")}),
    "autocorrelation": dict(z=FITS, lags=COUNTS),
    "radial_spectrum": dict(z=FITS),
    "kl_divergence": dict(mean=PICTURES, std={"0": (torch.zeros(2), "expected positive"), **PICTURES}),
    "smooth_mask": dict(picture=FITS, tau=UNIT, size={"a number": (8, "expected (H, W)")}),
    "inspect": dict(z={**PICTURES, "NaN": (X * NAN, "got NaN")}, picture=EMPTY, tau=UNIT),
    "verdict": dict(
        found=things("what was found; expected Inspection"), names={"three": ("abc", "for the names")}
    ),
    "top_correlation": dict(x=FITS, patch=COUNTS, top=COUNTS),
    "assignment": dict(a=PICTURES, b={**PICTURES, **UNSOUND}, chunks=COUNTS),
    "triangle_angles": dict(picture=PICTURES, noise=PICTURES, latent=PICTURES),
    "most_probable_triangle": dict(angles={**PICTURES, "pairs": (torch.ones(2, 2), "expected (N, 3)")}),
    "inversion_error": dict(
        found=PICTURES, truth=PICTURES, plain={"None": (None, "expected a mask (N, H, W)")}
    ),
    "least_squares": dict(x=PICTURES, z=PICTURES, ridge=UNIT),
    "least_squares_per_frequency": dict(x=FITS, z=FITS, ridge=UNIT),
    "compare_whitenings": dict(x=PICTURES, z=PICTURES, patch=COUNTS, shrinkage=UNIT, ridge=UNIT),
}
