"""What a sampler passes of its noise: the gain of each eigenvalue, in closed form, by a run, or measured.

    n -> x0:  gain_N(lam) = n0 sqrt(lam) / |u_0| prod cos(phi_k - phi_k+1)
    u = (a sqrt(lam), b),  phi = arg u

for N Euler steps of x = a x0 + b n on a Gaussian; the ODE's is sqrt(lam), whatever the steps. Any sampler
that is linear on a Gaussian (all without fresh noise) is run once on D = a lam x / (a^2 lam + b^2), every
element another lam. A network's own is H(f) = S_xz(f) S_zz(f)^-1, C x C, from noises and their pictures.
A `Gain` is g (D,) in a whitener's coordinates or a function of their eigenvalues.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from einops import rearrange
from torch import Tensor

from .. import checks
from ..whitening import cosines
from ..whitening.structures import Cosine
from ..whitening.whitener import Whitener

Gain = Tensor | Callable[[Tensor], Tensor]
Level = tuple[float, float]  # a, b
LIMIT = 2.0  # how much louder noise may get where little of it passes


def flow(t: float) -> Level:
    """Return (a, b) at time t of a flow model: x = (1 - t) x0 + t n."""
    return 1 - t, t


def euler_gain(lam: Tensor, levels: Sequence[Level], amplitude: float | None = None) -> Tensor:
    """Return the gain of Euler's (DDIM's) steps between these levels for each eigenvalue, in lam's dtype.

    `amplitude` is what unit noise is multiplied by at the first level, by default b_0; ComfyUI takes
    sqrt(1 + sigma^2) at the largest sigma of SD.
    """
    checks.finite(lam, "the eigenvalues")
    pairs = torch.tensor(list(levels), dtype=torch.float64)
    if pairs.ndim != 2 or pairs.shape[0] < 2 or pairs.shape[1] != 2:
        raise ValueError(f"got levels of shape {tuple(pairs.shape)}; expected at least two pairs (a, b)")
    root = lam.cpu().double().sqrt()
    first = float(pairs[0, 1]) if amplitude is None else amplitude
    x, y = pairs[:, :1] * root, pairs[:, 1:].expand(-1, len(root))  # u_k, (N + 1, D)
    angles = torch.atan2(y, x)
    passed = first * root / torch.hypot(x[0], y[0]) * (angles[:-1] - angles[1:]).cos().prod(0)
    return passed.to(lam)


def sampled_gain(
    sample: Callable[[Callable[[Tensor, float | Tensor], Tensor], Tensor], Tensor],
    lam: Tensor,
    level: Callable[[float], Level] = flow,
    amplitude: float = 1.0,
) -> Tensor:
    """Return the gain of any sampler that adds no noise: of one run `sample(denoise, x)`, x (1, 1, 1, D).

    `denoise(x, told)` is exact for data whose elements have these variances; `level(told)` says (a, b).
    """
    checks.finite(lam, "the eigenvalues")
    variance = lam.cpu().double()

    def denoise(x: Tensor, told: float | Tensor) -> Tensor:
        a, b = level(float(told.flatten()[0]) if isinstance(told, Tensor) else told)
        known = variance.to(x)
        return a * known * x / (a * a * known + b * b)

    start = torch.full_like(variance, amplitude).view(1, 1, 1, -1)
    return sample(denoise, start).flatten().to(lam)


def gain_at(fitted: Whitener, like: Tensor, gain: Gain | None) -> Tensor:
    """Return the gain (D,) of a whitener's coordinates in `like`'s working precision, by default the ODE's.

    Raises ValueError for a gain of another length.
    """
    lam = fitted.eigenvalues(like)
    if gain is None:
        return lam.sqrt()
    found = (gain if isinstance(gain, Tensor) else gain(lam)).to(lam)
    checks.finite(found, "the gain")
    if found.shape != lam.shape:
        raise ValueError(
            f"got a gain of shape {tuple(found.shape)} for pictures of {tuple(fitted.shape)}; expected one "
            f"number for each of {len(lam)} coordinates"
        )
    return found


def preview(z: Tensor, whitener: Whitener, gain: Gain | None = None) -> Tensor:
    """Return the picture mean + Q g q that a sampler of this gain makes of noise z = R q on a Gaussian."""
    fitted = whitener.at_size_of(z)
    q = fitted.unrotate(z)
    return fitted.synthesize(gain_at(fitted, q, gain) * q).to(z)


def compensated(z: Tensor, whitener: Whitener, gain: Gain, limit: float = LIMIT) -> Tensor:
    """Return noise raised by sqrt(lam) / g, at most `limit`, in each coordinate: what the sampler takes off.

    The picture's own noise so comes back as the picture; the result is louder than N(0, I).
    """
    fitted = whitener.at_size_of(z)
    q = fitted.unrotate(z)
    root = fitted.eigenvalues(q).sqrt()
    return fitted.rotate(q * root / clipped(gain_at(fitted, q, gain), root, limit)).to(z)


def clipped(gain: Tensor, root: Tensor, limit: float = LIMIT) -> Tensor:
    """Return the gain, at least sqrt(lam) / limit."""
    checks.number(limit, "limit", 1)
    return torch.maximum(gain, root / limit)


def passed(lam: Tensor, gain: Tensor) -> tuple[float, float]:
    """Return the shares of layout and of texture that pass: mean g / sqrt(lam), weighted by lam, and plain
    over the lower half of the eigenvalues.
    """
    share = gain.double() / lam.double().sqrt()
    lower = lam <= lam.median()
    return float((share * lam).sum() / lam.sum()), float(share[lower].mean())


@dataclass(frozen=True, eq=False)
class Transfer:
    """A measured linear map of noise to picture: `blocks` (n, C, C) and `coherence` (n,), the share of the
    picture's power that the noise decides, in bands of frequency that end at `edges` (n,) cycles per pixel.
    """

    edges: Tensor
    blocks: Tensor = field(repr=False)
    coherence: Tensor

    def gain(self, whitener: Whitener) -> Tensor:
        """Return q^T H q of each of the whitener's directions q: (D,), in the whitener's own order."""
        if not isinstance(whitener, Cosine):
            raise ValueError(f"got a {whitener.structure} whitener for a measured gain; use a cosine one")
        [(_, q)] = whitener._parts  # (H * W, C, C)
        return ((self.blocks[self._bands(whitener)] @ q) * q).sum(1).T.flatten()  # (C * H * W,)

    def coherences(self, whitener: Whitener) -> Tensor:
        """Return the coherence of each of the whitener's directions: (D,)."""
        return self.coherence[self._bands(whitener)].repeat(whitener.shape[0])

    def _bands(self, whitener: Whitener) -> Tensor:
        band = torch.bucketize(cosines.radius(*whitener.shape[1:]).flatten(), self.edges)
        return band.clamp_max(len(self.edges) - 1)


