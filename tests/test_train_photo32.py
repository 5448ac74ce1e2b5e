"""Training the small network: stopped and gone on with, it is the same run; what it writes can be loaded."""

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("diffusers", reason="networks are built by diffusers: pip install diffusers")

from benchmarks import train_photo32 as training  # noqa: E402
from benchmarks.stored_network import load_network  # noqa: E402


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder of twelve small photos, one of them too small; batches of two, a narrow network."""
    monkeypatch.setattr(training, "BATCH", 2)
    monkeypatch.setattr(training, "CONFIG", training.CONFIG | dict(block_out_channels=[16, 16, 32]))
    rng, folder = np.random.default_rng(0), tmp_path / "photos"
    folder.mkdir()
    for n in range(12):
        side = 20 if n == 5 else 80
        Image.fromarray(rng.integers(0, 255, (side, 70 if side > 20 else 20, 3), dtype=np.uint8)).save(
            folder / f"{n:02}.png"
        )
    return folder


def test_a_run_that_stops_goes_on_as_if_it_had_not(photos, tmp_path):
    pictures, _ = training.pictures_of([photos])
    whole, part = (training.Run(1, 6, tmp_path / f"{name}.state") for name in ("whole", "part"))
    for _ in range(6):
        whole.step(pictures)
    for _ in range(3):
        part.step(pictures)
    part.save()
    again = training.Run(1, 6, tmp_path / "part.state")
    for _ in range(3):
        again.step(pictures)
    assert again.losses == whole.losses
    for a, b in zip(again.average.parameters(), whole.average.parameters(), strict=True):
        assert torch.equal(a, b)


def test_training_writes_a_network_that_loads_and_its_loss(photos, tmp_path):
    out = tmp_path / "out" / "net.safetensors"
    training.main([photos], steps=3, out=out, seed=2)
    denoise = load_network(out)
    x = torch.zeros(2, 3, 32, 32)
    assert torch.isfinite(denoise(x, torch.tensor([0.1, 10.0]))).all()
    assert Image.open(out.with_suffix(".png")).size[0] > 300
