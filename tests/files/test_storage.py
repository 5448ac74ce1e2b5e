"""Files that come back as they went, and damaged ones that say so in one kind of error."""

import json
import os
import struct
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from img2noise import Moments, Whitener, draw, fit, load, measure, metadata, save
from img2noise.files.storage import SHIPPED

from ..cases import CASES, STRUCTURES, close, fitted, normal

SHAPE = (3, 5, 7)
NAMES = sorted(p.stem for p in SHIPPED.glob("*.safetensors"))
every_structure = pytest.mark.parametrize("structure", STRUCTURES)


def objects():
    """One of each thing that can be saved."""
    moments = measure(normal(200, *SHAPE), "kronecker", space="rgb")
    return {"whitener": fitted("kronecker", "zca", SHAPE), "moments": moments, "noise": draw((2, *SHAPE), 1)}


@pytest.fixture(params=["whitener", "moments", "noise"])
def saved(request, tmp_path):
    """The path of a sound file of each kind."""
    return save(objects()[request.param], tmp_path / "sound.safetensors")


def rewrite(path, header=None, tensors=None, drop=()):
    """The same file with other metadata or tensors; a value of None is left out."""
    old = metadata(path)
    body = {k: v for k, v in (load_file(path) | (tensors or {})).items() if k not in drop}
    save_file(body, path, {k: v for k, v in (old | (header or {})).items() if v is not None})


def assert_refused(path, message=None):
    with pytest.raises(ValueError, match=message) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert type(caught.value) is ValueError  # not a UnicodeDecodeError or JSONDecodeError that got away


def test_what_is_loaded_does_not_change_with_its_file(tmp_path):
    noise = draw((2, *SHAPE), 1)
    path = save(noise, tmp_path / "noise.safetensors")
    again = load(path)
    with open(path, "r+b") as file:
        file.seek(-noise.numel() * 4, os.SEEK_END)
        file.write(bytes(noise.numel() * 4))
    assert torch.equal(again, noise) and float(load(path).abs().max()) == 0


@pytest.mark.parametrize(("structure", "method"), CASES)
def test_a_whitener_comes_back(structure, method, tmp_path):
    whitener = fitted(structure, method, SHAPE, 0.125)
    path = save(whitener, tmp_path / "w.safetensors", source="some photos", size=512)
    again = load(path)
    assert type(again) is type(whitener) and isinstance(again, Whitener)
    for name in ("structure", "method", "shape", "space", "count", "shrinkage"):
        assert getattr(again, name) == getattr(whitener, name)
    pairs = list(zip((again.mean, *again.blocks), (whitener.mean, *whitener.blocks), strict=True))
    if structure == "dense":
        assert all(torch.equal(a, b) for a, b in pairs)
    assert all(a.dtype == b.dtype and close(a, b.to(a), 1e-6 * float(b.abs().max())) for a, b in pairs)
    x = normal(2, *SHAPE, seed=3)
    assert close(again.whiten(x), whitener.whiten(x), 1e-2 if structure == "kronecker" else 1e-4)
    written = metadata(path)
    assert written["source"] == "some photos" and written["size"] == "512"
    assert json.loads(written["shape"]) == list(SHAPE) and written["format"] == "img2noise"


@every_structure
@pytest.mark.parametrize("spread", [1e-2, 1e-4, 1e-5])
def test_a_whitener_of_nearly_gray_pictures_comes_back_sound(structure, spread, tmp_path):
    x = normal(300, 3, 4, 6)
    x[:, 1:] = x[:, :1] + spread * x[:, 1:]
    whitener = fit(measure(x, structure))
    again = load(save(whitener, tmp_path / "gray.safetensors"))
    assert close(again.whiten(x), whitener.whiten(x), 0.02)


@every_structure
def test_moments_come_back_bit_for_bit_and_can_be_added_to(structure, tmp_path):
    moments = measure(normal(40, *SHAPE), structure, space="rgb")
    again = load(save(moments, tmp_path / "m.safetensors"))
    assert isinstance(again, Moments)
    for name in ("structure", "shape", "count", "space"):
        assert getattr(again, name) == getattr(moments, name)
    for a, b in zip((again.total, *again.products), (moments.total, *moments.products), strict=True):
        assert a.dtype == b.dtype and torch.equal(a, b)
    assert (again + moments).count == 80
    assert metadata(tmp_path / "m.safetensors")["scale_factor"] == "1.0"


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_noise_comes_back_bit_for_bit(dtype, tmp_path):
    noise = draw((3, *SHAPE), 4).to(dtype)
    path = save(noise.transpose(2, 3), tmp_path / "n.safetensors", seed=4, rows=["a", "b"])
    again = load(path)
    assert again.dtype == dtype and torch.equal(again, noise.transpose(2, 3))
    assert metadata(path)["type"] == "noise" and json.loads(metadata(path)["rows"]) == ["a", "b"]


def test_a_file_cut_short_anywhere_is_refused(saved, tmp_path):
    data, cut = saved.read_bytes(), tmp_path / "cut.safetensors"
    for length in {*range(0, 600, 7), *range(600, len(data), 997), len(data) - 1}:
        cut.write_bytes(data[:length])
        assert_refused(cut)
    cut.write_bytes(data + b"\0")
    assert_refused(cut)


