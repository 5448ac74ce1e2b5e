"""DDIM inversion, its first steps replaced by forward diffusion; and plain DDIM sampling.

    D, N = D(x), (x - a D) / b;   move:  x + (a' - a) D + (b' - b) N,   Euler for VE and flow levels alike

The first inversion steps, where networks err in plain areas, are replaced by one jump to x = a x0 + b e: the
latent then looks like noise and still rebuilds the picture (Staniszewski et al. 2024 and ICLR 2026). DDIM:
Song et al. (2021); one warm implicit iteration: Jiao et al. (2025, Uni-Inv); the midpoint rule with one call:
Deng et al. (2025, FireFlow). In the model's units, float32 (float64 where x0 is); levels (n + 1,) descend, to
0 or, for a part of the way, to the level of x0. Pictures are (B, ...) on any device; a walk reads back once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from .. import checks
from ..denoisers import Denoiser, OnStep, denoised, finished, working_copy
from ..noise.draw import Seed, draw, rows_for
from ..sigmas import Levels, as_levels
from .anderson import Anderson

SCHEMES = ("auto", "target", "current", "implicit", "midpoint")
SAMPLERS = ("euler", "midpoint")
WINDOW = 2  # of Anderson acceleration: on a mixture of Gaussians five calls then do as well as ten
COLD = 3  # times the iterations at the first step, which starts from nothing and finds the finest detail
FINE = 0.25  # sigma up to which forward diffusion may replace steps: beyond, detail is lost


def invert(
    denoise: Denoiser,
    x0: Tensor,
    sigmas: Tensor | Levels,
    *,
    seed: Seed = 0,
    indices: Sequence[int] | None = None,
    forward_steps: int = 0,
    scheme: str = "target",
    iterations: int = 4,
    on_step: OnStep | None = None,
) -> Tensor:
    """Return x_T (B, ...) at levels[0], the latent from which `sample` comes back to about x0 at levels[-1].

    The first `forward_steps` of the n steps, counted from the clean end, are one draw per sample,
    `draw(x0.shape, seed, indices)`, without a network call; n of them is plain noising. `scheme` chooses
    where a step up asks for D and N: "target" at its end with the state rescaled to it (diffusers' inverse
    DDIM), "current" at its start (flipped Euler; its first step falls back to target, since N at 0 is
    undefined), "implicit" at the state it ends in, found by `iterations` calls from the last step's D and N,
    the first step's by three times as many: the exact inverse of `sample` as they grow, and "auto", since it
    comes back nearest for a number of calls. "midpoint" asks halfway, where the last step's D and N lead, one
    call a step and one more; it comes back by `sample` with the midpoint rule. Raises ValueError for levels,
    steps, seeds or names out of range, and for NaN or infinity from the network.
    """
    levels = as_levels(sigmas, to_zero=False).flip()
    points, count = _points(levels), len(levels) - 1
    checks.choice(scheme, "scheme", SCHEMES)
    checks.whole(iterations, "iterations", 1)
    checks.whole(forward_steps, "forward steps", 0, count)
    x = rows_for(working_copy(x0), seed)
    if forward_steps:
        ratio, added = (float(part) for part in levels[forward_steps].above(levels[0]))
        x = ratio * x + added * draw(x.shape, seed, indices).to(x)
    last: tuple[Tensor, Tensor] | None = None
    for k in range(forward_steps, count):
        low, high = points[k : k + 2]
        if scheme == "midpoint":
            x, last = _midpoint(denoise, x, low, high, last)
        elif scheme in ("implicit", "auto"):
            x, last = _implicit(denoise, x, low, high, last, iterations)
        else:
            behind = scheme == "current" and low.b > 0
            last = _ask(denoise, x, low) if behind else _ask(denoise, x * (high.m / low.m), high)
            x = _move(x, low, high, last)
        if on_step is not None:
            on_step(k, last[0])
    return finished(x, x0, denoise)


def sample(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor | Levels,
    *,
    scheme: str = "euler",
    on_step: OnStep | None = None,
) -> Tensor:
    """Return the picture (B, ...) at levels[-1] from x at levels[0]: by DDIM with eta = 0, which is Euler, or
    by the rule of "midpoint" inversions, with one more call than steps. Raises ValueError for levels out of
    range, and for NaN or infinity from the network.
    """
    levels = as_levels(sigmas, to_zero=False)
    checks.choice(scheme, "scheme", SAMPLERS)
    start = x = working_copy(x)
    last: tuple[Tensor, Tensor] | None = None
    points = _points(levels)
    for k, step in enumerate(levels.steps()):
        if scheme == "midpoint":
            x, last = _midpoint(denoise, x, points[k], points[k + 1], last)
            clean = last[0]
        else:
            clean = denoised(denoise, x, step.told)
            x = step.mean(x, clean)
        if on_step is not None:
            on_step(k, clean)
    return finished(x, start, denoise)


def forward_steps(sigmas: Tensor | Levels, fraction: float) -> int:
    """Return how many of the cleanest steps make up this share: at least one for a share above 0, but none
    where the first level lies above sigma 0.25, as on short or shifted schedules.
    """
    levels = as_levels(sigmas, to_zero=False)
    checks.number(fraction, "forward fraction", 0, 1)
    coarse = float(levels.sigmas[-2]) > FINE
    return 0 if fraction == 0 or coarse else max(1, round(fraction * (len(levels) - 1)))


class _Point(NamedTuple):
    a: float
    b: float
    m: float
    told: float


def _points(levels: Levels) -> list[_Point]:
    rows = (x.tolist() for x in (levels.a, levels.b, levels.m, levels.told))
    return [_Point(*row) for row in zip(*rows, strict=True)]


def _ask(denoise: Denoiser, x: Tensor, at: _Point) -> tuple[Tensor, Tensor]:
    """Return D and N of x at a level with noise."""
    clean = denoised(denoise, x, at.told)
    return clean, (x - at.a * clean) / at.b


def _move(x: Tensor, here: _Point, there: _Point, of: tuple[Tensor, Tensor], share: float = 1.0) -> Tensor:
    """Return x moved by a share of the way between two levels, along D and N."""
    return x + share * (there.a - here.a) * of[0] + share * (there.b - here.b) * of[1]


def _midpoint(
    denoise: Denoiser, x: Tensor, here: _Point, there: _Point, last: tuple[Tensor, Tensor] | None
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Return the state after a step of the midpoint rule, up or down, and D and N halfway, to which the step
    before has led; the first step asks for its own, halfway where it starts without noise.
    """
    halfway = _Point(*((p + q) / 2 for p, q in zip(here, there, strict=True)))
    last = last or _ask(denoise, x, here if here.b > 0 else halfway)
    asked = _ask(denoise, _move(x, here, there, last, 0.5), halfway)
    return _move(x, here, there, asked), asked


def _implicit(
    denoise: Denoiser,
    x: Tensor,
    low: _Point,
    high: _Point,
    last: tuple[Tensor, Tensor] | None,
    iterations: int,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Return the y that an Euler step takes to x, the fixed point of y = x + (a' - a) D(y) + (b' - b) N(y),
    and D and N of that step.
    """
    solver = Anderson(WINDOW)
    y = _move(x, low, high, last) if last else x * (high.m / low.m)
    for _ in range(iterations if last or iterations == 1 else COLD * iterations):
        asked = _ask(denoise, y, high)
        y = solver.next(y.flatten(1), _move(x, low, high, asked).flatten(1)).view_as(x)
    return y, asked
