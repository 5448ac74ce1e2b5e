"""A trained network is a denoiser like any other."""

import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import nn

from benchmarks.papers.worlds import NETWORK
from benchmarks.stored_network import load_network
from img2noise import EpsDenoiser, VDenoiser, VelocityDenoiser, draw, from_vp, guided, to_vp
from img2noise.files.storage import write_tensors
from img2noise.sigmas import scaled_linear

from .each import each


def sigma_at(t):
    """SD's sigma at fractional timesteps, against pictures."""
    table = scaled_linear()
    return torch.from_numpy(np.exp(np.interp(t, range(1000), table.log().numpy()))).view(-1, 1, 1, 1)


def gaussian_eps(variance):
    """The eps-network of N(0, variance) data, in variance-preserving units, its answer in .sample."""

    def network(x, t):
        alpha_bar = 1 / (1 + sigma_at(t) ** 2)
        eps = (1 - alpha_bar).sqrt() / (alpha_bar * variance + 1 - alpha_bar) * x
        return SimpleNamespace(sample=eps.float())

    return network


class Convolution(nn.Module):
    """A network of two convolutions that listens to t, with weights of its own."""

    def __init__(self, dtype=torch.float32):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 3, 3, padding=1)])
        generator = torch.Generator().manual_seed(4)
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(0.3 * torch.randn(p.shape, generator=generator))
        self.to(dtype)

    def forward(self, x, t, bias=0.0):
        hidden = torch.tanh(self.layers[0](x) + (t / 1000).to(x.dtype).view(-1, 1, 1, 1) + bias)
        return self.layers[1](hidden)


def convolution(dtype=torch.float32):
    with torch.random.fork_rng(devices=[]):
        return Convolution(dtype)


BOTH = pytest.mark.parametrize("kind", [EpsDenoiser, VDenoiser])
HALVES = {torch.float16: 3e-3, torch.bfloat16: 3e-2}


@each("variance", [0.05, 1.0, 20.0])
def test_an_eps_network_becomes_the_posterior_mean_at_any_sigma(variance):
    denoise = EpsDenoiser(gaussian_eps(variance))
    x, sigma = draw((4, 3, 8, 8), seed=1), torch.tensor([0.05, 0.7, 3.3, 14.0])
    exact = variance / (variance + sigma.view(-1, 1, 1, 1) ** 2) * x
    assert torch.allclose(denoise(x, sigma), exact, atol=1e-4)
    assert torch.equal(denoise(x[:1], 0.7), denoise(x[:1], torch.tensor([0.7])))


def test_a_v_network_becomes_the_same_denoiser_as_the_eps_network():
    eps = gaussian_eps(0.7)

    def velocity(x, t):
        sigma = sigma_at(t)
        a, b = 1 / (1 + sigma**2).sqrt(), sigma / (1 + sigma**2).sqrt()
        return ((eps(x, t).sample - b * x) / a).float()

    x, sigma = draw((4, 3, 8, 8), seed=1), torch.tensor([0.05, 0.7, 3.3, 14.0])
    assert torch.allclose(EpsDenoiser(eps)(x, sigma), VDenoiser(velocity)(x, sigma), atol=1e-4)


@each("multiplier", [1.0, 1000.0])
def test_a_velocity_network_becomes_the_posterior_mean_of_flow_levels(multiplier):
    variance, asked = 0.7, []

    def network(x, times):
        asked.append(times)
        t = (times.double() / multiplier).view(-1, 1, 1, 1)
        clean = (1 - t) * variance / ((1 - t) ** 2 * variance + t**2) * x
        return SimpleNamespace(sample=((x - clean) / t).float())

    denoise = VelocityDenoiser(network, multiplier)
    x, t = draw((4, 3, 8, 8), seed=1), torch.tensor([0.05, 0.5, 0.99, 1.0])
    column = t.view(-1, 1, 1, 1)
    exact = (1 - column) * variance / ((1 - column) ** 2 * variance + column**2) * x
    assert torch.allclose(denoise(x, t), exact, atol=1e-5)
    assert torch.allclose(asked[0], multiplier * t) and torch.equal(
        denoise(x[:2], 0.5)[1], denoise(x[1:2], 0.5)[0]
    )
    assert (denoise.precision, VelocityDenoiser(convolution(torch.bfloat16)).precision) == (None, "bfloat16")


def test_the_timestep_inverts_the_schedule_and_stays_within_it():
    table = scaled_linear()
    denoise = EpsDenoiser(gaussian_eps(1.0))
    assert torch.equal(denoise.timestep(table), torch.arange(1000.0))
    between = (table[10] * table[11]).sqrt()
    assert torch.allclose(denoise.timestep(between[None]), torch.tensor([10.5]))
    assert denoise.timestep(torch.tensor([0.0, 1e9])).tolist() == [0.0, 999.0]
    few = EpsDenoiser(gaussian_eps(1.0), table[[0, 500, 999]])
    assert few.timestep(table[[500, 999]]).tolist() == [1.0, 2.0]


