"""Photos of every awkward kind: measured where they can be, else counted and named; none ends the run."""

import json
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from img2noise.cli.app import app
from img2noise.photos.decode import decode
from img2noise.photos.surveys import survey_photos

NOISE = np.random.default_rng(0).integers(0, 256, (64, 72, 3), dtype=np.uint8)
PHOTO = Image.fromarray(NOISE)


def png(width, height, depth, color, rows):
    """A PNG by hand, of depths that Pillow does not write and of sizes that it has no memory for."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def deep():
    return NOISE.astype(">u2") * 257


def saved(path, image=PHOTO, **options):
    image.save(path, **options)
    return path


def others(kind):
    frames = [Image.fromarray(NOISE[::-1].copy()), Image.fromarray(NOISE[:, ::-1].copy())]
    return dict(save_all=True, append_images=frames, **({"lossless": True} if kind == "webp" else {}))


USABLE = {  # file name, how it is written, how far its pixels may be from the photo's
    "animated.webp": (lambda p: saved(p, **others("webp")), 0),
    "animated.gif": (lambda p: saved(p, **others("gif")), 255),
    "deep-alpha.png": (
        lambda p: p.write_bytes(
            png(72, 64, 16, 6, [np.dstack([r[None], 65535 + 0 * r[None, :, :1]]).tobytes() for r in deep()])
        ),
        1,
    ),
    "print.tif": (lambda p: saved(p, PHOTO.convert("CMYK")), 1),
    "alpha.png": (lambda p: saved(p, PHOTO.convert("RGBA")), 0),
    "palette.png": (lambda p: saved(p, PHOTO.quantize(256), transparency=0), 255),
    "lab.tif": (lambda p: saved(p, PHOTO.convert("YCbCr")), 8),
}


@pytest.mark.parametrize("name", USABLE)
def test_an_awkward_kind_is_read_as_it_looks(tmp_path, name):
    write, far = USABLE[name]
    write(tmp_path / name)
    photo = decode(tmp_path / name)
    assert photo.pixels is not None, photo.reason
    assert photo.pixels.shape == (1, 3, 64, 72) and float(photo.pixels.std()) > 0.3
    expected = torch.from_numpy(NOISE).permute(2, 0, 1)[None] / 127.5 - 1
    assert float((photo.pixels - expected).abs().max()) * 127.5 <= far + 0.01


def test_16_bit_gray_keeps_its_steps(tmp_path):
    gray = np.linspace(0, 65535, 64 * 72).reshape(64, 72).astype(np.uint16)
    Image.fromarray(gray).save(tmp_path / "gray.png")
    x = decode(tmp_path / "gray.png").pixels
    assert float((x[0, 0] - torch.from_numpy(gray / 32767.5 - 1)).abs().max()) < 1 / 127


USELESS = {
    "empty.jpg": (lambda p: p.write_bytes(b""), "unknown file format"),
    "text.jpg": (lambda p: p.write_text("not a photo"), "unknown file format"),
    "truncated.jpg": (lambda p: p.write_bytes(saved(p).read_bytes()[:-900]), "truncated"),
    "damaged.png": (lambda p: p.write_bytes(saved(p).read_bytes()[:300] + b"\0" * 9000), "cannot be read"),
    "tiny.png": (lambda p: saved(p, PHOTO.resize((1, 1))), "is 1 x 1; its short side"),
    "strip.png": (lambda p: saved(p, PHOTO.resize((1000, 9))), "its long side must be at most 32"),
    "gigantic.png": (lambda p: p.write_bytes(png(60000, 60000, 8, 2, [b""])), "3600000000 pixels"),
    "liar.png": (lambda p: p.write_bytes(png(9000, 9000, 8, 2, [b""])), "cannot be read as a photo"),
    "fractions.tif": (lambda p: saved(p, Image.fromarray(NOISE[..., 0] / np.float32(255))), "range"),
    "dangling.png": (lambda p: p.symlink_to("nowhere.png"), "No such file"),
}


def make_all(folder):
    folder.mkdir()
    for kinds in (USABLE, USELESS):
        for name, (write, _) in kinds.items():
            try:
                write(folder / name)
            except OSError as error:  # links need rights on Windows
                pytest.skip(f"this machine cannot make {name}: {error}")
    return folder


def test_all_at_once_are_counted_and_named_and_none_is_fatal(tmp_path):
    folder = make_all(tmp_path / "photos")
    arguments = ["fit", folder, "--out", tmp_path / "w.safetensors", "--size", 64, "--shrinkage", 0.1]
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    for name, (_, words) in USELESS.items():
        assert f"{name} " in said and words in said, name
    assert f"{len(USELESS)} left out" in said and "Traceback" not in said and "BytesIO" not in said
    (tmp_path / "w.safetensors").unlink()
    found = json.loads(CliRunner().invoke(app, [str(a) for a in [*arguments, "--json"]]).stdout)
    assert {name.rsplit("/", 1)[-1].rsplit("\\", 1)[-1] for name in found["reasons"]} == set(USELESS)
    held_out = (len(USABLE) + len(USELESS)) // 10
    assert len(USABLE) - held_out <= found["photos"] <= len(USABLE)


def test_photos_that_vanish_appear_and_change_while_others_are_measured(tmp_path):
    for i in range(40):
        saved(tmp_path / f"{i:02d}.png")
    files = sorted(tmp_path.iterdir())

    def change(path):
        if path.name == "03.png":
            files[30].unlink()
            files[31].write_bytes(b"something else")
            saved(files[32], PHOTO.resize((640, 480)))
            saved(tmp_path / "new.png")

    survey = survey_photos(files, lambda x: x, size=64, on_photo=change)
    assert [p.name for p, _ in survey.left_out] == ["30.png", "31.png"]
    assert survey.moments.count == 40 - 2 - 4 and len(survey.seen) == 40


@pytest.mark.parametrize("failure", [ValueError("too strange"), torch.cuda.OutOfMemoryError("too large")])
def test_a_photo_that_cannot_be_encoded_is_left_out(tmp_path, failure):
    for i in range(4):
        saved(tmp_path / f"{i}.png", PHOTO.resize((64 + 8 * i, 64)))

    def encode(x):
        if x.shape[-1] == 72:
            raise failure
        return x * float("nan") if x.shape[-1] == 80 else x

    survey = survey_photos(sorted(tmp_path.iterdir()), encode, size=64)
    assert survey.moments.count == 2
    assert [f"{failure}" in r or "NaN" in r for _, r in survey.left_out] == [True, True]
