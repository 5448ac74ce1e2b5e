"""A trained network is a denoiser like any other."""

import json

import numpy as np
import pytest
import torch

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
