"""Figures of a set of latents, which a single latent does not have.

    top-20    mean of the 20 largest |Pearson r|, over the samples, among the C x 8 x 8 values of each patch;
              of white noise, r^2 of N samples ~ Beta(1/2, (N - 2) / 2) (Fisher 1915)
    angles    at picture, noise and latent of the triangle the three points make; the most probable triple
    assignment    how often the nearest in l2 is the right partner, both ways
    error     sum |E_inversion - E_sampling| over smooth pixels / sum |E_inversion|, per step

Source: Staniszewski et al. (2024), Tables 2, 3, 6, 8, appendices B, D, E. Sets are (N, C, H, W) on any
device, the same order in each; figures are float64 on the CPU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy
import torch
from torch import Tensor

from .. import checks
from .whiteness import cosine, on_cpu, rows_of


class TopCorrelation(NamedTuple):
    """`mean` and `std` of the strongest correlations in patches of `count` samples; `null`: white noise's."""

    mean: float
    std: float
    null: float
    count: int  # type: ignore[assignment]  # instead of tuple.count


class Assignment(NamedTuple):
    """Accuracies from a to b and back, their spread over the chunks, and `chance`, 1 / chunk size."""

    forth: float
    forth_std: float
    back: float
    back_std: float
    chance: float


@dataclass(frozen=True, eq=False)
class InversionError:
    """Per step in the order given (T,), of smooth pixels (`plain`) and the rest; `area`: the smooth share."""

    plain: Tensor
    other: Tensor
    area: float

    def first_share(self, share: float = 0.1) -> tuple[float, float]:
        """Return the share of the whole error that the first `share` of the steps makes: plain, other."""
        first = max(1, round(share * len(self.plain)))
        plain, other = (float(e[:first].sum() / e.sum()) for e in (self.plain, self.other))
        return plain, other


