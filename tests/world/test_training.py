"""The little world's training: resumable to the same bits, and right about its own target."""

import pytest
import torch

from img2noise import draw, sigmas
from world import train
from world.model import LittleWorld
from world.train import Trainer, rate, weights

DATA = draw((12, 4, 16, 16), 5).half()


def trainer(steps=4):
    return Trainer(DATA, steps, 4, 1e-3, 0, "cpu")


def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path):
    whole = trainer()
    losses = [whole.step() for _ in range(4)]
    first = trainer()
    early = [first.step() for _ in range(2)]
    train.store(first.state(), tmp_path / "state.pt")
    second = trainer()
    second.resume(torch.load(tmp_path / "state.pt", weights_only=True))
    late = [second.step() for _ in range(2)]
    assert early + late == losses
    for one, other in zip(whole.average.parameters(), second.average.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_state_of_other_settings_is_refused():
    state = trainer().state() | {"batch": 8}
    with pytest.raises(SystemExit, match="batch 4"):
        trainer().resume(state)


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
