"""Measure photos one at a time while the next ones are decoded.

Sums are added in the order of the photos, whichever is decoded first, so runs are repeatable to the last bit
and can be resumed. Statistics of different photos add up, whichever machine made them. Photos that cannot be
used are listed with the reason and left out.
"""

from __future__ import annotations

import os
from array import array
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..whitening.moments import GRIDDED, Moments, measure
from .decode import Decoded, decode
from .sources import Source, identity

HELD_OUT = 10, 1000  # every tenth of the first thousand photos is held out of the moments, as a test set
FINEST = {"cosine": 24, "stationary": 192}  # frequencies a side of a grid; a coarse one averages a spectrum
THREADS = min(4, os.cpu_count() or 1)  # for decoding; one more encodes


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Photos held out of the moments, read and encoded again in each iteration to save memory."""

    places: list[Path | Source] = field(default_factory=list)
    read: Callable[[Path | Source], Decoded] | None = None
    encode: Callable[[Tensor], Tensor] | None = None

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[Tensor]:
        assert self.read is not None and self.encode is not None, "survey_photos sets both"
        for photo in map(self.read, self.places):
            x, _ = (None, "") if photo.pixels is None else _encoded(photo, self.encode)
            if x is not None:
                yield x


@dataclass
class PhotoStats:
    """Measurements: `moments`, photos `held_out` of them, and (place, reason) of those `left_out`.

    `seen` are identities of all places processed, `counted` fingerprints of the photos in the moments.
    """

    moments: Moments | None = None
    held_out: HeldOut = field(default_factory=HeldOut)
    left_out: list[tuple[Path | Source, str]] = field(default_factory=list)
    seen: array = field(default_factory=lambda: array("q"))
    counted: array = field(default_factory=lambda: array("q"))

    def add(self, other: PhotoStats) -> None:
        """Add another survey's measurements. Raise ValueError if structure, shape or space differ."""
        if other.moments is not None:
            self.moments = other.moments if self.moments is None else self.moments + other.moments
        self.held_out.places.extend(other.held_out.places)
        self.left_out.extend(other.left_out)
        self.seen.extend(other.seen)
        self.counted.extend(other.counted)


def measure_photos(files: Iterable[Path | Source], encode: Callable[[Tensor], Tensor], **how) -> PhotoStats:
    """Return `survey_photos(files, encode, **how)`; raise ValueError if no photo could be used."""
    return usable(survey_photos(files, encode, **how))


def usable(survey: PhotoStats) -> PhotoStats:
    """Return the survey if it has measured anything; raise ValueError with the first reason otherwise."""
    if survey.moments is None:
        reason = survey.left_out[0][1] if survey.left_out else "none was given"
        raise ValueError(f"none of the photos could be used; the first: {reason}")
    return survey


def survey_photos(
    files: Iterable[Path | Source],
    encode: Callable[[Tensor], Tensor],
    *,
    structure: str = "cosine",
    size: int = 512,
    stride: int = 1,
    patch: int | None = None,
    space: str = "",
    survey: PhotoStats | None = None,
    first: int = 0,
    on_photo: Callable[[Path | Source], object] | None = None,
    keep: Callable[[PhotoStats], object] | None = None,
    every: int = 1,
) -> PhotoStats:
    """Return the moments of `encode(photo)`, added to a `survey` if given.

    Every tenth of the first thousand photos is held out; the first file is number `first` after the survey's.
    `encode` maps (1, 3, H, W) in [-1, 1] to model space, `stride` pixels to a latent pixel. Cosine and
    stationary moments use a grid of size // stride, at most FINEST, and whole photos; others the middle
    square. `on_photo` is called before each photo and may raise to stop; `keep` after every `every`.
    """
    gridded = structure in GRIDDED
    grid = {"size": (min(size // stride, FINEST[structure]),) * 2} if gridded else {"patch": patch}
    add_up = partial(measure, structure=structure, space=space, **grid)
    read = partial(decode, size=size, multiple=stride, square=not gridded)
    survey = PhotoStats() if survey is None else survey
    survey.held_out = HeldOut(survey.held_out.places, read, encode)
    with closing(ahead(read, files)) as photos:
        for photo in photos:
            if on_photo is not None:
                on_photo(photo.place)
            _take_in(survey, photo, first + len(survey.seen), encode, add_up)
            if keep is not None and len(survey.seen) % every == 0:
                keep(survey)
    return survey


def ahead(work: Callable, items: Iterable, threads: int = THREADS) -> Generator[Any, None, None]:
    """Yield work(item) in the order of the items, at most 2 `threads` of them in advance."""
    waiting: deque[Future] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _take_in(survey: PhotoStats, photo: Decoded, index: int, encode: Callable, add_up: Callable) -> None:
    """Add one photo to the survey. What can fail comes first, so that none is half counted."""
    held_out = index % HELD_OUT[0] == HELD_OUT[0] - 1 and index < HELD_OUT[1]
    x, reason = (None, photo.reason) if photo.pixels is None or held_out else _encoded(photo, encode)
    new = None if x is None else PhotoStats(add_up(x), counted=array("q", [photo.content]))
    if new is None:
        new = PhotoStats(left_out=[(photo.place, reason)] if reason else [])
        new.held_out.places.extend([] if reason else [photo.place])
    new.seen.append(identity(photo.place))
    survey.add(new)


def _encoded(photo: Decoded, encode: Callable) -> tuple[Tensor | None, str]:
    try:
        x = encode(photo.pixels)
    except (ValueError, torch.cuda.OutOfMemoryError) as error:
        return None, f"{photo.place} cannot be encoded: {error}"
    return (x, "") if bool(torch.isfinite(x).all()) else (None, f"{photo.place} encodes to NaN or infinity")
