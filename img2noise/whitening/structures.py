"""The four structures of a covariance, each a `Whitener`, and `fit`, which makes one from moments.

    Dense        Sigma, D x D, of whole pictures or of p x q patches that tile them
    Kronecker    Sigma = A (x) B (x) C over channels, rows, columns, each the mean covariance of its fibers
    Cosine       Sigma(f), C x C per cosine: edges mirror the picture, fits every size
    Stationary   Sigma(f), C x C per frequency: block-circulant, edges meet the opposite ones, fits every size

Covariances divide by N (maximum likelihood). Kronecker factors: the moment estimator of Dutilleul's (1999)
matrix-normal model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import cached_property

import torch
from einops import rearrange
from torch import Tensor

from .. import checks
from . import cosines
from .frequencies import HalfPlane, resample
from .moments import GRIDDED, Moments
from .whitener import METHODS, Basis, System, Whitener, rotation, shrink

EXTREME = 1e36  # of eigenvalues: float32 ends at 3e38, and at 1e-38


class Dense(Whitener):
    """One D x D covariance of blocks C x p x q, the shape of `mean`: whole pictures, or patches of them."""

    structure = "dense"

    def _resize(self, height: int, width: int) -> Dense:
        p, q = self.mean.shape[-2:]
        if height % p or width % q:
            raise ValueError(
                f"got pictures of {height} x {width} for a dense whitener of {p} x {q}; expected multiples"
            )
        resized = replace(self, shape=(self.shape[0], height, width))
        shared = "_parts", "_turn", "_copies"  # of a patch, so of every size
        resized.__dict__.update({name: getattr(self, name) for name in shared})
        return resized

    @cached_property
    def _turn(self) -> Tensor | None:
        [(lam, q)] = self._parts
        return rotation(self.blocks[0], lam, q, self.method)

    def _decompose(self) -> System:
        [(lam, q)] = self._parts
        tiles = self.shape[1] // self.mean.shape[1], self.shape[2] // self.mean.shape[2]
        return System(lam.repeat(tiles[0] * tiles[1]), self.mean.tile(1, *tiles), (q,), (self._turn,))

    def _project(self, x: Tensor, basis: Basis) -> Tensor:
        p, q = self.mean.shape[-2:]
        patches = rearrange(x, "b c (h p) (w q) -> b (h w) (c p q)", p=p, q=q)
        return (patches if basis[0] is None else patches @ basis[0]).flatten(1)  # (B, D)

    def _expand(self, u: Tensor, basis: Basis) -> Tensor:
        channels, p, q = self.mean.shape
        patches = u.unflatten(1, (-1, channels * p * q))  # (B, tiles, C * p * q)
        patches = patches if basis[0] is None else patches @ basis[0].T
        return rearrange(
            patches, "b (h w) (c p q) -> b c (h p) (w q)", c=channels, p=p, q=q, h=self.shape[1] // p
        )


class Kronecker(Whitener):
    """Three factors, for channels, rows and columns, each whitened by the method."""

    structure = "kronecker"

    def _decompose(self) -> System:
        lam = torch.einsum("c,h,w->chw", *(lam for lam, _ in self._parts)).flatten()
        turns = (rotation(b, *part, self.method) for b, part in zip(self.blocks, self._parts, strict=True))
        return System(lam, self.mean, tuple(q for _, q in self._parts), tuple(turns))

    def _project(self, x: Tensor, basis: Basis) -> Tensor:
        return _along_axes(x, [None if q is None else q.mT for q in basis]).flatten(1)

    def _expand(self, u: Tensor, basis: Basis) -> Tensor:
        return _along_axes(u.unflatten(1, self.shape), basis)


class Cosine(Whitener):
    """A real C x C block per cosine of an H x W plane, interpolated for any other size.

    ZCA and ZCA-cor are filters that mirror the picture at its edges; PCA and PCA-cor give the coordinates
    per frequency. V of the -cor methods is the variance of a channel, mean over its pixels, which at the
    edges is not each pixel's own. No Cholesky: its triangular factor is not diagonal in this basis.
    """

    structure = "cosine"
    methods = METHODS[:-1]

    def _resize(self, height: int, width: int) -> Cosine:
        spectrum = cosines.resample(self.blocks[0], (height, width))
        return replace(self, blocks=(spectrum,), shape=(self.shape[0], height, width))

    def periodic(self) -> Stationary:
        """Return the same spectrum as a whitener whose opposite edges meet, for seamless tiles."""
        _, height, width = self.shape
        ky, kx = (torch.arange(n) for n in (height, width // 2 + 1))
        rows = (2 * torch.minimum(ky, height - ky)).clamp_max(height - 1)  # k / H is 2 k / 2H
        spectrum = self.blocks[0][rows][:, (2 * kx).clamp_max(width - 1)]
        spectrum = torch.complex(spectrum, torch.zeros_like(spectrum))  # (H, W // 2 + 1, C, C)
        return Stationary((spectrum,), *_fields(self))

    def _sigmas(self) -> tuple[Tensor, ...]:
        return (self.blocks[0].flatten(0, 1),)  # (H * W, C, C)

    def _decompose(self) -> System:
        [sigma], [(lam, q)] = self._sigmas(), self._parts
        variance = sigma.diagonal(dim1=1, dim2=2).mean(0)  # (C,), mean over pixels
        turn = rotation(sigma, lam, q, self.method, variance)
        basis = _by_channel(q)
        turned = basis if self.method == "zca" else None if turn is None else _by_channel(turn)
        return System(lam.T.flatten(), self.mean[:, None, None], (basis,), (turned,))

    def _project(self, x: Tensor, basis: Basis) -> Tensor:
        return product(basis[0], cosines.dct(x).flatten(2), adjoint=True).flatten(1)

    def _expand(self, u: Tensor, basis: Basis) -> Tensor:
        plane = product(basis[0], u.unflatten(1, (self.shape[0], -1)))
        return cosines.idct(plane.unflatten(2, self.shape[1:]))

    def rotate(self, q: Tensor) -> Tensor:
        if self.method.startswith("zca"):
            return super().rotate(q)
        noise = product(self._system(q).rotation[0], q.unflatten(1, (self.shape[0], -1)))
        return noise.view(-1, *self.shape)

    def unrotate(self, z: Tensor) -> Tensor:
        if self.method.startswith("zca"):
            return super().unrotate(z)
        system = self._system(self._checked(z))
        return product(system.rotation[0], z.to(system.lam.dtype).flatten(2), adjoint=True).flatten(1)


def _fields(whitener: Whitener) -> tuple:
    """Return what every whitener is made with, but for its blocks."""
    return tuple(getattr(whitener, field.name) for field in fields(whitener)[1:])


def _by_channel(blocks: Tensor) -> Tensor:
    """Return blocks (n, C, C) as (C, C, n), in which products run along the frequencies."""
    return blocks.permute(1, 2, 0).contiguous()


def product(blocks: Tensor | None, x: Tensor, adjoint: bool = False) -> Tensor:
    """Return a block (C, C, n) per frequency, applied to x (B, C, n), each row by itself."""
    if blocks is None:
        return x
    blocks = blocks.transpose(0, 1) if adjoint else blocks
    out = blocks[:, 0] * x[:, :1]
    for channel in range(1, x.shape[1]):
        out.addcmul_(blocks[:, channel], x[:, channel, None])
    return out


class Stationary(Whitener):
    """A C x C block per frequency of an H x (W // 2 + 1) half plane, interpolated for any other size.

    ZCA and ZCA-cor are filters; PCA and PCA-cor give the coordinates per frequency, in the order of
    `HalfPlane.pack`. No Cholesky: the triangular factor of a block-circulant matrix is not block-circulant.
    """

    structure = "stationary"
    methods = METHODS[:-1]

    def _resize(self, height: int, width: int) -> Stationary:
        spectrum = resample(self.blocks[0], self.shape[2], (height, width))
        return replace(self, blocks=(spectrum,), shape=(self.shape[0], height, width))

    @cached_property
    def _plane(self) -> HalfPlane:
        return HalfPlane(*self.shape[1:])

    def _sigmas(self) -> tuple[Tensor, ...]:
        sigma = self.blocks[0].flatten(0, 1)[self._plane.bins]  # (n, C, C)
        pairs = self._plane.complex_count
        # Bins with f = -f are real; decomposed as such their vectors are real too, which `pack` relies on.
        return sigma[:pairs], sigma[pairs:].real

    def _decompose(self) -> System:
        sigmas = self._sigmas()
        per_bin = self._spread(s.diagonal(dim1=1, dim2=2).real for s in sigmas)
        variance = per_bin.unflatten(0, (-1, self.shape[0])).mean(0)  # (C,), of every pixel
        q = _joined([q for _, q in self._parts])
        if self.method in ("zca", "pca"):
            r = q if self.method == "zca" else None
        else:
            parts = zip(sigmas, self._parts, strict=True)
            turns = [rotation(s, lam, q, self.method, variance) for s, (lam, q) in parts]
            r = _joined([turn for turn in turns if turn is not None])  # of pca alone it is the identity
        return System(self._spread(lam for lam, _ in self._parts), self.mean[:, None, None], (q,), (r,))

    def _spread(self, parts) -> Tensor:
        return self._plane.spread(torch.cat(list(parts)))

    def _project(self, x: Tensor, basis: Basis) -> Tensor:
        [q] = basis
        assert q is not None  # of pca alone, whose `rotate` does without
        return self._plane.pack(_mix(q.mH, self._plane.transform(x)))

    def _expand(self, u: Tensor, basis: Basis) -> Tensor:
        [q] = basis
        assert q is not None
        return self._plane.inverse(_mix(q, self._plane.unpack(u)))

    def rotate(self, q: Tensor) -> Tensor:
        if self.method.startswith("zca"):
            return super().rotate(q)
        [turn] = self._system(q).rotation
        noise = q if turn is None else self._plane.pack(_mix(turn, self._plane.unpack(q)))
        return noise.view(-1, *self.shape)

    def unrotate(self, z: Tensor) -> Tensor:
        if self.method.startswith("zca"):
            return super().unrotate(z)
        lam, _, _, [turn] = self._system(self._checked(z))
        q = z.to(lam.dtype).flatten(1)
        return q if turn is None else self._plane.pack(_mix(turn.mH, self._plane.unpack(q)))


def _joined(parts: list[Tensor]) -> Tensor:
    """Return the blocks of complex bins and of real ones in one tensor, (n, C, C)."""
    pairs, real = parts
    return torch.cat([pairs, real.to(pairs)])


def _mix(blocks: Tensor, bins: Tensor) -> Tensor:
    """Return one C x C block per bin, applied: (n, C, C), (B, n, C) -> (B, n, C)."""
    return (blocks * bins[..., None, :]).sum(-1)


def _along_axes(x: Tensor, matrices: Sequence[Tensor | None]) -> Tensor:
    """Return x (B, C, H, W) times a matrix along each axis but the first, (C, C), (H, H) and (W, W)."""
    c, h, w = matrices
    if w is not None:
        x = x @ w.mT
    if h is not None:
        x = h @ x
    return x if c is None else (c @ x.flatten(2)).unflatten(2, x.shape[2:])


def fit(moments: Moments, method: str = "zca", shrinkage: float = 0.0) -> Whitener:
    """Return the whitener of these moments, on the CPU; `shrinkage` pulls the eigenvalues of each block to
    their mean.

    Raises ValueError for a method that the structure does not have, for shrinkage outside [0, 1], and for a
    singular covariance, with the number of samples or the shrinkage that would do.
    """
    checks.instance(moments, "the moments", Moments)
    blocks, mean = covariance(moments)
    if not all(bool(torch.isfinite(t).all()) for t in (*blocks, mean)):
        raise ValueError("got moments whose covariance is beyond float64; measure pictures in model space")
    blocks = tuple(shrink(b, shrinkage) for b in blocks)
    structure = CLASSES[moments.structure]
    whitener = structure(blocks, mean, moments.shape, method, moments.space, moments.count, shrinkage)
    _refuse_singular([lam for lam, _ in whitener._parts], moments)
    refuse_extreme(whitener)
    return whitener


def refuse_extreme(whitener: Whitener) -> None:
    """Raise ValueError where whitening in float32 would overflow."""
    ends = [(float(lam.min()), float(lam.max())) for lam, _ in whitener._parts if lam.numel()]
    if isinstance(whitener, Kronecker):  # whose eigenvalues are products
        ends = [tuple(math.prod(end) for end in zip(*ends, strict=True))]
    if any(low < 1 / EXTREME or high > EXTREME for low, high in ends):
        raise ValueError(
            f"eigenvalues from {min(ends)[0]:.3g} to {max(high for _, high in ends):.3g} are beyond float32; "
            "measure pictures in model space"
        )


def covariance(moments: Moments) -> tuple[tuple[Tensor, ...], Tensor]:
    """Return the covariance in its structure's blocks, and the mean (C, H, W), or (C,) for stationary."""
    mean = moments.total / moments.count
    products = [p / moments.count for p in moments.products]
    if moments.structure == "dense":
        flat = mean.flatten()
        return (_centered(products[0], flat[:, None] * flat),), mean
    if moments.structure in GRIDDED:
        spectrum = products[0].clone()
        of_mean = mean[:, None] * mean * (moments.shape[1] * moments.shape[2])
        spectrum[0, 0] = _centered(spectrum[0, 0], of_mean)
        return (spectrum,), mean
    ways = "c h w -> c (h w)", "c h w -> h (c w)", "c h w -> w (c h)"
    unfolded = [rearrange(mean, way) for way in ways]
    factors = [_centered(p, m @ m.T) / m.shape[1] for p, m in zip(products, unfolded, strict=True)]
    variance = factors[0].diagonal().mean().clamp_min(1e-300)  # of x: each factor holds it once
    return (factors[0], factors[1] / variance, factors[2] / variance), mean


def _centered(products: Tensor, of_mean: Tensor) -> Tensor:
    """Return products - of_mean, exactly zero where only rounding is left."""
    left = products - of_mean
    power = products.diagonal().real.max()
    return left if bool(left.diagonal().real.max() > 1e-12 * power) else torch.zeros_like(left)


def _refuse_singular(parts: list[Tensor], moments: Moments) -> None:
    tiny = 10 * torch.finfo(torch.float64).eps  # eigenvalues come (..., n), descending
    if all(bool((lam[..., -1] > tiny * lam.shape[-1] * lam[..., 0]).all()) for lam in parts):
        return
    needed = max(_count_needed(moments, lam.shape[-1]) for lam in parts)
    powerless = any(bool((lam[..., 0] <= 0).any()) for lam in parts)
    if moments.count < needed:
        cure = f"measure at least {needed}" + ("" if powerless else ", or pass shrinkage=0.01")
    elif powerless:
        cure = "a frequency or factor never varies, which no shrinkage helps: add photos that differ"
    else:
        cure = "channels or pixels combine exactly (gray photos do): add others, or pass shrinkage=0.01"
    shape = " x ".join(map(str, moments.shape))
    raise ValueError(f"the covariance of {moments.count} samples of {shape} is singular; {cure}")


def _count_needed(moments: Moments, size: int) -> int:
    """Return how many samples fill a block of `size`: one more; a factor has many fibers per sample."""
    if moments.structure != "kronecker":
        return size + 1
    return -(-(size + 1) // (math.prod(moments.shape) // size)) + 1


CLASSES = {c.structure: c for c in (Cosine, Dense, Kronecker, Stationary)}
