"""How white noise is.

std per channel, and r = sum x[i] x[i + 1] / sum x[i]^2 over neighbouring pixels, 1 and 0 for white noise
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from .whitening import Whitener


class Whiteness(NamedTuple):
    """Of pictures before and after whitening: `std` per channel after, neighbour correlations `before` and
    `after`.
    """

    std: list[float]
    before: float
    after: float
    count: int


def neighbour_correlation(pictures: Iterable[Tensor]) -> float:
    """Correlation of horizontal and vertical neighbours over a set of centred pictures (B, C, H, W) of any
    sizes.
    """
    products, squares, pairs, values = 0.0, 0.0, 0, 0
    for x in pictures:
        x = x.double()
        for a, b in ((x[..., 1:], x[..., :-1]), (x[..., 1:, :], x[..., :-1, :])):
            products += float((a * b).sum())
            pairs += a.numel()
        squares += float(x.square().sum())
        values += x.numel()
    return products / pairs * values / squares


def whiteness(whitener: Whitener, pictures: Iterable[Tensor]) -> Whiteness:
    """How well a whitener whitens pictures (B, C, H, W) in model space, of any sizes it takes; std about its
    own mean.
    """
    pictures = list(pictures)
    centred = [whitener.at(*x.shape[-2:]).centre(x) for x in pictures]
    white = [whitener.whiten(x) for x in pictures]
    power = torch.stack([z.double().square().mean((0, 2, 3)) for z in white]).mean(0)  # (C,)
    return Whiteness(
        power.sqrt().tolist(), neighbour_correlation(centred), neighbour_correlation(white), len(white)
    )
