"""DDIM inversion, its first steps replaced by forward diffusion; and plain DDIM sampling.

    invert:  y' = y + (S - S_) eps,   sample:  y_ = y + (S_ - S) eps(y, S),   eps(y, s) = (y - D(y, s)) / s

The first inversion steps, where networks err in plain areas, are replaced by one jump y = x0 + sigma_f e: the
latent then looks like noise and still rebuilds the picture (Staniszewski et al. 2024 and ICLR 2026). DDIM:
Song et al. (2021). In variance-exploding units, float32 (float64 where x0 is). sigmas (n + 1,) descend, to 0
or, for a part of the way, to the noise level that x0 then has. Pictures are (B, ...) on any device; a walk
reads back from it once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from .. import checks
from ..denoisers import Denoiser, OnStep, denoised, finished, rescaled, working_copy
from ..noise.draw import draw, rows_for
from ..sigmas import descending
from .anderson import Anderson

SCHEMES = ("target", "current", "implicit")
WINDOW = 2  # of the acceleration: on a mixture of Gaussians five accelerated calls do what ten plain ones do


def invert(
    denoise: Denoiser,
    x0: Tensor,
    sigmas: Tensor,
    *,
    forward_steps: int = 0,
    forward_seed: int | Sequence[int] = 0,
    indices: Sequence[int] | None = None,
    scheme: str = "target",
    iterations: int = 5,
    reference_offset: bool = False,
    on_step: OnStep | None = None,
) -> Tensor:
    """Return x_T (B, ...) at sigmas[0], the latent from which `sample` comes back to about x0 at sigmas[-1].

    `forward_steps` f of the n steps, counted from the clean end, are one draw per sample, `draw(x0.shape,
    forward_seed, indices)`, at no network call; f = n is plain noising. `scheme` says where a step from S_
    to S asks for eps: "target" at S with the state rescaled to it (diffusers' inverse DDIM), "current" at S_
    (flipped Euler; its first step falls back to target, since eps at 0 is undefined), "implicit" solves y' =
    y + (S - S_) eps(y', S) by `iterations` evaluations, the exact inverse of `sample` as they grow.
    `reference_offset` noises one level further than the state is then taken for, as the LDM, DiT and IF
    scripts of the paper do. Raises ValueError for sigmas, steps, seeds or names out of range, and for NaN or
    infinity from the network.
    """
    checks.whole(iterations, "iterations")
    checks.whole(forward_steps, "forward steps")
    levels = descending(sigmas, to_zero=False).flip(0).tolist()  # ascending
    count = len(levels) - 1
    if scheme not in SCHEMES or iterations < 1:
        raise ValueError(
            f"got {scheme!r}, {iterations} iterations; expected {', '.join(SCHEMES)}, and at least 1"
        )
    if not 0 <= forward_steps <= count:
        raise ValueError(
            f"got {forward_steps} forward steps for a schedule of {count}; expected 0 to {count}"
        )
    x = rows_for(working_copy(x0), forward_seed)
    if forward_steps:
        noise = draw(x.shape, forward_seed, indices).to(x)
        noised_to = levels[min(forward_steps + reference_offset, count)]
        added = math.sqrt(noised_to**2 - levels[0] ** 2)  # to what x0 holds of noise already
        x = rescaled(x + added * noise, noised_to, levels[forward_steps])
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
    """One inversion step from `low` to `high`, and the denoised picture it was made with."""
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
    """Return the y from which Euler comes down to x, the fixed point of y = x + (S - S_) eps(y, S), and the
    denoised picture with which it does: D(y) as the iterations grow.
    """
    solver, y, start = Anderson(WINDOW), x.flatten(1), x.flatten(1)
    share = (high - low) / high
    for _ in range(iterations):
        clean = denoised(denoise, y.view_as(x), high).flatten(1)
        y = solver.next(y, start + share * (y - clean))
    return y.view_as(x), (y - (y - start) / share).view_as(x)
