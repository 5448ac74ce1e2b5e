"""What is given wrongly to each function of the library: kinds of wrongness by the kind of an argument.

BAD names, for each function of `good_inputs`, the kind of each argument that is exchanged; a list adds values
that are wrong for this one alone.
"""

from __future__ import annotations

import torch

from .good_inputs import SHAPE, X
from .worlds import levels

NAN, INF = float("nan"), float("inf")
NOTHING = [None, "sd"]
NO_TENSOR = [None, "photo.png", [[1.0]], torch.ones(2, *SHAPE).long(), X + 0j]
NO_NUMBER = [None, "1", True, NAN]
KINDS = {
    "tensor": NO_TENSOR,
    "finite": [*NO_TENSOR, X * NAN, X / 0],
    "filled": [*NO_TENSOR, X[:0]],
    "axes": [*NO_TENSOR, X[:0], X[0, 0, 0]],
    "fits": [*NO_TENSOR, X[:0], X[0, 0, 0], X * NAN, X / 0],
    "object": [None, X, "sd"],
    "denoiser": [*NOTHING, lambda x, s: x[..., :4], lambda x, s: None],
    "callable": NOTHING,
    "network": [lambda x, t: x[..., :4], lambda x, t: torch.cat([x, x], 1), lambda x, t: (x,)],
    "schedule": [
        None,
        [0.1, 0.2],
        torch.ones(2, 2),
        *map(torch.tensor, ([2.0, 1.0], [0.0, 1.0], [1.0, INF])),
    ],
    "dtype": ["float16", torch.int8],
    "sigmas": [None, "5, 1, 0", [1.0], [], [0.0, 1.0, 2.0], [NAN, 1.0, 0.0], torch.ones(3) + 0j],
    "sigma": [*NO_NUMBER, -1, torch.ones(3)],
    "seed": [None, "seven", 1.5, True, [0.5, 1.5], -1, 2**64, [1, 2, 3]],
    "count": [None, "2", 1.5, True],
    "number": NO_NUMBER,
    "unit": [*NO_NUMBER, -1],
    "bound": ["1", True, NAN, -1],
    "path": [None, 3],
    "file": [None, 3, "no-such-whitener", "a\0b", ".", "x" * 300],
    "choice": ["l2"],
    "pictures": [X, []],
}
WALK = dict(x0="fits", sigmas="sigmas")
PAIR = dict(a="finite", b="finite", weight="unit")
WRAPPED = dict(network="callable", schedule="schedule", dtype="dtype")

