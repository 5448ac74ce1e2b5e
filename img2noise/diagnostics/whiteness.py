"""How white noise is: figures of one noise or latent, per sample.

    r(lag) = sum x[i] x[i + lag] / pairs / (sum x^2 / n),  channel means taken off
    spectrum = mean |FFT x|^2 in rings of |f| over its mean,  1 where flat
    KL(N(0, 1) || N(m, s^2)) = ln s + (1 + m^2) / (2 s^2) - 1/2,  scalar normals of all values

KL and plain areas: Staniszewski et al. (2024), section 4.3 and appendix C, KL in the direction of their
tables. Shapes (B, C, H, W) on any device; figures are float64 on the CPU. Frequencies in cycles per pixel,
angles in degrees.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from .. import checks
from ..whitening.frequencies import radius
from ..whitening.whitener import Whitener

LAGS, RINGS = 8, 24  # at most
NOTHING = torch.zeros(4, dtype=torch.float64)  # the sums of `_neighbors` over no pictures


class Whiteness(NamedTuple):
    """Of pictures before and after whitening: `std` per channel after, neighbor correlations `before` and
    `after`.
    """

    std: list[float]
    before: float
    after: float
    count: int  # type: ignore[assignment]  # instead of tuple.count


@dataclass(frozen=True, eq=False)
class Values:
    """The distribution of values: 0, 1, 0, 3 for N(0, 1)."""

    mean: Tensor
    std: Tensor
    skew: Tensor
    kurtosis: Tensor


@dataclass(frozen=True, eq=False)
class SmoothAreas:
    """Standard deviations (B,) in plain areas and in the rest, NaN where there are none, and how many values
    each has.
    """

    plain: Tensor
    other: Tensor
    plain_count: Tensor
    other_count: Tensor


@dataclass(frozen=True, eq=False)
class Similarity:
    """To a photo, (B,): Pearson correlation, channel means taken off, and the angle between the vectors as
    they are.
    """

    correlation: Tensor
    angle: Tensor


def values(z: Tensor, dims: tuple[int, ...]) -> Values:
    """Return mean, std (n - 1), m3 / m2^(3/2) and m4 / m2^2 over `dims`, float64 on the CPU."""
    z = z.detach().cpu().double()
    centered = z - z.mean(dims, keepdim=True)
    m2, m3, m4 = ((centered**k).mean(dims) for k in (2, 3, 4))
    return Values(z.mean(dims), z.std(dims), m3 / m2**1.5, m4 / m2**2)


def autocorrelation(z: Tensor, lags: int = LAGS) -> tuple[Tensor, Tensor]:
    """Return r of pixels 1, 2, ... apart, across and down: both (B, L), L at most half of the shorter side.

    float64 on the CPU.
    """
    checks.finite(z, "the noise", 4)
    checks.whole(lags, "lags", 1)
    z = z.detach().cpu().double()
    x = z - z.mean((2, 3), keepdim=True)
    power = x.square().mean((1, 2, 3))
    distances = range(1, min(lags, min(x.shape[-2:]) // 2) + 1)
    across = [(x[..., k:] * x[..., :-k]).mean((1, 2, 3)) / power for k in distances]
    down = [(x[..., k:, :] * x[..., :-k, :]).mean((1, 2, 3)) / power for k in distances]
    return torch.stack(across, 1), torch.stack(down, 1)


def radial_spectrum(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean |f| of each ring (K,), how many real values it holds (K,), and its power over the mean
    power (B, K), float64 on the CPU.

    The mean of a channel is no part of it. Of white noise, a ring's power is chi^2 over its size.
    """
    checks.finite(z, "the noise", 4)
    z = z.detach().cpu().double()
    height, width = z.shape[-2:]
    f = radius(height, width)
    half = f.shape[1]
    weight = torch.full_like(f, 2.0)  # f and -f
    weight[:, 0] = 1
    if width % 2 == 0:
        weight[:, half - 1] = 1
    weight[0, 0] = 0
    count = min(RINGS, min(height, width) // 2)
    ring = (f / (0.5**0.5 + 1e-9) * count).long().flatten()
    per_ring = torch.zeros(count, dtype=torch.float64)
    bins = per_ring.index_add(0, ring, weight.flatten())
    centers = per_ring.index_add(0, ring, (weight * f).flatten()) / bins
    power = torch.fft.rfft2(z, norm="ortho").abs().square().sum(1) * weight  # (B, H, half)
    power = torch.zeros(len(z), count, dtype=torch.float64).index_add(1, ring, power.flatten(1))
    sizes = bins * z.shape[1]
    return centers, sizes, power / sizes / (power.sum(1, keepdim=True) / sizes.sum())


def kl_divergence(mean: Tensor, std: Tensor, noise_mean: float = 0.0, noise_std: float = 1.0) -> Tensor:
    """Return KL(N(noise_mean, noise_std^2) || N(mean, std^2)) in nats, float64 on the CPU."""
    for x, name in ((mean, "mean"), (std, "standard deviation")):
        checks.tensor(x, f"the {name}")
    if mean.shape != std.shape:
        raise ValueError(f"got means {tuple(mean.shape)} and deviations {tuple(std.shape)}; expected as many")
    checks.number(noise_mean, "noise_mean")
    checks.number(noise_std, "noise_std")
    mean, std = (x.detach().cpu().double() for x in (mean, std))
    if bool((std <= 0).any()) or noise_std <= 0:
        raise ValueError(f"got standard deviations {std.tolist()}, {noise_std}; expected positive ones")
    spread = noise_std**2 + (noise_mean - mean) ** 2
    return (std / noise_std).log() + spread / (2 * std**2) - 0.5


def smooth_areas(z: Tensor, mask: Tensor) -> SmoothAreas:
    """Return the spread of z (B, C, H, W) where mask (B or 1, H, W) says plain, and elsewhere, on the CPU."""
    z, mask = z.detach().cpu().double(), rows_of(mask.detach().cpu(), len(z))
    rows = [(row[:, m], row[:, ~m]) for row, m in zip(z, mask, strict=True)]
    stds = [[t.std() if t.numel() > 1 else torch.tensor(math.nan).double() for t in pair] for pair in rows]
    counts = torch.tensor([[t.numel() for t in pair] for pair in rows])
    plain, other = (torch.stack(side) for side in zip(*stds, strict=True))
    return SmoothAreas(plain, other, counts[:, 0], counts[:, 1])


def similarity(z: Tensor, x0: Tensor) -> Similarity:
    """Return how much z (B, C, H, W) looks like a photo (B or 1, C, H, W) of the same space, on the CPU."""
    if x0.shape[1:] != z.shape[1:]:
        shapes = [" x ".join(map(str, t.shape[1:])) for t in (x0, z)]
        raise ValueError(f"got a photo of {shapes[0]} for noise of {shapes[1]}; they must be equal")
    a, b = (t.detach().cpu().double() for t in (z, rows_of(x0, len(z))))
    centered = (t - t.mean((2, 3), keepdim=True) for t in (a, b))
    return Similarity(_cosine(*centered), torch.rad2deg(_cosine(a, b).acos()))


def neighbor_correlation(pictures: Iterable[Tensor]) -> float:
    """Correlation of horizontal and vertical neighbors over a set of centered pictures (B, C, H, W) of any
    sizes.
    """
    return _correlation(sum(map(_neighbors, _batches(pictures)), NOTHING))


def whiteness(whitener: Whitener, pictures: Iterable[Tensor]) -> Whiteness:
    """How well a whitener whitens pictures (B, C, H, W) in model space, of any sizes it takes; std about its
    own mean.
    """
    checks.instance(whitener, "the whitener", Whitener)
    powers, before, after = [], NOTHING, NOTHING
    for x in _batches(pictures):  # one at a time: of large pictures a set would fill the memory
        z = whitener.at_size(*x.shape[-2:]).whiten(x)
        powers.append(z.detach().cpu().double().square().mean((0, 2, 3)))
        before = before + _neighbors(whitener.at_size(*x.shape[-2:]).center(x))
        after = after + _neighbors(z)
    power = torch.stack(powers).mean(0)  # (C,)
    return Whiteness(power.sqrt().tolist(), _correlation(before), _correlation(after), len(powers))


def _neighbors(x: Tensor) -> Tensor:
    """What adds up over pictures: sum of products of neighbors, how many, sum of squares, how many (4,)."""
    x = x.detach().cpu().double()
    pairs = ((x[..., 1:], x[..., :-1]), (x[..., 1:, :], x[..., :-1, :]))
    products = sum((a * b).sum() for a, b in pairs)
    counts = sum(a.numel() for a, _ in pairs), x.numel()
    return torch.tensor([float(products), counts[0], float(x.square().sum()), counts[1]], dtype=torch.float64)


def _correlation(sums: Tensor) -> float:
    products, pairs, squares, count = sums.tolist()
    return products / pairs * count / squares


def _batches(pictures: Iterable[Tensor]) -> Iterator[Tensor]:
    """Each set of pictures, looked at when its turn comes. Raises at the end where none has neighbors."""
    if isinstance(pictures, Tensor | str) or not isinstance(pictures, Iterable):
        raise TypeError(
            f"got {checks.kind(pictures)} for the pictures; expected a list of tensors (B, C, H, W)"
        )
    longest = 0
    for x in pictures:
        checks.finite(x, "the pictures", 4)
        longest = max(longest, *x.shape[-2:])
        yield x
    if longest < 2:
        raise ValueError("got no pictures that have neighboring pixels; expected at least one")


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    a, b = a.flatten(1), b.flatten(1)
    return ((a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1)).clamp_min(math.ulp(0.0))).clamp(-1, 1)


def rows_of(x: Tensor, count: int) -> Tensor:
    """x (count or 1, ...) as `count` rows."""
    if len(x) not in (1, count):
        raise ValueError(f"got {len(x)} pictures for {count} noises; give one for each, or one for all")
    return x.expand(count, *x.shape[1:])
