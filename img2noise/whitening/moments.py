"""Additive second-order statistics of pictures or latents, in one of three structures.

    dense       sum x, sum x x^T           over whole pictures or p x q patches: D x D
    kronecker   sum x, sum X_k X_k^T       for the unfoldings k = channels, rows, columns: C x C, H x H, W x W
    stationary  sum mean(x), sum X X^H     one C x C block per frequency, X = orthonormal rfft2 of x

Sums of N pictures merge by adding (Chan et al. 1979), so pictures can be streamed, split over machines and
continued. Everything is float64 on the CPU, uncentered until `fit`. Inputs (N, C, H, W) in model space
(latents times their scale factor, RGB in [-1, 1]).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from einops import rearrange
from torch import Tensor

from .. import checks
from .frequencies import resample

STRUCTURES = ("stationary", "kronecker", "dense")
DENSE_LIMIT = 4096  # side of a matrix to decompose: 20 s on one core; twice the side takes ten times that
_CHUNK_BYTES = 2**23  # float64 working memory per chunk of pictures


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over `count` samples of `shape` (C, H, W): `total` of x, `products` of its second order; `space`
    names what x is.
    """

    structure: str
    shape: tuple[int, int, int]
    count: int
    total: Tensor = field(repr=False)  # (C, H, W), or (C,) for stationary
    products: tuple[Tensor, ...] = field(repr=False)
    space: str = ""

    def __add__(self, other: Moments) -> Moments:
        """The moments of both sets together. Raises ValueError where structure, shape or space differ."""
        checks.instance(other, "what to add", Moments)
        ours, theirs = ((m.structure, m.shape, m.space) for m in (self, other))
        if ours != theirs:
            raise ValueError(
                f"cannot add moments of {ours} and {theirs}; structure, shape and space must be equal"
            )
        products = tuple(a + b for a, b in zip(self.products, other.products, strict=True))
        return replace(
            self, count=self.count + other.count, total=self.total + other.total, products=products
        )


def measure(
    x: Tensor,
    structure: str = "stationary",
    *,
    size: tuple[int, int] | None = None,
    patch: int | tuple[int, int] | None = None,
    space: str = "",
) -> Moments:
    """Return the moments of pictures (N, C, H, W), on the CPU wherever those are.

    `size` (stationary only) is the grid that holds the spectrum, default the pictures' own: pictures of any
    size can so be added up, each read in cycles per pixel. `patch` (dense only) is the side of the patches
    pictures are cut into, default none: whole pictures. Memory beyond twice the result stays
    below about 50 MB. Raises ValueError for wrong shapes, NaN or infinities.
    """
    patch = (patch, patch) if isinstance(patch, int) and not isinstance(patch, bool) else patch
    _check(x, structure, size, patch)
    if patch is not None and not isinstance(patch, int):
        x = _cut(x, *patch)
    height, width = size or x.shape[-2:]
    shape = (x.shape[1], height, width)
    rows = max(1, _CHUNK_BYTES // (8 * x[0].numel()))
    sums: list[Tensor] = []
    for chunk in x.split(rows):
        if not bool(torch.isfinite(chunk).all()):
            raise ValueError("got pictures that hold NaN or infinity; leave those out")
        new = _SUMS[structure](chunk.detach().cpu().double())
        sums = [a + b for a, b in zip(sums, new, strict=True)] if sums else new
    total, products = sums[0], sums[1:]
    if structure == "stationary":
        products = [resample(products[0], x.shape[-1], shape[1:])]
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


_SUMS = {"dense": _sum_dense, "kronecker": _sum_kronecker, "stationary": _sum_stationary}


def _cut(x: Tensor, p: int, q: int) -> Tensor:
    height, width = x.shape[-2:]
    if height % p or width % q:
        raise ValueError(
            f"got pictures of {height} x {width} for patches of {p} x {q}; expected multiples of the patch"
        )
    return rearrange(x, "n c (h p) (w q) -> (n h w) c p q", p=p, q=q)


def _check(x: Tensor, structure: str, size, patch) -> None:
    if structure not in STRUCTURES:
        raise ValueError(f"got structure {structure!r}; choose one of {', '.join(STRUCTURES)}")
    if isinstance(x, Tensor) and (x.ndim != 4 or not x.numel()):
        raise ValueError(
            f"got a tensor of shape {tuple(x.shape)}; expected (N, C, H, W), at least one picture"
        )
    checks.tensor(x, "the pictures")
    for name, sides in (("grid size", size), ("patch", patch)):
        if sides is not None:
            _refuse_sides(name, sides)
    if size is not None and structure != "stationary":
        raise ValueError(
            f"got a grid size for {structure} moments, which have their pictures' own; leave it out"
        )
    if patch is not None and structure != "dense":
        raise ValueError(f"got patches for {structure} moments; they are for dense ones")
    block = x.shape[1] * math.prod(x.shape[-2:] if patch is None else patch)
    if structure == "dense" and block > DENSE_LIMIT:
        raise ValueError(
            f"got {block} numbers per sample for a dense covariance, more than {DENSE_LIMIT}; "
            "pass a patch, or use a stationary structure"
        )
    if structure == "kronecker" and max(x.shape[1:]) > DENSE_LIMIT:
        raise ValueError(
            f"got pictures of {x.shape[-2]} x {x.shape[-1]} for a kronecker covariance; expected sides of at "
            f"most {DENSE_LIMIT}, or use a stationary structure"
        )


def _refuse_sides(name: str, sides) -> None:
    if not isinstance(sides, Sequence) or isinstance(sides, str) or len(sides) != 2:
        raise TypeError(f"got {checks.kind(sides)} for the {name}; expected two whole numbers")
    for side in sides:
        checks.whole(side, f"a side of the {name}")
    if min(sides) < 1:
        raise ValueError(f"got a {name} of {sides[0]} x {sides[1]}; expected sides of at least 1")
