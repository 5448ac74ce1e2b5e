"""The command line as a user types it."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from typer.testing import CliRunner

from img2noise import Moments, cli, draw, load, metadata, save
from img2noise.cli.app import app
from img2noise.diagnostics import whiteness
from img2noise.diagnostics.verdict import WHITE
from img2noise.photos.decode import read_photo
from img2noise.whitening import Cosine

TAESD = os.environ.get("IMG2NOISE_TAESD")
needs_taesd = pytest.mark.skipif(
    not TAESD, reason="set IMG2NOISE_TAESD to a folder of TAESD weights to run this"
)


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def wide(*arguments):
    """A run in a terminal that cuts no line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli.terminal, "width", 400)
        return run(*arguments)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Forty pictures of smoothed noise in three sizes."""
    folder = tmp_path_factory.mktemp("photos")
    for index, noise in enumerate(draw((40, 3, 96, 96), seed=5)):
        smooth = torch.nn.functional.avg_pool2d(noise[None], 5, stride=1, padding=2)[0] * 300 + 128
        pixels = smooth.clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
        Image.fromarray(pixels[: 80 + 8 * (index % 3)]).save(folder / f"{index:02d}.png")
    return folder


MISSING = (  # a file that is not there in each place that takes one
    *("search no.png", "search p.png no.png", "search p.png --whitener no.png", "search p.png --vae no.png"),
    *("inspect no.png", "inspect z no.png", "inspect z --photo no.png", "inspect z --vae no.png"),
    *("compare no.png z", "compare z no.png", "compare z z --noises no.png"),
    *("merge no.png --out w", "fit no.png --out w", "fit p.png --vae no.png --space sd --out w"),
)


@pytest.mark.parametrize("command", MISSING)
def test_every_command_says_alike_that_a_file_is_not_there(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64), "gray").save("p.png")
    save(draw((4, 4, 16, 16), 3), "z")
    result = run(*command.split())
    assert result.exit_code == 2 and "error: found no file no.png" in result.output
    assert {path.name for path in tmp_path.iterdir()} == {"p.png", "z"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["inspect", "z.safetensors", "--out", "nowhere/a.png"],
        ["fit", "p.png", "--out", "nowhere/w.safetensors"],
        ["fit", "p.png", "--out", "w.safetensors", "--moments", "nowhere/m.safetensors"],
    ],
    ids=" ".join,
)
def test_a_folder_that_is_not_there_is_named_before_the_work(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64), "gray").save("p.png")
    save(draw((1, 4, 16, 16), 3), "z.safetensors")
    result = run(*arguments)
    assert result.exit_code == 2 and "found no folder nowhere" in result.output


def test_fit_writes_a_whitener_that_whitens_and_says_so(photos, tmp_path):
    out = tmp_path / "mine.safetensors"
    result = run("fit", photos, "--out", out, "--size", 64, "--source", "smooth noise", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["photos"] == 36 and report["left_out"] == 0 and report["held_out"]["count"] == 4
    assert report["held_out"]["before"] > 0.5 > 0.1 > abs(report["held_out"]["after"])
    whitener = load(out)
    assert isinstance(whitener, Cosine) and whitener.shape == (3, 24, 24) and whitener.space == "rgb"
    assert metadata(out)["source"] == "smooth noise"
    held_out = [read_photo(p, 64) for p in sorted(photos.iterdir())[9::10]]
    assert np.allclose(whiteness(whitener, held_out).std, report["held_out"]["std"], rtol=1e-4)


def test_fit_counts_what_it_leaves_out_and_goes_on(photos, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"nothing")
    result = run("fit", photos, bad, "--out", tmp_path / "a.safetensors", "--size", 64)
    assert result.exit_code == 0
    assert "bad.jpg cannot be read" in result.output.replace("\n", "") and "1 left out" in result.output


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--method", "cholesky"], "method"),
        (["--vae", "missing.safetensors", "--space", "sd"], "found no file missing"),
        (["--space", "flux"], "flux"),
        (["--structure", "dense"], "patch"),
    ],
)
def test_a_mistake_ends_in_one_sentence_and_writes_nothing(photos, tmp_path, arguments, sentence):
    out = tmp_path / "a.safetensors"
    result = run("fit", photos, "--out", out, "--size", 64, *arguments)
    assert result.exit_code == 2
    assert sentence in result.output.replace("\n", " ") and "Traceback" not in result.output
    assert not out.exists()


@pytest.mark.parametrize("method", ["one-shot", "annealing"])
def test_search_writes_noises_previews_and_a_plot(photos, tmp_path, method):
    photo = next(photos.iterdir())
    options = ["--method", method, "--count", 2, "--seed", 7, "--iterations", 200, "--size", 64]
    result = run("search", photo, "--out", tmp_path, *options, "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)["noises"]
    assert [row["seed"] for row in rows] == [7, 8] and all(row["loss_ratio"] < 1 for row in rows)
    for seed in (7, 8):
        noise = load(tmp_path / f"noise-{seed}.safetensors")
        assert noise.shape == read_photo(photo, 64).shape and abs(float(noise.std()) - 1) < 0.05
        assert Image.open(tmp_path / f"preview-{seed}.png").size == noise.shape[:1:-1]
    assert (tmp_path / "loss.png").exists() == (method == "annealing")


def test_search_takes_several_photos_each_into_a_folder_of_its_name(photos, tmp_path):
    first, second, *_ = sorted(photos.iterdir())
    arguments = ["search", first, second, "--out", tmp_path / "both", "--count", 2, "--size", 64]
    rows = json.loads(run(*arguments, "--json").stdout)["noises"]
    assert [(row["photo"], row["seed"]) for row in rows] == [
        (str(p), s) for p in (first, second) for s in (0, 1)
    ]
    run("search", second, "--out", tmp_path / "alone", "--size", 64)
    both, alone = tmp_path / "both" / second.stem, tmp_path / "alone"
    assert torch.equal(load(both / "noise-0.safetensors"), load(alone / "noise-0.safetensors"))
    words = wide(*arguments).output
    assert first.name in words and second.name in words and "noise-1.safetensors" in words
    assert "[" not in words  # a table, not a list
    result = run("search", first, first, "--out", tmp_path / "c")
    assert result.exit_code == 2 and "one name" in result.output and not (tmp_path / "c").exists()


def test_inspect_takes_several_files_and_names_each_in_one_table(tmp_path):
    paths = [tmp_path / "white.safetensors", tmp_path / "weak.safetensors"]
    save(draw((1, 4, 16, 16), 3), paths[0])
    save(0.5 * draw((2, 4, 16, 16), 4), paths[1])
    found = json.loads(run("inspect", *paths, "--json", "--out", tmp_path / "plot.png").stdout)["files"]
    assert [row["file"] for row in found] == list(map(str, paths))
    assert [len(row["noises"]) for row in found] == [1, 2]
    assert {p.name for p in tmp_path.glob("*.png")} == {"plot-white.png", "plot-weak.png"}
    words = wide("inspect", *paths).output
    assert f"{paths[0]}: {WHITE}" in words and words.count("kurtosis") == 1
    assert all(f"weak.safetensors: noise {row}" in words for row in (1, 2))
    save(draw((1, 4, 4, 4), 3), tmp_path / "small.safetensors")
    result = wide("inspect", *paths, tmp_path / "small.safetensors")
    assert result.exit_code == 2 and f"error: {tmp_path / 'small.safetensors'}: got" in result.output


@needs_taesd
def test_fit_and_search_on_latents_of_a_real_autoencoder(photos, tmp_path):
    pytest.importorskip(
        "diffusers", reason="autoencoders are loaded through diffusers: pip install diffusers"
    )
    vae = Path(TAESD) / "taesd_encoder.safetensors"
    matrix = tmp_path / "latent.safetensors"
    result = run("fit", photos, "--vae", vae, "--space", "sd", "--size", 64, "--out", matrix, "--json")
    assert result.exit_code == 0, result.output
    assert load(matrix).shape == (4, 8, 8) and metadata(matrix)["scale_factor"] == "0.18215"
    photo = next(photos.iterdir())
    result = run(
        "search", photo, "--whitener", matrix, "--vae", vae, "--size", 64, "--out", tmp_path, "--json"
    )
    assert result.exit_code == 0, result.output
    latent = load_file(tmp_path / "noise-0.latent")
    assert (
        set(latent) == {"latent_tensor", "latent_format_version_0"} and latent["latent_tensor"].shape[1] == 4
    )
    assert Image.open(tmp_path / "preview-0.png").size[0] % 8 == 0


def test_moments_are_no_whitener(photos, tmp_path):
    from img2noise import measure

    moments = measure(torch.ones(2, 3, 8, 8))
    assert isinstance(moments, Moments)
    save(moments, tmp_path / "moments.safetensors")
    result = run("search", next(photos.iterdir()), "--whitener", tmp_path / "moments.safetensors")
    assert result.exit_code == 2 and "whitener" in result.output.replace("\n", " ")
