"""What an inspection means, in an artist's words.

Each figure becomes a standard score, N(0, 1) for white noise of that size. Scores past the limit that any of
all the tests passes with a chance of about 0.002 are reported, the worst of each kind. Standard errors: mean
1 / sqrt(n), std chi^2, r of N pairs 1 / sqrt(N) about -1 / (H W - 1) where means are subtracted, r with a
photo 1 / sqrt(D), rings and smooth areas F. For colored noise, neighbors and spectrum are reported; the other
scores count n / mean(P^2) values, P the spectrum (Bartlett 1946), and means P of the lowest ring.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import scipy
import torch
from torch import Tensor

from .. import checks
from .inspection import Inspection
from .whiteness import SmoothAreas

WHITE = "this is white noise"
CHANCE = 0.002  # of any remark on white noise


@dataclass(frozen=True, eq=False)
class Remark:
    """A sentence per sample, and the scores (B, number of figures) that it is about."""

    scores: Tensor
    sentences: list[str]


def verdict(found: Inspection, names: Sequence[str] = ()) -> list[str]:
    """Return what is wrong with each noise and how to fix it, a sentence each; or that it is white noise.

    `names` are what to call the noises of a batch, by default noise 1, noise 2, ... White noise gets any
    other sentence with a chance of about 0.002 in all, however large the batch.
    """
    checks.instance(found, "what was found", Inspection)
    if not isinstance(names, Sequence) or isinstance(names, str) or len(names) not in (0, len(found.kl)):
        raise ValueError(f"got {checks.kind(names)} for the names; expected {len(found.kl)}, or none")
    flaws, similarity = _flaws(found), _similarity(found)
    tests = sum(r.scores.numel() for r in [*flaws, *similarity])
    limit = scipy.stats.norm.isf(CHANCE / 2 / tests)  # Bonferroni, both sides
    said = []
    for row in range(len(found.kl)):
        about = f"{names[row] if names else f'noise {row + 1}'}: " if len(found.kl) > 1 else ""
        flawed = _passing(flaws, row, limit) or [WHITE]
        said += [about + sentence for sentence in flawed + _passing(similarity, row, limit)]
    return [WHITE] if all(s.endswith(WHITE) for s in said) else said


def ratio_score(ratio: Tensor, above: Tensor | float, below: Tensor | float = math.inf) -> Tensor:
    """Return the score of a variance of `above` degrees of freedom over one of `below`, or over the true one.

    Its cube root is nearly normal (Paulson 1942). scipy's exact F underflows past 38 deviations, where the
    worst of many could no longer be told.
    """
    a, b = (2 / 9 / torch.as_tensor(n, dtype=torch.float64) for n in (above, below))
    root = ratio.clamp_min(0) ** (1 / 3)
    return ((1 - b) * root - (1 - a)) / (b * root**2 + a).sqrt()


def _passing(remarks: list[Remark], row: int, limit: float) -> list[str]:
    return [r.sentences[row] for r in remarks if float(r.scores[row].abs().max()) > limit]


def _flaws(found: Inspection) -> list[Remark]:
    # mean(P^2) (B,): by how much fewer independent values there are than values; 1 for white noise
    color = ((found.spectrum**2 * found.ring_sizes).sum(1) / found.ring_sizes.sum()).clamp_min(1)
    remarks = [] if found.areas is None else [_areas(found.areas, color)]
    remarks += [_strength(found, color), _mean(found), _shape(found, color)]
    remarks += [_neighbors(found), _spectrum(found)]
    return remarks + ([_between(found, color)] if found.shape[0] > 1 else [])


def _strength(found: Inspection, color: Tensor) -> Remark:
    n, per_channel = math.prod(found.shape), found.shape[1] * found.shape[2]
    std = torch.cat([found.whole.std[:, None], found.channels.std], 1)  # (B, 1 + C)
    freedom = torch.tensor([n - 1] + [per_channel - 1] * found.shape[0], dtype=torch.float64)
    scores = ratio_score(std**2, freedom / color[:, None])
    return Remark(scores, [_strength_of(*pair) for pair in zip(scores, std.tolist(), strict=True)])


def _strength_of(scores: Tensor, std: list[float]) -> str:
    worst = int(scores[1:].abs().argmax())
    alone = abs(float(scores[0])) < 0.5 * abs(float(scores[1 + worst]))
    what, share = (f"channel {worst + 1}", std[1 + worst]) if alone else ("the noise", std[0])
    return (
        f"the standard deviation of {what} is {_percent(share - 1)} too {'high' if share > 1 else 'low'} "
        f"({share:.2f}, a sampler expects 1): normalize it in Latent to Noise"
    )


def _mean(found: Inspection) -> Remark:
    n, per_channel = math.prod(found.shape), found.shape[1] * found.shape[2]
    whole, means = found.whole.mean[:, None] * math.sqrt(n), found.channels.mean
    scores = torch.cat([whole, means * math.sqrt(per_channel)], 1)
    sentences = [
        f"channel {c + 1} has a mean of {row[c]:+.3f} instead of 0, which tints the whole image"
        for c, row in zip(means.abs().argmax(1).tolist(), means.tolist(), strict=True)
    ]
    return Remark(scores / found.spectrum[:, :1].clamp_min(1).sqrt(), sentences)


def _shape(found: Inspection, color: Tensor) -> Remark:
    # chi^2(2) as the normal score of the same probability; exp(-K^2 / 2) underflows only far past any limit.
    score = -torch.special.ndtri(found.normality.clamp_min(1e-300) / 2) / color.sqrt()
    skewed = found.skew_score.abs() > found.kurtosis_score.abs()
    rows = zip(skewed, found.whole.skew.tolist(), found.whole.kurtosis.tolist(), strict=True)
    return Remark(score[:, None], [_shape_of(*row) for row in rows])


def _shape_of(skewed: bool, skew: float, kurtosis: float) -> str:
    if skewed:
        return f"its values are lopsided (skew {skew:+.2f}, noise has 0): it contains more than noise"
    more = "more" if kurtosis > 3 else "fewer"
    return f"it has {more} extreme values than noise (kurtosis {kurtosis:.2f}, noise has 3)"


def _neighbors(found: Inspection) -> Remark:
    channels, height, width = found.shape
    r = torch.cat([found.across, found.down], 1)  # (B, 2 L)
    lags = range(1, found.across.shape[1] + 1)
    pairs = [channels * height * (width - k) for k in lags] + [channels * (height - k) * width for k in lags]
    scores = (r + 1 / (height * width - 1)) * torch.tensor(pairs, dtype=torch.float64).sqrt()
    sentences = []
    for row, worst in zip(r.tolist(), scores.abs().argmax(1).tolist(), strict=True):
        way, lag = ("horizontal", "vertical")[worst // len(lags)], worst % len(lags) + 1
        apart = f"{way} neighbors" if lag == 1 else f"pixels at a {way} distance of {lag}"
        sentences.append(
            f"{apart} are correlated ({row[worst]:+.2f}, noise has 0): structure of an image is still in it"
        )
    return Remark(scores, sentences)


def _spectrum(found: Inspection) -> Remark:
    sizes = found.ring_sizes
    rest = (sizes.sum() - sizes * found.spectrum) / (sizes.sum() - sizes)  # the mean power of the others
    scores = ratio_score(found.spectrum / rest, sizes, sizes.sum() - sizes)
    sentences = []
    for row, worst in enumerate(scores.abs().argmax(1).tolist()):
        share, pixels = float(found.spectrum[row, worst]), 1 / float(found.frequencies[worst])
        kind = "smoother" if (share > 1) == (pixels > 4) else "grainier"
        sentences.append(
            f"detail of about {pixels:.3g} pixels has {share:.2g} times the power of noise: it is {kind} "
            "than noise"
        )
    return Remark(scores, sentences)


def _between(found: Inspection, color: Tensor) -> Remark:
    first, second = torch.triu_indices(found.shape[0], found.shape[0], offset=1)
    r = found.between[:, first, second]  # (B, pairs)
    scores = r * math.sqrt(found.shape[1] * found.shape[2] - 1) / color[:, None].sqrt()
    sentences = [
        f"channels {int(first[k]) + 1} and {int(second[k]) + 1} are correlated ({float(row[k]):+.2f}, noise "
        "has 0): colors of an image are still in it"
        for row, k in zip(r, r.abs().argmax(1).tolist(), strict=True)
    ]
    return Remark(scores, sentences)


def _areas(areas: SmoothAreas, color: Tensor) -> Remark:
    freedoms = [((n - 1).clamp_min(1) / color) for n in (areas.plain_count, areas.other_count)]
    ratio = areas.plain / areas.other
    scores = ratio_score((ratio**2).nan_to_num(1.0), *freedoms).nan_to_num(0.0)
    sentences = [
        f"smooth areas carry {_percent(share - 1)} too {'much' if share > 1 else 'little'} noise (standard "
        f"deviation {smooth:.2f}, {other:.2f} elsewhere): raise forward fraction"
        for share, smooth, other in zip(
            ratio.tolist(), areas.plain.tolist(), areas.other.tolist(), strict=True
        )
    ]
    return Remark(scores[:, None], sentences)


def _similarity(found: Inspection) -> list[Remark]:
    if found.photo is None:
        return []
    freedom = math.prod(found.shape) - found.shape[0]  # channel means are subtracted
    sentences = [
        f"it contains your image: correlation {r:+.3f}, angle {angle:.0f} degrees (noise has 0 and 90)"
        for r, angle in zip(found.photo.correlation.tolist(), found.photo.angle.tolist(), strict=True)
    ]
    return [Remark((found.photo.correlation * math.sqrt(freedom))[:, None], sentences)]


def _percent(share: float) -> str:
    return f"{100 * abs(share):.2g} %" if math.isfinite(share) else "much"
