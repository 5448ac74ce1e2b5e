"""Noise that keeps a picture under a mask: correlated noise whose temperature is a map.

    z = s G w + F n,   G = A (I + A)^-1,   F = (I - s^2 G^2)^1/2
    A = X^T X,   X = diag(m / tau) W,   W W^T = S

Temperature is observation noise (G is a Wiener gain), so it may vary over a picture: m is 1 where the picture
is kept, 0 where it is not, tau^2 = T mean(lam) / 2. s^2 G^2 + F^2 = I, so z is exactly N(0, I) for every mask
with a picture that whitens to N(0, I). f(A) v = f(0) v + X^T g(X X^T) X v, g(y) = (f(y) - f(0)) / y, by
Lanczos (Golub, Van Loan 10.1): one filter a step for each of w and n. For a sampler of gain g, g^2 takes the
place of lam.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .. import checks
from ..whitening import cosines
from ..whitening.structures import Cosine, product
from ..whitening.whitener import Whitener
from . import sums
from .correlated import correlated_noise, temperature_for
from .draw import Seed, draw, rows_for
from .gains import Gain, gain_at

LONGEST = 512  # of sides that are transformed by a matrix
STEPS = 400  # at 64 x 64, 30 are needed at similarity .5, 60 at .7, 90 at .9
TOLERANCE = 1e-3  # of the last steps' shares in the result: an error of 1e-4 at similarity .7, 2e-3 at .9


def kept_noise(
    x0: Tensor,
    whitener: Whitener,
    mask: Tensor,
    *,
    similarity: float | None = None,
    temperature: float = 5.0,
    strength: float = 1.0,
    seed: Seed,
    indices: Sequence[int] | None = None,
    gain: Gain | None = None,
    white: Tensor | None = None,
    tolerance: float = TOLERANCE,
) -> Tensor:
    """Return correlated noise for pictures x0 (B, C, H, W) where `mask` (H, W) or (B, H, W) is 1, fresh noise
    where it is 0, in x0's dtype and on its device.

    An even mask gives `correlated_noise` itself, an empty one the draw bit for bit. Each row is computed by
    itself: 20 to 60 filters at temperature 5, more at lower ones. `gain` is the sampler's; `white` takes the
    draw's place. Raises ValueError for masks outside [0, 1], a temperature of 0, and as `correlated_noise`
    does.
    """
    checks.instance(whitener, "the whitener", Whitener)
    fitted = whitener.at_size_of(x0)
    pictures = rows_for(x0, seed)
    masks = _masks(mask, pictures)
    white = (draw(pictures.shape, seed, indices) if white is None else white).to(fitted.center(pictures))
    passing = gain_at(fitted, white, gain)
    power = fitted.eigenvalues(white) if gain is None else passing.square()
    heat = temperature if similarity is None else temperature_for(power, similarity)
    if bool((masks == 1).all()):
        return correlated_noise(
            x0, whitener, temperature=heat, strength=strength, seed=seed, gain=gain, white=white
        )
    checks.number(heat, "temperature of a mask", 1e-6, float("inf"))
    precision = masks.to(white) * (2 / (heat * sums.mean(power))) ** 0.5  # m / tau, (B, H, W)
    w = fitted.whiten(pictures).to(white)
    rows = [_row(fitted, passing, *row, strength, tolerance) for row in zip(w, white, precision, strict=True)]
    return torch.stack(rows).to(x0)


def _row(
    fitted: Whitener,
    gain: Tensor,
    w: Tensor,
    n: Tensor,
    precision: Tensor,
    strength: float,
    tolerance: float,
) -> Tensor:
    """Return s G w + F n of one row (C, H, W)."""
    if not strength or not bool(precision.any()):
        return n
    basis, squared = fitted._system(n).basis, _squared(fitted, gain)

    def both(v: Tensor) -> Tensor:  # X X^T
        return precision * squared(precision * v)

    def picture(y: Tensor) -> Tensor:
        return strength / (1 + y)

    def fresh(y: Tensor) -> Tensor:  # (f - 1) / y without the cancellation at y = 0
        rho = strength * y / (1 + y)
        return -strength * rho / ((1 + y) * (1 + (1 - rho.square()).clamp_min(0).sqrt()))

    starts = precision * fitted._expand(gain * fitted.unrotate(torch.stack([w, n])), basis)  # X w, X n
    solved = precision * _lanczos(both, starts, (picture, fresh), tolerance).sum(0, keepdim=True)
    return n + fitted.rotate(gain * fitted._project(solved, basis))[0]


def _squared(fitted: Whitener, gain: Tensor) -> Callable[[Tensor], Tensor]:
    """Return W W^T = Q g^2 Q^T as a function: of cosines one product for each frequency, not two, between
    transforms by matrices.
    """
    basis, power = fitted._system(gain).basis, gain.square()
    if not isinstance(fitted, Cosine) or max(fitted.shape[1:]) > LONGEST:
        return lambda v: fitted._expand(power * fitted._project(v, basis), basis)
    assert basis[0] is not None  # of pca's rotation alone
    q = basis[0].permute(2, 0, 1)  # (H * W, C, C)
    blocks = (q * power.view(fitted.shape[0], -1).T[:, None]) @ q.mT
    blocks = blocks.permute(1, 2, 0).contiguous()  # (C, C, H * W)
    down, across = (cosines.matrix(side, gain) for side in fitted.shape[1:])

    def apply(v: Tensor) -> Tensor:
        plane = product(blocks, (down @ v @ across.T).flatten(2))
        return down.T @ plane.unflatten(2, fitted.shape[1:]) @ across

    return apply


def _lanczos(
    apply: Callable[[Tensor], Tensor],
    v: Tensor,
    functions: Sequence[Callable[[Tensor], Tensor]],
    tolerance: float,
) -> Tensor:
    """Return f(M) of each of the vectors v (2, ...), for a positive semi-definite M that `apply` applies.

    Without reorthogonalization, which functions of a matrix can do without (Musco, Musco, Sidford 2018).
    """
    norms = _norms(v)
    basis = [v / norms]
    diagonal: list[Tensor] = []
    beside: list[Tensor] = []
    last, left = torch.zeros_like(v), torch.zeros_like(norms)
    for step in range(1, STEPS):
        new = apply(basis[-1]) - left * last
        along = (new * basis[-1]).sum((1, 2, 3), keepdim=True)
        new, last = new - along * basis[-1], basis[-1]
        diagonal.append(along.flatten().cpu().double())
        if step % 4 == 0:
            shares = torch.stack([_of_tridiagonal(diagonal, beside, f, k) for k, f in enumerate(functions)])
            if bool((shares[:, -4:].abs().amax(1) <= tolerance * shares.abs().amax(1)).all()):
                weights = shares.to(v)[..., None, None, None]  # (2, steps, 1, 1, 1)
                return norms * sum((weights[:, k] * q for k, q in enumerate(basis)), torch.zeros_like(v))
        left = _norms(new)
        beside.append(left.flatten().cpu().double())
        basis.append(new / left)
    raise ValueError(
        f"got a mask that takes more than {STEPS} filters; expected a similarity further from 1, or a "
        "higher temperature"
    )


def _norms(v: Tensor) -> Tensor:
    return v.square().sum((1, 2, 3), keepdim=True).sqrt().clamp_min(torch.finfo(v.dtype).tiny)


def _of_tridiagonal(
    diagonal: list[Tensor], beside: list[Tensor], function: Callable[[Tensor], Tensor], row: int
) -> Tensor:
    """Return f(T) e_1 of one row's tridiagonal matrix T, float64."""
    t = torch.diag(torch.stack(diagonal)[:, row])
    if beside:
        off = torch.stack(beside)[:, row]
        t = t + torch.diag(off, 1) + torch.diag(off, -1)
    lam, u = torch.linalg.eigh(t)
    return u @ (function(lam.clamp_min(0)) * u[0])


def _masks(mask: Tensor, pictures: Tensor) -> Tensor:
    """Return the mask (B, H, W)."""
    checks.finite(mask, "the mask")
    masks = mask if mask.ndim == 3 else mask[None]
    sides = (len(pictures), *pictures.shape[-2:])
    if masks.ndim != 3 or masks.shape[1:] != sides[1:] or len(masks) not in (1, sides[0]):
        raise ValueError(f"got a mask of shape {tuple(mask.shape)}; expected (B, {sides[1]}, {sides[2]})")
    if float(masks.min()) < 0 or float(masks.max()) > 1:
        raise ValueError("got a mask with values outside [0, 1]; expected 1 to keep and 0 to let go")
    return masks.expand(*sides)
