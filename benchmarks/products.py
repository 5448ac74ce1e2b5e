"""Dense and Kronecker whitening against the simpler ways to do the same.

A dense whitener of patches tiles a larger picture; the opponent computes the rotation R at each call. A batch
is multiplied by a basis at once; the opponent multiplies one row at a time, in memory of its own, which gives
a row the same bits in every batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from img2noise import draw, fit, measure
from img2noise.whitening import Kronecker
from img2noise.whitening.whitener import Whitener, rotation

from .report import best_of, show

BATCH = 512


def run() -> None:
    """Time a tiled whitening, and a rotation there and back by each kind of basis."""
    tiled, opponent = _tiled(side=16, tiles=4)
    rows = [
        ("zca-cor, D = 2048, 16 tiles: rotation at each call", f"{opponent:.3g} s", ""),
        ("img2noise", f"{tiled:.3g} s", ""),
        ("rotation at each call / img2noise", f"{opponent / tiled:.0f} x", ">= 50 x"),
    ]
    for structure, shape, claim in (("dense", (4, 16, 16), 2), ("kronecker", (4, 16, 16), 3)):
        ours, theirs, apart = _products(structure, shape)
        name = f"{structure}, {BATCH} rows of {shape[0]} x {shape[1]} x {shape[2]}"
        rows += [
            (f"{name}: row by row", f"{theirs * 1e3:.1f} ms", ""),
            ("img2noise", f"{ours * 1e3:.1f} ms", ""),
            ("row by row / img2noise", f"{theirs / ours:.1f} x", f">= {claim} x"),
            ("largest difference over the largest value", f"{apart:.0e}", "<= 1e-5"),
        ]
    show("products", rows)


def _tiled(side: int, tiles: int) -> tuple[float, float]:
    """Seconds of whitening one picture of `tiles` x `tiles` patches, 8 channels: ours, the opponent's."""
    patches = draw((2500, 8, side, side), 1).cumsum(2)
    whitener = fit(measure(patches, "dense"), "zca-cor", 0.1)
    x = draw((1, 8, side * tiles, side * tiles), 2)
    whitener.whiten(x)  # the first call computes the rotation

    def again() -> Tensor:
        [(lam, q)] = whitener._parts
        rotation(whitener.blocks[0], lam, q, whitener.method).float()
        return whitener.whiten(x)

    return best_of(20, lambda: whitener.whiten(x)), best_of(2, again)


def _products(structure: str, shape: tuple[int, int, int]) -> tuple[float, float, float]:
    """Seconds of coordinates and back for a batch: ours, row by row; and how far apart the two are."""
    x = draw((BATCH, *shape), 3)
    whitener = fit(measure(draw((1500, *shape), 4), structure), "zca", 0.1)
    basis = whitener._system(x).basis
    there_and_back = _kronecker if isinstance(whitener, Kronecker) else _dense

    def row_by_row() -> Tensor:
        return torch.stack([there_and_back(row.clone(), basis) for row in x])

    apart = float((_ours(whitener, x) - row_by_row()).abs().max() / x.abs().max())
    return best_of(5, lambda: _ours(whitener, x)), best_of(5, row_by_row), apart


def _ours(whitener: Whitener, x: Tensor) -> Tensor:
    return whitener._expand(whitener._project(x, whitener._system(x).basis), whitener._system(x).basis)


def _dense(row: Tensor, basis: tuple[Tensor, ...]) -> Tensor:
    """Q Q^T x for one picture (C, H, W)."""
    return (row.view(1, -1) @ basis[0] @ basis[0].T).view_as(row)


def _kronecker(row: Tensor, basis: tuple[Tensor, ...]) -> Tensor:
    """The same, a factor along each axis."""
    for matrices in ([q.mT for q in basis], basis):
        c, h, w = matrices
        row = (c @ (h @ (row @ w.mT)).flatten(1)).view_as(row)
    return row
