"""Photos in folders, globs, tars and parquet tables are the same photos; what cannot be listed is named."""

import io
import json
import sys
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from img2noise.photos.checkpoints import load_survey, save_survey
from img2noise.photos.decode import decode
from img2noise.photos.sources import Source, identity, photo_places, read_bytes
from img2noise.photos.surveys import survey_photos


def encoded(index, kind="PNG"):
    pixels = np.random.default_rng(index).integers(0, 256, (64 + index % 3, 80, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


PHOTOS = [encoded(i) for i in range(12)]


def as_folder(folder):
    (folder / "deep").mkdir(parents=True)
    for i, data in enumerate(PHOTOS):
        (folder / ("deep" if i > 5 else ".") / f"{i:02d}.png").write_bytes(data)
    return [folder / f"{i:02d}.png" for i in range(6)] + [folder / "deep"]


def as_glob(folder):
    as_folder(folder)
    return [f"{folder}/0[0-5].png", f"{folder}/**/0[6-9].png", f"{folder}/*/1*.png"]


def as_tars(folder):
    folder.mkdir()
    for shard in range(2):
        with tarfile.open(folder / f"shard-{shard}.tar", "w") as tar:
            for i in range(6 * shard, 6 * shard + 6):
                for suffix, data in (("json", json.dumps(dict(i=i)).encode()), ("png", PHOTOS[i])):
                    member = tarfile.TarInfo(f"{i:04d}.{suffix}")
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
    return [folder]


def as_table(folder, pair=False, column="image"):
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not there: pip install pyarrow")
    from pyarrow import parquet

    folder.mkdir()
    cells = [dict(bytes=data, path=f"{i}.png") if pair else data for i, data in enumerate(PHOTOS)]
    table = arrow.table({"label": list(range(12)), "thumb": [b""] * 12, column: cells})
    parquet.write_table(table, folder / "part.parquet", row_group_size=5)
    return [folder]


def as_pairs(folder):
    return as_table(folder, pair=True)


SOURCES = [as_folder, as_glob, as_tars, as_table, as_pairs]


@pytest.mark.parametrize("make", SOURCES)
def test_the_same_photos_give_the_same_moments_wherever_they_lie(tmp_path, make):
    places = photo_places(make(tmp_path / "photos"))
    assert [read_bytes(p) for p in places] == PHOTOS
    survey = survey_photos(places, lambda x: x, size=64)
    plain = survey_photos(photo_places(as_folder(tmp_path / "plain")), lambda x: x, size=64)
    assert torch.equal(survey.moments.products[0], plain.moments.products[0])
    assert survey.counted == plain.counted and len(survey.held_out) == 1 and not survey.left_out
    assert len(set(survey.seen)) == 12 and not set(survey.seen) & set(plain.seen)
    kept, _ = load_survey(save_survey(survey, tmp_path / "kept.safetensors"))
    assert kept.held_out.places == survey.held_out.places and kept.seen == survey.seen


def test_a_photo_is_itself_from_every_folder(tmp_path, monkeypatch):
    as_folder(tmp_path / "photos")
    [place] = photo_places(as_tars(tmp_path / "tars"))[:1]
    monkeypatch.chdir(tmp_path / "photos")
    assert identity("00.png") == identity(tmp_path / "photos" / "00.png") != identity("01.png")
    monkeypatch.chdir(tmp_path / "tars")
    assert identity(Source("shard-0.tar", *place[1:])) == identity(place)


def test_what_is_before_the_end_of_a_truncated_tar_is_measured_and_the_tar_is_named(tmp_path):
    [folder] = as_tars(tmp_path / "photos")
    whole = (folder / "shard-0.tar").read_bytes()
    (folder / "shard-0.tar").write_bytes(whole[: len(whole) // 2])
    survey = survey_photos(photo_places(folder), lambda x: x, size=64)
    assert 6 < survey.moments.count + len(survey.held_out) < 12
    assert any("shard-0.tar cannot be read" in reason for _, reason in survey.left_out)


@pytest.mark.parametrize("name, words", [("a.tar", "truncated"), ("a.parquet", "cannot be read")])
def test_archives_that_are_none_are_named(tmp_path, name, words):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="pyarrow is not there: pip install pyarrow")
    (tmp_path / name).write_bytes(b"nothing of the kind" * 99)
    as_folder(tmp_path / "photos")
    survey = survey_photos(photo_places(tmp_path), lambda x: x, size=64)
    [(place, reason)] = survey.left_out
    assert str(place).endswith(name) and name in reason and words in reason
    assert survey.moments.count + len(survey.held_out) == 12


def test_a_table_without_pictures_is_named_with_its_columns(tmp_path):
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not there: pip install pyarrow")
    from pyarrow import parquet

    parquet.write_table(arrow.table({"label": [1, 2], "words": ["a", "b"]}), tmp_path / "a.parquet")
    [place] = photo_places(tmp_path / "a.parquet")
    assert "(label, words)" in decode(place).reason
    parquet.write_table(arrow.table({"image": [None, PHOTOS[0]]}), tmp_path / "b.parquet")
    empty, full = map(decode, photo_places(tmp_path / "b.parquet"))
    assert "the row holds no picture" in empty.reason and full.pixels.shape == (1, 3, 64, 80)


def test_a_table_without_what_reads_it_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    [place] = photo_places(tmp_path)
    assert "pyarrow" in decode(place).reason


def test_an_archive_that_changes_after_it_was_listed_is_named(tmp_path):
    [folder] = as_tars(tmp_path / "photos")
    places = photo_places(folder)
    (folder / "shard-0.tar").unlink()
    (folder / "shard-1.tar").write_bytes(b"short")
    reasons = [decode(place).reason for place in places]
    assert all("shard-" in reason and "cannot be read as a photo" in reason for reason in reasons)


@pytest.mark.parametrize("path", ["nowhere", "*.jpg", "a\0b"])
def test_what_names_nothing_is_refused(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((FileNotFoundError, ValueError), match="found no file|null"):
        photo_places([path])