BAD = {
    "anneal": dict(
        x0="fits", whitener="object", iterations="count", alpha="unit", temperature="unit", seed="seed"
    ),
    "loss_of": dict(z="fits", x0="fits", whitener="object", loss="choice"),
    "correlated_noise": dict(x0="fits", whitener="object", temperature="unit", strength="unit", seed="seed"),
    "correlation": dict(lam="tensor", temperature="unit"),
    "draw": dict(seed="seed", shape=[None, (2, 0)]),
    "extract": WALK
    | dict(denoise="denoiser", eta="unit", skip="count", seed="seed", levels_per_call="count"),
    "edit": WALK
    | dict(denoise_target="denoiser", weight="number", bound="bound", average="count", free_steps="count"),
    "replay": dict(denoise="denoiser", maps="object"),
    "turbo_sigmas": dict(sigmas="sigmas"),
    "ddim": WALK | dict(denoise="denoiser", forward_steps="count", iterations="count"),
    "ddim.forward_steps": dict(sigmas="sigmas", fraction="unit"),
    "ddim.sample": dict(denoise="denoiser", x="fits", sigmas="sigmas"),
    "first_step": dict(
        x0="fits", sigma="unit", iterations="count", anderson_window="count", tolerance="unit"
    ),
    "metadata": dict(path="file"),
    "load": dict(path="file"),
    "save": dict(path="path", obj=[None, X * NAN, X[0, 0, 0], X[:0]]),
    "measure": dict(x="tensor", structure="choice", patch="bound"),
    "fit": dict(moments="object", shrinkage="unit"),
    "Moments": dict(other="object"),
    "flip": dict(maps="object"),
    "shift": dict(maps="object", down=[None, "2", 1.5, True, 8], right="count"),
    "statistics": dict(maps="object"),
    "clip_last_map": dict(maps="object", bound="unit"),
    "recolor": dict(
        denoise="denoiser", maps="object", target="fits", mask="fits", strength="unit", band="unit"
    ),
    "slerp": PAIR,
    "lerp": PAIR,
    "GaussianDenoiser": dict(whitener="object"),
    "GaussianDenoiser()": dict(x="fits", sigma="unit"),
    "EpsDenoiser": WRAPPED | dict(network=[None]),
    "EpsDenoiser()": dict(x="filled", sigma="sigma"),
    "EpsDenoiser()()": dict(network="network"),
    "VDenoiser": WRAPPED | dict(network=[None]),
    "VelocityDenoiser": dict(network="callable", multiplier="unit", dtype="dtype"),
    "VelocityDenoiser()": dict(x="filled", t="sigma"),
    "Levels": dict(t=[None, "5, 1, 0", [2.0, 0.0], torch.ones(3) + 0j], scale="unit"),
    "guided": dict(cond="callable", uncond="callable", scale="number"),
    "to_vp": dict(x="filled", sigma="sigma"),
    "from_vp": dict(x="filled", sigma="sigma"),
    "scaled_linear": {},
    "ddim_uniform": dict(steps=[0, 300]),
    "Stationary": dict(x="fits", strength="number"),
    "Whitener": dict(z="fits", strength="number"),
    "Kronecker": dict(x="axes"),
    "Dense": dict(x="axes"),
    "whiteness": dict(whitener="object", pictures="pictures"),
    "neighbor_correlation": dict(pictures="pictures"),
    "autocorrelation": dict(z="fits", lags="count"),
    "radial_spectrum": dict(z="fits"),
    "kl_divergence": dict(mean="tensor", std=[*NO_TENSOR, torch.zeros(2)]),
    "smooth_mask": dict(picture="fits", tau="unit", size=[8]),
    "inspect": dict(z=[*NO_TENSOR, X * NAN], picture=[X[:0]], tau="unit"),
    "verdict": dict(found="object", names=["abc"]),
    "top_correlation": dict(x="fits", patch="count", top="count"),
    "assignment": dict(a="tensor", b="finite", chunks="count"),
    "triangle_angles": dict(picture="tensor", noise="tensor", latent="tensor"),
    "most_probable_triangle": dict(angles=[*NO_TENSOR, torch.ones(2, 2)]),
    "inversion_error": dict(found="tensor", truth="tensor", plain=[None]),
    "least_squares": dict(x="tensor", z="tensor", ridge="unit"),
    "least_squares_per_frequency": dict(x="fits", z="fits", ridge="unit"),
    "compare_whitenings": dict(x="tensor", z="tensor", patch="count", shrinkage="unit", ridge="unit"),
}


