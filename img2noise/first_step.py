"""First-step inversion: the noise from which the first denoising step alone gives the picture back.

    e <- (y - D(y, sigma)) / sigma,   y = x0 + sigma e,   from e = 0,  sigma near the top (t = 980 of 1000:
    13.04)

Source: First-step de-whitening (Eq. 6, 7). For Gaussian data the fixed point is sigma Sigma^-1 (x0 - mean),
not the whitening Sigma^-1/2 (x0 - mean); after n steps an eigendirection holds (sigma / lam) (1 - (1 + lam /
sigma^2)^-n) of the picture. Stopped near unit variance the iteration looks like ZCA; run on, or accelerated
(`fixed_point.py`), it leaves it for the fixed point, whose weak directions are amplified errors
of the network. Shapes (B, C, H, W), model space, float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from . import entrance, sums
from .denoisers import Denoiser, OnStep, denoised, state
from .fixed_point import Anderson

STOPS = ("unit_std", "converged", "iterations")


@dataclass(frozen=True)
class FirstStep:
    """`z` (B, C, H, W); `residuals` (steps, B), the RMS of each update, sigma times which is the error of the
    one-step picture; `reconstruction_gain` (B,), how much of x0 that picture holds, 1 at the fixed point;
    `stds` (steps, B), the standard deviation of the noise after each update.
    """

    z: Tensor
    residuals: Tensor
    reconstruction_gain: Tensor
    stds: Tensor


def invert(
    denoise: Denoiser,
    x0: Tensor,
    sigma: float,
    *,
    iterations: int = 50,
    accelerate: int = 0,
    stop: str = "unit_std",
    tolerance: float = 1e-3,
    on_step: OnStep | None = None,
) -> FirstStep:
    """Noise for pictures x0 (B, C, H, W) by at most `iterations` network calls, each sample stopping by
    itself.

    `stop`: "unit_std" at the first noise of standard deviation 1 (the published look), "converged" once the
    update's RMS falls below `tolerance`, "iterations" never. `accelerate` is Anderson's window, 0 for none;
    it does not go with "unit_std", whose stopping point it has left behind, and returns the noise with the
    least residual. Raises ValueError for values out of range.
    """
    entrance.number(sigma, "sigma")
    entrance.number(tolerance, "tolerance", 0)
    entrance.whole(iterations, "iterations")
    entrance.whole(accelerate, "the window of acceleration")
    if stop not in STOPS or iterations < 1 or accelerate < 0 or not sigma > 0:
        raise ValueError(
            f"got stop {stop!r}, {iterations} iterations, window {accelerate}, sigma {sigma}; expected "
            f"{', '.join(STOPS)}, at least one iteration, no negative window and a positive sigma"
        )
    if accelerate and stop == "unit_std":
        raise ValueError(
            "got acceleration with stop 'unit_std', which it skips past; choose 'converged' or 'iterations'"
        )
    x0 = state(x0)
    rows = [_Row(torch.zeros_like(row).flatten(), accelerate) for row in x0]
    residuals, stds = [], []
    for k in range(iterations):
        e = torch.stack([row.e for row in rows]).view_as(x0)
        clean = denoised(denoise, x0 + sigma * e, sigma)
        after = e + (x0 - clean) / sigma  # (y - D) / sigma
        for row, new in zip(rows, after.flatten(1), strict=True):
            row.update(new, stop, tolerance)
        residuals.append([row.residual for row in rows])
        stds.append([row.std for row in rows])
        if on_step is not None:
            on_step(k, clean)
        if all(row.done for row in rows):
            break
    z = torch.stack([row.result for row in rows]).view_as(x0)
    clean = denoised(denoise, x0 + sigma * z, sigma)
    gain = (sums.row_dots(clean, x0) / sums.row_dots(x0, x0)).to(x0)
    return FirstStep(z, torch.tensor(residuals), gain, torch.tensor(stds))


class _Row:
    """One sample's iterate e (D,) and its result: the last one, or with acceleration the best one."""

    def __init__(self, e: Tensor, window: int):
        self.e = self.result = e
        self.solver, self.done, self.least = Anderson(window), False, float("inf")

    @property
    def residual(self) -> float:
        """RMS of the last update."""
        return self.solver.residual

    @property
    def std(self) -> float:
        """Standard deviation of the iterate."""
        return float(sums.row_stds(self.e[None]))

    def update(self, image: Tensor, stop: str, tolerance: float) -> None:
        """Take G(e), judge e by it, and choose the next iterate."""
        if self.done:
            return
        after = self.solver.next(self.e, image)
        self.done = stop == "converged" and self.residual <= tolerance
        if self.solver.window == 0 and not self.done:
            self.result = image
            self.done = stop == "unit_std" and float(sums.row_stds(image[None])) >= 1
        elif self.residual < self.least:
            self.least, self.result = self.residual, self.e
        self.e = after
