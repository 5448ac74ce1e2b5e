"""The frequency plane of a real picture: real orthonormal coordinates, and spectra at another size.

    X = rfft2(x, orthonormal),  S(f) = E[X(f) X(f)^H]  (C x C, Hermitian),  S(-f) = conj S(f)

A real H x W channel has H W real degrees of freedom: bins with f = -f mod 1 are real and count once, every
other pair {f, -f} contributes sqrt(2) Re and sqrt(2) Im. In these coordinates white noise is white, so
algorithms need no complex numbers. Frequencies are in cycles per pixel. Shapes: half plane (H, W // 2 + 1), n
independent bins.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

# Power of natural pictures falls as 1 / |f|^2 (Field 1987): interpolating |f|^2 S keeps its steep end true.
POWER_LAW = 2.0


class HalfPlane:
    """The independent bins of rfft2 at one size, and D real coordinates of them."""

    def __init__(self, height: int, width: int):
        self.height, self.width, self.half = height, width, width // 2 + 1
        ky, kx = torch.meshgrid(torch.arange(height), torch.arange(self.half), indexing="ij")
        edge = (kx == 0) | (2 * kx == width)  # columns that hold both f and -f
        mirrored_row = (height - ky) % height
        bins = (ky * self.half + kx).flatten()
        real, twin = (edge & (mirrored_row == ky)).flatten(), (edge & (mirrored_row < ky)).flatten()
        paired = ~(real | twin)
        self.bins = torch.cat([bins[paired], bins[real]])  # (n,): independent bins, the complex ones first
        self.complex_count = int(paired.sum())
        self.twins = bins[twin]  # conjugates of others
        position = torch.full((height * self.half,), -1)
        position[self.bins] = torch.arange(len(self.bins))
        mirrored = (mirrored_row * self.half + kx).flatten()
        self.sources = position[mirrored[twin]]  # place in `bins` of each twin's original

    def transform(self, x: Tensor) -> Tensor:
        """Return the independent bins of the orthonormal rfft2 of x: (B, C, H, W) -> complex (B, n, C)."""
        plane = torch.fft.rfft2(x, norm="ortho").flatten(2)  # (B, C, H * half)
        return plane[..., self.bins.to(x.device)].transpose(1, 2)

    def inverse(self, bins: Tensor) -> Tensor:
        """Return the picture of these bins: complex (B, n, C) -> (B, C, H, W)."""
        batch, _, channels = bins.shape
        plane = bins.new_zeros(batch, channels, self.height * self.half)
        values = bins.transpose(1, 2)  # (B, C, n)
        plane[..., self.bins.to(bins.device)] = values
        plane[..., self.twins.to(bins.device)] = values[..., self.sources.to(bins.device)].conj()
        plane = plane.unflatten(2, (self.height, self.half))
        return torch.fft.irfft2(plane, s=(self.height, self.width), norm="ortho")

    def pack(self, bins: Tensor) -> Tensor:
        """Return real coordinates (B, C * H * W) of (B, n, C): sqrt(2) Re, sqrt(2) Im, then real bins."""
        pairs, real = bins[:, : self.complex_count] * 2**0.5, bins[:, self.complex_count :].real
        return torch.cat([pairs.real, pairs.imag, real], dim=1).flatten(1)

    def unpack(self, coordinates: Tensor) -> Tensor:
        """Return the exact inverse of `pack`: (B, C * H * W) -> complex (B, n, C)."""
        rows = coordinates.unflatten(1, (self.height * self.width, -1))  # (B, H * W, C)
        counts = [self.complex_count, self.complex_count, len(self.bins) - self.complex_count]
        re, im, real = rows.split(counts, dim=1)
        pairs = torch.complex(re, im) / 2**0.5
        return torch.cat([pairs, torch.complex(real, torch.zeros_like(real))], dim=1)

    def spread(self, values: Tensor) -> Tensor:
        """Return a value per bin and channel for each real coordinate of it: (n, C) -> (C * H * W,)."""
        pairs, real = values[: self.complex_count], values[self.complex_count :]
        return torch.cat([pairs, pairs, real]).flatten()


def radius(height: int, width: int) -> Tensor:
    """Return |f| in cycles per pixel over the half plane: float64 (H, W // 2 + 1)."""
    fy, fx = torch.fft.fftfreq(height, dtype=torch.float64), torch.fft.rfftfreq(width, dtype=torch.float64)
    return (fy[:, None] ** 2 + fx**2).sqrt()


def resample(spectrum: Tensor, width: int, size: tuple[int, int]) -> Tensor:
    """Return a spectrum at the frequencies of another size: (H, width // 2 + 1, C, C) -> (H', W' // 2 + 1, C,
    C).

    |f|^2 S is interpolated bilinearly and periodically in cycles per pixel, which keeps blocks positive
    semi-definite. DC enters no neighbor and grows with the number of pixels, as |f|^-2 does at the lowest
    frequency of a picture. Linear in `spectrum`, exact where sizes agree. Raises ValueError where a side of 1
    leaves nothing to interpolate between.
    """
    height = len(spectrum)
    if (height, width) == tuple(size):
        return spectrum
    rows, row_share = _around(torch.fft.fftfreq(size[0], dtype=torch.float64) * height)
    columns, column_share = _around(torch.fft.rfftfreq(size[1], dtype=torch.float64) * width)
    weight = radius(height, width) ** POWER_LAW  # zero at DC, which so drops out of the sums below
    read = partial(_at, spectrum.flatten(2), weight, width)
    sides = []  # only the four bins around each frequency are read
    for column in columns:
        (low, known_low), (high, known_high) = (read(row % height, column) for row in rows)
        sides.append((_blend(low, high, row_share), _blend(known_low, known_high, row_share)))
    plane, known = (_blend(low, high, column_share.T) for low, high in zip(*sides, strict=True))
    if not bool((known.flatten()[1:] > 0).all()):  # all but DC, which is set below
        raise ValueError(
            f"got a spectrum of {height} x {width} for pictures of {size[0]} x {size[1]}; expected sides of "
            "at least 2, to interpolate between: measure on a larger grid"
        )
    target = radius(*size) ** POWER_LAW
    target[0, 0] = 1.0
    out = plane / (known * target[..., None])
    out[0, 0] = spectrum[0, 0].flatten() * (size[0] * size[1] / (height * width)) ** (POWER_LAW / 2)
    return out.unflatten(2, spectrum.shape[2:])


def _around(position: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Return the bins below and above each fractional position, and the share (n, 1) of the one above."""
    below = position.floor()
    return (below.long(), below.long() + 1), (position - below)[:, None]


def _blend(low: Tensor, high: Tensor, share: Tensor) -> Tensor:
    return low * (1 - share[..., None]) + high * share[..., None]


def _at(flat: Tensor, weight: Tensor, width: int, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight S (H', W', K) and whether the weight is not zero (H', W', 1), at rows (H',) and columns
    (W'). The column behind the half plane is that of S(-f) = conj S(f).
    """
    height, half = weight.shape
    behind = column >= half
    across = torch.where(behind, width - column, column)  # (W',)
    down = torch.where(behind, (-row[:, None]) % height, row[:, None])  # (H', W')
    bins = down * half + across
    near = weight.flatten()[bins][..., None]
    values = flat.flatten(0, 1)[bins]
    values[:, behind] = values[:, behind].conj()
    return values * near, (near > 0).to(near.dtype)
