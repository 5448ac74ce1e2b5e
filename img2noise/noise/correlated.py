"""Noise correlated with a picture, in one shot: the exact law of an annealing that never ends.

    z = R q,   q = rho w + sqrt(1 - rho^2) n,   w = lam^-1/2 Q^H (x0 - mean),   rho = 2 lam / (2 lam + T)
    similarity = sum lam rho / sum lam: the correlation of the pictures of z and of x0, mean over pictures

At a fixed temperature T, Algorithm 1 with the forward loss samples the Gaussian of mean rho w and variance
1 - rho (it is pCN Metropolis: Cotter et al. 2013). sqrt(1 - rho^2) for sqrt(1 - rho) keeps N(0, I) with a
picture that whitens to N(0, I): T then only sets the eigenvalue, so the detail, down to which the picture is
kept. For a sampler of gain g, g^2 takes the place of lam.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .. import checks
from ..whitening.whitener import Whitener
from . import sums
from .draw import Seed, draw, rows_for
from .gains import Gain, clipped, gain_at


def correlation(lam: Tensor, temperature: float) -> Tensor:
    """Return rho = 2 lam / (2 lam + T mean(lam)) per eigenvalue: 1 at T = 0, 0 at infinity.

    Raises ValueError for a negative temperature or NaN.
    """
    checks.finite(lam, "the eigenvalues")
    checks.number(temperature, "temperature", 0, math.inf)
    if temperature == 0:  # also where a gain is zero
        return torch.ones_like(lam)
    return 2 * lam / (2 * lam + temperature * sums.mean(lam))


def similarity_at(lam: Tensor, temperature: float) -> float:
    """Return sum lam rho / sum lam: the expected correlation of preview and picture at this temperature."""
    power = lam.cpu().double()
    return sums.dot(power, correlation(power, temperature)) / sums.dot(power, torch.ones_like(power))


def temperature_for(lam: Tensor, similarity: float) -> float:
    """Return the temperature of a similarity in [0, 1]: 0 at 1, infinite at 0, else within 1e-9 of it.

    Newton's method on the log-odds of the similarity, nearly a straight line in log T: first on the spectrum
    in bins of equal leading bits, then on all of it.
    """
    checks.finite(lam, "the eigenvalues")
    checks.number(similarity, "similarity", 0, 1)
    if similarity in (0, 1):
        return math.inf if similarity == 0 else 0.0
    power = lam.cpu().double().contiguous()
    mean = sums.mean(power)
    log_t = _solved(*_binned(power), mean, similarity, 0.0)
    return math.exp(_solved(power, power, mean, similarity, log_t))


def _solved(value: Tensor, weight: Tensor, mean: float, similarity: float, log_t: float) -> float:
    """Return log T from a start, where sum weight rho(value) / sum weight is the similarity."""
    total = sums.mean(weight)
    wanted = math.log(similarity / (1 - similarity))
    for _ in range(50):
        rho = 2 * value / (2 * value + math.exp(log_t) * mean)
        share = weight * rho
        found = sums.mean(share) / total
        if abs(found - similarity) < 1e-10 or not 0 < found < 1:
            break
        slope = found - sums.mean(share * rho) / total
        log_t += (math.log(found / (1 - found)) - wanted) * found * (1 - found) / slope
    return log_t


def _binned(power: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the sum of numbers that share exponent and 7 bits after it: exact bins, without a
    logarithm that rounds differently by machine.
    """
    code = power.view(torch.int64) >> 45
    code = code - code.min()
    count, total = torch.bincount(code), torch.bincount(code, weights=power)
    there = count > 0
    return total[there] / count[there], total[there]


def correlated_noise(
    x0: Tensor,
    whitener: Whitener,
    *,
    similarity: float | None = None,
    temperature: float = 5.0,
    strength: float = 1.0,
    seed: Seed,
    indices: Sequence[int] | None = None,
    gain: Gain | None = None,
    preserve_variance: bool = True,
    white: Tensor | None = None,
) -> Tensor:
    """Return z = R (strength rho w + sqrt(1 - (strength rho)^2) n) for pictures x0 (B, C, H, W), in x0's
    dtype and on its device.

    `similarity` in [0, 1] sets the temperature at x0's size: 1 is the picture's noise, 0 white noise; else
    `temperature` is in mean eigenvalues. n is `draw(x0.shape, seed, indices)`: where nothing is held the
    result is n bit for bit, and equal indices give frames one n. A list of seeds gives one row per seed.
    `gain` is the sampler's; `white` takes the draw's place. Without `preserve_variance` it is sqrt(1 - rho),
    the law of annealing at a fixed T, with w = u / g: less than unit variance, more of the picture. Raises
    ValueError for bad shapes, NaN, or ranges.
    """
    checks.instance(whitener, "the whitener", Whitener)
    checks.number(strength, "strength", 0, 1)
    if similarity is None:
        checks.number(temperature, "temperature", 0, math.inf)
    else:
        checks.number(similarity, "similarity", 0, 1)
    fitted = whitener.at_size_of(x0)
    pictures = rows_for(x0, seed)
    u = fitted.analyze(pictures)
    white = (draw(pictures.shape, seed, indices) if white is None else white).to(u)
    asked = similarity, temperature, strength, preserve_variance
    if gain is None:  # a caller's may change between two calls
        key = u.dtype, u.device, *asked
        shares = fitted.remembered("shares", key, lambda: _shares(fitted, u, None, *asked))
    else:
        shares = _shares(fitted, u, gain, *asked)
    if shares is None:
        return white.to(x0)
    return fitted.rotate(shares[0] * u + shares[1] * fitted.unrotate(white)).to(x0)


def _shares(
    fitted: Whitener,
    u: Tensor,
    gain: Gain | None,
    similarity: float | None,
    temperature: float,
    strength: float,
    preserve_variance: bool,
) -> tuple[Tensor, Tensor] | None:
    """Return what multiplies u, and what multiplies the white coordinates: both (D,); None where nothing is
    held.
    """
    lam, passing = fitted.eigenvalues(u), gain_at(fitted, u, gain)
    power = lam if gain is None else passing.square()
    heat = temperature if similarity is None else temperature_for(power, similarity)
    rho = strength * correlation(power, heat)
    if not bool(rho.any()):
        return None
    root = lam.sqrt()
    spread = (1 - (rho.square() if preserve_variance else rho)).sqrt()
    return rho / (root if preserve_variance else clipped(passing, root)), spread
