"""Sums of each row that do not depend on the rows beside it or on the number of threads.

    <a, b>[i] = sum_d a[i, d] b[i, d],   std = sqrt(sum (x - mean)^2 / (D - 1))

torch splits a long sum into one part per thread, and splits a single row where it would keep several whole;
the last bits differ, and with them noise that is scaled by such a sum. numpy adds each row by itself in one
thread (pairwise: Higham 1993), in float64 on the CPU.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def row_dots(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of each row of a with that of b: (B, ...) -> float64 (B,)."""
    return torch.from_numpy((_rows(a) * _rows(b)).sum(axis=1))


def row_stds(x: Tensor) -> Tensor:
    """Return the standard deviation of each row, over one less than its length: (B, ...) -> float64 (B,)."""
    return torch.from_numpy(_rows(x).std(axis=1, ddof=1))


def row_means(x: Tensor) -> Tensor:
    """Return the mean of each row: (B, ...) -> float64 (B,)."""
    return torch.from_numpy(_rows(x).mean(axis=1))


def dot(a: Tensor, b: Tensor) -> float:
    """Return the inner product of two vectors (D,)."""
    return float(row_dots(a[None], b[None]))


def mean(x: Tensor) -> float:
    """Return the mean of a vector (D,)."""
    return float(row_means(x[None]))


def _rows(x: Tensor) -> np.ndarray:
    """Return x (B, ...) as float64 (B, D) on the CPU."""
    return x.detach().cpu().double().flatten(1).contiguous().numpy()
