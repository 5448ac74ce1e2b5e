"""`python -m benchmarks similarity [NAMES]`: the similarity that is asked for and the one that previews have,
of pictures drawn from each shipped whitener, by size and value, over 200 seeds; with IMG2NOISE_PHOTOS and
IMG2NOISE_TAESD set also of 100 photos, which are not drawn from it.
"""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor

from img2noise import Whitener, correlated_noise, draw, load
from img2noise.files.storage import SHIPPED

from .report import show_table
from .whiteners import ENCODERS

OF_PHOTOS, PHOTOS, SIDE = (0.3, 0.5, 0.7, 0.9), 100, 256
SIZES = (32, 32), (64, 96), (128, 128)
VALUES = tuple(k / 10 for k in range(1, 10))
NAMES = sorted(file.stem for file in SHIPPED.glob("*.safetensors"))
SEEDS, AT_ONCE, PICTURES = 200, 8, 1000


def run(
    names: Annotated[list[str] | None, typer.Argument(help="Measure these whiteners.")] = None,
    seeds: Annotated[int, typer.Option(min=2, help="Draw this many pictures.")] = SEEDS,
) -> None:
    """Show the largest and the mean distance from each value; the claim is .02."""
    rows = []
    for name in names or NAMES:
        for size in SIZES:
            found = with_errors(load(name).at_size(*size), VALUES, seeds)
            off = [(correlation - value, error) for value, (correlation, error) in found.items()]
            worst, error = max(off, key=lambda pair: abs(pair[0]))
            mean = sum(distance for distance, _ in off) / len(off)
            rows.append((f"{name} {size[0]} x {size[1]}", f"{worst:+.3f} +- {error:.3f}", f"{mean:+.3f}"))
    headings = ("", "worst, standard error", "mean")
    show_table(f"similarity of {seeds} previews, less that asked for, .1 to .9", headings, rows)
    if "IMG2NOISE_PHOTOS" in os.environ and "IMG2NOISE_TAESD" in os.environ:
        headings = ("photos", *(f"{value:g}" for value in OF_PHOTOS))
        title = f"similarity of {PHOTOS} photos of {SIDE} pixels: all together, and of the middle 80 %"
        show_table(title, headings, [of_photos(name) for name in names or NAMES])


def measured(whitener: Whitener, values: tuple[float, ...], seeds: int = SEEDS) -> dict[float, float]:
    """Return the correlation of previews and pictures, all coordinates together, for each value."""
    return {value: found for value, (found, _) in with_errors(whitener, values, seeds).items()}


def with_errors(
    whitener: Whitener, values: tuple[float, ...], seeds: int = SEEDS
) -> dict[float, tuple[float, float]]:
    """Return the correlations and their standard errors, to first order in each picture's share."""
    sums: dict[float, list[Tensor]] = {value: [] for value in values}
    for first in range(0, seeds, AT_ONCE):
        own = list(range(first, min(first + AT_ONCE, seeds)))
        x0 = whitener.dewhiten(draw((len(own), *whitener.shape), [PICTURES + seed for seed in own]))
        a = whitener.analyze(x0)
        for value in values:
            z = correlated_noise(x0, whitener, similarity=value, seed=own)
            sums[value].append(_sums(a, whitener.analyze(whitener.dewhiten(z))))
    return {value: _correlation(torch.cat(each)) for value, each in sums.items()}


def _sums(a: Tensor, b: Tensor) -> Tensor:
    """Return a b, a a and b b of each row: float64 (B, 3)."""
    return torch.stack([(x.double() * y).sum(1) for x, y in ((a, b), (a, a), (b, b))], 1)


def _correlation(each: Tensor) -> tuple[float, float]:
    """Return sum ab / sqrt(sum aa sum bb) over rows (N, 3), and its standard error."""
    ab, aa, bb = each.sum(0)
    found = ab / (aa * bb).sqrt()
    shares = each[:, 0] / (aa * bb).sqrt() - found * (each[:, 1] / aa + each[:, 2] / bb) / 2
    return float(found), float(shares.norm())


def of_photos(name: str) -> tuple[str, ...]:
    """Return a row: for each value the correlation over photos, and the band of the photos one by one."""
    from img2noise.photos.autoencoders import encoder
    from img2noise.photos.decode import decode, photo_files

    weights = f"{ENCODERS[name]}_encoder.safetensors" if name in ENCODERS else None
    encode = encoder(weights and Path(os.environ["IMG2NOISE_TAESD"], weights), name)
    photos = (decode(file, SIDE, 8, True) for file in photo_files(Path(os.environ["IMG2NOISE_PHOTOS"])))
    pixels = (photo.pixels for photo in photos if photo.pixels is not None)  # some are too small
    x0 = torch.cat([encode(x) for x in islice(pixels, PHOTOS)])
    whitener = load(name).at_size_of(x0)
    a, row = whitener.analyze(x0), [name]
    for value in OF_PHOTOS:
        z = correlated_noise(x0, whitener, similarity=value, seed=list(range(len(x0))))
        b = whitener.analyze(whitener.dewhiten(z))
        each = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))
        low, high = each.quantile(torch.tensor([0.1, 0.9])).tolist()
        row.append(f"{_correlation(_sums(a, b))[0]:.2f} ({low:.2f} to {high:.2f})")
    return tuple(row)
