"""How far figures of white noise stray by chance: standard scores, N(0, 1) where the noise is white.

    variance   s^2 / 1, s1^2 / s2^2: F(a, b), b = inf for a known variance; its cube root is nearly normal
    skew, kurtosis    asinh and cube-root transforms;  K^2 = Z(skew)^2 + Z(kurtosis)^2 ~ chi^2(2)
    |r| of N pairs    r = sin(theta), density of theta proportional to cos(theta)^(N - 3)

Sources: Paulson 1942 (F), D'Agostino 1970 (skew), Anscombe and Glynn 1983 (kurtosis), D'Agostino and Pearson
1973 (K^2), Fisher 1915 (r). Figures are float64 of any shape, n counts of values.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def ratio_score(ratio: Tensor, above: Tensor | float, below: Tensor | float = math.inf) -> Tensor:
    """The score of a variance of `above` degrees of freedom over one of `below`, or over the true one."""
    a, b = (2 / 9 / torch.as_tensor(n, dtype=torch.float64) for n in (above, below))
    root = ratio.clamp_min(0) ** (1 / 3)
    return ((1 - b) * root - (1 - a)) / (b * root**2 + a).sqrt()


def skew_score(skew: Tensor, n: int) -> Tensor:
    """The score of m3 / m2^(3/2) of n normal values, n >= 8."""
    y = skew * math.sqrt((n + 1) * (n + 3) / (6 * (n - 2)))
    above = 3 * (n**2 + 27 * n - 70) * (n + 1) * (n + 3)
    kurtosis = above / ((n - 2) * (n + 5) * (n + 7) * (n + 9))
    w2 = math.sqrt(2 * (kurtosis - 1)) - 1
    return torch.asinh(y * math.sqrt((w2 - 1) / 2)) / math.sqrt(math.log(w2) / 2)


def kurtosis_score(kurtosis: Tensor, n: int) -> Tensor:
    """The score of m4 / m2^2 of n normal values, n >= 20."""
    mean = 3 * (n - 1) / (n + 1)
    variance = 24 * n * (n - 2) * (n - 3) / ((n + 1) ** 2 * (n + 3) * (n + 5))
    x = (kurtosis - mean) / math.sqrt(variance)
    skew = math.sqrt(6 * (n + 3) * (n + 5) / (n * (n - 2) * (n - 3)))
    skew *= 6 * (n**2 - 5 * n + 2) / ((n + 7) * (n + 9))
    a = 6 + 8 / skew * (2 / skew + math.sqrt(1 + 4 / skew**2))
    base = (1 - 2 / a) / (1 + x * math.sqrt(2 / (a - 4)))
    return (1 - 2 / (9 * a) - base.sign() * base.abs() ** (1 / 3)) / math.sqrt(2 / (9 * a))


def normality(skew: Tensor, kurtosis: Tensor, n: int) -> Tensor:
    """P of so odd a shape if the n values are normal: exp(-K^2 / 2)."""
    return torch.exp(-(skew_score(skew, n) ** 2 + kurtosis_score(kurtosis, n) ** 2) / 2)


def score_limit(tests: int, chance: float) -> float:
    """The score that any of so many tests passes, on either side, with at most that chance in all
    (Bonferroni).
    """
    tail = torch.tensor(chance / (2 * tests), dtype=torch.float64)
    return -float(torch.special.ndtri(tail))


def null_correlation(count: int, size: int, top: int = 20) -> float:
    """E of the mean of the `top` largest |r| among the pairs of `size` independent columns of `count`
    samples.

    The k-th of P pairs is taken at the quantile 1 - (k - 1/2) / P of |r|, exact for each pair by itself. For
    many samples this is Phi^-1(1 - (k - 1/2) / (2 P)) / sqrt(count). Raises ValueError below 4 samples.
    """
    pairs = size * (size - 1) // 2
    if count < 4 or pairs < 1:
        raise ValueError(f"got {count} samples of {size} values; correlations need 4 samples of 2")
    top = min(top, pairs)
    reach = min(math.pi / 2, 12 / math.sqrt(count - 3))  # beyond it the density is below exp(-72)
    theta = torch.linspace(0, reach, 200001, dtype=torch.float64)
    density = torch.cos(theta) ** (count - 3)
    steps = (density[1:] + density[:-1]) / 2
    tail = steps.flip(0).cumsum(0) / steps.sum()  # P(|theta| > theta[-2]), theta[-3], ... theta[0]: ascending
    wanted = (torch.arange(1, top + 1, dtype=torch.float64) - 0.5) / pairs
    place = torch.searchsorted(tail, wanted).clamp(max=len(tail) - 1)
    return float(torch.sin(theta.flip(0)[1:][place]).mean())
