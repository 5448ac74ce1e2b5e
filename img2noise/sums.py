"""Sums and products of matrices that have the same bits in every batch, and sums with any number of threads.

    <a, b>[i] = sum_d a[i, d] b[i, d],   std = sqrt(sum (x - mean)^2 / (D - 1)),   G[i, j] = <a[i], b[j]>

torch cuts a long sum into as many parts as there are threads, and one row into parts where it leaves several
whole; the last bits differ, and with them noise that is scaled by such a sum. numpy adds each row by itself
in one thread (pairwise: Higham 1993), float64 on the CPU. A library's product of matrices rounds a row
otherwise in other company, and at another place in memory: here each row is alone, in its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor


def row_dots(a: Tensor, b: Tensor) -> Tensor:
    """The inner product of each row of a with that of b: (B, ...) -> float64 (B,)."""
    return torch.from_numpy((_rows(a) * _rows(b)).sum(axis=1))


def row_stds(x: Tensor) -> Tensor:
    """The standard deviation of each row, over one less than its length: (B, ...) -> float64 (B,)."""
    return torch.from_numpy(_rows(x).std(axis=1, ddof=1))


def row_means(x: Tensor) -> Tensor:
    """The mean of each row: (B, ...) -> float64 (B,)."""
    return torch.from_numpy(_rows(x).mean(axis=1))


def gram(a: Tensor, b: Tensor) -> np.ndarray:
    """The inner products of the rows of a (m, D) with those of b (n, D): float64 (m, n)."""
    return np.einsum("id,jd->ij", _rows(a), _rows(b))  # its own loops, not a library's product of matrices


def dot(a: Tensor, b: Tensor) -> float:
    """The inner product of two vectors (D,)."""
    return float(row_dots(a[None], b[None]))


def mean(x: Tensor) -> float:
    """The mean of a vector (D,)."""
    return float(row_means(x[None]))


def row_by_row(product: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """What `product` makes of each row of x (B, ...), one at a time."""
    return torch.stack([product(row.clone()) for row in x])


def along_axes(x: Tensor, matrices: Sequence[Tensor]) -> Tensor:
    """A matrix along each axis but the first: (B, C, H, W) by (C', C), (H', H), (W', W)."""
    c, h, w = matrices
    return row_by_row(lambda row: (c @ (h @ (row @ w.mT)).flatten(1)).unflatten(1, (len(h), len(w))), x)


def _rows(x: Tensor) -> np.ndarray:
    """(B, ...) as float64 (B, D) on the CPU."""
    return x.detach().cpu().double().flatten(1).contiguous().numpy()