SEEDED = [dict(seed=0, indices=[0]), dict(seed=0, indices=[0, -1]), dict(seed=[1, 2], indices=[0, 1])]
ENDS = [dict(sigmas=torch.tensor(s)) for s in ([3.0, 1.0, -1.0], [3.0, 3.0, 0.0])]
MAPPED = [*ENDS, *SEEDED[:2], dict(eta=-0.1), dict(eta=2.0), dict(skip=4), dict(skip=-1)]
MAPPED += [dict(noise_sigmas=levels(4)), dict(noise_sigmas=torch.tensor([1, 2, NAN, 0]))]
MAPPED += [dict(noise_sigmas=-levels(4)[1:]), dict(sigmas=levels(5)[:-1], noise_sigmas=levels(4)[1:])]
OTHER_SHAPES = dict(x0=torch.ones(2, 2, 8, 8)), dict(x0=torch.ones(2, 3, 8, 7))
MIXES = [dict(weight=w) for w in (1.01, torch.tensor([0.5, 2.0]))] + [dict(b=X[:1])]
RANGES = {  # what is wrong by its value, its shape, or beside another argument
    "draw": SEEDED,
    "slerp": MIXES,
    "lerp": MIXES,
    "ddim": [*ENDS, dict(scheme="both"), dict(iterations=0), dict(forward_steps=-1), dict(forward_steps=5)]
    + [dict(seed=s) for s in (-1, [1, 2, 3])]
    + [dict(indices=[0])],
    "ddim.sample": ENDS,
    "extract": MAPPED,
    "edit": MAPPED,
    "first_step": [dict(stop="soon"), dict(iterations=0), dict(anderson_window=-1, stop="converged")]
    + [dict(sigma=0.0), dict(anderson_window=5)],
    "shift": [dict(down=-8), dict(right=99)],
    "recolor": [dict(band=(0.7, 0.2)), dict(band=(-0.1, 0.5)), dict(strength=-0.1)],
    "anneal": [dict(loss="sideways"), dict(iterations=-1), dict(alpha=1.1)]
    + [dict(temperature=t) for t in ((1.0, NAN), (INF, 1.0))]
    + [OTHER_SHAPES[0]],
    "correlated_noise": [dict(strength=1.5), OTHER_SHAPES[0]],
    "measure": [dict(patch=p) for p in (0, 5)]
    + [dict(size=(3, 4)), dict(structure="stationary", size=(0, 4)), dict(structure="stationary")]
    + [dict(x=torch.ones(1, 1, 96, 96), patch=None)],
    "fit": [dict(method="x"), dict(shrinkage=1.5)],
    "Stationary": [dict(x=torch.ones(1, 2, 8, 8))],
    "Kronecker": [dict(x=torch.ones(1, 3, 3, 4)), dict(x=torch.ones(1, 2, 3, 5))],
    "Dense": [dict(x=torch.ones(1, 3, 3, 4)), dict(x=torch.ones(1, 2, 3, 5))],
    "compare_whitenings": [dict(x=X, z=X), dict(z=X), dict(patch=3), dict(shrinkage=0.0)],
    "top_correlation": [dict(x=torch.ones(3, 1, 8, 8))],
    "triangle_angles": [dict(latent=X[:1])],
    "assignment": [dict(b=X[:1]), dict(chunks=3)],
    "inversion_error": [dict(found=X, truth=X)],
    "inspect": [dict(z=torch.zeros(*shape)) for shape in ((4, 16, 16), (1, 4, 4, 16), (1, 4, 16, 16))]
    + [dict(picture=torch.zeros(2, 3, 64, 32)), dict(picture=torch.zeros(3, 3, 64, 64))]
    + [dict(x0=torch.zeros(1, 4, 8, 8))],
}


def rows(function: str):
    """What is exchanged in each row of a function, and words of which the sentence has one, if any."""
    for argument, kind in BAD[function].items():
        for value in KINDS[kind] if isinstance(kind, str) else kind:
            yield {argument: value}, signs(argument, value)
    for changes in RANGES.get(function, ()):
        yield changes, set()


def signs(argument: str, value) -> set[str]:
    """What points at a wrong value in a sentence: the argument's name or the value."""
    found = {argument, argument.replace("_", " "), argument.split("_")[-1]} if len(argument) > 2 else set()
    if isinstance(value, torch.Tensor):
        return found | {str(tuple(value.shape)), str(value.dtype), "NaN", "deviation"}
    if isinstance(value, str):
        return found | {repr(value)[:20], value[:20]}
    return found | {str(value), type(value).__name__, "shape", "network", "denoiser", "model"}
