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

Box = tuple[slice, slice]
Squared = Callable[[Tensor, Box], Tensor]

LONGEST = 512  # of sides that are transformed by a matrix
LAST = 8  # steps that must have added little: a few can do so before others add more
STEPS = 400  # for half a picture of SD, 64 x 64, 24 are needed at similarity .5, 60 at .7, 130 at .9
TOLERANCE = 2e-3  # RMS of what the last eight steps add to noise of RMS 1: an error of 2e-4 at most


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
    if not strength or not bool(precision.any()):
        return white.to(x0)
    w = fitted.analyze(pictures) * fitted.eigenvalues(white).rsqrt()
    starts = torch.stack([w, fitted.unrotate(white)], 1)  # (B, 2, D)
    squared = _squared(fitted, passing, gain is None)
    rows = [
        _added(fitted, squared, passing, *row, strength, tolerance)
        for row in zip(starts, precision, strict=True)
    ]
    return (white + torch.cat(rows)).to(x0)


def _added(
    fitted: Whitener,
    squared: Squared,
    gain: Tensor,
    starts: Tensor,
    precision: Tensor,
    strength: float,
    tolerance: float,
) -> Tensor:
    """Return s G w + F n - n of one row, (1, C, H, W), from the white coordinates (2, D) of w and n."""
    whole = gain.new_zeros(1, *fitted.shape)
    if not bool(precision.any()):
        return whole
    basis, box = fitted._system(gain).basis, _box(precision)
    weight = precision[box]

    def both(v: Tensor) -> Tensor:  # X X^T, which is zero outside of the box
        return weight * squared(weight * v, box)

    def picture(y: Tensor) -> Tensor:
        return strength / (1 + y)

    def fresh(y: Tensor) -> Tensor:  # (f - 1) / y without the cancellation at y = 0
        rho = strength * y / (1 + y)
        return -strength * rho / ((1 + y) * (1 + (1 - rho.square()).clamp_min(0).sqrt()))

    seen = weight * fitted._expand(gain * starts, basis)[(..., *box)]  # X w, X n
    least = tolerance * starts.shape[1] ** 0.5
    whole[(..., *box)] = weight * _lanczos(both, seen, (picture, fresh), least).sum(0, keepdim=True)
    return fitted.rotate(gain * fitted._project(whole, basis))


def _box(precision: Tensor) -> Box:
    """Return the rows and the columns that hold all of a mask."""
    rows, columns = (slice(int(at.min()), int(at.max()) + 1) for at in precision.nonzero().unbind(1))
    return rows, columns


def _squared(fitted: Whitener, gain: Tensor, own: bool) -> Squared:
    """Return W W^T = Q g^2 Q^T as a function of what is in a box, zero elsewhere: of cosines one product for
    each frequency, not two, between transforms by matrices. `own` says that it is the covariance.
    """
    basis, power = fitted._system(gain).basis, gain.square()
    if not isinstance(fitted, Cosine) or max(fitted.shape[1:]) > LONGEST:

        def padded(v: Tensor, box: Box) -> Tensor:
            whole = v.new_zeros(len(v), *fitted.shape)
            whole[(..., *box)] = v
            return fitted._expand(power * fitted._project(whole, basis), basis)[(..., *box)]

        return padded
    blocks = _transposed(fitted, gain, own)
    down, across = (cosines.matrix(side, gain) for side in fitted.shape[1:])

    def apply(v: Tensor, box: Box) -> Tensor:
        rows, columns = down[:, box[0]], across[:, box[1]]
        plane = (v @ columns.T).mT.contiguous() @ rows.T  # (B, C, W, H)
        plane = product(blocks, plane.flatten(2)).view_as(plane)
        return (plane @ rows).mT.contiguous() @ columns

    return apply


def _transposed(fitted: Cosine, gain: Tensor, own: bool) -> Tensor:
    """Return Q g^2 Q^T of each cosine: (C, C, W * H)."""
    if own:
        blocks = fitted.blocks[0].to(gain)
    else:
        [(_, q)] = fitted._parts
        q = q.to(gain)  # (H * W, C, C)
        blocks = (q * gain.square().view(fitted.shape[0], -1).T[:, None]) @ q.mT
        blocks = blocks.unflatten(0, fitted.shape[1:])
    return blocks.permute(2, 3, 1, 0).flatten(2)


def _lanczos(
    apply: Callable[[Tensor], Tensor],
    v: Tensor,
    functions: Sequence[Callable[[Tensor], Tensor]],
    least: float,
) -> Tensor:
    """Return f(M) of each of the vectors v (2, ...), for M = X X^T that `apply` applies, until the last steps
    add less than `least` to X^T f(M) v.

    Without reorthogonalization, which functions of a matrix can do without (Musco, Musco, Sidford 2018).
    """
    norms = _norms(v)
    basis = [v / norms]
    diagonal: list[Tensor] = []
    beside: list[Tensor] = []
    last, left = torch.zeros_like(v), torch.zeros_like(norms)
    for step in range(1, STEPS):
        new = apply(basis[-1]).addcmul_(left, last, value=-1)
        along = (new * basis[-1]).sum((1, 2, 3), keepdim=True)
        new, last = new.addcmul_(along, basis[-1], value=-1), basis[-1]
        diagonal.append(along.flatten().cpu().double())
        if step % 4 == 0:
            shares = torch.stack([_of_tridiagonal(diagonal, beside, f, k) for k, f in enumerate(functions)])
            lengths = torch.stack(diagonal, 1).clamp_min(0).sqrt()  # of X^T of each step's vector
            added = (norms.flatten().cpu().double()[:, None] * shares * lengths)[:, -LAST:]
            if bool((added.norm(dim=1) <= least).all()):
                weights = (norms.flatten() * shares.T.to(v))[..., None, None, None]  # (steps, 2, 1, 1, 1)
                return sum((share * q for share, q in zip(weights, basis, strict=True)), torch.zeros_like(v))
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
