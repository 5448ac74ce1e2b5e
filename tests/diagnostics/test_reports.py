"""The command that compares pictures with the noise found for them."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from img2noise import draw, fit, measure, save
from img2noise.cli.app import app
from img2noise.diagnostics import compare_whitenings, most_probable_triangle, triangle_angles

FILES = ("pictures", "found", "noises")


def run(*arguments):
    return CliRunner().invoke(app, ["compare", *(str(a) for a in arguments)])


@pytest.fixture
def sets(tmp_path):
    """Forty smooth pictures, what whitening finds for them, and noise halfway from there to other noise."""
    noise = draw((40, 2, 8, 8), 1)
    x = noise + 0.7 * noise.roll(1, -1) + 0.5 * noise.roll(1, -2)
    z = fit(measure(x, "dense", patch=4), "zca", 0.01).whiten(x)
    start = (z + draw(z.shape, 2)) / 2**0.5
    for name, tensor in zip(FILES, (x, z, start), strict=True):
        save(tensor, tmp_path / f"{name}.safetensors")
    return x, z, start


def test_every_figure_of_a_set_is_told(sets, tmp_path):
    x, z, start = sets
    paths = [tmp_path / f"{name}.safetensors" for name in FILES]
    options = [*paths[:2], "--noises", paths[2], "--patch", 4]
    result = run(*options, "--json", "--out", tmp_path / "chart.png")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    expected = compare_whitenings(x, z, patch=4, shrinkage=0.01)
    for row, c in zip(report["whitenings"], expected, strict=True):
        assert row["name"] == c.name and row["r2"] == pytest.approx(c.fit.r2)
        assert row["mse"] == pytest.approx(c.fit.mse) and row["r2_scaled"] == pytest.approx(c.scaled_fit.r2)
    assert report["whitenings"][1]["distance"] == dict(two=None, frobenius=None)
    assert report["assignment"]["chance"] == 1 / 5 and report["assignment"]["forth"] == 1
    top = report["top_correlation"]
    assert list(top) == list(FILES) and top["noises"]["null"] == top["pictures"]["null"]
    assert top["pictures"]["mean"] - 0.05 > top["noises"]["mean"]
    corners = most_probable_triangle(triangle_angles(x, start, z))
    assert report["triangle"] == dict(picture=corners[0], noise=corners[1], found=corners[2])
    assert len(set(corners)) == 3 and sum(corners) == 180
    words = run(*options).output
    assert "zca is nearest" in words and "angles" in words
    assert "100.0%" in words and "20.0%" in words
    assert np.asarray(Image.open(tmp_path / "chart.png").convert("L")).std() > 5


def test_sets_of_two_orders_or_sizes_end_in_one_sentence(sets, tmp_path):
    save(sets[0][:5], tmp_path / "few.safetensors")
    result = run(tmp_path / "few.safetensors", tmp_path / "found.safetensors")
    assert result.exit_code == 2 and "batches" in " ".join(result.output.split())
