"""Photos are read as they are, shrunk but never enlarged, and what cannot be read is named and counted."""

from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from img2noise import measure
from img2noise.photos.decode import Decoded, photo_files, read_photo, to_pixels
from img2noise.photos.surveys import measure_photos, survey_photos


def gradient(width, height, mode="RGB"):
    ramp = np.linspace(0, 255, width, dtype=np.uint8)
    pixels = np.stack([np.broadcast_to(ramp, (height, width))] * 3, axis=-1)
    return Image.fromarray(np.ascontiguousarray(pixels)).convert(mode)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for index in range(12):
        pixels = rng.integers(0, 256, (64 + 8 * (index % 3), 96, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index:02d}.png")
    (tmp_path / "deep").mkdir()
    gradient(80, 80).save(tmp_path / "deep" / "below.png")
    (tmp_path / "notes.txt").write_text("no photo")
    return tmp_path


def test_no_photo_at_all_is_an_error_that_names_the_place(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        photo_files(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        photo_files(tmp_path / "nowhere")


def test_pixels_survive_the_way_to_tensors_and_back(tmp_path):
    image = gradient(32, 24)
    image.save(tmp_path / "a.png")
    x = read_photo(tmp_path / "a.png")
    assert x.shape == (1, 3, 24, 32) and x.min() == -1 and x.max() == 1
    assert np.array_equal(next(to_pixels(x)), np.asarray(image))


@pytest.mark.parametrize("size, expected", [(None, (45, 100)), (200, (45, 100)), (30, (30, 67))])
def test_photos_are_shrunk_but_never_enlarged(tmp_path, size, expected):
    gradient(100, 45).save(tmp_path / "a.png")
    assert tuple(read_photo(tmp_path / "a.png", size).shape[-2:]) == expected
    with pytest.raises(ValueError, match=r"a\.png is 100 x 45; .* at least 64"):
        read_photo(tmp_path / "a.png", size, multiple=8)


def test_sides_are_cut_to_multiples_and_squares_to_the_middle(tmp_path):
    gradient(100, 75).save(tmp_path / "a.png")
    assert tuple(read_photo(tmp_path / "a.png", multiple=8).shape[-2:]) == (72, 96)
    middle = read_photo(tmp_path / "a.png", 64, square=True)
    assert tuple(middle.shape[-2:]) == (64, 64)
    assert torch.allclose(middle.mean(), torch.tensor(0.0), atol=0.02)  # the middle of a symmetric ramp


def test_orientation_transparency_and_16_bit_are_understood(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    gradient(40, 20).save(tmp_path / "turned.jpg", exif=exif)
    assert tuple(read_photo(tmp_path / "turned.jpg").shape[-2:]) == (40, 20)
    Image.new("RGBA", (16, 16), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert bool((read_photo(tmp_path / "clear.png") == 1).all())  # transparent is white
    Image.fromarray(np.full((16, 16), 65535, dtype=np.uint16)).save(tmp_path / "deep.png")
    assert bool((read_photo(tmp_path / "deep.png") == 1).all())


def test_a_survey_adds_photos_of_all_sizes_holds_a_tenth_out_and_names_the_rest(folder):
    (folder / "05.png").write_bytes(b"damaged")
    files = photo_files(folder)
    seen = []
    survey = measure_photos(files, lambda x: x, size=64, space="rgb", on_photo=seen.append)
    assert seen == files
    assert [path.name for path, _ in survey.left_out] == ["05.png"]
    assert len(survey.held_out) == 1 and survey.moments.count == 11
    assert survey.moments.shape == (3, 24, 24) and survey.moments.space == "rgb"
    chosen = files[:5] + files[6:9] + files[10:]
    parts = [measure(read_photo(p, 64), size=(24, 24), space="rgb") for p in chosen]
    whole = reduce(add, parts)
    assert torch.equal(survey.moments.products[0], whole.products[0])


@pytest.mark.parametrize(("first", "held"), [(0, [9, 19]), (90, [99, 109]), (990, [999])])
def test_every_tenth_of_the_first_thousand_photos_is_held_out(first, held):
    pixels = torch.zeros(1, 3, 8, 8)
    photos = [Decoded(Path(f"{first + i}.png"), pixels, content=i) for i in range(20)]
    survey = survey_photos(photos, lambda x: x, first=first)
    assert [int(place.stem) for place in survey.held_out.places] == held
    assert survey.moments.count == 20 - len(held)


def test_square_structures_leave_out_what_is_too_small(folder):
    survey = measure_photos(photo_files(folder), lambda x: x, structure="dense", size=72, patch=8)
    assert survey.moments.shape == (3, 8, 8)
    assert {p.name for p, _ in survey.left_out} == {"00.png", "03.png", "06.png", "09.png"}


def test_no_usable_photo_is_an_error_with_the_first_reason(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"none of the photos .*bad\.png"):
        measure_photos([tmp_path / "bad.png"], lambda x: x)
