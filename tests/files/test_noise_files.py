"""Noise read from files of every kind, and the command that inspects it."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save as to_bytes
from safetensors.torch import save_file
from typer.testing import CliRunner

from img2noise import draw, extract, load, save
from img2noise.cli.app import app
from img2noise.files.noise_files import noises_of_maps, read_noises

from ..worlds import gaussian, levels, picture

MARK = torch.tensor([])


def run(*arguments):
    return CliRunner().invoke(app, ["inspect", *(str(a) for a in arguments)])


def said(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    [found] = json.loads(result.stdout)["files"]
    return found


def test_our_noise_and_latents_with_and_without_their_mark(tmp_path):
    z = draw((2, 4, 16, 16), 3)
    save(z, tmp_path / "ours.safetensors")
    save_file({"latent_tensor": z, "latent_format_version_0": MARK}, tmp_path / "new.latent")
    save_file({"latent_tensor": z * 0.18215}, tmp_path / "old.latent")
    for name in ("ours.safetensors", "new.latent", "old.latent"):
        found = read_noises(tmp_path / name)
        torch.testing.assert_close(found.z, z)
        assert found.names == ["noise 1", "noise 2"] and found.maps is None


def test_noise_maps_are_their_start_and_every_map_that_has_noise(tmp_path):
    maps = extract(gaussian(1.0), picture(2, 4, 16, 16), levels(10), skip=2, seed=5)
    save(maps, tmp_path / "maps.safetensors")
    found = read_noises(tmp_path / "maps.safetensors")
    kept = load(tmp_path / "maps.safetensors")
    assert len(found.z) == 2 * 8 and found.names[:3] == [
        "start of picture 1",
        "start of picture 2",
        "map 3 of picture 1",
    ]
    torch.testing.assert_close(found.z[:2], kept.start / (1 + float(kept.levels.told[0]) ** 2) ** 0.5)
    for k, (*_, up) in enumerate(kept.levels.steps(kept.eta)[:-1]):
        torch.testing.assert_close(found.z[2 + 2 * k : 4 + 2 * k] * up, kept.residuals[k])
    assert noises_of_maps(kept).names == found.names


def test_maps_are_inspected_with_their_correlations(tmp_path):
    maps = extract(gaussian(1.0), picture(1, 4, 16, 16), levels(10), seed=5)
    save(maps, tmp_path / "maps.safetensors")
    report = said(tmp_path / "maps.safetensors")
    assert len(report["maps"]["std"]) == 9 and len(report["maps"]["correlation_with_next"]) == 8
    assert all(r < -0.2 for r in report["maps"]["correlation_with_next"])
    assert any(s.startswith("map 5: ") and "too high" in s for s in report["verdict"])
    words = run(tmp_path / "maps.safetensors").output
    assert "correlation of each map with the next" in words and "map 5" in words


def test_a_photo_tells_smooth_areas_from_the_rest(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (256, 256, 3), dtype=np.uint8)
    pixels[:, :128] = 90
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    z = draw((1, 4, 32, 32), 3)
    z[..., :16] *= 0.6
    save(z, tmp_path / "z.safetensors")
    report = said(tmp_path / "z.safetensors", "--photo", tmp_path / "photo.png")
    assert report["verdict"][0].startswith("smooth areas carry") and "photo" not in report["noises"][0]
    areas = report["noises"][0]["areas"]
    assert areas["plain_count"] == 4 * 32 * 16
    assert areas["plain"] == pytest.approx(float(z[..., :16].double().std()))
    words = run(tmp_path / "z.safetensors", "--photo", tmp_path / "photo.png").output
    assert "smooth" in words
    everywhere = said(tmp_path / "z.safetensors", "--photo", tmp_path / "photo.png", "--tau", "3")
    assert everywhere["noises"][0]["areas"]["other"] is None


def test_noise_of_pixels_is_compared_with_the_photo_itself(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    x0 = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1
    save(0.8 * draw((1, 3, 64, 64), 3) + 0.6 * x0 / x0.std(), tmp_path / "z.safetensors")
    report = said(tmp_path / "z.safetensors", "--photo", tmp_path / "photo.png")
    assert abs(report["noises"][0]["photo"]["correlation"] - 0.6) < 0.03
    assert any("your image" in s for s in report["verdict"])


def test_a_batch_gets_its_strongest_correlations_beside_their_null(tmp_path):
    z = draw((16, 4, 16, 16), 3)
    save(z, tmp_path / "z.safetensors")
    top = said(tmp_path / "z.safetensors")["top_correlation"]
    assert top["count"] == 16 and abs(top["mean"] - top["null"]) < 0.02
    assert "over 16 noises" in run(tmp_path / "z.safetensors").output


def test_a_whitener_is_no_noise_and_a_photo_of_other_proportions_is_refused(tmp_path):
    result = run("zca_matrices/rgb.safetensors")
    assert result.exit_code == 2 and "holds a Stationary; expected noise" in result.output.replace("\n", " ")
    Image.fromarray(np.zeros((128, 200, 3), dtype=np.uint8)).save(tmp_path / "photo.png")
    save(draw((1, 4, 16, 16), 3), tmp_path / "z.safetensors")
    result = run(tmp_path / "z.safetensors", "--photo", tmp_path / "photo.png")
    assert result.exit_code == 2 and "128 x 200 pixels for noise of 16 x 16" in result.output.replace(
        "\n", " "
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x10\0\0\0", "no readable .latent"),
        (to_bytes({"weights": torch.zeros(3)}), "holds weights"),
        (to_bytes({"latent_tensor": torch.zeros(1, 4, 2, 8, 8)}), r"\(B, C, H, W\)"),
    ],
)
def test_a_latent_file_without_a_latent_is_refused(tmp_path, data, words):
    (tmp_path / "it.latent").write_bytes(data)
    with pytest.raises(ValueError, match=f"it.latent.* {words}"):
        read_noises(tmp_path / "it.latent")
