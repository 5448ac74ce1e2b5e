"""Measure photos from files: statistics beside decoding and encoding, their overlap, and memory by count."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from .report import alone, peak

SMALL, LARGE = 64, 512  # short sides
FEW, MANY = 100, 10_000
TIMED = 16  # photos of the large size


def rows() -> list[tuple[str, str, str]]:
    """Return what was measured, its figure, and its bound."""
    with tempfile.TemporaryDirectory() as folder:
        found = []
        try:
            decode, encode, add = alone(_parts, folder, "sd")
            found.append(_share("latents of TAESD's size", add, decode + encode, "<= 5 %"))
        except ImportError:
            found.append(
                ("statistics over decoding and encoding latents", "diffusers is not installed", "<= 5 %")
            )
        decode, _, add = alone(_parts, folder, "rgb")
        found.append(_share("pixels, which nothing encodes", add, decode, "none"))
        overlapped = f"{alone(_overlap, folder):.2f} x"
        found.append(
            ("decoding, and encoding elsewhere for as long, over both in sequence", overlapped, "< 0.8 x")
        )
        peaks = [alone(_memory, str(Path(folder, str(count))), count) for count in (FEW, MANY)]
    for count, (megabytes, seconds) in zip((FEW, MANY), peaks, strict=True):
        rate = f"{megabytes:.0f} MB, {count / seconds:.0f} photos / CPU s"
        found.append((f"peak memory of {count} photos of {SMALL} pixels", rate, "alike"))
    return found


def _share(what: str, statistics: float, rest: float, claim: str) -> tuple[str, str, str]:
    figures = f"{1e3 * statistics:.1f} / {1e3 * rest:.0f} ms = {100 * statistics / rest:.1f} %"
    return f"statistics over decoding and encoding, {what}", figures, claim


def _written(folder: Path, count: int, side: int) -> list[Path]:
    """Write JPEGs of smooth noise, 4 : 3."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for i in range(count):
        small = rng.integers(0, 256, (side // 8, side // 6, 3), dtype=np.uint8)
        Image.fromarray(small).resize((side * 4 // 3, side)).save(folder / f"{i:05d}.jpg")
    return sorted(folder.iterdir())


def _parts(folder: str, space: str) -> tuple[float, float, float]:
    """Return seconds per photo for decoding, encoding and adding to the moments."""
    from img2noise import measure
    from img2noise.photos.decode import decode
    from img2noise.photos.surveys import FINEST
    from img2noise.whitening import SPACES

    encode, stride = _tiny() if space == "sd" else _same, SPACES[space].stride
    files = _written(Path(folder, space), TIMED, LARGE)
    grid = (min(LARGE // stride, FINEST),) * 2
    decode(files[0], LARGE, stride)
    decoding, photos = _timed(lambda file: decode(file, LARGE, stride).pixels, files)
    encode(photos[0])
    encoding, latents = _timed(encode, photos)
    measure(latents[0], size=grid)
    measuring, moments = _timed(lambda x: measure(x, size=grid), latents)
    adding, _ = _timed(lambda new: moments[0] + new, moments)
    return decoding, encoding, measuring + adding


def _overlap(folder: str) -> float:
    """Return the time of a survey whose encoder waits, as for a GPU, over that of both in sequence."""
    from img2noise.photos.decode import decode
    from img2noise.photos.surveys import survey_photos

    files = _written(Path(folder, "overlap"), 3 * TIMED, LARGE)
    start = time.perf_counter()
    for file in files:
        decode(file, LARGE, 8)
    each = (time.perf_counter() - start) / len(files)

    def encode(x):
        time.sleep(each)
        return torch.nn.functional.avg_pool2d(x, 8)

    start = time.perf_counter()
    survey_photos(files, encode, size=LARGE, stride=8)
    return (time.perf_counter() - start) / (2 * each * len(files))


def _timed(work: Callable, things: list) -> tuple[float, list]:
    """Return CPU seconds per thing, and the results."""
    start = time.process_time()
    done = [work(thing) for thing in things]
    return (time.process_time() - start) / len(things), done


def _tiny() -> Callable:
    """Return TAESD's encoder with random weights: as fast as the trained one, without a download."""
    import diffusers

    with torch.random.fork_rng(devices=[]):
        model = diffusers.AutoencoderTiny().train(False)

    def encode(x):
        with torch.inference_mode():
            return model.encode(x).latents

    return encode


def _same(x):
    return x


def _memory(folder: str, count: int) -> tuple[float, float]:
    """Return the increase of peak memory, and CPU seconds."""
    from img2noise.photos.sources import photo_places
    from img2noise.photos.surveys import survey_photos

    _written(Path(folder), count, SMALL)
    survey_photos(photo_places(folder)[:10], _same, size=SMALL, space="rgb")  # load modules
    before, start = peak(anew=True), time.process_time()
    survey = survey_photos(photo_places(folder), _same, size=SMALL, space="rgb")
    seconds = time.process_time() - start
    assert survey.moments.count + len(survey.held_out) == count
    return peak() - before, seconds
