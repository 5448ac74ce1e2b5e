"""The little world's training: resumable to the same bits, and right about its own target."""

import pytest
import torch

from img2noise import draw, sigmas
from world import train
from world.model import LittleWorld
from world.scenes import random_scene
from world.train import Settings, Trainer, rate, shares, sides, weights

DATA = draw((12, 4, 16, 16), 5).half()


def trainer(**how):
    return Trainer(DATA, Settings(4, 4, **how))


@pytest.mark.parametrize("how", [{}, {"two": 0.6, "sides": 0.1}])
def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path, how):
    whole = trainer(**how)
    losses = [whole.step() for _ in range(4)]
    first = trainer(**how)
    early = [first.step() for _ in range(2)]
    train.store(first.state(), tmp_path / "state.pt")
    second = trainer(**how)
    second.resume(torch.load(tmp_path / "state.pt", weights_only=True))
    late = [second.step() for _ in range(2)]
    assert early + late == losses
    for one, other in zip(whole.average.parameters(), second.average.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_state_of_other_settings_is_refused():
    with pytest.raises(SystemExit, match="'two': 0.6"):
        trainer().resume(trainer(two=0.6).state())


def test_words_have_the_side_of_their_object():
    prompt = "a red ball left of an orange cube on a stone floor, pink wall"
    assert sides(prompt)[:9] == [-1, 0, 0, -1, -1, -1, 1, 1, -1]
    assert sides(prompt.replace("left", "right"))[:9] == [-1, 1, 1, -1, -1, -1, 0, 0, -1]
    assert set(sides("a red ball on the left of a stone floor")) == {-1}


def test_scenes_of_two_are_drawn_as_often_as_asked():
    drawn = shares(200, 0.6)
    two = torch.tensor([len(random_scene(row).objects) == 2 for row in range(200)])
    assert float(drawn.sum()) == pytest.approx(1) and float(drawn[two].sum()) == pytest.approx(0.6)


def test_the_weight_is_one_where_noise_rules_and_falls_where_it_does_not():
    levels = sigmas.scaled_linear()
    found = weights(levels)
    assert found[-1] == pytest.approx(1, abs=0.01) and (found.diff() > -1e-6).all()
    assert found[0] == pytest.approx(6 * float(levels[0]) ** 2, rel=0.01)


def test_the_rate_rises_stays_and_ends():
    assert rate(0, 9000, 1.0) == pytest.approx(1 / 200) and rate(3000, 9000, 1.0) == 1
    assert rate(7500, 9000, 1.0) == pytest.approx(0.5) and rate(8999, 9000, 1.0) < 1e-3


def test_guidance_one_is_the_prompt_alone_and_rows_keep_their_prompts():
    with torch.random.fork_rng(devices=[]):
        world = LittleWorld().eval().requires_grad_(False)
    x = draw((2, 4, 16, 16), 1) * 3
    prompts = ["a red ball", "a blue cube"]
    both = world.denoiser(prompts)(x, 3.0)
    each = [world.denoiser(p)(x[k : k + 1], 3.0) for k, p in enumerate(prompts)]
    assert torch.allclose(both, torch.cat(each), atol=1e-5)
    empty = world.denoiser("")(x, 3.0)
    guided = world.denoiser(prompts, 3.0)(x, 3.0)
    assert torch.allclose(guided, empty + 3 * (both - empty), atol=1e-4)
