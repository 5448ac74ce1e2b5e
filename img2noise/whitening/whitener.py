"""Whitening: an orthonormal basis, its eigenvalues, and a rotation, which is the method.

    Sigma = Q diag(lam) Q^H,   z = W (x - mean),   W = R diag(lam)^-1/2 Q^H,   W Sigma W^T = I

R = Q is ZCA, R = I is PCA; ZCA-cor, PCA-cor and Cholesky are other orthonormal R (Kessy, Lewin, Strimmer
2018, Table 1; Cholesky is W = L^T with Sigma^-1 = L L^T). White noise is white in every orthonormal basis, so
algorithms work on coordinates q = diag(lam)^-1/2 Q^H (x - mean) and meet the method only in z = R q. Tensors
(B, C, H, W), coordinates (B, D), real. Decompositions are float64 on the CPU; the rest is float32 (float64
where x is) on x's device.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, TypeVar

import torch
from torch import Tensor

from .. import checks
from .moments import DENSE_LIMIT

METHODS = ("zca", "zca-cor", "pca", "pca-cor", "cholesky")

T = TypeVar("T")
Basis = tuple[Tensor | None, ...]  # factors of an orthonormal matrix; None is the identity


class System(NamedTuple):
    """Eigenvalues (D,), mean (broadcasts over x), eigenbasis Q and rotation R at one size."""

    lam: Tensor
    mean: Tensor
    basis: Basis
    rotation: Basis


@dataclass(frozen=True, eq=False)
class Whitener(ABC):
    """A covariance in `blocks`, its `mean` and a whitening `method`, for pictures of `shape` (C, H, W).

    `space` names what the numbers are (see `SPACES`), `count` the number of samples, `shrinkage` that of
    `fit`.
    """

    blocks: tuple[Tensor, ...] = field(repr=False)
    mean: Tensor = field(repr=False)
    shape: tuple[int, int, int]
    method: str = "zca"
    space: str = ""
    count: int = 0
    shrinkage: float = 0.0
    structure: ClassVar[str]
    methods: ClassVar[tuple[str, ...]] = METHODS

    def __post_init__(self):
        if self.method not in self.methods:
            raise ValueError(
                f"got method {self.method!r} for a {self.structure} covariance; choose one of "
                f"{', '.join(self.methods)}"
            )
        side = max(block.shape[-1] for block in self.blocks)
        if side > DENSE_LIMIT:
            raise ValueError(
                f"got a covariance of {side} x {side}, whose eigenvectors take minutes; expected at most "
                f"{DENSE_LIMIT} a side: measure patches or smaller pictures, or use a stationary structure"
            )

    # A structure defines the next five.

    def _sigmas(self) -> tuple[Tensor, ...]:
        """Return the covariance as batches of Hermitian blocks (..., n, n), float64 on the CPU."""
        return self.blocks

    @abstractmethod
    def _decompose(self) -> System:
        """Return the system at this size, from `_parts`."""

    @abstractmethod
    def _project(self, x: Tensor, basis: Basis) -> Tensor:
        """Return basis^H x: (B, C, H, W) -> (B, D)."""

    @abstractmethod
    def _expand(self, u: Tensor, basis: Basis) -> Tensor:
        """Return basis u: (B, D) -> (B, C, H, W)."""

    def _resize(self, height: int, width: int) -> Whitener:
        raise ValueError(
            f"got pictures of {height} x {width} for a {self.structure} whitener of {self.shape[1]} x "
            f"{self.shape[2]}; fit one at your size, or use a stationary one"
        )

    def at_size(self, height: int, width: int) -> Whitener:
        """Return the same whitening for another size. Raises ValueError where the structure has one size.

        The last size is kept: decomposing costs more than applying.
        """
        if (height, width) == self.shape[1:]:
            return self
        if self._resized is None or self._resized.shape[1:] != (height, width):
            self.__dict__["_resized"] = self._resize(height, width)
        return self._resized

    def at_size_of(self, x: Tensor) -> Whitener:
        """Return the same whitening at the size of x (B, C, H, W)."""
        checks.tensor(x, "a picture or noise", 4)
        return self.at_size(*x.shape[-2:])

    def whiten(self, x: Tensor, strength: float = 1.0) -> Tensor:
        """Return R diag(lam)^(-strength/2) Q^H (x - mean): noise, of unit covariance at strength 1."""
        checks.number(strength, "strength")
        fitted = self.at_size_of(x)
        u = fitted.analyze(x)
        return fitted.rotate(u * fitted.eigenvalues(u) ** (-strength / 2)).to(x.dtype)

    def dewhiten(self, z: Tensor, strength: float = 1.0) -> Tensor:
        """Return mean + Q diag(lam)^(strength/2) R^H z, the exact inverse of `whiten`."""
        checks.number(strength, "strength")
        fitted = self.at_size_of(z)
        checks.finite(z, "the noise")
        q = fitted.unrotate(z)
        return fitted.synthesize(q * fitted.eigenvalues(q) ** (strength / 2)).to(z.dtype)

    def eigenvalues(self, like: Tensor) -> Tensor:
        """Return lam (D,), in working precision on `like`'s device; their mean is tr(Sigma) / D."""
        return self._system(like).lam

    def analyze(self, x: Tensor) -> Tensor:
        """Return Q^H (x - mean): (B, C, H, W) of this size -> real coordinates (B, D) of variance lam."""
        checks.finite(x, "a picture or latent")
        return self.coordinates(x)

    def log_likelihood(self, x: Tensor) -> Tensor:
        """Return log N(x; mean, Sigma) of pictures (B, C, H, W) at their size, (B,) in nats per dimension."""
        fitted = self.at_size_of(x)
        u = fitted.analyze(x)  # (B, D)
        lam = fitted.eigenvalues(u)
        return -(lam.log() + u.square() / lam + math.log(2 * math.pi)).mean(1) / 2

    def coordinates(self, x: Tensor, a: float | Tensor = 1.0) -> Tensor:
        """Return Q^H (x - a mean), `analyze(x)` at a = 1, without a look for NaN, which on a GPU is a
        read-back.
        """
        return self._project(self.center(x, a), self._system(x).basis)

    def center(self, x: Tensor, a: float | Tensor = 1.0) -> Tensor:
        """Return x - a mean, in working precision; a is a number or (B, 1, 1, 1)."""
        system = self._system(self._checked(x))
        return x.to(system.lam.dtype) - a * system.mean

    def synthesize(self, u: Tensor, a: float | Tensor = 1.0) -> Tensor:
        """Return a mean + Q u, the exact inverse of `coordinates`, and of `analyze` at a = 1."""
        system = self._system(u)
        return self._expand(u, system.basis) + a * system.mean

    def rotate(self, q: Tensor) -> Tensor:
        """Return R q: white coordinates (B, D) -> noise (B, C, H, W)."""
        return self._expand(q, self._system(q).rotation)

    def unrotate(self, z: Tensor) -> Tensor:
        """Return R^H z, the exact inverse of `rotate`."""
        system = self._system(self._checked(z))
        return self._project(z.to(system.lam.dtype), system.rotation)

    @cached_property
    def _parts(self) -> list[tuple[Tensor, Tensor]]:
        """The eigenvalues and eigenvectors of each of `_sigmas`."""
        return [eigensystem(sigma) for sigma in self._sigmas()]

    @cached_property
    def _exact(self) -> System:
        return self._decompose()

    @cached_property
    def _casts(self) -> dict:
        return {}

    @cached_property
    def _copies(self) -> dict:
        return {}  # of Q and R: one where R is Q, and one for all sizes that share them

    @cached_property
    def _resized(self) -> Any:
        return None

    @cached_property
    def _last(self) -> dict:
        return {}  # of what is remembered: the key and the result, by name

    def remembered(self, name: str, key: Hashable, work: Callable[[], T]) -> T:
        """Return work(), which depends on this whitener and on `key` alone; the last of each name is kept."""
        last = self._last.get(name)
        if last is None or last[0] != key:
            last = self._last[name] = key, work()  # replaced whole: threads may share a whitener
        return last[1]

    def _system(self, like: Tensor) -> System:
        """Return the system in `like`'s working precision on its device; each is converted once."""
        dtype = torch.float64 if like.dtype in (torch.float64, torch.complex128) else torch.float32
        key = (dtype, like.device)
        if key not in self._casts:
            lam, mean, *bases = self._exact
            lam, mean = lam.to(like.device, dtype), mean.to(like.device, dtype)
            self._casts[key] = System(lam, mean, *(tuple(self._copy(t, *key) for t in b) for b in bases))
        return self._casts[key]

    def _copy(self, t: Tensor | None, dtype: torch.dtype, device: torch.device) -> Tensor | None:
        """Return t in that precision on that device; `_exact` keeps it alive under its id."""
        if t is None:
            return None
        key = id(t), dtype, device
        if key not in self._copies:
            self._copies[key] = t.to(device, dtype.to_complex() if t.is_complex() else dtype)
        return self._copies[key]

    def _checked(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or tuple(x.shape[1:]) != self.shape:
            expected = ", ".join(map(str, self.shape))
            raise ValueError(f"got a tensor of shape {tuple(x.shape)}; this whitener takes (B, {expected})")
        return x


def eigensystem(sigma: Tensor) -> tuple[Tensor, Tensor]:
    """Return eigenvalues (..., n), descending, and eigenvectors (..., n, n) of Hermitian blocks.

    The diagonal of the eigenvectors is made positive, which fixes their sign or phase (Kessy et al. 2018,
    section 2), so a fit repeats exactly.
    """
    lam, q = torch.linalg.eigh(sigma)
    lam, q = lam.flip(-1), q.flip(-1)
    own = q.diagonal(dim1=-2, dim2=-1)
    size = own.abs()
    phase = torch.where(size > 1e-12, own.conj() / size.clamp_min(1e-300), torch.ones_like(own))
    return lam, q * phase[..., None, :]


def rotation(
    sigma: Tensor, lam: Tensor, q: Tensor, method: str, variance: Tensor | None = None
) -> Tensor | None:
    """Return R = W Q diag(lam)^1/2 of a method for Hermitian blocks (..., n, n), None for the identity;
    `variance` is diag(Sigma) where blocks do not hold it.
    """
    if method == "zca":
        return q
    if method == "pca":
        return None
    if method == "cholesky":
        # Sigma = U U^T with U upper triangular is the Cholesky factor read backwards; then W = U^-1 = L^T.
        upper = torch.linalg.cholesky(sigma.flip(-1, -2)).flip(-1, -2)
        return torch.linalg.solve_triangular(upper, q * lam.sqrt()[..., None, :], upper=True)
    variance = sigma.diagonal(dim1=-2, dim2=-1).real if variance is None else variance
    to_unit = variance.rsqrt()
    theta, g = eigensystem(sigma * to_unit[..., :, None] * to_unit[..., None, :])
    pca_cor = theta.rsqrt()[..., None] * (g.mH * to_unit[..., None, :])
    w = pca_cor if method == "pca-cor" else g @ pca_cor
    return w @ (q * lam.sqrt()[..., None, :])


def shrink(sigma: Tensor, shrinkage: float) -> Tensor:
    """Return (1 - g) Sigma + g tr(Sigma) / n I per block (Ledoit, Wolf 2004)."""
    checks.number(shrinkage, "shrinkage", 0, 1)
    level = sigma.diagonal(dim1=-2, dim2=-1).mean(-1)
    identity = torch.eye(sigma.shape[-1], dtype=sigma.dtype)
    return (1 - shrinkage) * sigma + shrinkage * level[..., None, None] * identity


def with_method(whitener: Whitener, method: str) -> Whitener:
    """Return the same covariance under another method."""
    return replace(whitener, method=method)
