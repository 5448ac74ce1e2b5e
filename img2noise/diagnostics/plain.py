"""Where a picture is plain: smooth areas, in which inversions err most.

    D = (|I[h + 1, w] - I[h, w]| + |I[h, w + 1] - I[h, w]|) / 2,   plain where D < tau in every channel

Differences past the last row and column are 0, so borders lean to plain and the last corner always is
(Staniszewski et al. 2024, appendix C, tau = 0.025). Pictures (B, C, H, W) in [-1, 1]; for latents the mask is
averaged over each latent pixel, which is plain where at least half of it is. Masks are bool (B, H, W).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .. import checks

TAU = 0.025


def smooth_mask(picture: Tensor, size: Sequence[int] | None = None, tau: float = TAU) -> Tensor:
    """Return the plain pixels of a picture (B, C, H, W) in [-1, 1], or the plain latent pixels of a latent of
    `size`, on the picture's device.

    Pixels beyond a whole number of strides are cut off evenly, as autoencoders do. Raises ValueError for a
    picture that such a latent cannot come from.
    """
    checks.finite(picture, "the picture", 4)
    checks.number(tau, "tau", 0)
    if size is not None and not (isinstance(size, tuple | list) and len(size) == 2):
        raise TypeError(f"got {checks.kind(size)} for the size of the latent; expected (H, W)")
    for side in size or ():
        checks.whole(side, "a side of the latent", 1)
    x = picture.detach().cpu().double()  # not every device has float64
    down, right = torch.zeros_like(x), torch.zeros_like(x)
    down[..., :-1, :] = x.diff(dim=-2).abs()
    right[..., :-1] = x.diff(dim=-1).abs()
    mask = ((down + right) / 2 < tau).all(1)  # (B, H, W)
    if size is None or tuple(size) == tuple(mask.shape[-2:]):
        return mask.to(picture.device)
    stride = _stride(mask.shape[-2:], size)
    mask = _center(_center(mask, -1, size[1] * stride), -2, size[0] * stride).double()
    mask = torch.nn.functional.avg_pool2d(mask[:, None], stride)[:, 0] >= 0.5  # (B, H, W) of the latent
    return mask.to(picture.device)


def _stride(picture: Sequence[int], latent: Sequence[int]) -> int:
    strides = {n // m for n, m in zip(picture, latent, strict=True)}
    stride = strides.pop()
    if strides or stride < 1:
        shapes = [" x ".join(map(str, s)) for s in (picture, latent)]
        raise ValueError(
            f"got a picture of {shapes[0]} pixels for a latent of {shapes[1]}; expected one side ratio for "
            "both sides: give the picture that the latent was made from"
        )
    return stride


def _center(mask: Tensor, dim: int, length: int) -> Tensor:
    return mask.narrow(dim, (mask.shape[dim] - length) // 2, length)
