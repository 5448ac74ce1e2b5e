"""A cluster of several workers measures what one machine measures, even where a worker is killed."""

import json
import os
import signal
import sys
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from img2noise import load
from img2noise.cli.app import app
from img2noise.photos.autoencoders import encoder
from img2noise.photos.sources import photo_places
from img2noise.photos.surveys import survey_photos

from .test_sources import as_folder, as_table, as_tars

HOW = dict(structure="stationary", size=64, stride=1, patch=None, space="rgb")


@pytest.fixture(scope="module")
def ray():
    pytest.importorskip("pyarrow", reason="the table of photos needs it: pip install pyarrow")
    ray = pytest.importorskip("ray", reason="Ray is not there: pip install ray")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet = dict(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    ray.init("local", num_cpus=2, num_gpus=1, **quiet)
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Thirty photos: files, one of them damaged, two tars and a table."""
    folder = tmp_path_factory.mktemp("cluster")
    as_folder(folder / "files")
    as_tars(folder / "tars")
    as_table(folder / "table")
    (folder / "files" / "03.png").write_bytes(b"damaged")
    for i in range(5):
        pixels = np.random.default_rng(50 + i).integers(0, 256, (96, 64 + i, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"more-{i}.png")
    return folder


def assert_same(found, expected):
    for ours, theirs in zip(
        (found.moments.total, *found.moments.products),
        (expected.moments.total, *expected.moments.products),
        strict=True,
    ):
        assert float((ours - theirs).abs().max() / theirs.abs().max()) < 1e-10
    assert found.moments.count == expected.moments.count
    assert (found.seen, found.counted) == (expected.seen, expected.counted)
    assert found.held_out.places == expected.held_out.places and found.left_out == expected.left_out
    assert all(torch.equal(a, b) for a, b in zip(found.held_out, expected.held_out, strict=True))


def deadly(marks):
    """An encoder whose first process ends by SIGKILL at its third photo, once; all say who they are."""

    def load():
        def encode(x):
            (marks / str(os.getpid())).touch()
            count = len(list(marks.glob("photo-*")))
            (marks / f"photo-{count}").touch()
            if count >= 3 and not (marks / "killed").exists():
                (marks / "killed").write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
            return x

        return encode

    return load


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_worker_that_is_killed_changes_nothing(ray, photos, tmp_path):
    from img2noise.photos.ray_engine import survey_on_ray

    places = photo_places(photos)
    expected = survey_photos(places, encoder(None, "rgb"), **HOW)
    kept, done = [], []
    found = survey_on_ray(
        places,
        deadly(tmp_path),
        keep=lambda s: kept.append(len(s.seen)),
        every=10,
        on_photo=done.append,
        **HOW,
    )
    killed, workers = (tmp_path / "killed").read_text(), {p.name for p in tmp_path.glob("[0-9]*")}
    assert killed in workers and len(workers) >= 3 and str(os.getpid()) not in workers
    assert_same(found, expected)
    assert done == places and kept == list(range(10, len(places) + 1, 10))
    assert found.left_out and len(found.held_out) == len(places) // 10


def test_the_command_line_goes_on_from_moments_on_a_cluster(ray, photos, tmp_path):
    def fit(name, where, *more):
        kept, out = (tmp_path / f"{name}{end}.safetensors" for end in ("-moments", ""))
        options = ["--size", 64, "--moments", kept, "--out", out, "--source", "same", "--json", *more]
        result = CliRunner().invoke(app, ["fit", *map(str, [*where, *options])])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout), out

    plain, here = fit("here", [photos])
    fit("there", [photos / "files", photos / "table"])
    cluster, there = fit("there", [photos], "--resume", "--engine", "ray")
    assert cluster["photos"] == plain["photos"] and cluster["left_out"] == 1
    assert list(cluster["reasons"]) == list(plain["reasons"])
    assert load(there).count == load(here).count == plain["photos"]


def test_gpus_encode_what_cpus_have_decoded(ray, photos):
    from img2noise.photos.ray_engine import survey_on_ray

    def load():
        return lambda x: torch.nn.functional.avg_pool2d(x, 8)[:, [0, 1, 2, 0]] * 0.5

    how = HOW | dict(space="sd", stride=8)
    places = photo_places(photos)[:14]
    assert_same(survey_on_ray(places, load, **how), survey_photos(places, load(), **how))


def test_what_cannot_be_measured_is_one_sentence(ray, photos):
    from img2noise.photos.ray_engine import survey_on_ray

    how = HOW | dict(structure="dense")
    with pytest.raises(ValueError, match="patch"):
        survey_on_ray(photo_places(photos)[:2], partial(encoder, None, "rgb"), **how)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_photo_that_kills_every_worker_ends_the_run_in_one_sentence(ray, photos, monkeypatch):
    from img2noise.photos import ray_engine

    def load():
        def encode(x):
            if x.shape[-2] == 96:
                os.kill(os.getpid(), signal.SIGKILL)
            return x

        return encode

    monkeypatch.setattr(ray_engine, "RETRIES", 1)
    kept, places = [], photo_places([photos / "files", photos / "more-0.png"])[-4:]
    with pytest.raises(ValueError, match="cluster .*--moments"):
        ray_engine.survey_on_ray(places, load, keep=lambda s: kept.append(s.moments.count), **HOW)
    assert kept == [1, 2, 3][: len(kept)]  # in order, as far as it came


def test_without_ray_one_sentence_says_what_to_install(photos, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    options = ["--engine", "ray", "--size", "64", "--out", str(tmp_path / "w.safetensors")]
    result = CliRunner().invoke(app, ["fit", str(photos), *options], env={"COLUMNS": "300"})
    said = " ".join(result.output.split())
    assert result.exit_code == 2 and "install the package ray" in said
