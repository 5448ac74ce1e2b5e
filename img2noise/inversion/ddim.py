"""DDIM inversion, its first steps replaced by forward diffusion; and plain DDIM sampling.

    invert:  y' = y + (S - S_) eps,   sample:  y_ = y + (S_ - S) eps(y, S),   eps(y, s) = (y - D(y, s)) / s

The first inversion steps, where networks err in plain areas, are replaced by one jump y = x0 + sigma_f e: the
latent then looks like noise and still rebuilds the picture (Staniszewski et al. 2024 and ICLR 2026). DDIM:
Song et al. (2021). In variance-exploding units, float32 (float64 where x0 is); sigmas (n + 1,) descend, to 0
or, for a part of the way, to the noise level of x0. Pictures are (B, ...) on any device; a walk reads back
from it once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from .. import checks
from ..denoisers import Denoiser, OnStep, denoised, finished, rescaled, working_copy
from ..noise.draw import Seed, draw, rows_for
from ..sigmas import descending
from .anderson import Anderson

SCHEMES = ("target", "current", "implicit")
WINDOW = 2  # of Anderson acceleration: on a mixture of Gaussians five calls then do as well as ten


def invert(
    denoise: Denoiser,
    x0: Tensor,
    sigmas: Tensor,
    *,
    seed: Seed = 0,
    indices: Sequence[int] | None = None,
    forward_steps: int = 0,
    scheme: str = "target",
    iterations: int = 5,
    on_step: OnStep | None = None,
) -> Tensor:
    """Return x_T (B, ...) at sigmas[0], the latent from which `sample` comes back to about x0 at sigmas[-1].

    The first `forward_steps` of the n steps, counted from the clean end, are one draw per sample,
    `draw(x0.shape, seed, indices)`, without a network call; n of them is plain noising. `scheme` chooses
    where a step from S_ to S asks for eps: "target" at S with the state rescaled to it (diffusers' inverse
    DDIM), "current" at S_ (flipped Euler; its first step falls back to target, since eps at 0 is undefined),
    "implicit" solves y' = y + (S - S_) eps(y', S) by `iterations` calls, the exact inverse of `sample` as
    they grow. Raises ValueError for sigmas, steps, seeds or names out of range, and for NaN or infinity from
    the network.
    """
    levels = descending(sigmas, to_zero=False).flip(0).tolist()  # ascending
    count = len(levels) - 1
    checks.choice(scheme, "scheme", SCHEMES)
    checks.whole(iterations, "iterations", 1)
    checks.whole(forward_steps, "forward steps", 0, count)
    x = rows_for(working_copy(x0), seed)
    if forward_steps:
        added = math.sqrt(levels[forward_steps] ** 2 - levels[0] ** 2)  # to the noise already in x0
        x = x + added * draw(x.shape, seed, indices).to(x)
    for k in range(forward_steps, count):
        x, clean = _step_up(denoise, x, levels[k], levels[k + 1], scheme, iterations)
        if on_step is not None:
            on_step(k, clean)
    return finished(x, x0, denoise)


def sample(denoise: Denoiser, x: Tensor, sigmas: Tensor, *, on_step: OnStep | None = None) -> Tensor:
    """Return the picture (B, ...) at sigmas[-1] from x at sigmas[0], by DDIM with eta = 0, which is Euler in
    these units. Raises ValueError for sigmas out of range, and for NaN or infinity from the network.
    """
    levels = descending(sigmas, to_zero=False).tolist()
    start = x = working_copy(x)
    for k, (high, low) in enumerate(zip(levels[:-1], levels[1:], strict=True)):
        clean = denoised(denoise, x, high)
        x = clean + (low / high) * (x - clean)
        if on_step is not None:
            on_step(k, clean)
    return finished(x, start, denoise)


def _step_up(
    denoise: Denoiser, x: Tensor, low: float, high: float, scheme: str, iterations: int
) -> tuple[Tensor, Tensor]:
    """Return the state after an inversion step from `low` to `high`, and the denoised picture in it."""
    if scheme == "current" and low > 0:
        clean = denoised(denoise, x, low)
        return x + (high - low) / low * (x - clean), clean
    if scheme == "implicit":
        return _implicit(denoise, x, low, high, iterations)
    asked = rescaled(x, low, high)
    clean = denoised(denoise, asked, high)
    return x + (high - low) / high * (asked - clean), clean


def _implicit(
    denoise: Denoiser, x: Tensor, low: float, high: float, iterations: int
) -> tuple[Tensor, Tensor]:
    """Return the y that an Euler step takes to x, the fixed point of y = x + (S - S_) eps(y, S), and the
    denoised picture of that step: D(y) as the iterations grow.
    """
    solver, y, start = Anderson(WINDOW), x.flatten(1), x.flatten(1)
    share = (high - low) / high
    for _ in range(iterations):
        clean = denoised(denoise, y.view_as(x), high).flatten(1)
        y = solver.next(y, start + share * (y - clean))
    return y.view_as(x), (y - (y - start) / share).view_as(x)
