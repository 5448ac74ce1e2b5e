"""Measure photos on a cluster: Ray Data reads and encodes them on its GPUs and CPUs, and moments add up.

The driver lists and numbers the photos, so the same ones are held out as on one machine. Workers turn a few
photos at a time into a survey, and the driver adds surveys in the order of the photos, so the sum does not
depend on the number, speed or loss of workers. Workers must see the files under the same paths.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import numpy as np
from torch import Tensor

from .checkpoints import place_of
from .decode import decode
from .sources import Source
from .surveys import HeldOut, PhotoStats, survey_photos

TASKS, LARGEST = 256, 16  # about this many tasks, of at most this many photos
RETRIES = 3  # of a task whose worker died; Ray Data's default has no limit, and a photo may be the cause
Encode = Callable[[Tensor], Tensor]


def survey_on_ray(
    places: Sequence[Path | Source],
    load: Callable[[], Encode],
    *,
    survey: PhotoStats | None = None,
    on_photo: Callable[[Path | Source], object] | None = None,
    keep: Callable[[PhotoStats], object] | None = None,
    every: int = 1,
    **how,
) -> PhotoStats:
    """Return `survey_photos(places, load(), ...)`, to rounding of float64 sums, from the cluster of
    RAY_ADDRESS, or from one that is started on this machine for the run.

    `load` is called once in each process that encodes. Raise ImportError without Ray, ValueError for settings
    that a worker refuses.
    """
    survey = PhotoStats() if survey is None else survey
    survey.held_out = HeldOut(survey.held_out.places, *_reading(load, how))
    if not places:
        return survey
    many = min(LARGEST, max(1, len(places) // TASKS))
    chunks = [places[i : i + many] for i in range(0, len(places), many)]
    seen = len(survey.seen)
    with _cluster() as ray:
        for chunk, part in zip(chunks, _parts(ray, chunks, seen, load, how), strict=True):
            if isinstance(part, str):
                raise ValueError(part)
            before = len(survey.seen) // every
            survey.add(part)
            if on_photo is not None:
                for place in chunk:
                    on_photo(place)
            if keep is not None and len(survey.seen) // every > before:
                keep(survey)
    return survey


def _parts(ray, chunks: list[Sequence], seen: int, load: Callable[[], Encode], how: dict):
    """Yield the survey of each chunk in order, or the sentence why there is none."""
    from ray import data

    context = data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    firsts = np.cumsum([seen, *map(len, chunks[:-1])]).tolist()
    rows = [dict(first=n, places=json.dumps(c, default=str)) for n, c in zip(firsts, chunks, strict=True)]
    photos = data.from_items(rows, override_num_blocks=len(rows))
    with warnings.catch_warnings():  # Ray Data before 2.64 warns about max_retries
        warnings.simplefilter("ignore", DeprecationWarning)
        cpus, gpus = (int(ray.cluster_resources().get(kind, 0)) for kind in ("CPU", "GPU"))
        found = _measured(photos, cpus, gpus, load, how)
    try:
        for row in found.iter_rows():
            yield row["part"]
    except ray.exceptions.RayError as error:  # after RETRIES
        said = str(error).strip().splitlines()[-1][:300]
        raise ValueError(
            f"the cluster gave up on some photos ({said}); resume from --moments if you keep them"
        ) from error


def _measured(photos, cpus: int, gpus: int, load: Callable[[], Encode], how: dict):
    """Return the plan: rows of photos to rows of surveys."""
    if how["space"] == "rgb":  # there is nothing to load, so any process will do
        measure = partial(_measure_rows, load=load, how=how)
        return photos.map_batches(measure, batch_size=1, max_retries=RETRIES)
    if not gpus:
        cpu = dict(num_cpus=1, concurrency=(1, cpus), max_task_retries=RETRIES)
        return photos.map_batches(_Encoding, fn_constructor_args=(load, how), batch_size=1, **cpu)
    decoded = photos.map_batches(partial(_decode_rows, how=how), batch_size=1, max_retries=RETRIES)
    gpu = dict(num_gpus=1, num_cpus=0, concurrency=(1, gpus), max_task_retries=RETRIES)
    return decoded.map_batches(_Encoding, fn_constructor_args=(load, how), batch_size=1, **gpu)


def _decode_rows(batch: dict, how: dict) -> dict:
    read, _ = _reading(None, how)
    photos = [[read(place) for place in _places(text)] for text in batch["places"]]
    return dict(first=batch["first"], photos=_objects(photos))


def _measure_rows(batch: dict, load: Callable[[], Encode], how: dict) -> dict:
    photos = batch["photos"] if "photos" in batch else map(_places, batch["places"])
    encode = load()
    return dict(
        part=_objects([_part(row, n, encode, how) for row, n in zip(photos, batch["first"], strict=True)])
    )


class _Encoding:
    """A process that keeps its autoencoder, on the GPU if it has one."""

    def __init__(self, load: Callable[[], Encode], how: dict):
        self.encode, self.how = load(), how

    def __call__(self, batch: dict) -> dict:
        return _measure_rows(batch, lambda: self.encode, self.how)


def _part(photos: Sequence, first: int, encode: Encode, how: dict) -> PhotoStats | str:
    try:
        part = survey_photos(photos, encode, first=int(first), **how)
    except ValueError as error:
        return str(error)
    part.held_out = HeldOut(part.held_out.places)  # without the functions that read them
    return part


def _reading(load: Callable[[], Encode] | None, how: dict) -> tuple[Callable, Encode | None]:
    """Return how to read and encode a held-out photo, with the settings of the others."""
    square = how["structure"] != "stationary"
    read = partial(decode, size=how["size"], multiple=how["stride"], square=square)
    if load is None:
        return read, None
    once = cache(load)  # at the first picture
    return read, lambda x: once()(x)


def _places(text: str) -> list[Path | Source]:
    return [place_of(saved) for saved in json.loads(text)]


def _objects(things: list) -> np.ndarray:
    """Return one thing per row, without numpy's conversions."""
    column = np.empty(len(things), dtype=object)
    column[:] = things
    return column


@contextmanager
def _cluster():
    """Yield Ray, connected to the current cluster, that of RAY_ADDRESS, or one started on this machine."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ImportError(
            f"--engine ray needs ray[data] ({error.name} is missing): install the package ray[data]"
        ) from error
    ours = not ray.is_initialized()
    if ours:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        package = str(Path(__file__).resolve().parents[1])
        ray.init(log_to_driver=False, logging_level=logging.ERROR, runtime_env={"py_modules": [package]})
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()
