"""Noise maps come back from their file bit for bit, and a damaged file is refused by name."""

from dataclasses import replace
from operator import attrgetter

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from img2noise import extract, load, metadata, replay, save

from ..worlds import levels, network, picture


def maps_of(dtype=torch.float32):
    maps = extract(network(), picture(2, 3, 8, 7, dtype=dtype), levels(20), eta=0.3, skip=4, seed=3)
    return replace(maps, space="sd")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_maps_come_back_from_their_file_bit_for_bit(tmp_path, dtype):
    maps = maps_of(dtype)
    back = load(save(maps, tmp_path / "maps.safetensors"))
    for name in ("start", "residuals", "states", "levels.told", "levels.b"):
        a, b = (attrgetter(name)(x) for x in (maps, back))
        assert a.dtype == b.dtype and torch.equal(a, b)
    assert (back.eta, back.skip, back.steps, back.space) == (0.3, 4, 20, "sd")
    assert torch.equal(replay(network(), back), replay(network(), maps))


def test_maps_of_a_part_of_the_way_and_of_other_axes_come_back_too(tmp_path):
    maps = extract(lambda x, sigma: x / 2, picture(2, 5, 6), levels(20)[:9], seed=3)
    back = load(save(maps, tmp_path / "maps.safetensors"))
    assert torch.equal(back.residuals, maps.residuals) and torch.equal(back.levels.told, maps.levels.told)


def test_the_numbers_of_pictures_come_back_where_there_are_any(tmp_path):
    numbered = save(replace(maps_of(), numbers=(3, 3)), tmp_path / "numbered.safetensors")
    assert load(numbered).numbers == (3, 3)
    plain = save(maps_of(), tmp_path / "plain.safetensors")
    assert load(plain).numbers == () and "numbers" not in metadata(plain)


@pytest.mark.parametrize(
    ("tensors", "header", "message"),
    [
        (dict(residuals=None), {}, "it lacks 'residuals'"),
        (dict(levels=None), {}, "it lacks 'levels'"),
        (dict(start=torch.zeros(2, 3, 8, 8)), {}, "do not belong together"),
        (dict(levels=levels(20)), {}, "do not belong together"),
        (dict(states=torch.zeros(15, 2, 3, 8, 8)), {}, "its states"),
        (dict(start=torch.full((2, 3, 8, 7), float("nan"))), {}, "holds NaN or infinity in 'start'"),
        (dict(levels=levels(20)[4:].flip(0).contiguous()), {}, "descend at every step"),
        ({}, dict(eta=None), "it lacks 'eta'"),
        ({}, dict(eta="much"), "not a sound img2noise noise_maps"),
        ({}, dict(eta="7"), "eta 7"),
        ({}, dict(levels="vp"), "levels 'vp'"),
        ({}, dict(levels="flow"), "not a sound img2noise"),
        ({}, dict(levels="flow", scale="nan"), "noise scale"),
        ({}, dict(skip="-1"), "skip -1"),
        ({}, dict(skip="1.5"), "1.5"),
        ({}, dict(numbers="[1]"), "its numbers"),
        ({}, dict(numbers="[1, -1]"), "its numbers"),
        ({}, dict(numbers="[" * 100), "not a sound img2noise noise_maps"),
        ({}, dict(type="noise"), "it lacks 'noise'"),
    ],
)
def test_a_file_that_holds_no_whole_maps_is_refused(tmp_path, tensors, header, message):
    path = save(maps_of(), tmp_path / "maps.safetensors")
    with safe_open(path, framework="pt") as file:
        whole = {name: file.get_tensor(name) for name in file.keys()} | tensors
        facts_of = file.metadata() | header
    damaged = tmp_path / "damaged.safetensors"
    save_file(
        {k: v for k, v in whole.items() if v is not None},
        damaged,
        {k: v for k, v in facts_of.items() if v is not None},
    )
    with pytest.raises(ValueError, match=message) as refused:
        load(damaged)
    assert str(damaged) in str(refused.value)
