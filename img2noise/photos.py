"""Photographs from disk: found, read, scaled down but never up, and measured one at a time.

Pictures are float32 (1, 3, H, W) in [-1, 1]. An enlarged photo has no detail at its highest frequencies and
would teach a whitener that photos have none, so scaling only ever shrinks. What cannot be used is named,
counted and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from .moments import Moments, measure

HELD_OUT = 10, 100  # every tenth photo is kept out of the moments to test on, a hundred at the most
SMALLEST = 8  # latent pixels on the short side: fewer hold no texture to measure
FINEST = 192  # frequencies a side on a spectrum's grid: it is smooth, and stays below 2 MB


@dataclass
class Survey:
    """What was measured: `moments`, pictures `held_out` of them, and (file, reason) of those `left_out`."""

    moments: Moments | None = None
    held_out: list[Tensor] = field(default_factory=list)
    left_out: list[tuple[Path, str]] = field(default_factory=list)


def photo_files(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """The photos that files and folders (searched to any depth) name, sorted; FileNotFoundError where there
    is none.
    """
    paths = [paths] if isinstance(paths, (str, Path)) else list(paths)
    known = set(Image.registered_extensions())
    found = []
    for path in map(Path, paths):
        if path.is_dir():
            found += [p for p in path.rglob("*") if p.suffix.lower() in known and p.is_file()]
        elif path.is_file():
            found.append(path)
        else:
            raise FileNotFoundError(f"got {str(path)!r}, which is neither a file nor a folder")
    if not found:
        raise FileNotFoundError(f"found no photos in {', '.join(map(str, paths))}")
    return sorted(set(found))


def read_photo(path: str | Path, size: int | None = None, multiple: int = 1, square: bool = False) -> Tensor:
    """A photo as (1, 3, H, W) in [-1, 1], its short side scaled down to `size`, sides cut to multiples of
    `multiple`.

    `square` cuts the middle size x size out. Raises ValueError naming the file where it cannot be read, or is
    too small.
    """
    try:
        with Image.open(path) as file:
            image = _rgb(ImageOps.exif_transpose(file))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be read as a photo: {error}") from error
    needed = size if square and size else SMALLEST * multiple
    short = min(image.size)
    if short < needed:
        raise ValueError(
            f"{path} is {image.width} x {image.height}; its short side must be at least {needed}"
        )
    if size and short > size:
        image = image.resize(
            [max(size, round(n * size / short)) for n in image.size], Image.Resampling.LANCZOS
        )
    width, height = (size, size) if square and size else (n // multiple * multiple for n in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    image = image.crop((left, top, left + width, top + height))
    return (
        torch.from_numpy(np.asarray(image, dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)[None].contiguous()
    )


def measure_photos(
    files: Iterable[Path],
    encode: Callable[[Tensor], Tensor],
    *,
    structure: str = "stationary",
    size: int = 512,
    stride: int = 1,
    patch: int | None = None,
    space: str = "",
    moments: Moments | None = None,
    on_photo: Callable[[Path], object] | None = None,
) -> Survey:
    """The moments of `encode(photo)`, added to `moments` if given, and every tenth encoded photo held out of
    them.

    `encode` takes (1, 3, H, W) in [-1, 1] to model space, `stride` pixels to a latent pixel. Stationary
    moments are kept on a grid of size // stride (at most 192) and take whole photos of any size; the other
    structures take the middle square. `on_photo` is called before each photo, and may raise to stop.
    """
    stationary = structure == "stationary"
    grid = {"size": (min(size // stride, FINEST),) * 2} if stationary else {"patch": patch}
    survey = Survey(moments)
    for index, path in enumerate(files):
        if on_photo is not None:
            on_photo(path)
        try:
            x = encode(read_photo(path, size, stride, square=not stationary))
        except ValueError as error:
            survey.left_out.append((path, str(error)))
            continue
        if index % HELD_OUT[0] == HELD_OUT[0] - 1 and len(survey.held_out) < HELD_OUT[1]:
            survey.held_out.append(x)
        else:
            new = measure(x, structure, space=space, **grid)
            survey.moments = new if survey.moments is None else survey.moments + new
    if survey.moments is None:
        raise ValueError(f"none of the photos could be used; the first: {survey.left_out[0][1]}")
    return survey


def to_pixels(x: Tensor) -> Iterator[np.ndarray]:
    """Pictures (B, 3, H, W) in [-1, 1] as uint8 arrays (H, W, 3), clipped."""
    for picture in x.detach().float().cpu():
        yield ((picture.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()


def _rgb(image: Image.Image) -> Image.Image:
    """Any mode as RGB: 16-bit greys scaled to 8 bits, transparency over white."""
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image, dtype=np.float64) / 257).clip(0, 255).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
