"""On a GPU: the figures of the CPU, one read-back a walk, half precision that gives pictures back.

`pytest -m gpu` runs these where torch finds CUDA. IMG2NOISE_DEVICE names another device: mps, or cpu to see
that the tests themselves are sound.
"""

import os

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks import inversion
from benchmarks.edges import network, replay_error
from benchmarks.papers.worlds import crops
from img2noise import extract
from img2noise.inversion import ddim, first_step

from .device_calls import CALLS, LEVELS, WALKS, misplaced, numbers
from .pretend import WIDE
from .worlds import levels, picture

pytestmark = pytest.mark.gpu
CLOSE = dict(rel=1e-3, abs=1e-3, nan_ok=True)  # float32 sums in another order, over a walk of a few steps


@pytest.fixture(scope="module")
def device():
    name = os.environ.get("IMG2NOISE_DEVICE") or ("cuda" if torch.cuda.is_available() else None)
    if name is None:
        pytest.skip("torch finds no CUDA device; IMG2NOISE_DEVICE names another")
    return torch.device(name)


@pytest.fixture
def put(device):
    """Move a tensor to the device, in float32 where it has no float64."""
    return lambda x: (x.float() if device.type == "mps" and x.dtype in WIDE else x).to(device)


@pytest.mark.parametrize("name", CALLS)
def test_a_function_gives_there_what_it_gives_on_the_cpu(name, device, put):
    call, on_cpu = CALLS[name]
    found = call(put)
    assert device.type == "cpu" or not misplaced(found, on_cpu, lambda t: t.device.type == device.type)
    assert numbers(found) == pytest.approx(numbers(call(lambda x: x)), **CLOSE)


@pytest.mark.parametrize("name", WALKS)
def test_a_walk_copies_to_the_host_at_most_once(name, device, put):
    if device.type != "cuda":
        pytest.skip("copies are counted by CUDA's profiler")
    WALKS[name](put)  # a whitener's first use, and kernels that are chosen at theirs
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
        WALKS[name](put)
        torch.cuda.synchronize()
    assert sum(event.count for event in seen.key_averages() if "Memcpy DtoH" in event.key) <= 1


@pytest.mark.parametrize("scale", [1.0, 5.0])
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_a_replay_in_half_precision_gives_the_picture_back(precision, rows, scale, device, put):
    x0, steps = crops([], rows), 50
    if device.type == "cpu":  # slow at it
        x0, steps = x0[..., 8:24, 8:24], 4
    assert replay_error(network(precision, scale, str(device)), put(x0), 1, steps=steps) < 1e-3


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_walks_with_a_network_in_half_precision_stay_close_to_those_in_float32(precision, device, put):
    x0 = put(crops([], 2)[..., 8:24, 8:24])
    half, full = (network(dtype, 1.0, str(device)) for dtype in (precision, torch.float32))
    for scheme in ddim.SCHEMES:
        found, expected = (ddim.invert(d, x0, levels(4), scheme=scheme) for d in (half, full))
        assert found.dtype == torch.float32 and found.device == x0.device
        assert float((found - expected).norm() / expected.norm()) < 0.05
    found, expected = (first_step.invert(d, x0, 13.04, iterations=8).z for d in (half, full))
    assert float((found - expected).norm() / expected.norm()) < 0.05


def test_nan_from_a_network_is_named(device, put):
    x0 = put(picture(2, 3, 8, 8))
    for work in (
        lambda broken: ddim.invert(broken, x0, LEVELS),
        lambda broken: extract(broken, x0, LEVELS, seed=1),
        lambda broken: first_step.invert(broken, x0, 13.0, iterations=2),
    ):
        with pytest.raises(ValueError, match="NaN or infinity from the network"):
            work(lambda x, sigma: (x.half() * 1e6).float())


def test_timings_of_a_network_of_the_size_of_sd_1_5_are_printed(device, capsys):
    if device.type != "cuda":
        pytest.skip("a network of that size takes minutes without CUDA")
    inversion.overhead(str(device))
    assert "SD 1.5" in capsys.readouterr().out


def test_the_timed_network_is_as_large_as_sd_1_5():
    pytest.importorskip("diffusers", reason="the network is one of diffusers: pip install diffusers")
    network = inversion.sd15("meta")  # shapes alone
    assert 855e6 < sum(p.numel() for p in network.parameters()) < 865e6
    assert {p.dtype for p in network.parameters()} == {torch.float16}
    latents = torch.zeros(2, 4, 64, 64, device="meta")
    assert network(latents).shape == latents.shape and network(latents).dtype == torch.float32
