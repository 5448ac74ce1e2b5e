"""All figures of one noise or latent.

Normality is D'Agostino and Pearson's (1973) K^2 = Z(skew)^2 + Z(kurtosis)^2 ~ chi^2(2) of all values, by
scipy.stats. The other figures are those of `whiteness`. Shapes (B, C, H, W) on any device, one figure per
sample, float64 on the CPU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import scipy
import torch
from torch import Tensor

from .. import checks
from .whiteness import (
    TAU,
    Similarity,
    SmoothAreas,
    Values,
    autocorrelation,
    kl_divergence,
    on_cpu,
    radial_spectrum,
    similarity,
    smooth_areas,
    smooth_mask,
    values,
)

BINS = torch.linspace(-4, 4, 65, dtype=torch.float64)  # of histograms
SMALLEST = 8  # pixels a side: fewer have too few lags and rings


@dataclass(frozen=True, eq=False)
class Inspection:
    """The figures of B samples of `shape` (C, H, W).

    `whole` (B,), `channels` (B, C) and `between` channels (B, C, C); `skew_score` and `kurtosis_score` (B,),
    N(0, 1) for normal values; autocorrelation `across` and `down` by lag from 1 (B, L); `spectrum` (B, K) at
    `frequencies` (K,), of `ring_sizes` (K,) values each; `kl` (B,); `histogram` (B, 64), shares between
    `BINS`; `areas` and `photo` if a picture was given.
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
    skew_score: Tensor
    kurtosis_score: Tensor
    histogram: Tensor
    areas: SmoothAreas | None = None
    photo: Similarity | None = None

    @property
    def normality(self) -> Tensor:
        """Return the probability (B,) of such a K^2 if the values are normal."""
        return torch.exp(-(self.skew_score**2 + self.kurtosis_score**2) / 2)

    def figures(self) -> list[dict]:
        """Return the figures of each sample as plain numbers and lists, NaN as None."""
        return [self._figures(row) for row in range(len(self.kl))]

    def _figures(self, row: int) -> dict:
        found = _row_of(self.whole, row) | dict(channels=_row_of(self.channels, row))
        for name in ("kl", "normality", "spectrum", "between"):
            found[name] = _number(getattr(self, name)[row])
        found["autocorrelation"] = dict(across=_number(self.across[row]), down=_number(self.down[row]))
        for name in ("areas", "photo"):
            if getattr(self, name) is not None:
                found[name] = _row_of(getattr(self, name), row)
        return found | dict(frequencies=self.frequencies.tolist())


def inspect(
    z: Tensor, picture: Tensor | None = None, *, x0: Tensor | None = None, tau: float = TAU
) -> Inspection:
    """Return the figures of each sample of z (B, C, H, W), on the CPU wherever z is.

    `picture` (B or 1, 3, H', W') in [-1, 1] separates smooth areas from the rest; `x0` (B or 1, C, H, W) is
    the photo in z's own space, by default the picture if it has z's shape. Raise ValueError for sides below
    8, NaN, infinities, a constant channel, and pictures that do not fit.
    """
    z = _checked(z)
    checks.number(tau, "tau", 0)
    for x, name in ((picture, "the picture"), (x0, "the photo")):
        if x is not None:
            checks.finite(x, name, 4)
    whole, flat = values(z, (1, 2, 3)), z.flatten(1).numpy()
    if x0 is None and picture is not None and picture.shape[1:] == z.shape[1:]:
        x0 = picture
    frequencies, sizes, spectrum = radial_spectrum(z)
    across, down = autocorrelation(z)
    return Inspection(
        shape=(z.shape[1], z.shape[2], z.shape[3]),
        whole=whole,
        channels=values(z, (2, 3)),
        between=torch.stack([torch.corrcoef(row.flatten(1)).view(z.shape[1], -1) for row in z]),
        across=across,
        down=down,
        frequencies=frequencies,
        ring_sizes=sizes,
        spectrum=spectrum,
        kl=kl_divergence(whole.mean, whole.std),
        skew_score=torch.from_numpy(scipy.stats.skewtest(flat, axis=1).statistic),
        kurtosis_score=torch.from_numpy(scipy.stats.kurtosistest(flat, axis=1).statistic),
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
    z = on_cpu(z)
    if not bool(torch.isfinite(z).all()) or bool((z.flatten(2).std(2) == 0).any()):
        raise ValueError("got NaN, infinity or a channel of one value; expected noise")
    return z
