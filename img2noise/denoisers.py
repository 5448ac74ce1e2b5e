"""The boundary of every algorithm, denoise(x, sigma) -> x0, and the exact denoiser of a Gaussian.

    denoise(x, sigma) -> E[x0 | x],   x = x0 + sigma eps (B, ...) in model space, sigma a number or (B,)

For Gaussian data N(mean, Sigma) it is linear: D(x, sigma) = mean + Q lam / (lam + sigma^2) Q^H (x - mean).
The probability-flow ODE from S to s multiplies coordinates by sqrt((lam + s^2) / (lam + S^2)).
Source: Karras et al. (2022), appendix B.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from . import checks
from .whitening.whitener import Whitener

Denoiser = Callable[[Tensor, Tensor], Tensor]  # (x (B, ...), sigma (B,)) -> x0 (B, ...)
OnStep = Callable[[int, Tensor], object]  # (step, denoised): progress and previews; may raise to stop


def denoised(denoise: Denoiser, x: Tensor, sigma: float | Tensor) -> Tensor:
    """Return denoise(x, sigma) without gradients, in x's precision; sigma is a number or (B,).

    Raises ValueError for an answer of another shape than x.
    """
    checks.function(denoise, "a denoiser", "denoise(x, sigma)")
    sigma = sigma.to(x) if isinstance(sigma, Tensor) else x.new_full((1,), sigma)
    levels = sigma.expand(len(x)).contiguous()
    with torch.no_grad():
        clean = denoise(x, levels)
    if not isinstance(clean, Tensor) or clean.shape != x.shape:
        raise ValueError(f"got {checks.kind(clean)} from the denoiser; expected x0 of shape {tuple(x.shape)}")
    return clean.to(x.dtype)


def rescaled(x: Tensor, sigma: float, to: float) -> Tensor:
    """Rescale x from noise level `sigma` to `to`, equal in VP units."""
    return x * ((1 + to**2) / (1 + sigma**2)) ** 0.5


def working_copy(x: Tensor) -> Tensor:
    """Return x (B, ...) in the precision of solver state: float32, or float64 where x is.

    Raises ValueError for NaN where x is on the CPU; elsewhere `finished` does, at the end of a walk.
    """
    checks.batch(x, "a picture")
    return x.detach() if x.dtype == torch.float64 else x.detach().float()


def finished(x: Tensor, x0: Tensor, *denoisers: Denoiser) -> Tensor:
    """Return x, the result of a walk from x0, or raise ValueError for NaN or infinity in either. Reads back
    from the device once.
    """
    sound, given = torch.stack([torch.isfinite(t).all() for t in (x, x0)]).tolist()
    if not given:
        raise ValueError("got NaN or infinity in a picture; expected finite numbers")
    if not sound:
        refuse_not_finite([[float("nan")]], *denoisers)
    return x


def refuse_not_finite(figures: Iterable[Iterable[float]], *denoisers: Denoiser) -> None:
    """Raise ValueError, with the networks' precision where known, unless all figures are finite."""
    if all(math.isfinite(figure) for row in figures for figure in row):
        return
    found = {getattr(denoise, "precision", None) for denoise in denoisers}
    stated = {str(precision).removeprefix("torch.") for precision in found if precision}
    precision = f", which works in {' and '.join(sorted(stated))}" if stated else ""
    raise ValueError(
        f"got NaN or infinity from the network{precision}; run it in bfloat16 or float32, or at less guidance"
    )


@dataclass(frozen=True, eq=False)
class GaussianDenoiser:
    """The exact denoiser of the Gaussian that a whitener was fitted to; call it as `denoise(x, sigma)`."""

    whitener: Whitener

    def __post_init__(self):
        checks.instance(self.whitener, "the whitener", Whitener)

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        """Return mean + Q lam / (lam + sigma^2) Q^H (x - mean), in x's dtype."""
        fitted = self.whitener.at_size_of(x)
        checks.batch(x, "a picture")
        u = fitted.coordinates(x)
        lam = fitted.eigenvalues(u)
        return fitted.synthesize(u * (lam / (lam + _column(sigma, u) ** 2))).to(x.dtype)

    def flow(self, x: Tensor, sigma_from: float | Tensor, sigma_to: float | Tensor) -> Tensor:
        """Return where the probability-flow ODE takes x, exactly; swapping the levels undoes it."""
        fitted = self.whitener.at_size_of(x)
        u = fitted.analyze(x)
        lam = fitted.eigenvalues(u)
        gain = (lam + _column(sigma_to, u) ** 2) / (lam + _column(sigma_from, u) ** 2)
        return fitted.synthesize(u * gain.sqrt()).to(x.dtype)


def _column(sigma: float | Tensor, u: Tensor) -> Tensor:
    """Return sigma as (B, 1) or (1, 1), to broadcast over coordinates (B, D)."""
    if not isinstance(sigma, Tensor):
        checks.number(sigma, "sigma", 0)
        return u.new_full((1, 1), sigma)
    here = sigma.device.type == "cpu"  # elsewhere a look at the numbers would be a read-back
    if sigma.numel() not in (1, len(u)) or (here and not bool((torch.isfinite(sigma) & (sigma >= 0)).all())):
        raise ValueError(
            f"got sigma {sigma.tolist()} for {len(u)} pictures; expected one or {len(u)} of at least 0"
        )
    return sigma.to(u).reshape(-1, 1)
