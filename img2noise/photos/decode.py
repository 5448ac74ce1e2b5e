"""Photographs from disk: read as they are, scaled down but never up, as float32 (1, 3, H, W) in [-1, 1].

An enlarged photo has no detail at its highest frequencies and would teach a whitener that photos have none,
so scaling only ever shrinks. Whatever is wrong with a file is one sentence that names it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from .sources import Source, fingerprint, read_bytes
from .sources import photo_files as photo_files  # for those who look for it here

SMALLEST = 8  # latent pixels on the short side: fewer hold no texture to measure
LONGEST = 32  # short sides: a strip longer than that would fill the memory at any size


@dataclass(frozen=True, eq=False)
class Decoded:
    """A photo that was read: pixels (1, 3, H, W), or the reason why there are none, and its fingerprint."""

    place: Path | Source
    pixels: Tensor | None
    reason: str = ""
    content: int = 0


def read_photo(path: str | Path, size: int | None = None, multiple: int = 1, square: bool = False) -> Tensor:
    """A photo as (1, 3, H, W) in [-1, 1], its short side scaled down to `size`, sides cut to multiples of
    `multiple`.

    `square` cuts the middle size x size out. Raises ValueError naming the file where it cannot be read, or is
    too small or too long.
    """
    photo = decode(Path(path), size, multiple, square)
    if photo.pixels is None:
        raise ValueError(photo.reason)
    return photo.pixels


def decode(
    place: Path | Source | Decoded, size: int | None = None, multiple: int = 1, square: bool = False
) -> Decoded:
    """The same of a photo at any place, with the reason where there is no picture, instead of an error. An
    animation is its first frame; what was decoded elsewhere stays as it is.
    """
    if isinstance(place, Decoded):
        return place
    content = 0
    try:
        data = read_bytes(place)
        content = fingerprint(data)
        with Image.open(io.BytesIO(data)) as file:
            image = _rgb(ImageOps.exif_transpose(file))
        del data
        return Decoded(place, _scaled(image, size, multiple, square), content=content)
    except _Unfit as error:
        return Decoded(place, None, f"{place} is {error}", content)
    except UnidentifiedImageError:
        return Decoded(
            place, None, f"{place} cannot be read as a photo: it is of no kind that is known", content
        )
    except Exception as error:  # of many kinds: decoders raise what they please on damaged files
        said = str(error) or type(error).__name__
        return Decoded(place, None, f"{place} cannot be read as a photo: {said}", content)


def to_pixels(x: Tensor) -> Iterator[np.ndarray]:
    """Pictures (B, 3, H, W) in [-1, 1] as uint8 arrays (H, W, 3), clipped."""
    for picture in x.detach().float().cpu():
        yield ((picture.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()


class _Unfit(ValueError):
    """A photo that was read and has sides that cannot be used."""


def _scaled(image: Image.Image, size: int | None, multiple: int, square: bool) -> Tensor:
    needed = size if square and size else SMALLEST * multiple
    short = min(image.size)
    if short < needed:
        raise _Unfit(f"{image.width} x {image.height}; its short side must be at least {needed}")
    if not square and max(image.size) > LONGEST * short:
        raise _Unfit(f"{image.width} x {image.height}; its long side may be at most {LONGEST} short ones")
    if size and short > size:
        image = image.resize(
            [max(size, round(n * size / short)) for n in image.size], Image.Resampling.LANCZOS
        )
    width, height = (size, size) if square and size else (n // multiple * multiple for n in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    image = image.crop((left, top, left + width, top + height))
    pixels = np.asarray(image, dtype=np.float32) / 127.5 - 1
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))[None])


def _rgb(image: Image.Image) -> Image.Image:
    """Any mode as RGB: 16-bit grays scaled to 8 bits, transparency over white."""
    if image.mode == "F":
        raise ValueError("its pixels are fractions of an unknown range; save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image, dtype=np.float64) / 257).clip(0, 255).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
