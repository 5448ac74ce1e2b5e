"""Sheets of pictures: what the model makes of eight prompts, two seeds each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from img2noise import ddim, draw, sigmas

from .model import LittleWorld, decode
from .scenes import caption, random_scene

HELD_OUT = 1_000_000  # scenes from this seed on are never trained on
PROMPTS = (
    "a red ball on a wooden floor, teal wall",
    "a blue cube on the left of a checkered floor, beige wall",
    "a green cone on a stone floor, pink wall",
    "a yellow cylinder on the right of a grassy floor, navy wall",
    "a purple ball left of a white cube on a checkered floor, mint wall",
    "an orange cone left of a black cylinder on a wooden floor, gray wall",
    "a white cube on a stone floor, teal wall, at night",
    "a red cone on a grassy floor, beige wall, at sunset, with a window",
)


def sample(
    model: LittleWorld, prompts: list[str], steps: int = 50, guidance: float = 4.0, seed: int = 0, noise=None
) -> Tensor:
    """Return latents (B, 4, 16, 16), one a prompt, by DDIM from white noise or from the noise given."""
    levels = sigmas.ddim_uniform(sigmas.scaled_linear(), steps)
    noise = draw((len(prompts), 4, 16, 16), seed) if noise is None else noise
    with torch.no_grad():
        return ddim.sample(model.denoiser(prompts, guidance), noise * (1 + levels[0] ** 2).sqrt(), levels)


def sheet(rows: list[Tensor], path: Path) -> None:
    """Write rows of pictures (B, 3, H, W) in [0, 1] as one picture."""
    lines = [np.concatenate(list(row.permute(0, 2, 3, 1).numpy()), 1) for row in rows]
    Image.fromarray((np.concatenate(lines) * 255).round().astype(np.uint8)).save(path, quality=92)


def sample_sheet(model: LittleWorld, path: Path) -> None:
    """Write two rows of the eight prompts and two of held-out captions."""
    captions = [caption(random_scene(HELD_OUT + k)) for k in range(8)]
    model.eval()
    rows = [(list(PROMPTS), 1), (list(PROMPTS), 2), (captions, 1), (captions, 2)]
    sheet([decode(sample(model, prompts, 25, 4.0, seed)) for prompts, seed in rows], path)
