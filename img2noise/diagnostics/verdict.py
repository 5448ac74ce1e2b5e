"""What an inspection means, in words an artist understands.

Each figure is turned into a standard score under white noise of the same size; what passes the limit that
any of all the tests passes with a chance of about 0.002 is spoken of, the worst of each kind. Standard
errors: mean 1 / sqrt(n), std chi^2, r of N pairs 1 / sqrt(N) about -1 / (H W - 1) where means are taken off,
r with a photo 1 / sqrt(D), rings and plain areas F. Where noise is colored, neighbors and spectrum say so;
the others count n / mean(P^2) values, P the spectrum (Bartlett 1946), and means P of the lowest ring.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .. import checks
from .inspection import Inspection
from .nulls import kurtosis_score, ratio_score, score_limit, skew_score
from .whiteness import SmoothAreas

WHITE = "this is white noise"
CHANCE = 0.002  # of any remark on white noise


@dataclass(frozen=True, eq=False)
class Remark:
    """A sentence per sample, and the scores of the figures it is about (B, number of figures)."""

    scores: Tensor
    sentences: list[str]


def verdict(found: Inspection, names: Sequence[str] = ()) -> list[str]:
    """What is wrong with each noise and what would mend it, a sentence each; or that it is white noise.

    `names` are what to call the noises of a batch, by default noise 1, noise 2, ...

    Whatever is said of white noise has a chance of about 0.002 in all, however large the batch.
    """
    checks.instance(found, "what was found", Inspection)
    if not isinstance(names, Sequence) or isinstance(names, str) or len(names) not in (0, len(found.kl)):
        raise ValueError(f"got {checks.kind(names)} for the names; expected {len(found.kl)}, or none")
    flaws, similarity = _flaws(found), _likeness(found)
    remarks = [*flaws, *similarity]
    limit = score_limit(sum(r.scores.numel() for r in remarks), CHANCE)
    said = []
    for row in range(len(found.kl)):
        about = f"{names[row] if names else f'noise {row + 1}'}: " if len(found.kl) > 1 else ""
        flawed = _spoken(flaws, row, limit) or [WHITE]
        said += [about + sentence for sentence in flawed + _spoken(similarity, row, limit)]
    return [WHITE] if all(s.endswith(WHITE) for s in said) else said


def _spoken(remarks: list[Remark], row: int, limit: float) -> list[str]:
    return [r.sentences[row] for r in remarks if float(r.scores[row].abs().max()) > limit]


def _flaws(found: Inspection) -> list[Remark]:
    color = _color(found)
    remarks = [] if found.areas is None else [_areas(found.areas, color)]
    remarks += [_loudness(found, color), _mean(found), _shape(found, color)]
    remarks += [_neighbors(found), _spectrum(found)]
    return remarks + ([_between(found, color)] if found.shape[0] > 1 else [])


def _color(found: Inspection) -> Tensor:
    """mean(P^2) (B,): by how much fewer independent values there are than values; 1 for white noise."""
    return ((found.spectrum**2 * found.ring_sizes).sum(1) / found.ring_sizes.sum()).clamp_min(1)


def _loudness(found: Inspection, color: Tensor) -> Remark:
    n, per_channel = math.prod(found.shape), found.shape[1] * found.shape[2]
    std = torch.cat([found.whole.std[:, None], found.channels.std], 1)  # (B, 1 + C)
    freedom = torch.tensor([n - 1] + [per_channel - 1] * found.shape[0], dtype=torch.float64)
    scores = ratio_score(std**2, freedom / color[:, None])
    return Remark(scores, [_loud(*pair) for pair in zip(scores, std.tolist(), strict=True)])


def _loud(scores: Tensor, std: list[float]) -> str:
    worst = int(scores[1:].abs().argmax())
    alone = abs(float(scores[0])) < 0.5 * abs(float(scores[1 + worst]))
    share = std[1 + worst] if alone else std[0]
    what = f"channel {worst + 1}" if alone else "it"
    return (
        f"{what} is {_percent(share - 1)} too {'loud' if share > 1 else 'quiet'} for a sampler, which "
        f"expects a deviation of 1 and gets {share:.2f}: normalize it in Latent to Noise"
    )


def _mean(found: Inspection) -> Remark:
    n, per_channel = math.prod(found.shape), found.shape[1] * found.shape[2]
    scores = torch.cat(
        [found.whole.mean[:, None] * math.sqrt(n), found.channels.mean * math.sqrt(per_channel)], 1
    )
    scores = scores / found.spectrum[:, :1].clamp_min(1).sqrt()
    worst = found.channels.mean.abs().argmax(1).tolist()
    return Remark(
        scores,
        [
            f"channel {c + 1} has a mean of {means[c]:+.3f} instead of 0, which tints the whole picture"
            for c, means in zip(worst, found.channels.mean.tolist(), strict=True)
        ],
    )


def _shape(found: Inspection, color: Tensor) -> Remark:
    n = math.prod(found.shape)
    skew, tails = skew_score(found.whole.skew, n), kurtosis_score(found.whole.kurtosis, n)
    # chi^2(2) as the normal score of the same probability; exp(-K^2 / 2) underflows only far past any limit.
    chance = found.normality.clamp_min(1e-300) / 2
    score = -torch.special.ndtri(chance) / color.sqrt()
    rows = zip(
        skew.abs() > tails.abs(), found.whole.skew.tolist(), found.whole.kurtosis.tolist(), strict=True
    )
    return Remark(score[:, None], [_odd(*row) for row in rows])


def _odd(lopsided: bool, skew: float, kurtosis: float) -> str:
    if lopsided:
        return f"its values lean to one side (skew {skew:+.2f}, noise has 0): it holds more than noise"
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
        way, lag = ("side by side", "above one another")[worst // len(lags)], worst % len(lags) + 1
        alike = "alike" if row[worst] > 0 else "opposed"
        apart = "neighbors" if lag == 1 else f"pixels {lag} apart"
        sentences.append(
            f"{apart} {way} are {alike} (correlation {row[worst]:+.2f}, noise has 0): a picture's structure "
            "is still in it"
        )
    return Remark(scores, sentences)


def _spectrum(found: Inspection) -> Remark:
    sizes = found.ring_sizes
    rest = (sizes.sum() - sizes * found.spectrum) / (sizes.sum() - sizes)  # the mean power of the others
    scores = ratio_score(found.spectrum / rest, sizes, sizes.sum() - sizes)
    sentences = []
    for row, worst in enumerate(scores.abs().argmax(1).tolist()):
        share = float(found.spectrum[row, worst])
        about = 1 / float(found.frequencies[worst])
        sentences.append(
            f"detail of about {about:.3g} pixels is {share:.2g} times as strong as in noise"
            + (": it is smoother than noise" if (share > 1) == (about > 4) else ": it is grainier than noise")
        )
    return Remark(scores, sentences)


def _between(found: Inspection, color: Tensor) -> Remark:
    first, second = torch.triu_indices(found.shape[0], found.shape[0], offset=1)
    r = found.between[:, first, second]  # (B, pairs)
    scores = r * math.sqrt(found.shape[1] * found.shape[2] - 1) / color[:, None].sqrt()
    sentences = [
        f"channels {int(first[k]) + 1} and {int(second[k]) + 1} move together (correlation "
        f"{float(row[k]):+.2f}, noise has 0): colors of a picture are still in it"
        for row, k in zip(r, r.abs().argmax(1).tolist(), strict=True)
    ]
    return Remark(scores, sentences)


def _areas(areas: SmoothAreas, color: Tensor) -> Remark:
    freedoms = [((n - 1).clamp_min(1) / color) for n in (areas.plain_count, areas.other_count)]
    ratio = areas.plain / areas.other
    scores = ratio_score((ratio**2).nan_to_num(1.0), *freedoms).nan_to_num(0.0)
    sentences = [
        f"smooth areas carry {_percent(share - 1)} too {'much' if share > 1 else 'little'} noise beside the "
        f"rest ({plain:.2f} against {other:.2f}): raise forward fraction"
        for share, plain, other in zip(
            ratio.tolist(), areas.plain.tolist(), areas.other.tolist(), strict=True
        )
    ]
    return Remark(scores[:, None], sentences)


def _likeness(found: Inspection) -> list[Remark]:
    if found.photo is None:
        return []
    freedom = math.prod(found.shape) - found.shape[0]  # channel means are taken off
    sentences = [
        f"it holds your picture: correlation {r:+.3f}, angle {angle:.0f} degrees (noise has 0 and 90)"
        for r, angle in zip(found.photo.correlation.tolist(), found.photo.angle.tolist(), strict=True)
    ]
    return [Remark((found.photo.correlation * math.sqrt(freedom))[:, None], sentences)]


def _percent(share: float) -> str:
    return f"{100 * abs(share):.2g} %" if math.isfinite(share) else "much"
