"""Additive second-order statistics of pictures or latents, in one of four structures.

    dense       sum x, sum x x^T           over whole pictures or p x q patches: D x D
    kronecker   sum x, sum X_k X_k^T       for the unfoldings k = channels, rows, columns: C x C, H x H, W x W
    cosine      sum mean(x), sum X X^T     one C x C block per cosine, X = orthonormal DCT-II of x
    stationary  sum mean(x), sum X X^H     the same, X = orthonormal rfft2 of x

Sums of N pictures merge by adding (Chan et al. 1979), so pictures can be streamed, split over machines and
continued. Everything is float64 on the CPU, uncentered until `fit`. Pictures (N, C, H, W) are in model space
(see `spaces`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from einops import rearrange
from torch import Tensor

from .. import checks
from . import cosines, frequencies

GRIDDED = ("cosine", "stationary")  # fit every size, from a spectrum on a grid
STRUCTURES = (*GRIDDED, "kronecker", "dense")
DENSE_LIMIT = 4096  # side of a matrix to decompose: 20 s on one core; twice the side takes ten times that
_CHUNK_BYTES = 2**23  # float64 working memory per chunk of pictures


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over `count` samples of `shape` (C, H, W): `total` of x, `products` of its second order.

    `space` names what x is: a key of SPACES, or a name of your own.
    """

    structure: str
    shape: tuple[int, int, int]
    count: int
    total: Tensor = field(repr=False)  # (C, H, W), or (C,) for stationary
    products: tuple[Tensor, ...] = field(repr=False)
    space: str = ""

    def __add__(self, other: Moments) -> Moments:
        """Return the moments of both sets. Raises ValueError where structure, shape or space differ."""
        checks.instance(other, "what to add", Moments)
        ours, theirs = ((m.structure, m.shape, m.space) for m in (self, other))
        if ours != theirs:
            raise ValueError(
                f"cannot add moments of {ours} and {theirs}; structure, shape and space must be equal"
            )
        products = tuple(a + b for a, b in zip(self.products, other.products, strict=True))
        total = self.total + other.total
        return replace(self, count=self.count + other.count, total=total, products=products)


def measure(
    x: Tensor,
    structure: str = "cosine",
    *,
    size: tuple[int, int] | None = None,
    patch: int | tuple[int, int] | None = None,
    space: str = "",
) -> Moments:
    """Return the moments of pictures (N, C, H, W), on the CPU wherever those are.

    `size` (cosine and stationary only) is the grid of the spectrum, by default that of the pictures: pictures
    of any size can so be added, each read in cycles per pixel. `patch` (dense only) is the side of the
    patches that pictures are cut into, by default none: whole pictures. Memory beyond twice the result stays
    below about 50 MB. Raises ValueError for wrong shapes, NaN or infinity.
    """
    sides: Any = (patch, patch) if isinstance(patch, int) and not isinstance(patch, bool) else patch
    _check(x, structure, size, sides)
    if sides is not None:
        x = _cut(x, *sides)
    shape = (x.shape[1], *(size or x.shape[-2:]))
    sums: list[Tensor] = []
    for chunk in x.split(max(1, _CHUNK_BYTES // (8 * x[0].numel()))):
        checks.finite(chunk, "the pictures")
        new = _SUMS[structure](chunk.detach().cpu().double())
        sums = [a + b for a, b in zip(sums, new, strict=True)] if sums else new
    total, *products = sums
    if structure == "stationary":
        products = [frequencies.resample(products[0], x.shape[-1], shape[1:])]
    if structure == "cosine":
        products = [cosines.resample(products[0], shape[1:])]
    return Moments(structure, shape, len(x), total, tuple(products), space)


def _sum_dense(x: Tensor) -> list[Tensor]:
    flat = x.flatten(1)  # (N, D)
    return [x.sum(0), flat.T @ flat]


def _sum_kronecker(x: Tensor) -> list[Tensor]:
    unfoldings = (rearrange(x, f"n c h w -> {way}") for way in ("c (n h w)", "h (n c w)", "w (n c h)"))
    return [x.sum(0), *(u @ u.T for u in unfoldings)]


def _sum_stationary(x: Tensor) -> list[Tensor]:
    bins = rearrange(torch.fft.rfft2(x, norm="ortho"), "n c h w -> (h w) c n")
    blocks = bins @ bins.mH  # (H * half, C, C)
    return [x.mean((2, 3)).sum(0), blocks.unflatten(0, (x.shape[-2], -1))]


def _sum_cosine(x: Tensor) -> list[Tensor]:
    plane = rearrange(cosines.dct(x), "n c h w -> (h w) c n")
    return [x.mean((2, 3)).sum(0), (plane @ plane.mT).unflatten(0, x.shape[-2:])]


_SUMS = {
    "cosine": _sum_cosine,
    "dense": _sum_dense,
    "kronecker": _sum_kronecker,
    "stationary": _sum_stationary,
}


def _cut(x: Tensor, p: int, q: int) -> Tensor:
    height, width = x.shape[-2:]
    if height % p or width % q:
        raise ValueError(
            f"got pictures of {height} x {width} for patches of {p} x {q}; expected multiples of the patch"
        )
    return rearrange(x, "n c (h p) (w q) -> (n h w) c p q", p=p, q=q)


def _check(x: Tensor, structure: str, size, patch) -> None:
    checks.choice(structure, "structure", STRUCTURES)
    checks.tensor(x, "the pictures", 4)
    for name, sides, owner in (("grid size", size, GRIDDED), ("patch", patch, ("dense",))):
        if sides is not None:
            _check_sides(name, sides)
            if structure not in owner:
                takers = " and ".join(owner)
                raise ValueError(f"got a {name} for {structure} moments; only {takers} ones take it")
    block = x.shape[1] * math.prod(x.shape[-2:] if patch is None else patch)
    if structure == "dense" and block > DENSE_LIMIT:
        raise ValueError(
            f"got {block} numbers per sample for a dense covariance, more than {DENSE_LIMIT}; "
            "pass a patch, or use a cosine structure"
        )
    if structure == "kronecker" and max(x.shape[1:]) > DENSE_LIMIT:
        raise ValueError(
            f"got pictures of {x.shape[-2]} x {x.shape[-1]} for a kronecker covariance; expected sides of at "
            f"most {DENSE_LIMIT}, or use a cosine structure"
        )


def _check_sides(name: str, sides) -> None:
    if not isinstance(sides, Sequence) or isinstance(sides, str) or len(sides) != 2:
        raise TypeError(f"got {checks.kind(sides)} for the {name}; expected two whole numbers")
    for side in sides:
        checks.whole(side, f"a side of the {name}", 1)
