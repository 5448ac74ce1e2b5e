"""The cosine plane of a picture: the orthonormal DCT-II, and its spectra at another size.

    X[k, l] = sum x[m, n] c_k cos(pi k (2 m + 1) / 2H) c_l cos(pi l (2 n + 1) / 2W),   c_0^2 = 1/H, else 2/H

The picture goes on as its mirror image, so its edges do not meet those of the other side, as they do in a
Fourier transform. Coordinates are real, f = (k / 2H, l / 2W) cycles per pixel. By FFT: Makhoul (1980). Shapes
(..., H, W).
"""

from __future__ import annotations

import torch
from torch import Tensor

from .frequencies import POWER_LAW


def dct(x: Tensor) -> Tensor:
    """Return the orthonormal DCT-II of the last two axes."""
    return _forward(_forward(x).mT).mT


def idct(plane: Tensor) -> Tensor:
    """Return the exact inverse of `dct`."""
    return _backward(_backward(plane).mT).mT


def _forward(x: Tensor) -> Tensor:
    """Return the DCT-II of the last axis: even samples, then odd ones backwards, in one FFT."""
    n = x.shape[-1]
    out = torch.empty_like(x, memory_format=torch.contiguous_format)  # the samples, then their spectrum
    out[..., : (n + 1) // 2], out[..., (n + 1) // 2 :] = x[..., ::2], x[..., 1::2].flip(-1)
    turned = torch.fft.rfft(out) * _phases(n, x)
    out[..., : n // 2 + 1] = turned.real
    out[..., n // 2 + 1 :] = -turned.imag[..., 1 : (n + 1) // 2].flip(-1)
    return out


def _backward(plane: Tensor) -> Tensor:
    n = plane.shape[-1]
    half = n // 2 + 1
    turned = torch.zeros_like(plane[..., :half], dtype=plane.dtype.to_complex())
    turned.real = plane[..., :half]
    turned.imag[..., 1:] = -plane[..., n - half + 1 :].flip(-1)
    samples = torch.fft.irfft(turned / _phases(n, plane), n)
    x = torch.empty_like(samples)
    x[..., ::2], x[..., 1::2] = samples[..., : (n + 1) // 2], samples[..., (n + 1) // 2 :].flip(-1)
    return x


def _phases(n: int, like: Tensor) -> Tensor:
    """Return c_k exp(-i pi k / 2n), in float64 before it is rounded: complex (n // 2 + 1,)."""
    k = torch.arange(n // 2 + 1, dtype=torch.float64)
    size = torch.full_like(k, (2 / n) ** 0.5)
    size[0] = n**-0.5
    return torch.polar(size, -torch.pi * k / (2 * n)).to(like.device, like.dtype.to_complex())


def matrix(n: int, like: Tensor) -> Tensor:
    """Return the DCT-II as an orthonormal matrix (n, n): for short sides quicker than an FFT."""
    k = torch.arange(n, dtype=torch.float64)
    rows = torch.cos(torch.pi * k[:, None] * (2 * k + 1) / (2 * n)) * (2 / n) ** 0.5
    rows[0] = n**-0.5
    return rows.to(like.device, like.dtype)


def radius(height: int, width: int) -> Tensor:
    """Return |f| in cycles per pixel: float64 (H, W)."""
    rows, columns = (torch.arange(n, dtype=torch.float64) / (2 * n) for n in (height, width))
    return (rows[:, None] ** 2 + columns**2).sqrt()


def resample(spectrum: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a spectrum at the frequencies of another size: (H, W, C, C) -> (H', W', C, C).

    |f|^2 S is interpolated bilinearly in cycles per pixel, averaged where the new grid is coarser, and
    continues flat, which keeps blocks positive
    semi-definite. DC enters no neighbor and grows with the number of pixels. Linear in `spectrum`, exact
    where sizes agree. Raises ValueError where a side of 1 leaves nothing to interpolate between.
    """
    height, width = spectrum.shape[:2]
    if (height, width) == tuple(size):
        return spectrum
    weight = radius(height, width) ** POWER_LAW  # zero at DC, which so drops out
    down, across = _between(height, size[0]), _between(width, size[1])
    known = down @ (weight > 0).double() @ across.T
    if not bool((known.flatten()[1:] > 0).all()):  # all but DC, which is set below
        raise ValueError(
            f"got a spectrum of {height} x {width} for pictures of {size[0]} x {size[1]}; expected sides of "
            "at least 2, to interpolate between: measure on a larger grid"
        )
    target = known * radius(*size) ** POWER_LAW
    target[0, 0] = 1.0
    weighted = (spectrum.flatten(2) * weight[..., None]).movedim(2, 0)  # (C * C, H, W)
    out = (down @ weighted @ across.T / target).movedim(0, 2)
    out[0, 0] = spectrum[0, 0].flatten() * (size[0] * size[1] / (height * width)) ** (POWER_LAW / 2)
    return out.unflatten(2, spectrum.shape[2:])


def _between(given: int, wanted: int) -> Tensor:
    """Return the shares (n', n) of given frequencies in each wanted one."""
    step = max(1.0, given / wanted)  # a coarser grid takes the mean of what it leaves out
    position = torch.arange(wanted, dtype=torch.float64) * given / wanted
    near = (position.clamp_max(given - 1)[:, None] - torch.arange(given)).abs() / step
    shares = (1 - near).clamp_min(0)
    return shares / shares.sum(1, keepdim=True)