def bands_of(noises: Tensor, most: int = 16) -> int:
    """Return how many bands `measured_transfer` can tell apart in noises (K, C, H, W), `most` at most."""
    for bands in range(most, 1, -1):
        _, band = _banded(noises, bands)
        if int(torch.bincount(band, minlength=bands).min()) * len(noises) > 4 * noises.shape[1]:
            return bands
    return 1


def _banded(noises: Tensor, bands: int) -> tuple[Tensor, Tensor]:
    """Return where bands equally wide in log |f| end, and the band of each cosine (H * W,)."""
    f = cosines.radius(*noises.shape[-2:]).flatten()
    lowest = float(f[f > 0].min())
    ends = torch.linspace(0, 1, bands + 1, dtype=torch.float64)[1:]
    edges = lowest * (float(f.max()) / lowest) ** ends
    return edges, torch.bucketize(f, edges).clamp_max(bands - 1)


def measured_transfer(noises: Tensor, pictures: Tensor, bands: int = 16) -> Transfer:
    """Return the linear map from noises to the pictures made of them, both (K, C, H, W), by least squares in
    each band of frequency, equally wide in log |f|; the coherence is adjusted for its C fitted numbers.

    Raises ValueError where a band holds too few numbers: more noises, or fewer bands.
    """
    checks.finite(noises, "the noises", 4)
    checks.finite(pictures, "the pictures", 4)
    checks.whole(bands, "bands", 1)
    if noises.shape != pictures.shape:
        raise ValueError(f"got noises {tuple(noises.shape)} and pictures {tuple(pictures.shape)}")
    x = pictures.double() - pictures.double().mean(0)
    z = noises.double() - noises.double().mean(0)
    edges, band = _banded(noises, bands)
    planes = [rearrange(cosines.dct(t.cpu()), "k c h w -> (h w) k c") for t in (z, x)]
    fitted = [_regressed(*(p[band == k].flatten(0, 1) for p in planes)) for k in range(bands)]
    blocks, coherence = zip(*fitted, strict=True)
    return Transfer(edges, torch.stack(blocks), torch.tensor(coherence, dtype=torch.float64))


def _regressed(z: Tensor, x: Tensor) -> tuple[Tensor, float]:
    """Return H of x = H z (n, C), and the adjusted share of x's power that it explains."""
    count, channels = z.shape
    if count <= 2 * channels:
        raise ValueError(
            f"got {count} numbers in a band of frequency for {channels} channels; measure more noises, or "
            "in fewer bands"
        )
    h = torch.linalg.solve(z.T @ z, z.T @ x).T
    left = float((x - z @ h.T).square().sum() / x.square().sum().clamp_min(1e-300))
    return h, max(0.0, 1 - left * count / (count - channels))
