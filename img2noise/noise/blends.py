"""Two noises in one, and small steps away from a noise: N(0, I) exactly where both are, and independent.

    by frequency   Z(f) = cos(theta) A(f) + sin(theta) B(f) in the cosine plane: layout of A, detail of B
    vary           z' = sqrt(1 - b^2) z + b n, the pCN step (Cotter et al. 2013)

cos and sin keep the variance that fading with L and 1 - L loses (known of FreeInit). Shapes (B, C, H, W).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .. import checks
from ..whitening import cosines
from .draw import Seed, draw

WIDTH = 3**0.5  # from the middle of a cut-off to either end, as a factor of frequency


def rise(height: int, width: int, cut_off: float) -> Tensor:
    """Return 0 for layout to 1 for detail over the cosine plane, smooth in log frequency: float64 (H, W).

    Half at `cut_off` cycles per picture (of the geometric mean of its sides), 0 below cut_off / sqrt(3).
    """
    checks.number(cut_off, "cut-off", 0)
    cycles = cosines.radius(height, width) * (height * width) ** 0.5
    if cut_off == 0:
        return torch.ones_like(cycles)
    share = 0.5 + (cycles / cut_off).clamp_min(1e-9).log() / (2 * math.log(WIDTH))
    share = share.clamp(0, 1)
    return share * share * (3 - 2 * share)


def blend_by_frequency(layout: Tensor, detail: Tensor, cut_off: float = 14.0) -> Tensor:
    """Return noise with the layout of one noise and the detail of the other, cut at `cut_off` cycles per
    picture; in the first's dtype and on its device.
    """
    checks.finite(layout, "the noise for layout", 4)
    checks.finite(detail, "the noise for detail", 4)
    if layout.shape != detail.shape:
        raise ValueError(
            f"got noises of shapes {tuple(layout.shape)} and {tuple(detail.shape)}; they must be equal"
        )
    a, b = (t.double() if layout.dtype == torch.float64 else t.float() for t in (layout, detail.to(layout)))
    theta = rise(layout.shape[-2], layout.shape[-1], cut_off) * (torch.pi / 2)
    mixed = cosines.dct(a) * theta.cos().to(a) + cosines.dct(b) * theta.sin().to(b)
    return cosines.idct(mixed).to(layout)


def vary(z: Tensor, amount: float, *, seed: Seed, indices: Sequence[int] | None = None) -> Tensor:
    """Return sqrt(1 - b^2) z + b n with b = `amount` in [0, 1] and n = draw(z.shape, seed, indices): z itself
    at 0, n at 1. A draw varied by another seed is a variation seed.
    """
    checks.finite(z, "the noise", 4)
    checks.number(amount, "amount", 0, 1)
    if amount == 0:
        return z.clone()
    white = draw(z.shape, seed, indices).to(z)
    return white if amount == 1 else math.sqrt(1 - amount**2) * z + amount * white
