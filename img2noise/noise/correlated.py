"""Noise correlated with a picture, in one shot: the exact law of an annealing that never ends.

    z = R q,   q = rho w + sqrt(1 - rho^2) n,   w = lam^-1/2 Q^H (x0 - mean),   rho = 2 lam / (2 lam + T)

At a fixed temperature T, Algorithm 1 with the forward loss samples the Gaussian of mean rho w and variance
1 - rho (it is pCN Metropolis: Cotter et al. 2013). sqrt(1 - rho^2) for sqrt(1 - rho) keeps N(0, I) with a
picture that whitens to N(0, I): T then only sets the eigenvalue, so the detail, down to which the picture is
kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from .. import checks
from ..whitening.whitener import Whitener
from . import sums
from .draw import Seed, draw, rows_for


def correlation(lam: Tensor, temperature: float) -> Tensor:
    """Return rho = 2 lam / (2 lam + T mean(lam)) per eigenvalue: 1 at T = 0, 0 at infinity.

    Raises ValueError for a negative temperature or NaN.
    """
    checks.finite(lam, "the eigenvalues")
    checks.number(temperature, "temperature", 0, math.inf)
    return 2 * lam / (2 * lam + temperature * sums.mean(lam))


def correlated_noise(
    x0: Tensor,
    whitener: Whitener,
    *,
    temperature: float = 5.0,
    strength: float = 1.0,
    seed: Seed,
    indices: Sequence[int] | None = None,
    preserve_variance: bool = True,
) -> Tensor:
    """Return z = R (strength rho w + sqrt(1 - (strength rho)^2) n) for pictures x0 (B, C, H, W), in x0's
    dtype and on its device.

    `temperature` is in mean eigenvalues. n is `draw(x0.shape, seed, indices)`, and at infinite temperature or
    zero strength the result is n bit for bit. A list of seeds gives one row per seed. Without
    `preserve_variance` it is sqrt(1 - rho), the law of annealing at a fixed T: less than unit variance, more
    of the picture. Raises ValueError for bad shapes, NaN, or ranges.
    """
    checks.instance(whitener, "the whitener", Whitener)
    checks.number(strength, "strength", 0, 1)
    fitted = whitener.at_size_of(x0)
    pictures = rows_for(x0, seed)
    u = fitted.analyze(pictures)
    lam = fitted.eigenvalues(u)
    rho = strength * correlation(lam, temperature)
    white = draw(pictures.shape, seed, indices).to(u)
    if not bool(rho.any()):
        return white.to(x0)
    spread = (1 - (rho.square() if preserve_variance else rho)).sqrt()
    return fitted.rotate(rho * lam.rsqrt() * u + spread * fitted.unrotate(white)).to(x0)
