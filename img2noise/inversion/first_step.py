"""First-step inversion: the noise whose first denoising step alone gives the picture back.

    e <- (y - a D(y)) / b,   y = a x0 + b e,   from e = 0,   sigma = b / a near the top (t = 980: 13.04)

At a = 0, the top of flow models, every noise is a fixed point and knows nothing of the picture. Source:
First-step de-whitening (Eq. 6, 7). For Gaussian data the fixed point is sigma Sigma^-1 (x0 - mean), not the
whitening Sigma^-1/2 (x0 - mean); after n steps an eigendirection holds (sigma / lam) (1 - (1 + lam /
sigma^2)^-n) of the picture. Stopped near unit variance the iteration looks like ZCA; run on, or accelerated
(`anderson.py`), it goes on to the fixed point, whose weak directions are amplified errors of the network.
Shapes (B, ...), model space, float32 (float64 where x0 is).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .. import checks
from ..denoisers import Denoiser, OnStep, denoised, refuse_not_finite, working_copy
from ..sigmas import Levels
from .anderson import Anderson

STOPS = ("unit_std", "converged", "iterations")


@dataclass(frozen=True, eq=False)
class FirstStep:
    """The noise `z` (B, ...), on x0's device; on the CPU, of each update, `residuals` (steps, B), its RMS,
    1 / sigma of the error of the one-step picture, and `stds` (steps, B), the standard deviation of the
    noise after it. A row that has stopped repeats its last figures.
    """

    z: Tensor
    residuals: Tensor
    stds: Tensor


def invert(
    denoise: Denoiser,
    x0: Tensor,
    sigma: float | Levels,
    *,
    iterations: int = 50,
    anderson_window: int = 0,
    stop: str = "unit_std",
    tolerance: float = 1e-3,
    rows_alike: bool = True,
    on_step: OnStep | None = None,
) -> FirstStep:
    """Return noise for pictures x0 (B, ...) after at most `iterations` network calls; rows stop one by one.
    `sigma` is a number, or one level of another kind, such as Levels.flow(t).

    `stop`: "unit_std" at the first noise of standard deviation 1 (the published look), "converged" once the
    update's RMS falls below `tolerance`, "iterations" never. `anderson_window` 0 is the plain iteration; more
    returns the noise with the least residual, and does not go with "unit_std", which it skips past. Rows that
    have stopped are not sent to the network; pass `rows_alike=False` for a denoiser that treats rows
    differently (a prompt for each), which then gets all rows. Reads back from the device once per call.
    Raises ValueError for values out of range, and for NaN or infinity from the network.
    """
    _check(iterations, anderson_window, stop, tolerance)
    a, b, told = _level(sigma)
    x0 = working_copy(x0)
    e = result = torch.zeros_like(x0).flatten(1)  # (B, D)
    clean, least = x0, e.new_full((len(x0), 1), math.inf)
    solver, active = Anderson(anderson_window), list(range(len(x0)))
    history: list[list[list[float]]] = []  # residuals and stds of each call
    for k in range(iterations):
        rows = active if rows_alike else list(range(len(x0)))
        shown = a * x0 + b * e.view_as(x0)
        clean = _put(clean, rows, denoised(denoise, _picked(shown, rows), told))
        image = e + (a / b) * (x0 - clean).flatten(1)  # (y - a D) / b
        after = solver.next(e, image)
        figures = torch.stack([solver.residual, after.std(1), image.std(1)]).tolist()  # the one read-back
        refuse_not_finite(figures, denoise)
        history.append(_noted(figures, active, history))
        done = [_is_done(stop, tolerance, *of_row) for of_row in zip(*figures, strict=True)]
        going = _mask(active, e)
        if anderson_window:
            better = going & (solver.residual[:, None] < least)
            least, result = (
                torch.where(better, solver.residual[:, None], least),
                torch.where(better, e, result),
            )
        else:
            met = _mask([row for row in active if done[row] and stop == "converged"], e)
            result = torch.where(going, torch.where(met, e, image), result)
        e = torch.where(going, after, e)
        active = [row for row in active if not done[row]]
        if on_step is not None:
            on_step(k, clean)
        if not active:
            break
    residuals, stds = torch.tensor(history).unbind(1)
    return FirstStep(result.view_as(x0), residuals, stds)


def _is_done(stop: str, tolerance: float, residual: float, _, std: float) -> bool:
    """Return whether a row ends at an update of this RMS, to noise of this standard deviation."""
    return residual <= tolerance if stop == "converged" else stop == "unit_std" and std >= 1


def _noted(figures: list[list[float]], active: list[int], history: list) -> list[list[float]]:
    """Return the residual and the standard deviation of each row; one that has stopped repeats its last."""
    residuals, stds, _ = figures
    before = history[-1] if history else (residuals, stds)
    return [
        [now[i] if i in active else old[i] for i in range(len(now))]
        for now, old in zip((residuals, stds), before, strict=True)
    ]


def _mask(rows: list[int], like: Tensor) -> Tensor:
    """Return which rows of `like` (B, D) are among `rows`: bool (B, 1)."""
    return torch.tensor([[i in rows] for i in range(len(like))], device=like.device)


def _picked(x: Tensor, rows: list[int]) -> Tensor:
    return x if len(rows) == len(x) else x[rows]


def _put(x: Tensor, rows: list[int], new: Tensor) -> Tensor:
    """Return x with these rows replaced."""
    return new if len(rows) == len(x) else x.index_copy(0, torch.tensor(rows, device=x.device), new)


def reconstruction_gain(denoise: Denoiser, x0: Tensor, z: Tensor, sigma: float | Levels) -> Tensor:
    """Return <D(a x0 + b z), x0> / |x0|^2 (B,), the share of x0 in the one-step picture of noise z: 1 at
    the fixed point. Costs one network call.
    """
    a, b, told = _level(sigma)
    x0 = working_copy(x0)
    clean = denoised(denoise, a * x0 + b * z.to(x0), told)
    return (clean * x0).flatten(1).sum(1) / x0.square().flatten(1).sum(1)


def _level(sigma: float | Levels) -> tuple[float, float, float]:
    """Return a, b and told of one level with signal and noise."""
    if not isinstance(sigma, Levels):
        checks.number(sigma, "sigma", 0)
        sigma = Levels.ve(torch.tensor(sigma, dtype=torch.float64))
    a, b, told = (float(x) for x in (sigma.a, sigma.b, sigma.told))
    if b == 0:
        raise ValueError("got sigma 0; expected a positive one, such as 13.04 of timestep 980")
    if a == 0:
        raise ValueError(
            f"got the level {told:g} without signal, where every noise is a fixed point; expected one below, "
            "such as t = 0.9288 of sigma 13.04"
        )
    return a, b, told


def _check(iterations: int, anderson_window: int, stop: str, tolerance: float) -> None:
    checks.choice(stop, "stop", STOPS)
    checks.number(tolerance, "tolerance", 0)
    checks.whole(iterations, "iterations", 1)
    checks.whole(anderson_window, "anderson_window", 0)
    if anderson_window and stop == "unit_std":
        raise ValueError(
            "got acceleration with stop 'unit_std', which it skips past; choose 'converged' or 'iterations'"
        )
