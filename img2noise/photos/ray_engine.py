"""Measure photos on a cluster: Ray decodes and encodes them on its CPUs and GPUs, and moments add up.

The driver lists and numbers the photos, so the same ones are held out as on one machine. Workers turn a few
photos at a time into a survey, and the driver adds surveys in the order of the photos, so the sum does not
depend on the number, speed or loss of workers. Workers must see the files under the same paths.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import closing, contextmanager
from functools import cache, partial
from itertools import accumulate, cycle
from pathlib import Path

from torch import Tensor

from ..whitening.moments import GRIDDED
from .decode import Decoded, decode
from .sources import Source
from .surveys import HeldOut, PhotoStats, ahead, survey_photos

TASKS, LARGEST = 256, 16  # about this many tasks, of at most this many photos
RETRIES = 3  # of a task whose worker died: a photo may be the cause
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
    with _cluster() as ray, closing(_parts(ray, chunks, seen, load, how)) as parts:
        for chunk, part in zip(chunks, parts, strict=True):
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
    cpus, gpus = (int(ray.cluster_resources().get(kind, 0)) for kind in ("CPU", "GPU"))
    gpus = 0 if how["space"] == "rgb" else gpus  # nothing to encode there
    needs = dict(num_gpus=1, num_cpus=0) if gpus else dict(num_cpus=1)
    worker = ray.remote(max_restarts=-1, max_task_retries=RETRIES, **needs)(_Worker)
    workers = [worker.remote(load, how) for _ in range(min(gpus or max(cpus, 1), len(chunks)))]
    decoding = ray.remote(max_retries=RETRIES)(_decoded)

    def measured(job: tuple) -> PhotoStats | str:
        chunk, first, own = job
        return ray.get(own.measure.remote(decoding.remote(chunk, how) if gpus else chunk, first))

    firsts = accumulate(map(len, chunks), initial=seen)
    try:
        yield from ahead(measured, zip(chunks, firsts, cycle(workers), strict=False), 2 * len(workers))
    except ray.exceptions.RayError as error:  # after RETRIES
        said = str(error).strip().splitlines()[-1][:300]
        raise ValueError(
            f"the cluster gave up on some photos ({said}); resume from --moments if you keep them"
        ) from error


class _Worker:
    """A process that keeps its autoencoder, on the GPU if it has one."""

    def __init__(self, load: Callable[[], Encode], how: dict):
        self.encode, self.how = load(), how

    def measure(self, photos: Sequence, first: int) -> PhotoStats | str:
        """Return the survey of these photos, or the sentence why there is none."""
        try:
            part = survey_photos(photos, self.encode, first=first, **self.how)
        except ValueError as error:
            return str(error)
        part.held_out = HeldOut(part.held_out.places)  # without the functions that read them
        return part


def _decoded(places: Sequence[Path | Source], how: dict) -> list[Decoded]:
    return list(map(_reading(None, how)[0], places))


def _reading(load: Callable[[], Encode] | None, how: dict) -> tuple[Callable, Encode | None]:
    """Return how to read and encode a held-out photo, with the settings of the others."""
    square = how["structure"] not in GRIDDED
    read = partial(decode, size=how["size"], multiple=how["stride"], square=square)
    if load is None:
        return read, None
    once = cache(load)  # at the first picture
    return read, lambda x: once()(x)


@contextmanager
def _cluster():
    """Yield Ray, connected to the current cluster, that of RAY_ADDRESS, or one started on this machine."""
    try:
        import ray
    except ImportError as error:
        raise ImportError(f"--engine ray needs {error.name}: install the package ray") from error
    ours = not ray.is_initialized()
    if ours:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        package = str(Path(__file__).resolve().parents[1])
        ray.init(log_to_driver=False, logging_level=logging.ERROR, runtime_env={"py_modules": [package]})
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()
