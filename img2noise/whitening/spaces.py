"""The spaces a whitener can belong to: what its numbers mean, and which models share them.

A whitener of one latent space says nothing about another, so every file names its space and scale factor.
Tensors are in model space: VAE latents times `scale_factor`, RGB in [-1, 1]. Factors: Rombach et al. (2022)
for sd, Podell et al. (2023) for sdxl.
"""

from __future__ import annotations

from typing import NamedTuple


class Space(NamedTuple):
    """`channels`, `scale_factor` from the autoencoder's units to model space, `stride` pixels per latent
    pixel.
    """

    channels: int
    scale_factor: float
    stride: int
    models: str


SPACES = {
    "sd": Space(4, 0.18215, 8, "SD 1.x, SD 2.x, SD-Turbo"),
    "sdxl": Space(4, 0.13025, 8, "SDXL, SDXL-Turbo"),
    "rgb": Space(3, 1.0, 1, "pixels in [-1, 1]"),
}
