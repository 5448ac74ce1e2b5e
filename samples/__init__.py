"""Photos to try things on: each with a caption and the outline of its object. README.md has the licenses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

FINER = 4  # a mask's edge is drawn at this many times the size


@dataclass(frozen=True)
class Photo:
    """A square photo beside this file; `outline` has points of x and y in thousandths of the side."""

    file: str
    caption: str
    outline: tuple[tuple[int, int], ...]


def _points(text: str) -> tuple[tuple[int, int], ...]:
    numbers = [int(number) for number in text.split()]
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


PHOTOS = {  # by name
    "coffee cup": Photo(
        "coffee.jpg",
        "a photo of a red coffee cup with espresso on a red saucer with a spoon, on a wooden table",
        _points(
            "183 250 192 205 220 155 265 112 320 78 380 55 460 45 540 52 610 75 680 118 730 168 758 215"
            " 771 275 765 330 748 410 722 490 690 555 640 606 600 600 548 615 545 645 565 660 545 685"
            " 500 706 445 713 390 700 345 748 300 768 262 752 242 712 248 660 272 612 298 590 240 535"
            " 205 470 190 380 182 300"
        ),
    ),
    "cat": Photo(
        "cat.jpg",
        "a close-up photo of the face of a brown tabby cat with green eyes",
        _points(
            "0 0 850 0 900 100 945 250 965 370 965 440 935 530 890 610 840 690 795 780 765 860 715 895"
            " 650 915 600 925 500 925 400 910 310 885 240 830 180 780 100 740 0 690"
        ),
    ),
    "astronaut": Photo(
        "astronaut.jpg",
        "a photo of a smiling woman in an orange space suit with a helmet, a flag and a model of a space "
        "shuttle behind her",
        _points(
            "222 402 232 418 258 470 285 505 340 550 400 572 470 578 530 570 575 540 595 500 598 460"
            " 640 490 672 530 690 580 705 650 712 684 660 695 620 725 575 785 552 840 543 900 545 1000"
            " 382 1000 382 960 360 920 320 908 285 940 240 965 215 1000 75 1000 55 930 40 850 38 780 50"
            " 700 65 620 90 540 130 480 180 430"
        ),
    ),
}


def load(photo: Photo, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the photo (size, size, 3) and the mask of its object (size, size), float32 in [0, 1]."""
    with Image.open(Path(__file__).with_name(photo.file)) as stored:
        picture = stored.convert("RGB").resize((size, size), Image.Resampling.LANCZOS)
    mask = Image.new("L", (size * FINER, size * FINER))
    scale = size * FINER / 1000
    ImageDraw.Draw(mask).polygon([(x * scale, y * scale) for x, y in photo.outline], fill=255)
    shares = np.asarray(mask.reduce(FINER), np.float32) / 255
    return np.asarray(picture, np.float32) / 255, shares
