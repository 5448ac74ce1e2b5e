"""The linear map that best turns pictures into the noise found for them, and its distance from whitenings.

    W = Z^T X (X^T X + eta I)^-1 = Z^T (X X^T + eta I)^-1 X,   W(f) = S_zx(f) (S_xx(f) + eta I)^-1
    MSE = ||X W^T - Z||_F^2 / (N D),   R^2 = 1 - MSE / Var(Z),   Var(Z) = ||Z - mean||_F^2 / (N D)

Rows are samples, centered; the first form is for N >= D, the second for fewer, the last for maps that commute
with shifts. Source: the first-step paper, Eq. 9 and Table 1; ridge and frequencies are additions. X, Z are
(N, C, H, W) on any device; dense maps work on C x p x p patches, D = C p^2. Maps are float64 on the CPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor

from .. import checks
from ..whitening.moments import DENSE_LIMIT, measure
from ..whitening.structures import fit
from ..whitening.whitener import METHODS, Whitener, with_method
from .whiteness import on_cpu

RIDGE = 1e-3  # of the mean eigenvalue of X^T X
Pair = tuple[Tensor, Tensor]  # pictures and noises


class Score(NamedTuple):
    """Mean squared error, and the explained share of the variance, negative if worse than the mean."""

    mse: float
    r2: float


class Distance(NamedTuple):
    """||W - W_Diff|| in the 2-norm (largest singular value) and the Frobenius norm."""

    two: float
    frobenius: float


class Comparison(NamedTuple):
    """A map beside W_Diff: its fit on held-out data, unscaled and times the best scalar of the training data;
    its distance, unscaled and times `scale`, the best scalar in the Frobenius norm.
    """

    name: str
    fit: Score
    scaled_fit: Score
    distance: Distance
    scaled_distance: Distance
    scale: float


@dataclass(frozen=True, eq=False)
class LinearMap:
    """z = W (x - x_mean) + z_mean of flat samples (N, D), on the CPU."""

    matrix: Tensor
    x_mean: Tensor
    z_mean: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Return the prediction for x (N, D), float64 on the CPU."""
        return (on_cpu(x) - self.x_mean) @ self.matrix.T + self.z_mean


