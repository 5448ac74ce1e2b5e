"""Figures that only the papers' experiments need; the others are in `img2noise`.

    gain of n Euler steps per eigenvalue        prod (lam + S S_) / (lam + S^2)
    gain of a "target" inversion step S_ -> S   1 + (S - S_) S / (lam + S^2) sqrt((1 + S^2) / (1 + S_^2))
    Frechet distance of Gaussians               |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))

Sets are (N, C, H, W). Sources: Song et al. (2021) for both gains, Dowson and Landau (1982) for the distance,
here of 8 x 8 patches of pixels, so of their second-order statistics.
"""

from __future__ import annotations

import math

import torch
from einops import rearrange
from torch import Tensor

from img2noise.whitening.frequencies import radius

BANDS = (0.0, 1 / 16, 1 / 8, 1 / 4, 1.0)  # cycles per pixel
BAND_NAMES = ("coarsest", "coarse", "fine", "finest")


def pearson(a: Tensor, b: Tensor) -> Tensor:
    """Correlation of a[i] with b[i] over all values, (N,)."""
    return cosine(*(t.flatten(1).double() - t.flatten(1).double().mean(1, keepdim=True) for t in (a, b)))


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Cosine of rows, (N,)."""
    return (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1)).clamp_min(math.ulp(0.0))


def rms(x: Tensor) -> float:
    """Root of the mean square of all values."""
    return float(x.double().square().mean().sqrt())


def banded(x: Tensor) -> list[Tensor]:
    """x split into BANDS of |f|, four of x's shape that add up to it."""
    f, spectrum = radius(*x.shape[-2:]).to(torch.float64), torch.fft.rfft2(x.double())
    masks = [(f >= low) & (f < high) for low, high in zip(BANDS[:-1], BANDS[1:], strict=True)]
    return [torch.fft.irfft2(spectrum * mask, s=x.shape[-2:]) for mask in masks]


def band_correlations(a: Tensor, b: Tensor) -> list[float]:
    """Mean over the pairs of the cosine of each band, the coarsest without the mean of the channels."""
    centered = (t - t.mean((2, 3), keepdim=True) for t in (a, b))
    return [
        float(cosine(x.flatten(1), y.flatten(1)).mean())
        for x, y in zip(*(banded(t) for t in centered), strict=True)
    ]


def finest_power(a: Tensor, b: Tensor) -> float:
    """Power of the finest band of a over that of b: below 1 is blurred."""
    return (rms(banded(a)[-1]) / rms(banded(b)[-1])) ** 2


def cross_correlation(a: Tensor, b: Tensor) -> Tensor:
    """Mean over the pairs of the circular cross-correlation, (H, W), the middle being no shift."""
    fa, fb = (torch.fft.fft2(t.double() - t.double().mean((2, 3), keepdim=True)) for t in (a, b))
    power = (fa.abs().square().sum((1, 2, 3)) * fb.abs().square().sum((1, 2, 3))).sqrt()
    product = (fa.conj() * fb).sum(1) / power[:, None, None] * a[0, 0].numel()
    return torch.fft.fftshift(torch.fft.ifft2(product).real.mean(0))


def frechet(a: Tensor, b: Tensor, patch: int = 8) -> float:
    """Frechet distance of the Gaussians of all patches of two sets."""
    (m1, c1), (m2, c2) = (_patch_gaussian(t, patch) for t in (a, b))
    lam, q = torch.linalg.eigh(c1)
    root = q * lam.clamp_min(0).sqrt() @ q.T
    cross = torch.linalg.eigvalsh(root @ c2 @ root).clamp_min(0).sqrt().sum()
    return float((m1 - m2).square().sum() + c1.trace() + c2.trace() - 2 * cross)


def _patch_gaussian(x: Tensor, patch: int) -> tuple[Tensor, Tensor]:
    rows = rearrange(x.double(), "n c (h p) (w q) -> (n h w) (c p q)", p=patch, q=patch)
    return rows.mean(0), torch.cov(rows.T, correction=0)


def euler_gain(lam: Tensor, sigmas: Tensor) -> Tensor:
    """What sampling over these sigmas multiplies each coordinate by, lam (D,) its eigenvalues."""
    gain = torch.ones_like(lam)
    for high, low in zip(sigmas[:-1].tolist(), sigmas[1:].tolist(), strict=True):
        gain = gain * (lam + high * low) / (lam + high**2)
    return gain


def latent_std(lam: Tensor, sigmas: Tensor, forward_steps: int = 0) -> Tensor:
    """The standard deviation of each coordinate of DDIM's latent, unit-variance units, its first steps
    replaced; the pictures are those that sampling over the same sigmas makes of white noise.
    """
    levels = sigmas.flip(0).tolist()
    picture = euler_gain(lam, sigmas) * math.sqrt(1 + levels[-1] ** 2)
    noise = torch.full_like(lam, levels[forward_steps])
    for low, high in zip(levels[forward_steps:-1], levels[forward_steps + 1 :], strict=True):
        step = 1 + (high - low) * high / (lam + high**2) * math.sqrt((1 + high**2) / (1 + low**2))
        picture, noise = picture * step, noise * step
    return (picture.square() + noise.square()).sqrt() / math.sqrt(1 + levels[-1] ** 2)


def power_law(x: list[float], y: list[float]) -> tuple[float, float]:
    """p of the least-squares line log y = p log x + c, and the RMS of what it misses, as a share of y."""
    log_x, log_y = (torch.tensor(v, dtype=torch.float64).log() for v in (x, y))
    centered = log_x - log_x.mean()
    p = (centered * log_y).sum() / centered.square().sum()
    missed = log_y - log_y.mean() - p * centered
    return float(p), math.expm1(float(missed.square().mean().sqrt()))


def fixed_point_gain(lam: Tensor, sigma: float, n: int) -> Tensor:
    """What n first-step iterations from 0 multiply each coordinate of a picture by."""
    return sigma / lam * -torch.expm1(-n * torch.log1p(lam / sigma**2))
