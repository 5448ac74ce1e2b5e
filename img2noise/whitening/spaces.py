"""Latent spaces: what the numbers of a picture mean, one entry per autoencoder and the models that share it.

    model space x = (z - shift) scale, per channel, of latents z in the autoencoder's units

sd: Rombach et al. (2022); sdxl: Podell et al. (2023); sd3: Esser et al. (2024); flux, flux2: Black Forest
Labs (2024, 2025), flux2 unpacked: its models take 2 x 2 latents as 128 channels, channel 4 c + 2 i + j;
wan21: Wan team (2025), of videos. RGB is in [-1, 1].
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

Factor = float | tuple[float, ...]  # for all channels, or for each


class Space(NamedTuple):
    """`channels` and `stride` (pixels per latent pixel) of latents, the models that share them, the factors
    of model space, `dims` (3: frames before rows), and the side of the square that models pack into channels.
    """

    channels: int
    scale_factor: Factor
    stride: int
    models: str
    shift_factor: Factor = 0.0
    dims: int = 2
    packing: int = 1

    def to_model(self, latents: Tensor) -> Tensor:
        """Return latents (B, C, ...) of the autoencoder in model space."""
        return (latents - _like(self.shift_factor, latents)) * _like(self.scale_factor, latents)

    def from_model(self, x: Tensor) -> Tensor:
        """Return the exact inverse of `to_model`."""
        return x / _like(self.scale_factor, x) + _like(self.shift_factor, x)

    def unpack(self, x: Tensor) -> Tensor:
        """Return what a model takes, (B, C r r, H, W), as pictures of the whitener, (B, C, r H, r W)."""
        return pixel_shuffle(x, self.packing) if self.packing > 1 else x

    def pack(self, x: Tensor) -> Tensor:
        """Return the exact inverse of `unpack`."""
        return pixel_unshuffle(x, self.packing) if self.packing > 1 else x


def _like(factor: Factor, x: Tensor) -> Tensor:
    return torch.as_tensor(factor, dtype=x.dtype, device=x.device).view(-1, *[1] * (x.ndim - 2))


_WAN21_MEAN = (
    -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508,
    0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921,
)  # fmt: skip
_WAN21_STD = (
    2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
    3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160,
)  # fmt: skip

SPACES = {
    "sd": Space(4, 0.18215, 8, "SD 1.x, SD 2.x, SD-Turbo"),
    "sdxl": Space(4, 0.13025, 8, "SDXL, SDXL-Turbo, AuraFlow, PixArt-Sigma"),
    "sd3": Space(16, 1.5305, 8, "SD3, SD3.5", 0.0609),
    "flux": Space(16, 0.3611, 8, "Flux.1, Z-Image, Chroma, Lumina 2, HiDream-I1", 0.1159),
    "flux2": Space(32, 1.0, 8, "Flux.2", packing=2),
    "wan21": Space(
        16, tuple(1 / s for s in _WAN21_STD), 8, "Qwen-Image, Wan 2.1, Cosmos-Predict2", _WAN21_MEAN, dims=3
    ),
    "rgb": Space(3, 1.0, 1, "pixels in [-1, 1]"),
}