@dataclass(frozen=True, eq=False)
class FrequencyMap:
    """Z(f) = W(f) X(f) of centered pictures, on the CPU: `blocks` (H, W // 2 + 1, C, C), means (C, 1, 1)."""

    blocks: Tensor
    x_mean: Tensor
    z_mean: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Return the prediction for x (N, C, H, W), float64 on the CPU."""
        spectrum = torch.fft.rfft2(on_cpu(x) - self.x_mean, norm="ortho")
        mapped = torch.einsum("hwij,njhw->nihw", self.blocks, spectrum)
        return torch.fft.irfft2(mapped, s=x.shape[-2:], norm="ortho") + self.z_mean


def least_squares(x: Tensor, z: Tensor, ridge: float = RIDGE, dual: bool | None = None) -> LinearMap:
    """Return W of flat samples x, z (N, D), with eta = ridge tr(X^T X) / D, on the CPU.

    Solve with D x D matrices, or N x N ones if `dual`, by default whichever is smaller; both give the same W.
    Raise ValueError if ridge is 0 and samples are too few to determine W.
    """
    _check_pair(x, z, 2, ridge)
    x, z = (on_cpu(t) for t in (x, z))
    x_mean, z_mean = x.mean(0), z.mean(0)
    x, z = x - x_mean, z - z_mean
    count, size = x.shape
    if ridge <= 0 and count <= size:
        raise ValueError(
            f"got {count} samples for {size} unknowns a row without ridge; use a ridge such as {RIDGE}, or "
            f"more than {size} samples"
        )
    eta = ridge * x.square().sum() / size
    if count < size if dual is None else dual:
        gram = x @ x.T + eta * torch.eye(count, dtype=x.dtype)
        return LinearMap(z.T @ torch.linalg.solve(gram, x), x_mean, z_mean)
    gram = x.T @ x + eta * torch.eye(size, dtype=x.dtype)
    return LinearMap(torch.linalg.solve(gram, x.T @ z).T, x_mean, z_mean)


def least_squares_per_frequency(x: Tensor, z: Tensor, ridge: float = RIDGE) -> FrequencyMap:
    """Return W(f) of pictures x, z (N, C, H, W), the best map that commutes with shifts, on the CPU.

    eta = ridge tr S_xx(f) / C; C samples are enough.
    """
    _check_pair(x, z, 4, ridge)
    x, z = (on_cpu(t) for t in (x, z))
    means = [t.mean((0, 2, 3))[:, None, None] for t in (x, z)]
    fx, fz = (
        torch.fft.rfft2(t - m, norm="ortho").permute(2, 3, 1, 0) for t, m in zip((x, z), means, strict=True)
    )  # (H, half, C, N)
    s_xx, s_zx = fx @ fx.mH, fz @ fx.mH
    channels = s_xx.shape[-1]
    level = s_xx.diagonal(dim1=-2, dim2=-1).real.mean(-1)[..., None, None]
    s_xx = s_xx + (ridge * level).clamp_min(1e-300) * torch.eye(channels, dtype=s_xx.dtype)
    return FrequencyMap(torch.linalg.solve(s_xx, s_zx, left=False), *means)


def score(predicted: Tensor, z: Tensor) -> Score:
    """Return the fit of a prediction to z, both (N, ...); the variance of z is about its own mean over N."""
    predicted, z = (on_cpu(t).flatten(1) for t in (predicted, z))
    mse = float((predicted - z).square().mean())
    variance = float((z - z.mean(0)).square().mean())
    return Score(mse, 1 - mse / variance if variance > 0 else float("nan"))


def distance(w: Tensor, target: Tensor) -> Distance:
    """Return the distance between two matrices."""
    difference = on_cpu(w) - on_cpu(target)
    return Distance(
        float(torch.linalg.matrix_norm(difference, 2)), float(torch.linalg.matrix_norm(difference))
    )


def best_scale(w: Tensor, target: Tensor) -> float:
    """Return s that minimizes ||s w - target||_F."""
    w, target = (on_cpu(t) for t in (w, target))
    return float((w * target).sum() / w.square().sum())


def whitening_matrix(whitener: Whitener) -> Tensor:
    """Return W (D, D) of a whitener, a column per value of a picture or patch."""
    mean = whitener.mean.double()
    size = mean.numel()
    return whitener.whiten(torch.eye(size, dtype=torch.float64).view(-1, *mean.shape) + mean).flatten(1).T


def compare_whitenings(
    x: Tensor, z: Tensor, *, patch: int = 8, shrinkage: float = 0.0, ridge: float = RIDGE
) -> list[Comparison]:
    """Return W_Diff, W_Diff per frequency and the five whitenings, as maps from pictures x to noises z (N, C,
    H, W).

    Every fifth sample is held out (the last of fewer); whitenings and W_Diff are fitted to C x `patch` x
    `patch` patches of the others; `patch` must divide the sides. Distances are NaN for the map per frequency,
    which has no such matrix. Raise ValueError for sets that differ or are too small, and for a singular
    covariance.
    """
    _check(x, z, patch)
    checks.number(ridge, "ridge", 0)
    checks.number(shrinkage, "shrinkage", 0, 1)
    held_out = torch.arange(len(x)) % 5 == 4 if len(x) >= 5 else torch.arange(len(x)) == len(x) - 1
    x, z = (on_cpu(t) for t in (x, z))
    train, test = ((x[rows], z[rows]) for rows in (~held_out, held_out))
    flat, flat_test = ((_cut(a, patch), _cut(b, patch)) for a, b in (train, test))
    diff = least_squares(*flat, ridge)
    found = [_compared("diff", diff, diff.matrix, flat, flat_test)]
    whitener = fit(measure(train[0], "dense", patch=patch), "zca", shrinkage)
    for method in METHODS:
        matrix = whitening_matrix(with_method(whitener, method))
        linear = LinearMap(matrix, diff.x_mean, diff.z_mean)
        found.append(_compared(method, linear, diff.matrix, flat, flat_test))
    spectral = least_squares_per_frequency(*train, ridge)
    unknown = Distance(float("nan"), float("nan"))
    fits = score(spectral(test[0]), test[1])
    return [found[0], Comparison("diff per frequency", fits, fits, unknown, unknown, 1.0), *found[1:]]


def _compared(name: str, linear: LinearMap, target: Tensor, train: Pair, test: Pair) -> Comparison:
    predicted = linear(train[0]) - linear.z_mean
    scalar = best_scale(predicted, train[1] - linear.z_mean)
    scaled = LinearMap(scalar * linear.matrix, linear.x_mean, linear.z_mean)
    fit_plain, fit_scaled = (score(m(test[0]), test[1]) for m in (linear, scaled))
    scale = best_scale(linear.matrix, target)
    far, far_scaled = (distance(s * linear.matrix, target) for s in (1.0, scale))
    return Comparison(name, fit_plain, fit_scaled, far, far_scaled, scale)


def _cut(x: Tensor, patch: int) -> Tensor:
    return rearrange(x, "n c (h p) (w q) -> (n h w) (c p q)", p=patch, q=patch)


def _check_pair(x: Tensor, z: Tensor, dims: int, ridge: float) -> None:
    checks.finite(x, "the pictures", dims)
    checks.finite(z, "the noises", dims)
    checks.number(ridge, "ridge", 0)
    if len(x) != len(z) or x.shape[2:] != z.shape[2:]:
        raise ValueError(
            f"got pictures of {tuple(x.shape)} and noises of {tuple(z.shape)}; expected a noise for each"
        )


def _check(x: Tensor, z: Tensor, patch: int) -> None:
    checks.tensor(x, "the pictures")
    checks.tensor(z, "the noises")
    checks.whole(patch, "patch")
    if x.shape != z.shape or x.ndim != 4 or len(x) < 3:
        raise ValueError(
            f"got pictures of {tuple(x.shape)} and noises of {tuple(z.shape)}; expected two equal batches "
            "(N, C, H, W) of at least 3, a noise for each picture in the same order"
        )
    sides, size = x.shape[-2:], x.shape[1] * patch**2
    if patch < 1 or any(n % patch for n in sides) or size > DENSE_LIMIT:
        raise ValueError(
            f"got patches of {patch} for pictures of {sides[0]} x {sides[1]}; expected a divisor of both, of "
            f"at most {DENSE_LIMIT} values a patch"
        )
