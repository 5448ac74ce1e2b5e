"""Denoisers to measure with: one that treats every picture by itself whatever its company, and one made of
convolutions, norms and attention, as real ones are, whose kernels do not.

Both take x (B, C, H, W) and sigma (B,), work in `precision` inside, and answer in x's own.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

from img2noise.denoisers import Denoiser

WIDTH = 32  # of the convolutions


def pointwise(precision: torch.dtype = torch.float32) -> Denoiser:
    """Bends every value and mixes it with its neighbors, value by value: the same bits in every batch."""

    def predict(asked: Tensor) -> Tensor:
        near = sum(asked.roll(by, dim) for by in (1, -1) for dim in (-1, -2)) / 4
        return torch.tanh(0.7 * asked + 0.5 * near)

    return _preconditioned(predict, precision)


def convolutional(precision: torch.dtype = torch.float32) -> Denoiser:
    """A small network of random weights in the manner of a UNet: its products of matrices choose their order
    of adding by the size of the batch.
    """

    def predict(asked: Tensor) -> Tensor:
        with torch.inference_mode():
            return _network(asked.device, precision)(asked).clone()

    return _preconditioned(predict, precision)


class _Attention(nn.Module):
    """Self-attention over pixels, added to them."""

    def __init__(self, width: int):
        super().__init__()
        self.inner, self.outer = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).mT  # (B, H * W, width)
        q, k, v = self.inner(tokens).chunk(3, dim=-1)
        mixed = self.outer(nn.functional.scaled_dot_product_attention(q, k, v))
        return x + mixed.mT.unflatten(2, x.shape[2:])


@cache
def _network(device: torch.device, precision: torch.dtype) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [
            nn.Conv2d(4, WIDTH, 3, 2, 1),
            nn.GroupNorm(8, WIDTH),
            nn.SiLU(),
            nn.Conv2d(WIDTH, WIDTH, 3, 2, 1),
            _Attention(WIDTH),
            nn.SiLU(),
            nn.Upsample(scale_factor=4),
            nn.Conv2d(WIDTH, 4, 3, 1, 1),
        ]
        return nn.Sequential(*layers).eval().to(device, precision)


def _preconditioned(predict, precision: torch.dtype) -> Denoiser:
    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        sigma = torch.as_tensor(sigma, device=x.device).to(x.dtype).reshape(-1, 1, 1, 1)
        scale = (1 + sigma**2).sqrt()
        said = predict((x / scale).to(precision)).to(x.dtype)
        return x / scale**2 + sigma / scale * said

    return denoise
