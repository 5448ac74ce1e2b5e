"""Moments on disk: a run that is killed goes on and ends in the same bits; machines' moments add up or are
refused.
"""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from typer.testing import CliRunner

from img2noise import draw, load, measure, metadata, save
from img2noise.cli.app import app
from img2noise.photos.checkpoints import load_survey, merge, save_survey, unseen
from img2noise.photos.sources import photo_places
from img2noise.photos.surveys import survey_photos

ROOT = Path(__file__).resolve().parents[2]
KILLS = 3


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "300"})


def photo(path, seed, side=64):
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side + 8 * (seed % 3), 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def folder_of(path, numbers):
    path.mkdir()
    for i in numbers:
        photo(path / f"{i:03d}.png", i)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """130 photos and two files that are none."""
    folder = folder_of(tmp_path_factory.mktemp("killed") / "photos", range(130))
    (folder / "100bad.png").write_bytes(b"bad")
    (folder / "110bad.jpg").write_bytes(b"bad")
    return folder


def fit(photos, folder, name, *more):
    return [
        *("fit", str(photos), "--size", "64", "--every", "3", "--source", "same"),
        *("--moments", str(folder / f"{name}-moments.safetensors")),
        *("--out", str(folder / f"{name}.safetensors"), *more),
    ]


def looked_at(path):
    return len(load_survey(path)[0].seen) if path.is_file() else 0


def contents(path):
    """Tensors and facts; the order in which a file holds its facts is left to chance."""
    return load_file(path), metadata(path)


