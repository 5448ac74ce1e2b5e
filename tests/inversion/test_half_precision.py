"""Networks in half precision whose kernels round by the size of the batch: a replay is exact all the same."""

import pytest
import torch

from benchmarks.edges import network, replay_error
from benchmarks.papers.worlds import crops
from img2noise import extract, replay

from ..cases import normal
from ..worlds import levels, picture, rms

HALVES = (torch.float16, torch.bfloat16)


def by_batch(precision):
    """A denoiser whose matrix product adds up in as many parts as the batch has rows."""
    weights = normal(48, 48, seed=5).to(precision) / 7

    def denoise(x, sigma):
        sigma = sigma.view(-1, 1)
        scale = (1 + sigma**2) ** 0.5
        asked = (x.flatten(1) / scale).to(precision)
        parts = zip(asked.chunk(len(x), 1), weights.chunk(len(x), 0), strict=True)
        said = sum(a @ w for a, w in parts).tanh().to(x.dtype)
        return (x.flatten(1) / scale**2 + sigma / scale * said).view_as(x)

    return denoise


@pytest.mark.parametrize("precision", HALVES)
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_the_shipped_network_gives_the_picture_back(precision, rows, scale):
    middle = crops([], rows)[..., 8:24, 8:24]  # processors without float16 arithmetic are slow
    assert replay_error(network(precision, scale), middle, 1, steps=4) < 1e-3


@pytest.mark.parametrize("precision", HALVES)
@pytest.mark.parametrize("rows", [1, 3])
def test_one_level_a_call_is_exact_where_several_are_not(precision, rows):
    x0, denoise = picture(rows, 3, 4, 4), by_batch(precision)
    exact, together = (
        replay(denoise, extract(denoise, x0, levels(50), seed=3, levels_per_call=count)) for count in (1, 4)
    )
    assert torch.equal(exact, replay(denoise, extract(denoise, x0, levels(50), seed=3)))  # it is the default
    assert rms(exact - x0) < 1e-6 < 1e-5 < rms(together - x0)