@BOTH
@each("half", HALVES)
def test_a_network_in_half_precision_is_called_in_it_and_heard_in_that_of_x(kind, half):
    x, sigma = draw((3, 3, 16, 16), seed=2), torch.tensor([0.1, 1.0, 9.0])
    exact, denoise = kind(convolution())(x, sigma).detach(), kind(convolution(half))
    for dtype in (torch.float32, torch.float64, half):
        found = denoise(x.to(dtype), sigma).detach()
        assert found.dtype == dtype
        assert float((found - exact).abs().max()) < HALVES[half] * float(exact.abs().max())


def test_the_precision_is_that_of_the_network_or_the_one_given():
    plain, half = convolution(), convolution(torch.float16)
    assert EpsDenoiser(plain).precision == "float32"
    for network in (half, half.forward, partial(half, bias=1.0), partial(partial(half), bias=1.0)):
        assert EpsDenoiser(network).precision == "float16"
    plain.dtype = torch.bfloat16  # networks of diffusers say in what they compute
    assert VDenoiser(plain).precision == "bfloat16"
    asked = []
    listening = EpsDenoiser(lambda x, t: asked.append(x.dtype) or x, dtype=torch.bfloat16)
    assert listening(draw((1, 3, 4, 4), seed=1), 1.0).dtype == torch.float32
    assert asked == [torch.bfloat16] and listening.precision == "bfloat16"
    assert EpsDenoiser(lambda x, t: x).precision is None
    assert guided(EpsDenoiser(half), listening, 2.0).precision == "float16"


@BOTH
def test_results_are_ordinary_tensors_and_gradients_pass(kind):
    network = convolution()
    denoise = guided(kind(network), kind(partial(network, bias=0.5)), 3.0)
    x = draw((2, 3, 8, 8), seed=3).requires_grad_()
    found = denoise(x, 2.0)
    assert not found.is_inference()
    found.square().sum().backward()
    assert float(x.grad.abs().min()) > 0 and all(float(p.grad.abs().max()) > 0 for p in network.parameters())
    with torch.no_grad():
        assert not denoise(x, 2.0).requires_grad


@BOTH
@each("shape", [(6,), (5, 6), (2, 3, 4, 5)])
def test_any_number_of_axes_may_follow_the_batch(kind, shape):
    denoise, sigma = kind(lambda x, t: torch.tanh(x)), torch.tensor([0.3, 2.0, 9.0])
    x = draw((3, *shape), seed=3)
    flat = denoise(x.reshape(3, 1, 1, -1), sigma)
    assert torch.equal(denoise(x, sigma), flat.reshape(x.shape))


@BOTH
def test_nothing_is_read_back_from_the_device(kind):
    """Tensors without values, from which nothing can be read."""
    x, sigma = torch.empty(2, 3, 8, 8, device="meta"), torch.ones(2, device="meta")
    denoise = kind(lambda x, t: x * t.view(-1, 1, 1, 1))
    assert guided(denoise, denoise, 2.0)(x, sigma).shape == from_vp(to_vp(x, sigma), sigma).shape


def test_guidance_goes_on_from_the_unconditional_answer_and_at_one_is_the_conditional():
    cond, uncond = EpsDenoiser(convolution()), EpsDenoiser(partial(convolution(), bias=0.5))
    x, sigma = draw((2, 3, 8, 8), seed=3), 2.0
    there, back = cond(x, sigma), uncond(x, sigma)
    assert torch.allclose(guided(cond, uncond, 7.5)(x, sigma), 7.5 * there - 6.5 * back, atol=1e-4)
    assert torch.equal(guided(cond, uncond, 0.0)(x, sigma), back)
    assert guided(cond, uncond, 1.0) is cond


@each("dtype", [torch.float16, torch.float32, torch.float64])
def test_variance_preserving_units_have_unit_variance_and_come_back(dtype):
    sigma = torch.tensor([0.0, 1.0, 14.6])
    white = draw((3, 4, 16, 16), seed=5)
    x = (white * (1 + sigma.view(-1, 1, 1, 1) ** 2).sqrt()).to(dtype)
    there = to_vp(x, sigma)
    rounding = 4 * torch.finfo(dtype).eps if dtype != torch.float64 else 1e-6
    assert there.dtype == dtype and torch.allclose(there.float(), white, rtol=rounding, atol=1e-6)
    assert torch.allclose(from_vp(there, sigma), x, rtol=rounding)
    assert torch.equal(to_vp(x[2:], 14.5), to_vp(x[2:], torch.tensor(14.5)))


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
    assert isinstance(shipped, VDenoiser)


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


def test_a_file_of_another_prediction_is_refused(tmp_path):
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
