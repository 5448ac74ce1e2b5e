"""The boundary of every algorithm, denoise(x, sigma) -> x0, and the exact denoiser of a Gaussian.

    denoise(x, sigma) -> E[x0 | x],   x = x0 + sigma eps (B, ...) in model space, sigma a number or (B,)

or, for flow levels, x = (1 - t) x0 + t eps and t in place of sigma. The denoiser of Gaussian data N(mean,
Sigma) at x = a x0 + b eps is linear: D = mean + Q a lam / (a^2 lam + b^2) Q^H (x - a mean). The probability-
flow ODE from (A, B) to (a, b) multiplies coordinates by sqrt((a^2 lam + b^2) / (A^2 lam + B^2)).
Source: Karras et al. (2022), appendix B.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from . import checks
from .sigmas import KINDS, amplitudes
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
    """The exact denoiser of the Gaussian that a whitener was fitted to; call it as `denoise(x, sigma)`, or as
    `denoise(x, t)` for levels of the kind "flow", with this noise scale.
    """

    whitener: Whitener
    kind: str = "ve"
    scale: float = 1.0

    def __post_init__(self):
        checks.instance(self.whitener, "the whitener", Whitener)
        checks.choice(self.kind, "kind", KINDS)
        checks.number(self.scale, "the noise scale", 0)

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        """Return mean + Q a lam / (a^2 lam + b^2) Q^H (x - a mean), in x's dtype."""
        fitted = self.whitener.at_size_of(x)
        checks.batch(x, "a picture")
        a, b = self._amplitudes(sigma, x)
        u = fitted.coordinates(x, a)
        a, b, lam = a.flatten(1), b.flatten(1), fitted.eigenvalues(u)
        return fitted.synthesize(u * (a * lam / (a**2 * lam + b**2))).to(x.dtype)

    def flow(self, x: Tensor, sigma_from: float | Tensor, sigma_to: float | Tensor) -> Tensor:
        """Return where the probability-flow ODE takes x, exactly; swapping the levels undoes it."""
        fitted = self.whitener.at_size_of(x)
        checks.finite(x, "a picture or latent")
        a, b = self._amplitudes(sigma_from, x)
        to_a, to_b = self._amplitudes(sigma_to, x)
        u = fitted.coordinates(x, a)
        lam = fitted.eigenvalues(u)
        gain = (to_a**2).flatten(1) * lam + (to_b**2).flatten(1)
        gain = gain / ((a**2).flatten(1) * lam + (b**2).flatten(1))
        return fitted.synthesize(u * gain.sqrt(), to_a).to(x.dtype)

    def _amplitudes(self, sigma: float | Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return a and b of a level, checked, (B, 1, 1, 1) or (1, 1, 1, 1), in working precision."""
        dtype = torch.promote_types(x.dtype, torch.float32)
        if not isinstance(sigma, Tensor):
            checks.number(sigma, "sigma", 0)
            sigma = torch.tensor([sigma], dtype=torch.float64)
        here = sigma.device.type == "cpu"  # elsewhere a look at the numbers would be a read-back
        if sigma.numel() not in (1, len(x)) or (
            here and not bool((torch.isfinite(sigma) & (sigma >= 0)).all())
        ):
            raise ValueError(
                f"got sigma {sigma.tolist()} for {len(x)} pictures; expected one or {len(x)} of at least 0"
            )
        return amplitudes(sigma.to(x.device, dtype).reshape(-1, 1, 1, 1), self.kind, self.scale)
