"""Whitening: an orthonormal basis, its eigenvalues, and a rotation that the method chooses.

    Sigma = Q diag(lam) Q^H,   z = W (x - mean),   W = R diag(lam)^-1/2 Q^H,   W Sigma W^T = I

R = Q is ZCA, R = I is PCA; ZCA-cor, PCA-cor and Cholesky are other orthonormal R (Kessy, Lewin, Strimmer
2018, Table 1; Cholesky is W = L^T with Sigma^-1 = L L^T). White noise is white in every orthonormal basis, so
algorithms work on coordinates q = diag(lam)^-1/2 Q^H (x - mean) and meet the method only in z = R q. Tensors
(B, C, H, W), coordinates (B, D), real. Decompositions are made in float64 on the CPU; x is worked on in
float32 (float64 where x is) and on x's device.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from .. import checks
from .moments import DENSE_LIMIT

METHODS = ("zca", "zca-cor", "pca", "pca-cor", "cholesky")


Basis = tuple[Tensor | None, ...]  # factors of an orthonormal matrix; None is the identity


class System(NamedTuple):
    """One size's eigenvalues (D,), mean (broadcasts over x), eigenbasis Q and rotation R, as the structure
    stores them.
    """

    lam: Tensor
    mean: Tensor
    basis: Basis
    rotation: Basis


@dataclass(frozen=True, eq=False)
class Whitener(ABC):
    """A fitted covariance in `blocks`, its `mean`, and the `method` that whitens with it, for pictures of
    `shape` (C, H, W).

    `space` names what the numbers are (see `SPACES`), `count` how many samples were measured, `shrinkage`
    what `fit` was asked for.
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
                f"got method {self.method!r}, which a {self.structure} covariance cannot carry; "
                f"choose one of {', '.join(self.methods)}"
            )
        side = max(block.shape[-1] for block in self.blocks)
        if side > DENSE_LIMIT:
            raise ValueError(
                f"got a covariance of {side} x {side}, whose eigenvectors take minutes; expected at most "
                f"{DENSE_LIMIT} a side: measure patches or smaller pictures, or use a stationary structure"
            )

    # What a structure owes: its blocks, its system, and the way from pictures to coordinates in a basis.

    def _sigmas(self) -> tuple[Tensor, ...]:
        """The covariance as batches of Hermitian blocks (..., n, n) to decompose, float64 on the CPU."""
        return self.blocks

    @abstractmethod
    def _decompose(self) -> System:
        """The system at this size, assembled from `_parts`."""

    @abstractmethod
    def _project(self, x: Tensor, basis: Basis) -> Tensor:
        """basis^H x: (B, C, H, W) -> (B, D)."""

    @abstractmethod
    def _expand(self, u: Tensor, basis: Basis) -> Tensor:
        """basis u: (B, D) -> (B, C, H, W)."""

    def at_size(self, height: int, width: int) -> Whitener:
        """The same whitening for pictures of another size. Raises ValueError where the structure is bound to
        its own.
        """
        if (height, width) != self.shape[1:]:
            raise ValueError(
                f"got pictures of {height} x {width} for a {self.structure} whitener of {self.shape[1]} x "
                f"{self.shape[2]} alone; fit one at your size, or use a stationary one"
            )
        return self

    def at_size_of(self, x: Tensor) -> Whitener:
        """The same whitening at the size of x (B, C, H, W)."""
        checks.tensor(x, "a picture or noise", 4)
        return self.at_size(*x.shape[-2:])

    def whiten(self, x: Tensor, strength: float = 1.0) -> Tensor:
        """R diag(lam)^(-strength/2) Q^H (x - mean): noise, of unit covariance at strength 1; in x's dtype,
        size and device.
        """
        checks.number(strength, "strength")
        fitted = self.at_size_of(x)
        u = fitted.analyze(x)
        return fitted.rotate(u * fitted.eigenvalues(u) ** (-strength / 2)).to(x.dtype)

    def dewhiten(self, z: Tensor, strength: float = 1.0) -> Tensor:
        """mean + Q diag(lam)^(strength/2) R^H z: the picture that z whitens to, the exact inverse of
        `whiten`.
        """
        checks.number(strength, "strength")
        fitted = self.at_size_of(z)
        checks.finite(z, "the noise")
        q = fitted.unrotate(z)
        return fitted.synthesize(q * fitted.eigenvalues(q) ** (strength / 2)).to(z.dtype)

    def eigenvalues(self, like: Tensor) -> Tensor:
        """lam (D,), in working precision on `like`'s device; their mean is tr(Sigma) / D."""
        return self._system(like).lam

    def analyze(self, x: Tensor) -> Tensor:
        """Q^H (x - mean): pictures (B, C, H, W) of this size -> real coordinates (B, D) of variance lam."""
        if not bool(torch.isfinite(x).all()):
            raise ValueError("got a picture or latent that holds NaN or infinity; expected finite numbers")
        return self._project(self.center(x), self._system(x).basis)

    def center(self, x: Tensor) -> Tensor:
        """x - mean, in working precision."""
        system = self._system(self._checked(x))
        return x.to(system.lam.dtype) - system.mean

    def synthesize(self, u: Tensor) -> Tensor:
        """mean + Q u: the exact inverse of `analyze`."""
        system = self._system(u)
        return self._expand(u, system.basis) + system.mean

    def rotate(self, q: Tensor) -> Tensor:
        """R q: white coordinates (B, D) -> noise (B, C, H, W) as this method lays it out."""
        return self._expand(q, self._system(q).rotation)

    def unrotate(self, z: Tensor) -> Tensor:
        """R^H z: the exact inverse of `rotate`."""
        system = self._system(self._checked(z))
        return self._project(z.to(system.lam.dtype), system.rotation)

    @cached_property
    def _parts(self) -> list[tuple[Tensor, Tensor]]:
        """Eigenvalues and eigenvectors of each of `_sigmas`."""
        return [eigensystem(sigma) for sigma in self._sigmas()]

    @cached_property
    def _exact(self) -> System:
        return self._decompose()

    @cached_property
    def _casts(self) -> dict:
        return {}

    @cached_property
    def _copies(self) -> dict:
        return {}  # of Q and R; one for both where R is Q, and one for every size where sizes share them

    def _system(self, like: Tensor) -> System:
        """The system in `like`'s working precision and on its device; each is converted once."""
        dtype = torch.float64 if like.dtype in (torch.float64, torch.complex128) else torch.float32
        key = (dtype, like.device)
        if key not in self._casts:
            lam, mean, *bases = self._exact
            lam, mean = lam.to(like.device, dtype), mean.to(like.device, dtype)
            self._casts[key] = System(lam, mean, *(tuple(self._copy(t, *key) for t in b) for b in bases))
        return self._casts[key]

    def _copy(self, t: Tensor | None, dtype: torch.dtype, device: torch.device) -> Tensor | None:
        """Return t, of `_exact`, which keeps it alive under its id, in that precision on that device."""
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
    """Eigenvalues (..., n), descending, and eigenvectors (..., n, n) of Hermitian blocks, each vector's own
    entry made positive.

    The last fixes the sign or phase that an eigenvector leaves open (Kessy et al. 2018, section 2), so a fit
    repeats exactly.
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
    """(1 - g) Sigma + g tr(Sigma) / n I per block: eigenvalues move towards their mean, the basis stays
    (Ledoit, Wolf 2004).
    """
    checks.number(shrinkage, "shrinkage", 0, 1)
    level = sigma.diagonal(dim1=-2, dim2=-1).mean(-1)
    return (1 - shrinkage) * sigma + shrinkage * level[..., None, None] * torch.eye(
        sigma.shape[-1], dtype=sigma.dtype
    )


def with_method(whitener: Whitener, method: str) -> Whitener:
    """The same covariance under another method."""
    return replace(whitener, method=method)
