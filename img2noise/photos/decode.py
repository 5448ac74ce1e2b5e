"""Photos from files, scaled down but never up, as float32 (1, 3, H, W) in [-1, 1].

An enlarged photo has no detail at its highest frequencies, so a whitener would learn that photos have none.
Errors are one sentence that names the file.
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
from .sources import photo_files as photo_files  # also importable from here

SMALLEST = 8  # latent pixels on the short side: fewer have no texture to measure
LONGEST = 32  # short sides: a longer strip would fill the memory at any size


@dataclass(frozen=True, eq=False)
class Decoded:
    """A decoded photo: pixels (1, 3, H, W), or None and the reason, and the fingerprint of its file."""

    place: Path | Source
    pixels: Tensor | None
    reason: str = ""
    content: int = 0


def read_photo(path: str | Path, size: int | None = None, multiple: int = 1, square: bool = False) -> Tensor:
    """Return a photo (1, 3, H, W) in [-1, 1], its short side scaled down to `size`, sides cropped to
    multiples of `multiple`, or with `square` to the middle size x size.

    Raise ValueError naming the file if it cannot be read, or is too small or too long.
    """
    photo = decode(Path(path), size, multiple, square)
    if photo.pixels is None:
        raise ValueError(photo.reason)
    return photo.pixels


def decode(
    place: Path | Source | Decoded, size: int | None = None, multiple: int = 1, square: bool = False
) -> Decoded:
    """Return a photo as `read_photo` does, but with a reason instead of an error. Of an animation, return the
    first frame; return what is decoded already unchanged.
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
        return Decoded(place, None, f"{place} cannot be read as a photo: unknown file format", content)
    except Exception as error:  # decoders raise many types on damaged files
        said = str(error) or type(error).__name__
        return Decoded(place, None, f"{place} cannot be read as a photo: {said}", content)


def to_pixels(x: Tensor) -> Iterator[np.ndarray]:
    """Yield pictures (B, 3, H, W) in [-1, 1] as uint8 arrays (H, W, 3), clipped."""
    for picture in x.detach().float().cpu():
        yield ((picture.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()


class _Unfit(ValueError):
    """A photo whose sides cannot be used."""


def _scaled(image: Image.Image, size: int | None, multiple: int, square: bool) -> Tensor:
    needed = size if square and size else SMALLEST * multiple
    short = min(image.size)
    if short < needed:
        raise _Unfit(f"{image.width} x {image.height}; its short side must be at least {needed}")
    if not square and max(image.size) > LONGEST * short:
        raise _Unfit(
            f"{image.width} x {image.height}; its long side must be at most {LONGEST} times the short one"
        )
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
    """Convert any mode to RGB: 16-bit grays scaled to 8 bits, transparency over white."""
    if image.mode == "F":
        raise ValueError("its float pixels have an unknown range; save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image, dtype=np.float64) / 257).clip(0, 255).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
