"""A trained network is a denoiser like any other."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open

from benchmarks.papers.worlds import NETWORK
from img2noise import draw
from img2noise.networks import NetworkDenoiser, load_network
from img2noise.sigmas import scaled_linear
from img2noise.storage import write_tensors


class GaussianNetwork:
    """The eps-network of N(0, variance) data, in variance-preserving units."""

    def __init__(self, variance):
        self.variance = variance

    def __call__(self, x, t):
        table = scaled_linear()
        sigma = torch.from_numpy(np.exp(np.interp(t, range(1000), table.log().numpy()))).view(-1, 1, 1, 1)
        alpha_bar = 1 / (1 + sigma**2)
        eps = (1 - alpha_bar).sqrt() / (alpha_bar * self.variance + 1 - alpha_bar) * x
        return type("Output", (), {"sample": eps.float()})


@pytest.mark.parametrize("variance", [0.05, 1.0, 20.0])
def test_an_eps_network_becomes_the_posterior_mean_at_any_sigma(variance):
    denoise = NetworkDenoiser(GaussianNetwork(variance), scaled_linear())
    x, sigma = draw((4, 3, 8, 8), seed=1), torch.tensor([0.05, 0.7, 3.3, 14.0])
    exact = variance / (variance + sigma.view(-1, 1, 1, 1) ** 2) * x
    assert torch.allclose(denoise(x, sigma), exact, atol=1e-4)
    assert torch.equal(denoise(x[:1], 0.7), denoise(x[:1], torch.tensor([0.7])))


def test_the_timestep_inverts_the_schedule_and_stays_within_it():
    table = scaled_linear()
    denoise = NetworkDenoiser(None, table)
    assert torch.allclose(denoise.timestep(table[[0, 10, 500, 999]]), torch.tensor([0.0, 10.0, 500.0, 999.0]))
    between = (table[10] * table[11]).sqrt()
    assert torch.allclose(denoise.timestep(between[None]), torch.tensor([10.5]))
    assert denoise.timestep(torch.tensor([0.0, 1e9])).tolist() == [0.0, 999.0]


def test_a_saved_network_comes_back_and_a_file_without_one_is_refused(tmp_path):
    diffusers = pytest.importorskip(
        "diffusers", reason="networks are built by diffusers: pip install diffusers"
    )
    config = dict(sample_size=8, block_out_channels=[16, 32], norm_num_groups=8, layers_per_block=1)
    config |= dict(down_block_types=["DownBlock2D"] * 2, up_block_types=["UpBlock2D"] * 2)
    with torch.random.fork_rng():
        network = diffusers.UNet2DModel(**config).eval()
    path = write_tensors(network.state_dict(), tmp_path / "net.safetensors", {"unet": json.dumps(config)})
    denoise = load_network(path)
    x, sigma = draw((2, 3, 8, 8), seed=2), torch.tensor([0.5, 2.0])
    vp = x / (1 + sigma.view(-1, 1, 1, 1) ** 2).sqrt()
    eps = network(vp, denoise.timestep(sigma)).sample.detach()
    assert torch.allclose(denoise(x, sigma), x - sigma.view(-1, 1, 1, 1) * eps, atol=1e-5)
    write_tensors({"a": torch.zeros(1)}, tmp_path / "other.safetensors", {"unet": json.dumps(config)})
    for name in ("other.safetensors", "missing.safetensors"):
        with pytest.raises((ValueError, FileNotFoundError), match=name):
            load_network(tmp_path / name)


@pytest.fixture(scope="module")
def shipped():
    """The network that the papers' claims are measured on."""
    pytest.importorskip("diffusers", reason="networks are built by diffusers: pip install diffusers")
    return load_network(NETWORK)


def test_the_shipped_network_is_small_and_says_what_it_is(shipped):
    assert NETWORK.stat().st_size <= 8e6
    with safe_open(NETWORK, framework="pt") as file:
        header = {name: json.loads(text) for name, text in file.metadata().items()}
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}
    assert header["prediction"] == "v_prediction" and header["steps"] > 0 and header["photos"] > 0
    assert shipped.prediction == header["prediction"]


def test_the_shipped_network_denoises_a_photo_better_than_the_best_filter(shipped):
    """The bound is what a filter made for these very crops leaves: one fitted to other photos leaves more."""
    photo = torch.from_numpy(np.asarray(sample_photo(), dtype=np.float32) / 127.5 - 1).permute(2, 0, 1)
    crops = torch.stack([photo[:, y : y + 32, x : x + 32] for y in (0, 16, 32) for x in (0, 16, 32)])
    for sigma in (0.1, 0.2, 0.4):
        noisy = crops + sigma * draw(crops.shape, seed=3)
        error = float((shipped(noisy, sigma) - crops).square().mean())
        spectrum = (
            torch.fft.fft2(crops - crops.mean((2, 3), keepdim=True), norm="ortho").abs().square().mean(0)
        )
        linear = float((spectrum * sigma**2 / (spectrum + sigma**2)).mean())
        assert error < linear


def test_a_network_of_another_prediction_is_refused_and_a_velocity_becomes_the_same_denoiser(tmp_path):
    table, variance = scaled_linear(), 0.7
    eps = GaussianNetwork(variance)

    def velocity(x, t):
        sigma = torch.from_numpy(np.exp(np.interp(t, range(1000), table.log().numpy()))).view(-1, 1, 1, 1)
        a, b = 1 / (1 + sigma**2).sqrt(), sigma / (1 + sigma**2).sqrt()
        return type("Output", (), {"sample": ((eps(x, t).sample - b * x) / a).float()})

    x, sigma = draw((4, 3, 8, 8), seed=1), torch.tensor([0.05, 0.7, 3.3, 14.0])
    both = (NetworkDenoiser(n, table, p)(x, sigma) for n, p in ((eps, "epsilon"), (velocity, "v_prediction")))
    assert torch.allclose(*both, atol=1e-4)
    pytest.importorskip("diffusers", reason="networks are built by diffusers: pip install diffusers")
    header = {"unet": "{}", "prediction": json.dumps("flow")}
    path = write_tensors({"a": torch.zeros(1)}, tmp_path / "flow.safetensors", header)
    with pytest.raises(ValueError, match="flow.safetensors.*predicts 'flow'.*epsilon, v_prediction"):
        load_network(path)


def sample_photo():
    """scikit-image's cat, 64 pixels high."""
    from PIL import Image
    from skimage import data

    return Image.fromarray(data.chelsea()).resize((96, 64), Image.Resampling.LANCZOS)
