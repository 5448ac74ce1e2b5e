"""One noise or latent, inspected: all its figures in one place.

Normality is D'Agostino and Pearson's K^2 of all values, whose null is known in closed form. The other figures
are those of `diagnostics`. Shapes (B, C, H, W) on any device, one figure per sample, float64 on the CPU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from .. import checks
from .nulls import normality
from .plain import TAU, smooth_mask
from .whiteness import (
    Similarity,
    SmoothAreas,
    Values,
    autocorrelation,
    kl_divergence,
    radial_spectrum,
    similarity,
    smooth_areas,
    values,
)

BINS = torch.linspace(-4, 4, 65, dtype=torch.float64)  # of histograms
SMALLEST = 8  # pixels a side: fewer have no lags and rings to speak of


@dataclass(frozen=True, eq=False)
class Inspection:
    """What `inspect` finds of B samples of `shape` (C, H, W).

    `whole` (B,), `channels` (B, C) and `between` channels (B, C, C); autocorrelation `across` and `down` by
    lag from 1 (B, L); `spectrum` (B, K) at `frequencies` (K,), of `ring_sizes` (K,) values each; `kl` and
    `normality`, a probability (B,); `histogram` (B, 64), shares between `BINS`; `areas` and `photo` where a
    picture was given.
    """

    shape: tuple[int, int, int]
    whole: Values
    channels: Values
    between: Tensor
    across: Tensor
    down: Tensor
    frequencies: Tensor
    ring_sizes: Tensor
    spectrum: Tensor
    kl: Tensor
    normality: Tensor
    histogram: Tensor
    areas: SmoothAreas | None = None
    photo: Similarity | None = None

    def figures(self) -> list[dict]:
        """The figures of each sample as plain numbers and lists, NaN as None."""
        rings = self.frequencies.tolist()
        return [{**self._figures(row), "frequencies": rings} for row in range(len(self.kl))]

    def _figures(self, row: int) -> dict:
        found = _row_of(self.whole, row) | dict(channels=_row_of(self.channels, row))
        plain = dict(kl=self.kl, normality=self.normality, spectrum=self.spectrum, between=self.between)
        found |= {name: _number(t[row]) for name, t in plain.items()}
        found["autocorrelation"] = dict(across=_number(self.across[row]), down=_number(self.down[row]))
        if self.areas is not None:
            found["areas"] = _row_of(self.areas, row)
        if self.photo is not None:
            found["photo"] = _row_of(self.photo, row)
        return found


def inspect(
    z: Tensor, picture: Tensor | None = None, *, x0: Tensor | None = None, tau: float = TAU
) -> Inspection:
    """Return the figures of each sample of z (B, C, H, W), on the CPU wherever z is.

    `picture` (B or 1, 3, H', W') in [-1, 1] tells plain areas from the rest; `x0` (B or 1, C, H, W) is the
    photo in z's own space, by default the picture where it has z's shape. Raises ValueError for sides below
    8, NaN, infinities, a constant sample, and pictures that do not belong.
    """
    z = _checked(z)
    checks.number(tau, "tau", 0)
    for x, name in ((picture, "the picture"), (x0, "the photo")):
        if x is not None:
            checks.finite(x, name, 4)
    whole, channels = values(z, (1, 2, 3)), values(z, (2, 3))
    if x0 is None and picture is not None and picture.shape[1:] == z.shape[1:]:
        x0 = picture
    frequencies, sizes, spectrum = radial_spectrum(z)
    across, down = autocorrelation(z)
    return Inspection(
        shape=(z.shape[1], z.shape[2], z.shape[3]),
        whole=whole,
        channels=channels,
        between=torch.stack([torch.corrcoef(row.flatten(1)).view(z.shape[1], -1) for row in z]),
        across=across,
        down=down,
        frequencies=frequencies,
        ring_sizes=sizes,
        spectrum=spectrum,
        kl=kl_divergence(whole.mean, whole.std),
        normality=normality(whole.skew, whole.kurtosis, z[0].numel()),
        histogram=torch.stack([torch.histogram(row.flatten(), BINS).hist / row.numel() for row in z]),
        areas=None if picture is None else smooth_areas(z, smooth_mask(picture, z.shape[-2:], tau)),
        photo=None if x0 is None else similarity(z, x0),
    )


def _row_of(figures: Values | SmoothAreas | Similarity, row: int) -> dict:
    return {f.name: _number(getattr(figures, f.name)[row]) for f in fields(figures)}


def _number(t: Tensor):
    found = t.tolist()
    return None if isinstance(found, float) and math.isnan(found) else found


def _checked(z: Tensor) -> Tensor:
    if not isinstance(z, Tensor) or not z.is_floating_point():
        checks.tensor(z, "the noise", 4)
    if z.ndim != 4 or not len(z) or min(z.shape[-2:]) < SMALLEST:
        raise ValueError(
            f"got a tensor of shape {tuple(z.shape)}; expected noise (B, C, H, W) of at least {SMALLEST} x "
            f"{SMALLEST} pixels"
        )
    z = z.detach().cpu().double()
    if not bool(torch.isfinite(z).all()) or bool((z.flatten(2).std(2) == 0).any()):
        raise ValueError("got NaN, infinity or a channel of one value; expected noise")
    return z
