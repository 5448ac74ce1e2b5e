"""The benchmark of edits: its scenes, its scores and its tables, with a model of random weights."""

import json
import math
from pathlib import Path

import pytest
import torch

from benchmarks.edits import command, methods, moves, paths, scenes, scores, tables, verdicts
from benchmarks.edits.network import Network
from img2noise import draw
from world import classifier
from world.model import LittleWorld
from world.render import masks
from world.scenes import attributes, caption

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.fixture(scope="module")
def batch():
    """One edit of each kind."""
    with torch.random.fork_rng():
        classifier.load()
    return scenes.Batch(scenes.held_out(len(scenes.KINDS)), list(range(len(scenes.KINDS))))


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Network(LittleWorld().eval().requires_grad_(False))


def test_an_edit_changes_what_its_kind_says_and_no_free_parameter():
    edits = scenes.held_out(3 * len(scenes.KINDS))
    assert edits[:5] == scenes.held_out(5)
    counted = {"color", "shape", "second_color", "second_shape"}
    may = {"add": counted | {"count", "place"}, "remove": counted | {"count", "place"}, "move": {"place"}}
    for edit in edits:
        before, after = attributes(edit.source), attributes(edit.target)
        changed = {name for name in before if before[name] != after[name]}
        allowed = may.get(edit.kind, {edit.kind, f"second_{edit.kind}"})
        assert changed and changed <= allowed
        assert edit.prompts[0] != edit.prompts[1]
        assert (edit.source.camera, edit.source.texture) == (edit.target.camera, edit.target.texture)


def test_the_region_of_a_new_color_is_the_object_and_the_rest_is_apart_from_it(batch):
    number = [edit.kind for edit in batch.edits].index("color")
    edit = batch.edits[number]
    which = next(k for k, o in enumerate(edit.source.objects) if o != edit.target.objects[k])
    cover = torch.from_numpy(masks(edit.source)[which]) > 0.9
    inside, outside = batch.inside[number, 0], batch.outside[number, 0]
    assert float(inside[cover].double().mean()) > 0.99
    assert float(inside.sum() / cover.sum()) < 1.3
    assert bool(outside.any()) and not bool((inside & outside).any())


def test_doing_nothing_scores_one_and_the_truth_far_less(batch):
    nothing, truth = scores.score(batch, batch.x0), scores.score(batch, batch.truth)
    assert nothing["inside"] == pytest.approx([1] * len(batch.edits))
    assert max(v for v in nothing["outside"] if not math.isnan(v)) == 0
    assert max(truth["inside"]) < 0.5 and scores.mean(truth["outside"])[0] < 0.04
    assert sum(nothing["success"]) == 0 and sum(truth["success"]) >= 8
    assert scores.mean(nothing["lost"])[0] < 0.03 > scores.mean(truth["lost"])[0]


def test_what_is_kept_is_what_would_be_computed_and_counts_the_same(network):
    prompts, x, sigma = ["a red ball", "a blue cube"], draw((2, 4, 16, 16), 1), torch.full((2,), 3.0)
    plain, kept = network.denoiser(prompts, 2.0), network.denoiser(prompts, 2.0, keep=True)
    network.rows = 0
    with torch.no_grad():
        assert torch.equal(kept(x, sigma), plain(x, sigma)) and torch.equal(kept(x, sigma), plain(x, sigma))
        assert not torch.equal(kept(x + 1, sigma), kept(x, sigma))
    assert network.rows == 6 * 2 * 2
    network.forget()


def test_methods_have_names_of_their_own_and_the_short_run_takes_every_group():
    found = methods.methods()
    assert len({m.name for m in found}) == len(found)
    assert {m.group for m in found if m.quick} == {m.group for m in found}


def test_an_edit_to_the_same_prompt_is_the_picture_and_a_method_states_its_calls(batch, network):
    one = scenes.Batch([scenes.Edit("same", e.source, e.source) for e in batch.edits[:1]], [0])
    network.rows = 0
    assert torch.equal(methods.edit(network, one, skip=20, guidance=1.0), one.x0)
    assert network.rows == 10
    found: dict = {}
    command.add(found, methods.Method("edits", "", lambda n, b: methods.edit(n, b, skip=20)), network, one)
    assert found["calls"] == [15]


def test_maps_that_are_pulled_by_nothing_return_the_picture(batch, network):
    colored = scenes.Batch([edit for edit in batch.edits if edit.kind == "color"], [0])
    (row,) = moves.recolors(network, colored, strengths=(0.0,), skips=(22,))
    assert row["inside"] == pytest.approx(scores.score(colored, colored.x0)["inside"][0], abs=1e-4)
    assert row["outside"] < 1e-4


def test_pairs_share_their_caption_and_a_flat_picture_has_no_energy():
    for edit in paths.pairs(6):
        assert caption(edit.source) == caption(edit.target) and edit.source != edit.target
    ramp = torch.linspace(0, 1, 5).expand(2, 3, 5, 5)
    assert paths.energy(torch.ones(1, 3, 8, 8)).tolist() == [0]
    assert paths.energy(ramp).tolist() == pytest.approx([1 / 16] * 2)


def test_means_leave_out_what_is_not_there():
    assert scores.mean([1.0, math.nan, 3.0]) == pytest.approx((2, 1))


def test_statements_are_decided_edit_by_edit_and_the_best_has_most_clean_edits():
    better, worse = [0.1, 0.2, 0.3, 0.4], [0.3, 0.3, 0.5, 0.6]
    assert verdicts.verdict(better, worse, "inside") == "-0.175 (confirmed)"
    assert verdicts.verdict(better, worse, "success") == "-0.175 (refuted)"
    assert verdicts.verdict(better, [0.0, 0.4, 0.1, 0.6], "lost").endswith("(open)")
    scores = {
        "a": {"success": [1, 1, 1, 0], "lost": [0, 0.2, 0, 0]},
        "b": {"success": [1, 1, 1, 1], "lost": [0, 0, 0, 0]},
        "c": {"success": [0, 1, 0, 0], "lost": [0, 0, 0, 0]},
    }
    assert verdicts.clean(scores["a"]) == [1, 0, 1, 0]
    chosen = [methods.Method("edits", name, lambda n, b: b.x0, "curve") for name in "abc"]
    assert verdicts.knees(chosen, scores) == [
        {"curve": "curve", "best": "b", "clean edits": 1.0, "as good": ""}
    ]


def test_every_statement_is_about_methods_that_are_run():
    names = {m.name for m in methods.methods()}
    assert {name for _, one, other in verdicts.statements() for name in (one, other)} <= names


def test_the_page_shows_the_figures_that_are_stored():
    page = (DOCS / "edits.md").read_text("utf-8")
    results = json.loads((DOCS / "edits.json").read_text("utf-8"))
    assert tables.filled(page, tables.tables(results)) == page
    assert page.count("<!-- end -->") >= 5
