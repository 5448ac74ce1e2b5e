"""Nodes looked at from inside: no default and no end of a slider is refused, nothing is held or mixed up."""

from __future__ import annotations

import json

from .conftest import answers_of
from .declared import SNAPSHOT

inside = answers_of("inside.py")
NUMBERS = {
    (node, name)
    for node, declared in json.loads(SNAPSHOT.read_text("utf-8")).items()
    for name, given in declared["inputs"].items()
    if given["type"] in ("INT", "FLOAT")
}


def test_every_number_is_accepted_at_its_default_and_at_both_ends(inside):
    tried = {(row["node"], row["widget"], row["end"]) for row in inside["swept"]}
    lacking = {(*key, end) for key in NUMBERS for end in ("default", "min", "max")} - tried
    assert lacking == {tuple(key) for key in inside["not run"]}
    refused = [row for row in inside["swept"] if row["kind"]]
    assert not refused, refused


def test_a_patch_of_the_largest_size_is_small_enough_for_a_dense_whitener(inside):
    assert 4 * inside["widgets"]["Img2NoiseFitWhitener"]["patch"]["max"] ** 2 <= 8192


def test_defaults_and_ends_suit_schedules_of_any_length(inside):
    assert {row["steps"] for row in inside["scheduled"]} == {1, 4, 20, 1000}
    refused = [row for row in inside["scheduled"] if row["kind"]]
    assert not refused, refused


def test_a_share_to_skip_is_rounded_down_and_leaves_a_step(inside):
    expected = {1: 0, 2: 0, 3: 0, 4: 1, 8: 2, 25: 7, 28: 7, 50: 14}  # of the default 0.28
    assert inside["skipped"] == [[steps, 0.28, steps - left] for steps, left in expected.items()] + [
        [4, 1.0, 1],
        [100, 0.29, 71],
        [3, 1 / 3, 2],
    ]


def test_inverted_noise_holds_nothing_of_its_model(inside):
    alive, same = inside["inverted_noise_lets_its_model_go"]
    assert alive == [False] * len(alive) and same


def test_a_model_is_asked_for_its_noise_levels_and_refused_where_they_are_not_known(inside):
    found = inside["noise_levels_of_every_class_of_core"]
    refused = dict(V_PREDICTION_DDPM="another way", IMG_TO_IMG="another way", audio="sound")
    refused |= dict(IMG_TO_IMG_FLOW="without noise")
    for kind, said in found.items():
        if said is None:  # a class that this ComfyUI lacks
            continue
        if kind in refused:
            assert said.startswith("got ") and refused[kind] in said
            continue
        m = {"COSMOS_RFLOW": 1.5}.get(kind, 1.25**0.5)
        expected = {"CONST": [0.5, 0.5, 1.0], "noise scale": [0.5, 4.0, 1.0]}.get(kind, [1.0, 0.5, m])
        assert all(abs(a - b) < 1e-6 for a, b in zip(said, expected, strict=True)), kind


def test_global_generators_of_every_device_end_as_they_began(inside):
    for there, states, cpu in inside["generators_of_other_devices_are_kept"]:
        assert cpu and states["mps"] == (1 if "mps" in there else 2)
        assert states["xpu"] == ([1, 1] if "xpu" in there else [2, 2])


def test_a_mask_goes_to_where_the_picture_is(inside):
    same, kept, unchanged = inside["a_mask_and_a_picture_elsewhere_are_brought_together"]
    assert same and kept and not unchanged


def test_a_folder_is_compared_by_a_digest_of_its_photos_within_bounds(inside):
    found = inside["a_folder_is_looked_at_within_bounds"]
    assert found.pop("same") and found.pop("beside a text")
    assert (found.pop("length"), found.pop("looked_at")) == (64, 5)
    assert not any(found.values())