def top_correlation(x: Tensor, patch: int = 8, top: int = 20) -> TopCorrelation:
    """Return the strongest correlations in patches of x (N, C, H, W), beside white noise's, which depend on N
    (.79 for 16, .04 for 8192). Patches at the edges are smaller. Raise ValueError below 4 samples.
    """
    checks.finite(x, "the set", 4)
    checks.whole(patch, "patch", 1)
    checks.whole(top, "top", 1)
    found, nulls = [], []
    for rows in x.split(patch, dim=2):
        for piece in rows.split(patch, dim=3):
            flat = on_cpu(piece.flatten(1))  # (N, d)
            nulls.append(null_correlation(len(flat), flat.shape[1], top))
            std, mean = torch.std_mean(flat, dim=0)
            flat = (flat - mean) / (std + 1e-5)  # as published: a pixel that never varies has r = 0
            r = (flat.T @ flat / (len(flat) - 1)).abs().triu(1).flatten()
            found.append(r.topk(min(top, flat.shape[1] * (flat.shape[1] - 1) // 2)).values)
    r = torch.cat(found)
    return TopCorrelation(float(r.mean()), float(r.std(correction=0)), sum(nulls) / len(nulls), len(x))


def null_correlation(count: int, size: int, top: int = 20) -> float:
    """Return the expected mean of the `top` largest |r| among the pairs of `size` independent columns of
    `count` samples: the k-th of P pairs at the quantile 1 - (k - 1/2) / P. Raise ValueError below 4 samples.
    """
    pairs = size * (size - 1) // 2
    if count < 4 or pairs < 1:
        raise ValueError(f"got {count} samples of {size} values; correlations need 4 samples of 2")
    tail = (np.arange(min(top, pairs)) + 0.5) / pairs
    return float(np.sqrt(scipy.stats.beta.isf(tail, 0.5, (count - 2) / 2)).mean())


def triangle_angles(picture: Tensor, noise: Tensor, latent: Tensor) -> Tensor:
    """Return the degrees at picture, noise and latent (N, ...) of each triangle (N, 3), on the CPU."""
    for t in (picture, noise, latent):
        checks.finite(t, "a corner of the triangles")
        if t.ndim < 2:
            raise ValueError(f"got a set of shape {tuple(t.shape)}; expected samples in rows (N, ...)")
    corners = [on_cpu(t.flatten(1)) for t in (picture, noise, latent)]
    if len({t.shape for t in corners}) > 1:
        raise ValueError(f"got sets of {[tuple(t.shape) for t in corners]}; expected three equal shapes")
    angles = []
    for k, corner in enumerate(corners):
        sides = (corners[(k + j) % 3] - corner for j in (1, 2))
        angles.append(torch.rad2deg(cosine(*sides).acos()))
    return torch.stack(angles, 1)


def most_probable_triangle(angles: Tensor) -> tuple[int, int, int]:
    """Return the whole degrees that sum to 180 and maximize the product of the histograms of angles (N, 3).

    Bins are centered on whole degrees; published code cuts at them, which lowers the sum by a degree on
    average. An empty bin counts as a thousandth of a sample.
    """
    checks.finite(angles, "the angles", 2)
    if angles.shape[1] != 3:
        raise ValueError(f"got angles of shape {tuple(angles.shape)}; expected (N, 3)")
    nearest = on_cpu(angles).round().long().clamp(1, 178)
    counts = torch.stack([torch.bincount(column, minlength=180) for column in nearest.T]).double()
    log = counts.clamp_min(1e-3).log()  # (3, 180)
    a, b = torch.meshgrid(torch.arange(180), torch.arange(180), indexing="ij")
    c = 180 - a - b
    fits = (a > 0) & (b > 0) & (c > 0)
    score = log[0, a] + log[1, b] + log[2, c.clamp(0, 179)]
    best = int(score.masked_fill(~fits, -math.inf).argmax())
    return int(a.flatten()[best]), int(b.flatten()[best]), int(c.flatten()[best])


def assignment(a: Tensor, b: Tensor, chunks: int = 8) -> Assignment:
    """Return how often the nearest of b to a[i] is b[i], and the reverse, within each of `chunks` equal parts
    of the sets (N, ...). Raise ValueError for sets that cannot be divided so.
    """
    checks.finite(a, "the first set")
    checks.finite(b, "the second set")
    checks.whole(chunks, "chunks")
    if not a.ndim or a.shape != b.shape or not 1 <= chunks <= len(a):
        raise ValueError(
            f"got sets of {tuple(a.shape)} and {tuple(b.shape)} in {chunks} chunks; expected equal "
            "shapes and at least one sample a chunk"
        )
    size = len(a) // chunks
    flat = [on_cpu(t[: size * chunks].flatten(1)) for t in (a, b)]
    right = torch.arange(size)
    accuracies = []
    for left, candidates in zip(*(t.split(size) for t in flat), strict=True):
        squares = [t.square().sum(1) for t in (left, candidates)]
        distance = squares[0][:, None] + squares[1] - 2 * left @ candidates.T  # (size, size)
        accuracies.append([(distance.argmin(dim) == right).double().mean() for dim in (1, 0)])
    forth, back = torch.tensor(accuracies).double().T
    spread = [float(t.std(unbiased=False)) for t in (forth, back)]
    return Assignment(float(forth.mean()), spread[0], float(back.mean()), spread[1], 1 / size)


def inversion_error(found: Tensor, truth: Tensor, plain: Tensor) -> InversionError:
    """Return how far the noise predictions of an inversion, `found`, are from sampling's, `truth`: both (T,
    N, C, H, W); on the CPU.

    `plain` (N or 1, H, W) comes from `smooth_mask`. Both sums are over all samples, as in Eq. 15 and 16, so
    they grow with the areas: divide by `area` and 1 - `area` to compare them per pixel.
    """
    checks.finite(found, "the predictions of the inversion")
    checks.finite(truth, "the predictions of sampling")
    if not isinstance(plain, Tensor) or plain.is_complex() or plain.ndim != 3:
        raise TypeError(f"got {checks.kind(plain)} for the smooth areas; expected a mask (N, H, W)")
    if found.shape != truth.shape or found.ndim != 5:
        raise ValueError(
            f"got predictions of {tuple(found.shape)} and {tuple(truth.shape)}; expected two of "
            "(T, N, C, H, W)"
        )
    mask = rows_of(on_cpu(plain), found.shape[1])[:, None]  # (N, 1, H, W)
    sums = []
    for ours, true in zip(found, truth, strict=True):  # one step at a time: trajectories are large
        ours, true = (on_cpu(t) for t in (ours, true))
        error, norm = (ours - true).abs(), ours.abs().sum()
        sums.append([(error * m).sum() / norm for m in (mask, 1 - mask)])
    plain_sums, other_sums = torch.tensor(sums, dtype=torch.float64).T
    return InversionError(plain_sums, other_sums, float(mask.mean()))
