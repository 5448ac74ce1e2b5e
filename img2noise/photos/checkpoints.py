"""Surveys on disk: moments and the photos that are in them, so that no photo is counted twice or dropped.

A file of moments with three integer tensors: `photos_seen`, identities of the places processed,
`photos_counted`, fingerprints of the files in the sums, and `photos_named`, a JSON text of the photos held
out and left out. Metadata `size`, `patch` and `autoencoder` (a SHA-256) say how they were measured. Sums are
float64, so a resumed run ends in the same bits.
"""

from __future__ import annotations

import hashlib
import json
import os
from array import array
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..files.storage import contents_of, load_all, write_tensors
from ..whitening.moments import Moments
from .sources import Source, fingerprint, identity, read_bytes
from .surveys import HeldOut, PhotoStats

# In moments that can be added:
EQUAL = ("structure", "shape", "space", "scale_factor", "size", "patch", "autoencoder")
TRIED = 20  # photos whose contents show whether a folder was moved or is new


def save_survey(survey: PhotoStats, path: str | os.PathLike, **metadata: object) -> Path:
    """Write the measurements so far; the file appears whole or not at all."""
    assert survey.moments is not None, "nothing was measured"
    tensors, header = contents_of(survey.moments, **metadata)
    named = dict(held_out=survey.held_out.places, left_out=survey.left_out)
    text = json.dumps(named, default=str).encode("ascii")
    tensors["photos_named"] = torch.frombuffer(bytearray(text), dtype=torch.uint8)
    tensors["photos_seen"], tensors["photos_counted"] = map(_to_tensor, (survey.seen, survey.counted))
    return write_tensors(tensors, path, header)


def load_survey(path: str | os.PathLike) -> tuple[PhotoStats, dict[str, str]]:
    """Return measurements and header. Raise as `storage.load` does, and ValueError for other objects."""
    moments, header, tensors = load_all(path)
    if not isinstance(moments, Moments):
        raise ValueError(f"got {path} with a {type(moments).__name__}; expected moments")
    survey = PhotoStats(moments)
    if "photos_seen" not in tensors:  # moments that were saved without their photos
        return survey, header
    try:
        numbers = (_flat(tensors[f"photos_{name}"], torch.int64) for name in ("seen", "counted"))
        survey.seen, survey.counted = (array("q", n.tobytes()) for n in numbers)
        named = json.loads(_flat(tensors["photos_named"], torch.uint8).tobytes())
        survey.held_out = HeldOut([place_of(p) for p in named["held_out"]])
        survey.left_out = [(place_of(p), str(reason)) for p, reason in named["left_out"]]
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged: it does not say which photos are in it; measure them again"
        ) from error
    return survey, header


def refuse_unlike(header: dict[str, str], other: dict[str, str], names: Sequence[object]) -> None:
    """Raise ValueError with what differs unless the moments of two headers can be added."""
    for name in EQUAL:
        ours, theirs = (h.get(name) or "unknown" for h in (header, other))
        if ours != theirs:
            raise ValueError(
                f"got {names[0]} with {name} {ours[:60]} and {names[1]} with {name} {theirs[:60]}; only "
                "moments measured in the same way can be added"
            )


def unseen(places: Sequence[Path | Source], survey: PhotoStats, name: object) -> list[Path | Source]:
    """Return the places that a survey has not processed, in order. Raise ValueError if that is unknown, or if
    it has counted the same photos at other places.
    """
    if survey.moments is not None and not survey.seen:
        raise ValueError(f"got {name}, which does not list its photos; measure them again")
    ours = np.fromiter(map(identity, places), dtype=np.int64, count=len(places))
    known = np.isin(ours, np.array(survey.seen, dtype=np.int64))
    left = [place for place, old in zip(places, known, strict=True) if not old]
    if len(survey.counted) and not known.any() and _any_counted(left, survey):
        raise ValueError(f"got photos that {name} has counted at another place; pass that folder instead")
    return left


def merge(paths: Iterable[str | os.PathLike], repeats: bool = False) -> tuple[PhotoStats, dict[str, str]]:
    """Return the sum of the surveys in files, in order, and their common metadata.

    Raise ValueError if structure, shape, space, scale, photo size, patch or autoencoder differ, and, unless
    `repeats`, if a photo is in two of them.
    """
    whole, known = PhotoStats(), True
    common: dict[str, str] = {}
    totals: dict[object, Tensor] = {}
    for path in paths:
        survey, header = load_survey(path)
        if totals:
            refuse_unlike(common, header, (next(iter(totals)), path))
        if not repeats:
            _refuse_repeats(whole, survey, path, totals)
        assert survey.moments is not None  # load_survey refuses files without
        common, totals[path] = common or header, survey.moments.total
        known = known and bool(survey.seen)
        whole.add(survey)
    if not known:  # some files do not list their photos, so neither can the sum
        whole.seen, whole.counted = array("q"), array("q")
    return whole, {name: common[name] for name in EQUAL[4:] if name in common}


def checksum(path: str | os.PathLike | None) -> str:
    """Return the SHA-256 of a file, "none" without one."""
    if path is None:
        return "none"
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            found.update(block)
    return found.hexdigest()


def _refuse_repeats(
    whole: PhotoStats, survey: PhotoStats, path: object, totals: dict[object, Tensor]
) -> None:
    before, new = (np.array(s.counted, dtype=np.int64) for s in (whole, survey))
    shared = len(np.intersect1d(before, new))
    if shared:
        raise ValueError(
            f"got {path}, {shared} of whose photos are in the files before it; pass --repeats to count them "
            "twice"
        )
    for other, total in totals.items():
        if survey.moments is not None and torch.equal(total, survey.moments.total):
            raise ValueError(f"got {path}, whose sums are those of {other}; pass each file once")


def _any_counted(places: Iterable[Path | Source], survey: PhotoStats) -> bool:
    counted = set(survey.counted)
    for place in islice(places, TRIED):
        try:
            if fingerprint(read_bytes(place)) in counted:
                return True
        except (OSError, ValueError):  # reported when it is measured
            continue
    return False


def place_of(saved: Any) -> Path | Source:
    """Return a place from its JSON: a path, or [file, inside, at]."""
    if isinstance(saved, str):
        return Path(saved)
    file, inside, at = saved
    return Source(str(file), str(inside), tuple(map(int, at)))


def _to_tensor(numbers: array) -> Tensor:
    return torch.from_numpy(np.array(numbers, dtype=np.int64))


def _flat(numbers: Tensor, dtype: torch.dtype) -> np.ndarray:
    if numbers.ndim != 1 or numbers.dtype != dtype:
        raise ValueError(f"got {numbers.dtype} {tuple(numbers.shape)}; expected a list of {dtype}")
    return numbers.numpy()
