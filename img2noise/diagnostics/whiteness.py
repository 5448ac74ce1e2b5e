"""How white noise is: figures of one noise or latent, per sample, and the smooth areas of an image.

    r(lag) = sum x[i] x[i + lag] / pairs / (sum x^2 / n),  channel means subtracted
    spectrum = mean |FFT x|^2 in rings of |f| over its mean,  1 where flat
    KL(N(0, 1) || N(m, s^2)) = ln s + (1 + m^2) / (2 s^2) - 1/2,  scalar normals of all values
    D = (|I[h + 1, w] - I[h, w]| + |I[h, w + 1] - I[h, w]|) / 2,  smooth where D < tau in every channel

KL and smooth areas: Staniszewski et al. (2024), section 4.3 and appendix C, tau = 0.025, KL in the direction
of their tables. Shapes (B, C, H, W) on any device; figures are float64 on the CPU, frequencies in cycles per
pixel, angles in degrees.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from .. import checks
from ..whitening.frequencies import radius
from ..whitening.whitener import Whitener

LAGS, RINGS = 8, 24  # at most
TAU = 0.025
NOTHING = torch.zeros(4, dtype=torch.float64)  # the sums of `_neighbors` over no pictures


class Whiteness(NamedTuple):
    """`std` per channel after whitening, and the neighbor correlation `before` and `after` it."""

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
    """Standard deviations (B,) in smooth (plain) areas and elsewhere, NaN for none; and value counts."""

    plain: Tensor
    other: Tensor
    plain_count: Tensor
    other_count: Tensor


@dataclass(frozen=True, eq=False)
class Similarity:
    """Pearson correlation with a photo (channel means subtracted) and angle between the two, both (B,)."""

    correlation: Tensor
    angle: Tensor


def values(z: Tensor, dims: tuple[int, ...]) -> Values:
    """Return mean, std (n - 1), m3 / m2^(3/2) and m4 / m2^2 over `dims`, float64 on the CPU."""
    z = on_cpu(z)
    centered = z - z.mean(dims, keepdim=True)
    m2, m3, m4 = ((centered**k).mean(dims) for k in (2, 3, 4))
    return Values(z.mean(dims), z.std(dims), m3 / m2**1.5, m4 / m2**2)


def autocorrelation(z: Tensor, lags: int = LAGS) -> tuple[Tensor, Tensor]:
    """Return r of pixels 1, 2, ... apart, across and down: both (B, L), float64 on the CPU.

    L is at most half of the shorter side.
    """
    checks.finite(z, "the noise", 4)
    checks.whole(lags, "lags", 1)
    z = on_cpu(z)
    x = z - z.mean((2, 3), keepdim=True)
    power = x.square().mean((1, 2, 3))
    distances = range(1, min(lags, min(x.shape[-2:]) // 2) + 1)
    across = [(x[..., k:] * x[..., :-k]).mean((1, 2, 3)) / power for k in distances]
    down = [(x[..., k:, :] * x[..., :-k, :]).mean((1, 2, 3)) / power for k in distances]
    return torch.stack(across, 1), torch.stack(down, 1)


def radial_spectrum(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean |f| of each ring (K,), its number of real values (K,), and its power over the mean
    power (B, K), float64 on the CPU.

    Channel means are excluded. For white noise, a ring's power is chi^2 over its size.
    """
    checks.finite(z, "the noise", 4)
    z = on_cpu(z)
    height, width = z.shape[-2:]
    f = radius(height, width)
    weight = torch.full_like(f, 2.0)  # f and -f
    weight[:, 0] = 1
    if width % 2 == 0:
        weight[:, -1] = 1
    weight[0, 0] = 0
    count = min(RINGS, min(height, width) // 2)
    ring = (f / (0.5**0.5 + 1e-9) * count).long().flatten()

    def per_ring(x: Tensor) -> Tensor:
        return x.new_zeros(*x.shape[:-1], count).index_add(-1, ring, x)

    bins = per_ring(weight.flatten())
    power = torch.fft.rfft2(z, norm="ortho").abs().square().sum(1) * weight  # (B, H, W // 2 + 1)
    power, sizes = per_ring(power.flatten(1)), bins * z.shape[1]
    return per_ring((weight * f).flatten()) / bins, sizes, power / sizes / (power.sum(1, True) / sizes.sum())


def kl_divergence(mean: Tensor, std: Tensor) -> Tensor:
    """Return KL(N(0, 1) || N(mean, std^2)) in nats, float64 on the CPU."""
    for x, name in ((mean, "mean"), (std, "standard deviation")):
        checks.tensor(x, f"the {name}")
    if mean.shape != std.shape:
        raise ValueError(f"got means {tuple(mean.shape)} and deviations {tuple(std.shape)}; expected as many")
    mean, std = on_cpu(mean), on_cpu(std)
    if bool((std <= 0).any()):
        raise ValueError(f"got standard deviations {std.tolist()}; expected positive ones")
    return std.log() + (1 + mean**2) / (2 * std**2) - 0.5


def smooth_mask(picture: Tensor, size: Sequence[int] | None = None, tau: float = TAU) -> Tensor:
    """Return the smooth pixels of an image (B, C, H, W) in [-1, 1] as bool (B, H, W), on its device; with
    `size`, the pixels of that latent of which at least half is smooth.

    Differences past the last row and column are 0, so the last corner is always smooth. Pixels beyond a whole
    number of strides are cropped evenly, as autoencoders do. Raise ValueError for an image that such a latent
    cannot come from.
    """
    checks.finite(picture, "the picture", 4)
    checks.number(tau, "tau", 0)
    if size is not None and not (isinstance(size, tuple | list) and len(size) == 2):
        raise TypeError(f"got {checks.kind(size)} for the size of the latent; expected (H, W)")
    for side in size or ():
        checks.whole(side, "a side of the latent", 1)
    x = on_cpu(picture)
    down, right = torch.zeros_like(x), torch.zeros_like(x)
    down[..., :-1, :] = x.diff(dim=-2).abs()
    right[..., :-1] = x.diff(dim=-1).abs()
    mask = ((down + right) / 2 < tau).all(1)  # (B, H, W)
    if size is not None and tuple(size) != tuple(mask.shape[-2:]):
        mask = _pooled(mask, *size)
    return mask.to(picture.device)


def _pooled(mask: Tensor, height: int, width: int) -> Tensor:
    sides = mask.shape[-2:]
    stride = sides[0] // height
    if stride < 1 or sides[1] // width != stride:
        shapes = [" x ".join(map(str, s)) for s in (sides, (height, width))]
        raise ValueError(
            f"got a picture of {shapes[0]} pixels for a latent of {shapes[1]}; expected one ratio for both "
            "sides: pass the picture that the latent was encoded from"
        )
    top, left = ((n - m * stride) // 2 for n, m in zip(sides, (height, width), strict=True))
    mask = mask[:, top : top + height * stride, left : left + width * stride].double()
    return torch.nn.functional.avg_pool2d(mask[:, None], stride)[:, 0] >= 0.5


def smooth_areas(z: Tensor, mask: Tensor) -> SmoothAreas:
    """Return the spread of z (B, C, H, W) where mask (B or 1, H, W) is set, and elsewhere, on the CPU."""
    z, mask = on_cpu(z), rows_of(mask.detach().cpu(), len(z))
    rows = [(row[:, m], row[:, ~m]) for row, m in zip(z, mask, strict=True)]
    stds = [[t.std() if t.numel() > 1 else torch.tensor(math.nan).double() for t in pair] for pair in rows]
    counts = torch.tensor([[t.numel() for t in pair] for pair in rows])
    plain, other = (torch.stack(side) for side in zip(*stds, strict=True))
    return SmoothAreas(plain, other, counts[:, 0], counts[:, 1])


def similarity(z: Tensor, x0: Tensor) -> Similarity:
    """Return how similar z (B, C, H, W) is to a photo (B or 1, C, H, W) of the same space, on the CPU."""
    if x0.shape[1:] != z.shape[1:]:
        shapes = [" x ".join(map(str, t.shape[1:])) for t in (x0, z)]
        raise ValueError(f"got a photo of {shapes[0]} for noise of {shapes[1]}; expected equal shapes")
    a, b = on_cpu(z), on_cpu(rows_of(x0, len(z)))
    centered = (t - t.mean((2, 3), keepdim=True) for t in (a, b))
    return Similarity(cosine(*centered), torch.rad2deg(cosine(a, b).acos()))


def neighbor_correlation(pictures: Iterable[Tensor]) -> float:
    """Return the correlation of horizontal and vertical neighbors over centered images (B, C, H, W) of any
    sizes.
    """
    return _correlation(sum(map(_neighbors, _batches(pictures)), NOTHING))


def whiteness(whitener: Whitener, pictures: Iterable[Tensor]) -> Whiteness:
    """Return how white a whitener makes images (B, C, H, W) in model space, of any sizes it takes.

    std is about the whitener's own mean.
    """
    checks.instance(whitener, "the whitener", Whitener)
    powers, before, after = [], NOTHING, NOTHING
    for x in _batches(pictures):  # one at a time: a set of large images would fill the memory
        sized = whitener.at_size(*x.shape[-2:])
        z = sized.whiten(x)
        powers.append(on_cpu(z).square().mean((0, 2, 3)))
        before, after = before + _neighbors(sized.center(x)), after + _neighbors(z)
    power = torch.stack(powers).mean(0)  # (C,)
    return Whiteness(power.sqrt().tolist(), _correlation(before), _correlation(after), len(powers))


def _neighbors(x: Tensor) -> Tensor:
    """Return sums that add over images (4,): products of neighbors, their count, squares, their count."""
    x = on_cpu(x)
    pairs = ((x[..., 1:], x[..., :-1]), (x[..., 1:, :], x[..., :-1, :]))
    products, count = sum((a * b).sum() for a, b in pairs), sum(a.numel() for a, _ in pairs)
    return torch.tensor([float(products), count, float(x.square().sum()), x.numel()], dtype=torch.float64)


def _correlation(sums: Tensor) -> float:
    products, pairs, squares, count = sums.tolist()
    return products / pairs * count / squares


def _batches(pictures: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield each batch, checked when it is reached; raise at the end if none has neighboring pixels."""
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


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Return the cosine of the angle between each two rows (B, ...): (B,)."""
    a, b = a.flatten(1), b.flatten(1)
    return ((a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1)).clamp_min(math.ulp(0.0))).clamp(-1, 1)


def rows_of(x: Tensor, count: int) -> Tensor:
    """Return x (count or 1, ...) expanded to `count` rows."""
    if len(x) not in (1, count):
        raise ValueError(f"got {len(x)} pictures for {count} noises; expected one for each, or one for all")
    return x.expand(count, *x.shape[1:])


def on_cpu(x: Tensor) -> Tensor:
    """Return x in float64 on the CPU, detached: not every device has float64."""
    return x.detach().cpu().double()
