"""Worlds with known answers for the inversions: Gaussian data pixel by pixel, a small network, and ears on
both.
"""

from __future__ import annotations

import torch

from img2noise.sigmas import ddim_uniform, scaled_linear

from .cases import normal

SCHEDULE = scaled_linear()


def levels(steps):
    """Stable Diffusion's sigmas at t = 1, 1 + 1000 / steps, ..., descending, then 0."""
    return ddim_uniform(SCHEDULE, steps)


def ancestral_split(high, low, eta=1.0):
    """s_down and s_up of a step between VE sigmas: their squares add to low^2, eta enters squared."""
    up_squared = eta**2 * low**2 * (high**2 - low**2) / high**2
    return (low**2 - up_squared) ** 0.5, up_squared**0.5


def gaussian(lam, mean=0.0):
    """The exact denoiser of independent pixels N(mean, lam); both broadcast over (B, C, H, W)."""

    def denoise(x, sigma):
        return mean + lam / (lam + column(sigma) ** 2) * (x - mean)

    return denoise


def network(precision=None, turn=0.0):
    """A denoiser that bends, mixes neighbors and commutes with circular shifts and flips; its network works
    in `precision`, as hosts call one. `turn` makes another of it, as another prompt does.
    """

    def denoise(x, sigma):
        sigma = column(sigma)
        scale = (1 + sigma**2) ** 0.5
        asked = (x / scale).to(precision or x.dtype)
        near = sum(asked.roll(by, dim) for by in (1, -1) for dim in (-1, -2)) / 4
        bent = torch.tanh(0.7 * asked + 0.5 * near + turn)
        return x / scale**2 + sigma / scale * bent.to(x.dtype)

    return denoise


def recorded(denoise):
    """`denoise` and the list of (x, sigma) that it will have been asked for."""
    asked = []

    def listening(x, sigma):
        asked.append((x.clone(), sigma.clone()))
        return denoise(x, sigma)

    return listening, asked


def column(sigma):
    """sigma, a number or a tensor (B,), against (B, C, H, W)."""
    sigma = torch.tensor(sigma, dtype=torch.float64) if isinstance(sigma, float) else sigma
    return sigma.reshape(-1, 1, 1, 1)


def picture(*shape, seed=0, dtype=torch.float32):
    """White pictures of unit variance."""
    return normal(*shape, seed=seed).to(dtype)


def rms(x):
    return float(x.double().square().mean().sqrt())