def test_a_run_that_is_killed_again_and_again_ends_in_the_bits_of_one_that_is_not(photos, tmp_path):
    names = ("whole", "killed")
    assert run(*fit(photos, tmp_path, "whole")).exit_code == 0
    when, moments, killed = random.Random(3), tmp_path / "killed-moments.safetensors", []
    for _ in range(KILLS):
        before = looked_at(moments)
        arguments = [sys.executable, "-m", "img2noise", *fit(photos, tmp_path, "killed", "--resume")]
        run_to_kill = subprocess.Popen(
            arguments, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 60
        while looked_at(moments) == before and run_to_kill.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        time.sleep(when.uniform(0, 0.15))
        run_to_kill.kill()
        if run_to_kill.wait() != 0:
            killed.append(looked_at(moments))
    assert len(killed) >= 2 and killed[0] and killed == sorted(set(killed))  # each went further than the last
    assert run(*fit(photos, tmp_path, "killed", "--resume")).exit_code == 0
    for end in ("-moments", ""):
        (whole, about), (resumed, about_it) = (contents(tmp_path / f"{n}{end}.safetensors") for n in names)
        assert about == about_it and whole.keys() == resumed.keys() and len(whole) >= 2
        assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    survey, _ = load_survey(moments)
    assert len(survey.seen) == len(set(survey.seen)) == 132 and len(survey.left_out) == 2
    assert (
        survey.moments.count == len(survey.counted) == len(set(survey.counted)) == 130 - len(survey.held_out)
    )


def test_a_run_that_ended_resumes_to_nothing_and_more_photos_are_added(photos, tmp_path):
    few = folder_of(tmp_path / "few", range(300, 312))
    first = run(*fit(few, tmp_path, "a"))
    assert first.exit_code == 0, first.output
    before = (tmp_path / "a-moments.safetensors").read_bytes()
    assert "12 photos measured before, 0 left" in run(*fit(few, tmp_path, "a", "--resume")).output
    assert (tmp_path / "a-moments.safetensors").read_bytes() == before
    folder_of(tmp_path / "more", range(320, 325))
    again = run(*fit(tmp_path / "more", tmp_path, "a", "--resume"), few, "--json")
    assert json.loads(again.stdout)["photos"] == 11 + 5
    assert load_survey(tmp_path / "a-moments.safetensors")[0].moments.count == 16


def test_a_folder_that_changed_since_counts_no_photo_twice_and_drops_none(tmp_path):
    folder = folder_of(tmp_path / "photos", range(20))
    survey = survey_photos(photo_places(folder)[:12], lambda x: x, size=64)
    save_survey(survey, tmp_path / "m.safetensors")
    photo(folder / "000a.png", 40)  # before those that were counted
    (folder / "003.png").unlink()
    (folder / "015.png").unlink()
    survey, _ = load_survey(tmp_path / "m.safetensors")
    left = unseen(photo_places(folder), survey, "m")
    assert [p.name for p in left] == ["000a.png", *(f"{i:03d}.png" for i in range(12, 20) if i != 15)]
    done = survey_photos(left, lambda x: x, size=64, survey=survey)
    assert len(set(done.counted)) == len(done.counted) == done.moments.count == 18
    assert [p.name for p in done.held_out.places] == ["009.png", "019.png"]


def test_a_folder_that_was_moved_is_not_counted_again(tmp_path):
    folder = folder_of(tmp_path / "photos", range(12))
    assert run(*fit(folder, tmp_path, "a")).exit_code == 0
    moved = folder.rename(tmp_path / "moved")
    result = run(*fit(moved, tmp_path, "a", "--resume"))
    assert result.exit_code == 2 and "has counted at another place" in result.output.replace("\n", " ")


@pytest.fixture
def parts(tmp_path):
    """Moments of three folders, and the moments of all their photos in one run."""
    for name, numbers in (("a", range(11)), ("b", range(20, 27)), ("c", range(40, 45))):
        assert run(*fit(folder_of(tmp_path / name, numbers), tmp_path, name)).exit_code == 0
    return [tmp_path / f"{name}-moments.safetensors" for name in "abc"]


def test_merged_moments_are_those_of_all_photos(parts, tmp_path):
    out = tmp_path / "all.safetensors"
    result = run("merge", *parts, "--out", out, "--json")
    assert result.exit_code == 0 and json.loads(result.stdout)["photos"] == 10 + 7 + 5
    merged, header = load_survey(out)
    sums = [load(part) for part in parts]
    assert torch.equal(merged.moments.total, sums[0].total + sums[1].total + sums[2].total)
    assert len(merged.seen) == 23 and len(merged.held_out) == 1 and header["size"] == "64"
    fitted = run("fit", "--moments", out, "--resume", "--out", tmp_path / "w.safetensors", "--json")
    assert fitted.exit_code == 0, fitted.output
    assert json.loads(fitted.stdout)["photos"] == 22 and metadata(tmp_path / "w.safetensors")["count"] == "22"
    more = run(*fit(tmp_path / "a", tmp_path, "all", "--resume"))  # looked for under another name of moments
    assert more.exit_code == 0


def test_merging_refuses_what_is_not_alike(parts, tmp_path):
    def refused(words, *files, **options):
        with pytest.raises(ValueError, match=words):
            merge(files, **options)

    a, b, _ = parts
    refused("a-moments.*, 10 of whose photos", a, b, a)
    assert merge([a, b, a], repeats=True)[0].moments.count == 27
    x = draw((3, 3, 24, 24), seed=1)
    plain = dict(size="64", patch="0", autoencoder="")
    for name, tensor, space, more in (
        ("space", x, "sd", {}),
        ("structure", x, "rgb", dict(structure="kronecker")),
        ("shape", x[..., :16], "rgb", {}),
    ):
        save(measure(tensor, space=space, **more), tmp_path / f"{name}.safetensors", **plain)
        refused(f"with {name} ", a, tmp_path / f"{name}.safetensors")
    survey, header = load_survey(b)
    for name, value in (("size", "512"), ("autoencoder", "abc"), ("patch", "8")):
        own = {key: header[key] for key in plain} | {name: value}
        save_survey(survey, tmp_path / "other.safetensors", **own)
        refused(f"with {name} ", a, tmp_path / "other.safetensors")
    refused("size 64 .*size unknown", a, save(measure(x, space="rgb"), tmp_path / "n.safetensors"))
    unnamed = [save(measure(x + i, space="rgb"), tmp_path / f"{i}.safetensors") for i in range(2)]
    assert merge(unnamed)[0].moments.count == 6
    refused("sums", *unnamed, unnamed[1])
    refused("Tensor", a, save(x, tmp_path / "x.safetensors"))


@pytest.mark.parametrize("more", [["--size", "32"], ["--structure", "kronecker"]], ids=" ".join)
def test_moments_of_other_settings_are_not_gone_on_from(parts, tmp_path, more):
    result = run(*fit(tmp_path / "a", tmp_path, "a", "--resume"), *more)
    assert result.exit_code == 2 and "with" in " ".join(result.output.split())


def test_moments_are_not_overwritten_unasked(parts, tmp_path):
    before = parts[0].read_bytes()
    result = run(*fit(tmp_path / "b", tmp_path, "a"))
    assert result.exit_code == 2 and "--resume" in " ".join(result.output.split())
    assert parts[0].read_bytes() == before


@pytest.mark.parametrize("name", ["photos_seen", "photos_counted", "photos_named"])
def test_photos_that_are_not_soundly_named_are_refused(parts, tmp_path, name):
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(parts[0], "pt") as file:
        header = file.metadata()
    tensors = load_file(parts[0])
    deep = torch.full((200_000,), ord("["), dtype=torch.uint8)  # lists in lists in lists
    for wrong in (None, tensors[name][None], tensors[name][:-1].double(), deep):
        kept = {k: v for k, v in {**tensors, name: wrong}.items() if v is not None}
        save_file(kept, tmp_path / "wrong.safetensors", header)
        try:
            survey, _ = load_survey(tmp_path / "wrong.safetensors")
        except ValueError as error:
            assert "wrong.safetensors" in str(error) and "photos are in it" in str(error)
        else:  # moments whose photos nobody named are sound
            assert name == "photos_seen" and wrong is None and not survey.seen
