"""The figures of quality: renders pass for what they show, other scenes do not, and a set is itself."""

import pytest
import torch

from world import classifier, evaluate
from world.scenes import random_scene


@pytest.fixture(scope="module")
def drawn():
    with torch.random.fork_rng():
        classifier.load()
    scenes = [random_scene(evaluate.FIRST + k) for k in range(12)]
    return scenes, classifier.renders(scenes)


def test_renders_are_read_right_and_renders_of_other_scenes_are_not(drawn):
    scenes, latents = drawn
    figures = evaluate.quality(latents.roll(1, 0), latents, scenes, latents)
    assert {len(scene.objects) for scene in scenes} == {1, 2}
    for name in ("all", "all, one object", "all, two objects", "color", "floor"):
        wrong, right = figures[name]
        assert right > 0.9 and wrong < 0.6
    assert figures["Frechet distance"] == pytest.approx([0, 0], abs=0.05)
    other = evaluate.quality(2 * latents, latents, scenes, latents)
    assert other["Frechet distance"][0] > 1


def test_two_objects_have_their_own_colors_and_shapes():
    scenes = [random_scene(evaluate.FIRST + k) for k in range(60)]
    two = [scene for scene in scenes if len(scene.objects) == 2][:10]
    made = evaluate.samples(two, steps=10, guidance=4.0)
    assert classifier.right(made, two)["all"].double().mean() >= 0.9
