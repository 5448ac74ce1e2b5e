"""Scenes, their pictures, masks and captions: what the little world calls the truth."""

import numpy as np
import pytest
import torch

from world.render import masks, render, trace
from world.scenes import COLORS, Object, Scene, attributes, caption, edited, loose_caption, random_scene
from world.words import LENGTH, ROWS, WORDS, split, tokens

BALL = Object("red", "ball", 0.0, 0.0, 0.7, 0.0)
SCENE = Scene((BALL,), "stone", "gray", light=0.0)


def test_a_seed_is_a_scene_and_its_picture_bit_for_bit():
    one, other = (render(random_scene(7), 64) for _ in range(2))
    assert random_scene(7) == random_scene(7) != random_scene(8)
    assert one.dtype == np.float32 and one.min() >= 0 and one.max() <= 1
    assert np.array_equal(one, other)


def test_a_ball_covers_the_disk_that_perspective_gives_it():
    """The silhouette of a ball of radius r at distance d is a cone of half angle asin(r / d)."""
    [mask] = masks(SCENE, 256)
    eye, center = np.array([0, SCENE.camera, -5.2]), np.array([0, BALL.size, 0])
    away = center - eye
    distance = np.linalg.norm(away)
    pitch = np.arctan2(SCENE.camera - 0.75, 5.2)
    forward = np.array([0, -np.sin(pitch), np.cos(pitch)])
    off_axis = np.arccos(away @ forward / distance)
    half = np.arcsin(BALL.size / distance)
    # A circular cone about a direction off the optical axis cuts the image plane in an ellipse.
    low, high = np.tan(off_axis - half), np.tan(off_axis + half)
    along = (high - low) / 2
    across = along * np.sqrt(1 - np.sin(off_axis) ** 2 / np.cos(half) ** 2)
    area = np.pi * along * across / 0.8**2 * 256**2
    assert mask.sum() == pytest.approx(area, rel=0.01)


@pytest.mark.parametrize("shape", ["ball", "cube", "cylinder", "cone"])
def test_every_shape_stands_on_the_floor_and_hides_what_is_behind(shape):
    near = Object("red", shape, 0.0, -0.5, 0.5, 0.3)
    far = Object("blue", shape, 0.1, 0.9, 0.5, 0.3)
    both = masks(Scene((near, far), "stone", "gray"), 64)
    [alone] = masks(Scene((far,), "stone", "gray"), 64)
    assert both[0].sum() > both[1].sum() > 0
    assert (both.sum(0) <= 1 + 1e-6).all()
    hidden = (alone - both[1])[both[0] == 1].sum()
    assert hidden == pytest.approx((alone - both[1]).sum(), abs=12)  # half-covered pixels of the outline


def test_the_sun_casts_a_shadow_away_from_itself():
    left, right = (render(Scene((BALL,), "stone", "gray", light=s * 1.0, texture=3), 64) for s in (-1, 1))
    floor = slice(40, 64)
    assert left[floor, :24].mean() > right[floor, :24].mean()
    assert left[floor, 40:].mean() < right[floor, 40:].mean()


@pytest.mark.parametrize(
    "change",
    [dict(color="blue"), dict(shape="cone"), dict(floor="grassy"), dict(wall="navy"), dict(time="night"),
     dict(window=True), dict(place="left"), dict(second=("green", "cube"))],
    ids=lambda c: next(iter(c)),
)  # fmt: skip
def test_an_edit_changes_its_attribute_and_nothing_else(change):
    ((name, _),) = change.items()
    scene = edited(SCENE, place="right") if "second" in change else SCENE
    after = edited(scene, **change)
    changed = {key for key, value in attributes(scene).items() if attributes(after)[key] != value}
    assert name in changed or name == "second" and changed >= {"count", "second_color", "second_shape"}
    assert name == "second" or changed == {name}
    assert caption(after) != caption(scene)


def test_a_new_color_changes_only_the_object():
    picture, cover = trace(SCENE, 64)
    after = render(edited(SCENE, color="blue"), 64)
    assert np.array_equal(picture[cover[0] == 0], after[cover[0] == 0])
    inside = after[cover[0] == 1] - picture[cover[0] == 1]
    assert inside[:, 2].mean() > 0.1 and inside[:, 0].mean() < -0.1


def test_removing_the_second_object_leaves_the_left_one():
    left = edited(SCENE, place="left")
    both = edited(left, second=("green", "cube"))
    assert [o.color for o in both.objects] == ["red", "green"] and both.objects[1].place == "right"
    assert edited(both, second=None) == left


def test_what_no_scene_has_is_refused_by_name():
    for change, word in [
        (dict(color="mauve"), "color"),
        (dict(place="up"), "place"),
        (dict(size=2), "attribute"),
        (dict(second=("red", "ball")), "side"),
    ]:
        with pytest.raises(ValueError, match=word):
            edited(SCENE, **change)
    with pytest.raises(ValueError, match="one attribute"):
        edited(SCENE, color="blue", floor="stone")
    with pytest.raises(ValueError, match="one or two"):
        Scene((), "stone", "gray")


def test_every_caption_is_in_words_the_encoder_knows():
    rng = np.random.default_rng(0)
    for seed in range(300):
        for text in (caption(random_scene(seed)), loose_caption(random_scene(seed), rng)):
            assert 2 <= len(split(text)) <= LENGTH
    assert caption(SCENE) == "a red ball in the middle of a stone floor, gray wall"
    assert len(set(WORDS)) == len(WORDS) <= ROWS


def test_unknown_words_are_named_and_synonyms_are_not():
    with pytest.raises(ValueError, match="fluffy"):
        split("a fluffy ball")
    with pytest.raises(ValueError, match="25 words"):
        split("a " * 25)
    assert torch.equal(tokens(["a red sphere, grey wall"]), tokens(["A RED ball  gray wall"]))
    assert not tokens([""]).any()


def test_both_readings_of_two_objects_name_the_left_one_rightly():
    two = next(s for s in map(random_scene, range(99)) if len(s.objects) == 2)
    left, right = (f"{o.color} {o.shape}" for o in two.objects)
    rng = np.random.default_rng(0)
    for text in {loose_caption(two, rng) for _ in range(40)}:
        words = text.split(" of ")[0].rsplit(" ", 1)
        assert (words[1] == "left") == (left in words[0]) or left == right
    assert two.objects[0].x < two.objects[1].x and COLORS[attributes(two)["second_color"]] in right
