"""NaN and infinity from a network: every walk ends in one sentence, and makes nothing of them."""

import pytest
import torch

from img2noise import extract, replay
from img2noise.inversion import ddim, first_step
from img2noise.inversion.edit_friendly import edit
from img2noise.inversion.noise_maps import recolor

from ..each import each
from ..worlds import levels, network, picture

SIGMAS, X0 = levels(5), picture(2, 4, 8, 8)
MAPS = extract(network(), X0, SIGMAS, seed=3)
WALKS = {
    "extract": lambda d: extract(d, X0, SIGMAS, seed=3),
    "extract, several levels a call": lambda d: extract(d, X0, SIGMAS, seed=3, levels_per_call=4),
    "replay": lambda d: replay(d, MAPS),
    "edit, source": lambda d: edit(d, network(), X0, SIGMAS, seed=3),
    "edit, target": lambda d: edit(network(), d, X0, SIGMAS, seed=3, weight=1.5),
    "recolor": lambda d: recolor(d, MAPS, X0, X0[:, :1].sigmoid()),
    "recolor, as published": lambda d: recolor(d, MAPS, X0, X0[:, :1].sigmoid(), closed=False),
    "invert": lambda d: ddim.invert(d, X0, SIGMAS),
    "invert, current": lambda d: ddim.invert(d, X0, SIGMAS, scheme="current"),
    "invert, implicit": lambda d: ddim.invert(d, X0, SIGMAS, scheme="implicit"),
    "sample": lambda d: ddim.sample(d, 14 * X0, SIGMAS),
    "first step": lambda d: first_step.invert(d, X0, 13.0, iterations=6, stop="iterations"),
    "first step, accelerated": lambda d: first_step.invert(
        d, X0, 13.0, iterations=6, anderson_window=3, stop="iterations"
    ),
}


class Failing:
    """A network whose second row overflows at one of its calls."""

    def __init__(self, value, at, precision=None):
        self.value, self.at, self.calls = value, at, 0
        if precision is not None:
            self.precision = precision

    def __call__(self, x, sigma):
        clean = network()(x, sigma)
        self.calls += 1
        if self.calls == self.at:
            clean[1, 0, 3, 3] = self.value
        return clean


@each("value", [float("nan"), float("inf"), -float("inf")])
@each("at", [1, 2])
@each("walk", WALKS)
def test_every_walk_says_so_in_one_sentence(walk, at, value):
    denoise = Failing(value, at, torch.float16)
    with pytest.raises(ValueError, match="NaN or infinity from the network, which works in float16; "):
        WALKS[walk](denoise)
    assert denoise.calls >= at


def test_a_network_that_states_no_precision_is_refused_as_well():
    with pytest.raises(ValueError, match="NaN or infinity from the network; run it in bfloat16 or float32"):
        WALKS["invert"](Failing(float("nan"), 1))


@each("walk", WALKS)
def test_a_sound_network_is_not(walk):
    WALKS[walk](Failing(float("nan"), at=-1))


def test_a_picture_of_nan_is_told_from_a_network_of_nan():
    bad = X0.clone()
    bad[0, 0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="NaN or infinity in a picture"):
        ddim.invert(network(), bad, SIGMAS)