def test_a_header_with_any_byte_changed_is_refused_or_read_but_never_crashes(saved, tmp_path):
    data, damaged = saved.read_bytes(), tmp_path / "damaged.safetensors"
    (length,) = struct.unpack("<Q", data[:8])
    refused = 0
    for place in range(8 + length):
        for change in (0x01, 0x80):
            damaged.write_bytes(data[:place] + bytes([data[place] ^ change]) + data[place + 1 :])
            try:
                load(damaged)
            except ValueError as error:
                assert str(damaged) in str(error)
                refused += 1
    assert refused > length  # most changes break it; one in a source or a count is another sound file


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"format": "pt"}, "not an img2noise file; its header says format 'pt'"),
        ({"format": None}, "not an img2noise file"),
        ({"type": "latent"}, "type 'latent'"),
        ({"type": None}, "type None"),
        ({"version": "2"}, "version '2' of the format; expected version 1"),
        ({"version": None}, "version None"),
    ],
)
def test_a_file_of_another_kind_is_refused(saved, header, message):
    rewrite(saved, header)
    assert_refused(saved, message)
    with pytest.raises(ValueError, match=message):
        metadata(saved)


@pytest.mark.parametrize("fact", ["structure", "shape", "count", "space", "method", "shrinkage"])
@pytest.mark.parametrize("value", [None, "", "none", "[1, 2]", "{}", "-3", "[0, 0, 0]", "[3, 5, 7.5]"])
def test_a_whitener_with_a_fact_missing_or_senseless_is_refused(fact, value, tmp_path):
    path = save(objects()["whitener"], tmp_path / "w.safetensors")
    rewrite(path, {fact: value})
    if fact == "space" and value is not None:
        assert load(path).space == value  # a name of the writer's own
        return
    assert_refused(path, "is not a sound img2noise whitener")


@every_structure
def test_tensors_missing_of_other_shapes_or_types_are_refused(structure, tmp_path):
    for thing in (fitted(structure, "zca", SHAPE), measure(normal(20, *SHAPE), structure)):
        path = tmp_path / "x.safetensors"
        for name, tensor in load_file(save(thing, path)).items():
            for wrong in (None, tensor[:-1].clone(), tensor.unsqueeze(0), (tensor * 0).to(torch.int32)):
                save(thing, path)
                changes = {"drop": [name]} if wrong is None else {"tensors": {name: wrong}}
                rewrite(path, **changes)
                assert_refused(path, "is not a sound img2noise|expected floating-point")


@every_structure
def test_a_whitener_that_was_not_fitted_comes_back_too(structure, tmp_path):
    made = replace(fitted(structure, "zca", SHAPE), count=0)
    assert load(save(made, tmp_path / "w.safetensors")).count == 0


def test_numbers_that_are_not_finite_are_refused(saved):
    for name, tensor in load_file(saved).items():
        for bad in (float("nan"), float("inf")):
            broken = tensor.clone()
            broken.view(-1)[-1] = bad
            sound = saved.read_bytes()
            rewrite(saved, tensors={name: broken})
            assert_refused(saved, f"NaN or infinity in '{name}'")
            saved.write_bytes(sound)


@every_structure
def test_a_covariance_that_is_not_positive_definite_is_refused(structure, tmp_path):
    path = tmp_path / "w.safetensors"
    for name in load_file(save(fitted(structure, "zca", SHAPE), path)):
        if name.startswith("block"):
            save(fitted(structure, "zca", SHAPE), path)
            rewrite(path, tensors={name: -load_file(path)[name]})
            assert_refused(path, "not positive definite")


@pytest.mark.parametrize("old", [b"the old file", None])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(old, tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    if old:
        path.write_bytes(old)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save(objects()["noise"], path)
    assert (path.read_bytes() if old else None) == old
    assert [p.name for p in tmp_path.iterdir()] == (["w.safetensors"] if old else [])


def test_what_cannot_be_saved_is_refused(tmp_path):
    with pytest.raises(TypeError, match="got a dict"):
        save({}, tmp_path / "x.safetensors")
    with pytest.raises(OSError, match="nowhere"):
        save(torch.ones(1, 1, 1, 1), tmp_path / "nowhere" / "x.safetensors")
    with pytest.raises(ValueError, match="metadata named type, which the file states itself"):
        save(torch.ones(1, 1, 1, 1), tmp_path / "x.safetensors", type="latent")
    with pytest.raises(ValueError, match="metadata named method"):
        save(objects()["whitener"], tmp_path / "x.safetensors", method="magic")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["no-such-whitener", "../sd", "/nowhere/sd.safetensors", ""])
@pytest.mark.parametrize("read", [load, metadata])
def test_an_unknown_name_lists_the_shipped_ones(name, read):
    with pytest.raises(FileNotFoundError, match="neither a file nor a shipped whitener") as caught:
        read(name)
    assert repr(name) in str(caught.value) and all(n in str(caught.value) for n in NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(64, 64), (48, 80), (33, 130)])
def test_a_shipped_whitener_works_at_any_size(name, size):
    whitener = load(name)
    assert (SHIPPED / f"{name}.safetensors").stat().st_size <= 4e6
    assert whitener.structure == ("stationary" if name == "rgb" else "cosine")
    assert whitener.space == name and whitener.count >= 100
    x = normal(1, whitener.shape[0], *size).float()
    z, picture = whitener.whiten(x), whitener.dewhiten(x)
    assert bool(torch.isfinite(z).all() and torch.isfinite(picture).all())
    assert close(whitener.dewhiten(z), x, 1e-3) and metadata(name)["source"]
    neighbors = (picture[..., 1:] * picture[..., :-1]).mean() / picture.square().mean()
    assert float(neighbors) > 0.3  # noise turns into something as smooth as pictures are
