"""What an edit reached and what it lost, for each edit of a batch.

inside   RMS(edit - truth) / RMS(source - truth) over the region: 1 is doing nothing
outside  RMS(edit - source) over the rest, of pixels in [0, 1], the source through the autoencoder
success  1 where the classifier reads every changed attribute as wanted
lost     the share of the other attributes that it reads as something else than before
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from world.classifier import labels, read
from world.model import decode

from .scenes import Batch

NAMES = ("inside", "outside", "success", "lost")


def score(batch: Batch, latents: Tensor) -> dict[str, list[float]]:
    """Return NAMES, a list of (B) each; NaN where there is no such part."""
    made = decode(latents)
    nothing = rms(batch.kept - batch.target, batch.inside)
    success, lost = attributes(batch, latents)
    return {
        "inside": (rms(made - batch.target, batch.inside) / nothing).tolist(),
        "outside": rms(made - batch.kept, batch.outside).tolist(),
        "success": success.tolist(),
        "lost": lost.tolist(),
    }


def rms(difference: Tensor, part: Tensor) -> Tensor:
    """Return the RMS over channels and the pixels of `part` (B, 1, H, W): (B,), NaN where there are none."""
    total = (difference.double().square().mean(1, keepdim=True) * part).sum((1, 2, 3))
    return (total / part.sum((1, 2, 3))).sqrt()


def attributes(batch: Batch, latents: Tensor) -> tuple[Tensor, Tensor]:
    """Return success and share lost, (B,) each; what neither scene has counts in neither."""
    found = read(latents)
    before, after = (labels([getattr(edit, side) for edit in batch.edits]) for side in ("source", "target"))
    change = torch.stack([before[name] != after[name] for name in found])  # (attributes, B)
    reached = torch.stack([found[name] == after[name] for name in found])
    other = torch.stack([(before[name] == after[name]) & (before[name] >= 0) for name in found])
    return (reached | ~change).all(0).double(), (other & ~reached).sum(0).double() / other.sum(0)


def mean(values: Iterable[float]) -> tuple[float, float]:
    """Return the mean of the values that are there, and its standard error."""
    there = torch.tensor([v for v in values if not math.isnan(v)], dtype=torch.float64)
    return float(there.mean()), float(there.std() / len(there) ** 0.5) if len(there) > 1 else math.nan
