"""The photos of Sample Image: small free files, whose masks lie on what the captions name."""

from __future__ import annotations

import pytest
from PIL import Image

from samples import PHOTOS, load

from .archive import ROOT
from .each import each

FOLDER = ROOT / "samples"
ON = {  # points on the object, in shares of the side, and how bright red, green and blue are there
    "coffee cup": {(0.45, 0.42): (0.9, 0.58, 0.2), (0.29, 0.68): (0.6, 0.15, 0.05)},
    "cat": {(0.64, 0.8): (0.55, 0.2, 0.1), (0.25, 0.4): (0.55, 0.5, 0.25)},
    "astronaut": {(0.15, 0.85): (0.9, 0.5, 0.35), (0.65, 0.6): (0.75, 0.3, 0.15)},
}
BESIDE = {  # points beside it, most of them less than a tenth of the side away
    "coffee cup": [(0.66, 0.72), (0.1, 0.5), (0.45, 0.8), (0.8, 0.2), (0.78, 0.5)],
    "cat": [(0.97, 0.7), (0.95, 0.05), (0.5, 0.97), (0.1, 0.9)],
    "astronaut": [(0.44, 0.24), (0.4, 0.45), (0.75, 0.85), (0.06, 0.5), (0.75, 0.6)],
}


@each("name", PHOTOS)
def test_a_mask_lies_on_the_object_and_on_nothing_beside_it(name):
    picture, mask = load(PHOTOS[name], 200)
    assert picture.shape == (200, 200, 3) and mask.shape == (200, 200)
    for (x, y), color in ON[name].items():
        row, column = round(200 * y), round(200 * x)
        assert mask[row, column] == 1
        assert picture[row, column] == pytest.approx(color, abs=0.1), (x, y)
    assert not [point for point in BESIDE[name] if mask[round(200 * point[1]), round(200 * point[0])]]
    assert 0 < ((mask > 0) & (mask < 1)).mean() < 0.05  # the edge is soft


@each("name", PHOTOS)
def test_a_photo_and_its_mask_are_the_same_at_every_size(name):
    large, small = (load(PHOTOS[name], size) for size in (256, 64))
    for fine, coarse in zip(large, small, strict=True):
        averaged = fine.reshape(64, 4, 64, 4, -1).mean((1, 3)).reshape(coarse.shape)
        assert abs(averaged - coarse).mean() < 0.02


def test_files_are_small_and_the_page_beside_them_has_a_license_for_each():
    files = sorted(FOLDER.glob("*.jpg"))
    page = (FOLDER / "README.md").read_text("utf-8")
    assert {file.name for file in files} == {photo.file for photo in PHOTOS.values()}
    for file in files:
        width, height = Image.open(file).size
        start = f"| `{file.name}` | {width} x {height} |"
        [row] = [line for line in page.splitlines() if line.startswith(start)]
        assert row.endswith(("| CC0 |", "| public domain |"))
        assert width == height and file.stat().st_size < 70_000
