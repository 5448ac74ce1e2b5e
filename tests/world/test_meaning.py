"""What the library does to pictures of the little world means what it says."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch.nn.functional import avg_pool2d

from img2noise import correlated_noise, ddim, edit_friendly, load, noise_maps, sigmas, slerp
from img2noise.inversion.noise_maps import LAST_NORM
from world import model as world
from world.sheets import sample

from . import meaning
from .meaning import GUIDANCE, PROMPT, STEPS

LEVELS = sigmas.ddim_uniform(sigmas.scaled_linear(), STEPS)

pytestmark = pytest.mark.skipif(not world.MODEL.is_file(), reason="the model has not been trained")


def denoiser(words: str = PROMPT, guidance: float = 1.0):
    return world.load().denoiser(words, guidance)


@cache
def maps():
    return edit_friendly.extract(denoiser(), meaning.source(), LEVELS, seed=1)


@cache
def noise():
    return ddim.invert(denoiser(), meaning.source(), LEVELS)


def test_an_edit_to_blue_makes_the_ball_blue_and_leaves_the_rest():
    words, _ = meaning.changed(color="blue")
    target = denoiser(words, GUIDANCE)
    meaning.becomes_blue(edit_friendly.edit(denoiser(), target, meaning.source(), LEVELS, seed=1, skip=4))


def test_a_prompt_without_the_ball_being_blue_leaves_it_red():
    with pytest.raises(AssertionError):
        meaning.becomes_blue(edit_friendly.replay(denoiser(), maps()))


@pytest.mark.parametrize("pixels", [-16, 16])
def test_maps_moved_by_latent_pixels_move_the_ball_by_eight_pixels_each(pixels):
    moved = noise_maps.shift(maps(), right=pixels // 8)
    meaning.moves(edit_friendly.replay(denoiser(), moved), pixels)


def test_recolored_maps_reach_the_color():
    color, mask = world.encode(meaning.green()), avg_pool2d(meaning.masks(), 8)
    recolored = noise_maps.recolor(denoiser(), maps(), color, mask, strength=meaning.PULL)
    meaning.becomes_green(edit_friendly.replay(denoiser(), recolored))


def test_a_higher_temperature_departs_further_from_the_picture():
    noises = [
        correlated_noise(meaning.source(), load("sd"), temperature=temperature, seed=5)
        for temperature in meaning.TEMPERATURES
    ]
    made = sample(world.load(), [PROMPT] * 6, STEPS, 2.0, noise=torch.cat(noises))
    meaning.departs_further(*made.chunk(3))


def test_an_inverted_picture_comes_back():
    meaning.comes_back(ddim.sample(denoiser(), noise(), LEVELS))


def test_forward_replacement_lowers_the_error_of_a_plain_wall():
    words, truth = meaning.changed(wall=meaning.WALL)
    replaced = ddim.invert(denoiser(), meaning.source(), LEVELS, forward_steps=meaning.REPLACED, seed=1)
    made = (ddim.sample(denoiser(words), x, LEVELS) for x in (noise(), replaced))
    meaning.wall_is_nearer(*made, truth)


def test_the_few_step_remedy_helps_at_four_steps():
    words, truth = meaning.changed(color="blue")
    levels = torch.cat([sigmas.scaled_linear()[list(meaning.TURBO)], torch.zeros(1)])
    remedy = dict(noise_sigmas=edit_friendly.turbo_sigmas(levels), bound=LAST_NORM)
    target, how = denoiser(words, GUIDANCE), dict(seed=1, skip=meaning.TURBO_SKIP)
    made = (
        edit_friendly.edit(denoiser(), target, meaning.source(), levels, **how, **more)
        for more in ({}, remedy)
    )
    meaning.remedy_helps(*made, truth)


def test_halfway_between_two_pictures_is_not_blurred():
    one, other = noise().split(1)
    rows = torch.cat([slerp(one, other, 0.5), one, other])
    meaning.keeps_its_edges(*ddim.sample(denoiser(), rows, LEVELS).split(1))
