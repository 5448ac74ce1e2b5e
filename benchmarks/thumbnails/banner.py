"""The icon and the banner of the registry: a photo that dissolves into the noise it consists of."""

from __future__ import annotations

import torch
from PIL import Image
from skimage import data
from torch import Tensor

import img2noise

from .sheets import FOLDER, photo, picture

DOCS = FOLDER.parent / "docs"
BANNER, STRENGTHS = (896, 384), 48


def draw(rgb: img2noise.Whitener) -> None:
    """Draw both."""
    x = torch.from_numpy(data.chelsea().copy()).permute(2, 0, 1)[None] / 127.5 - 1  # (1, 3, 300, 451)
    wide = x[:, :, 40:232, :448]  # (1, 3, 192, 448): 21 to 9
    across = torch.linspace(-0.35, 1.6, wide.shape[3]).expand(wide.shape[2:])
    picture(dissolved(wide, rgb, across)).resize(BANNER, Image.Resampling.BICUBIC).save(DOCS / "banner.png")
    square = photo(data.chelsea(), (75, 0), 300)
    ramp = torch.linspace(-0.6, 1.3, square.shape[3])
    diagonal = ramp[:, None] / 2 + ramp[None] / 2 + 0.25
    picture(dissolved(square, rgb, diagonal)).save(DOCS / "icon.png")


def dissolved(x: Tensor, rgb: img2noise.Whitener, strength: Tensor) -> Tensor:
    """Each pixel of x whitened at its strength: 0 is the photo, 1 is white noise; x's contrast throughout."""
    mean, deviation = x.mean((2, 3), keepdim=True), x.std()
    levels = torch.linspace(0, 1, STRENGTHS)
    steps = []
    for level in levels:
        y = rgb.whiten(x, float(level))
        y = (y - y.mean((2, 3), keepdim=True)) / y.std() * deviation
        steps.append(y + mean * (1 - level))
    place = (strength.clamp(0, 1) * (STRENGTHS - 1)).round().long()  # (H, W)
    return torch.cat(steps).gather(0, place.expand(1, x.shape[1], *place.shape))
