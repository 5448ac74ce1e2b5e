"""Noise that keeps a share of a picture's layout, of its colors and of its detail; of two pictures.

    z = R (A_1 w_1 + A_2 w_2 + (I - A_1^2 - A_2^2)^1/2 n),   p(f) = S^1/2 l / |S^1/2 l|
    A_1 + A_2 = [(1 - h) layout + h detail] p p^T + [(1 - h) color + h detail] (I - p p^T)

l (C,) is the latent's luma: p p^T picks what lightness is made of, frequency by frequency, in ZCA noise; h
rises from 0 to 1 between layout and detail. The A commute, so z is exactly N(0, I) with pictures that whiten
to N(0, I).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .. import checks
from ..whitening import cosines
from ..whitening.structures import Cosine
from ..whitening.whitener import Whitener
from .blends import rise
from .draw import Seed, draw, rows_for

CUT_OFF = 14.0  # cycles per picture between layout and detail


def shared_noise(
    x0: Tensor,
    whitener: Whitener,
    *,
    luma: Sequence[float] | Tensor,
    layout: float = 1.0,
    color: float = 1.0,
    detail: float = 1.0,
    colors_of: Tensor | None = None,
    cut_off: float = CUT_OFF,
    seed: Seed,
    indices: Sequence[int] | None = None,
) -> Tensor:
    """Return noise for pictures x0 (B, C, H, W) that keeps these shares in [0, 1] of layout (coarse
    lightness), color (coarse) and detail (both), in x0's dtype and on its device.

    Each is the correlation of that part of the noise's picture with x0's; all 1 is the picture's noise, all 0
    `draw(x0.shape, seed, indices)` bit for bit. With `colors_of` the colors are those of another picture.
    `luma` (C,) is the weight of each channel in lightness. Raises ValueError for whiteners other than zca in
    the cosine basis, bad shapes, NaN, or ranges.
    """
    shares = {"layout": layout, "color": color, "detail": detail}
    for name, share in shares.items():
        checks.number(share, name, 0, 1)
    fitted = _cosine(whitener).at_size_of(x0)
    pictures = rows_for(x0, seed)
    white = draw(pictures.shape, seed, indices).to(fitted.center(pictures))
    if not any(shares.values()):
        return white.to(x0)
    p = _lightness(fitted, torch.as_tensor(luma, dtype=torch.float64)).to(white)  # (C, H, W)
    h = rise(*fitted.shape[1:], cut_off).to(white)
    on_p = (1 - h) * layout + h * detail
    coarse, fine = (1 - h) * color, h * detail
    first = _split(fitted.whiten(pictures), p)
    second = first if colors_of is None else _split(fitted.whiten(colors_of.to(x0)), p)
    fresh = _split(white, p)
    off = coarse + fine if colors_of is None else torch.hypot(coarse, fine)  # two pictures' noises add up so
    light = on_p * first[0] + _rest(on_p) * fresh[0]
    colored = coarse * second[1] + fine * first[1] + _rest(off) * fresh[1]
    return cosines.idct(light + colored).to(x0)


def _rest(share: Tensor) -> Tensor:
    return (1 - share.square()).clamp_min(0).sqrt()


def _split(z: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
    """Return the parts of noise along p and across it, in the cosine plane: (B, C, H, W) each."""
    plane = cosines.dct(z.to(p))
    along = (p * plane).sum(1, keepdim=True) * p
    return along, plane - along


def _lightness(fitted: Whitener, luma: Tensor) -> Tensor:
    """Return the unit vectors S^1/2 l / |S^1/2 l| of each cosine: float64 (C, H, W)."""
    channels, height, width = fitted.shape
    checks.finite(luma, "the luma")
    if luma.shape != (channels,) or not bool(luma.any()):
        raise ValueError(
            f"got a luma of shape {tuple(luma.shape)}; expected {channels} numbers, not all zero"
        )
    [(lam, q)] = fitted._parts  # (H * W, C), (H * W, C, C)
    direction = (q @ (lam.sqrt() * (luma @ q))[..., None])[..., 0]
    return (direction / direction.norm(dim=1, keepdim=True)).T.unflatten(1, (height, width))


def _cosine(whitener: Whitener) -> Cosine:
    if not isinstance(whitener, Cosine) or whitener.method != "zca":
        method = getattr(whitener, "method", "")
        kind = f"{whitener.structure} {method}" if isinstance(whitener, Whitener) else checks.kind(whitener)
        raise ValueError(f"got a whitener of {kind}; expected zca in the cosine basis, as shipped")
    return whitener
