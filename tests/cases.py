"""What the tests share: covariances of each structure built by brute force, pictures that have exactly those,
and the textbook's dense matrices. Nothing here calls the library but `fitted`.
"""

from __future__ import annotations

from functools import cache

import torch

from img2noise import fit, measure
from img2noise.whitening import Cosine, Dense, Kronecker, Stationary

SHAPES = ((4, 6, 8), (3, 5, 7), (2, 7, 4))  # C, H, W: sides even, odd and mixed
CLASSES = (Cosine, Stationary, Kronecker, Dense)
METHODS_OF = {c.structure: c.methods for c in CLASSES}
CASES = [(structure, method) for structure, methods in METHODS_OF.items() for method in methods]
STRUCTURES = tuple(METHODS_OF)


def normal(*shape, seed=0):
    """N(0, I) in float64, a function of shape and seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def definite(size, seed=0):
    """A covariance with no structure, of condition about 100."""
    a = normal(size, size, seed=seed)
    return a @ a.T / size + 0.05 * torch.eye(size, dtype=torch.float64)


def circulant(kernel):
    """The matrix of a periodic convolution, entry by entry: kernel (C, C, H, W) -> (C H W, C H W)."""
    channels, _, height, width = kernel.shape
    rows, columns = torch.arange(height), torch.arange(width)
    dy = (rows[:, None] - rows) % height  # (H, H')
    dx = (columns[:, None] - columns) % width  # (W, W')
    m = kernel[:, :, dy[:, :, None, None], dx]  # (C, C', H, H', W, W')
    return m.permute(0, 2, 4, 1, 3, 5).reshape(channels * height * width, -1)


def cosine_basis(channels, height, width):
    """The matrix (D, D) of the orthonormal DCT-II of each channel, term by term."""

    def one(n):
        k = torch.arange(n, dtype=torch.float64)
        c = torch.cos(torch.pi * k[:, None] * (2 * k + 1) / (2 * n)) * (2 / n) ** 0.5
        c[0] /= 2**0.5
        return c

    return torch.kron(torch.kron(torch.eye(channels, dtype=torch.float64), one(height)), one(width))


@cache
def sigma_of(structure, shape):
    """A covariance (D, D) that has the structure."""
    channels, height, width = shape
    size = channels * height * width
    if structure == "dense":
        return definite(size, seed=1)
    if structure == "kronecker":
        a, b, c = (definite(n, seed=n) for n in shape)
        return torch.kron(torch.kron(a, b), c)
    if structure == "cosine":
        blocks = torch.stack([definite(channels, seed=k) for k in range(height * width)])  # (H * W, C, C)
        diagonal = torch.diag_embed(blocks.permute(1, 2, 0)).transpose(1, 2).reshape(size, size)
        basis = cosine_basis(*shape)
        return basis.T @ diagonal @ basis
    t = circulant(normal(channels, channels, height, width, seed=2))
    return t @ t.T / size + 0.1 * torch.eye(size, dtype=torch.float64)


@cache
def mean_of(structure, shape):
    """A mean (C, H, W); what fits every size has one per channel."""
    mean = normal(*shape, seed=3) / 2
    gridded = structure in ("cosine", "stationary")
    return mean.mean((1, 2), keepdim=True).expand(shape) if gridded else mean


def variance_of(structure, shape):
    """The variances (D,) that -cor methods divide by: of cosine a channel's mean over its pixels."""
    variance = sigma_of(structure, shape).diagonal()
    pixels = variance.view(shape[0], -1)
    return pixels.mean(1, keepdim=True).expand_as(pixels).flatten() if structure == "cosine" else variance


def pictures_of(sigma, mean):
    """2 D pictures whose mean is exactly `mean` and whose covariance (divided by 2 D) is exactly `sigma`."""
    x = (power(sigma, 0.5) * len(sigma) ** 0.5).view(-1, *mean.shape)
    return torch.cat([mean + x, mean - x])


@cache
def fitted(structure, method, shape, shrinkage=0.0):
    """The library's whitener of `sigma_of` and `mean_of`."""
    x = pictures_of(sigma_of(structure, shape), mean_of(structure, shape))
    return fit(measure(x, structure), method, shrinkage)


def power(sigma, exponent):
    """sigma^exponent, for a symmetric positive definite matrix."""
    lam, u = torch.linalg.eigh(sigma)
    return u * lam**exponent @ u.T


def textbook(sigma, method, variance=None):
    """W of Kessy, Lewin and Strimmer (2018) in dense matrices."""
    if method == "cholesky":
        return torch.linalg.cholesky(torch.linalg.inv(sigma)).T
    spread = (sigma.diagonal() if variance is None else variance).sqrt()
    core = sigma / spread[:, None] / spread if method.endswith("-cor") else sigma
    if method.startswith("zca"):
        w = power(core, -0.5)
    else:
        lam, u = torch.linalg.eigh(core)
        u = u.flip(1)
        sign = torch.ones_like(lam).copysign(u.diagonal())  # a diagonal of 0 leaves the row
        w = (u * sign / lam.flip(0).sqrt()).T  # descending, diag(U) positive
    return w / spread if method.endswith("-cor") else w


def matrix(function, shape):
    """The matrix (D, D) of an affine map of pictures, column by column, and where it takes zero (D,)."""
    size = shape[0] * shape[1] * shape[2]
    origin = function(torch.zeros(1, *shape, dtype=torch.float64)).flatten()
    columns = function(torch.eye(size, dtype=torch.float64).view(-1, *shape)).flatten(1)
    return (columns - origin).T, origin


def close(a, b, tolerance):
    """Whether two tensors of one shape differ nowhere by more than `tolerance`."""
    return a.shape == b.shape and float((a - b).abs().max()) <= tolerance
