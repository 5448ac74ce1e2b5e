"""The grid of Pick Noise as an artist uses it, in both renderers of the newest and the oldest ComfyUI."""

from __future__ import annotations

import json
import re

import pytest
import torch

from .grid import BUILD, NODE, RANDOM, VALUE, fresh
from .renderers import BOTH, shown
from .screen import SHOTS, Screen


@pytest.fixture(scope="module", **BOTH)
def screen(request, browser, server):
    yield from shown(browser, server, request.param)


@pytest.fixture
def grid(screen, server):
    return fresh(screen, server)


def test_show_makes_the_pictures_and_runs_nothing_after_them(grid, server):
    grid.says("Press Show")
    grid.press("Show")
    grid.shows()
    grid.says("Click the one to sample")
    assert not list(server.output.glob("*.safetensors")) and not grid.stale
    assert grid.value("control_after_generate", RANDOM) == "fixed"
    grid.screen.shot(f"picking-{server.comfy.version}")


def test_a_click_on_tile_3_and_run_save_row_3_bit_for_bit(grid, server):
    grid.press("Show")
    grid.shows()
    grid.tile(3).click()
    assert grid.value() == 3 and grid.tile(3).get_attribute("aria-checked") == "true"
    grid.run()
    picked, every = (server.tensors(name)["samples"] for name in ("picked", "all"))
    assert torch.equal(picked, every[2:3])


def test_the_saved_workflow_and_the_prompt_hold_no_picture_and_no_value_more(grid):
    grid.press("Show")
    grid.shows()
    grid.tile(2).click()
    workflow = grid.saved()
    [node] = [n for n in workflow["nodes"] if n["type"] == "Img2NoisePickNoise"]
    assert node["widgets_values"] == [4, 2, True]
    prompt = grid.page.evaluate("async () => (await app.graphToPrompt()).output")
    [inputs] = [n["inputs"] for n in prompt.values() if n["class_type"] == "Img2NoisePickNoise"]
    assert sorted(inputs) == ["count", "latent", "noise", "pick", "wait"]
    assert not re.search(r"\.png|fingerprint|base64", json.dumps([workflow, prompt]))


def test_waiting_ends_in_success_and_all_samples_every_candidate(grid, server):
    grid.run()
    grid.shows()
    assert not (server.output / "picked.safetensors").exists()
    grid.press("Show")
    grid.root.get_by_role("button", name="All", exact=True).click()
    assert (grid.value(), grid.value("wait")) == (0, False)
    grid.run()
    assert torch.equal(*(server.tensors(name)["samples"] for name in ("picked", "all")))


def test_another_seed_grays_the_tiles_and_a_click_brings_it_back(grid):
    grid.press("Show")
    grid.shows()
    grid.set("noise_seed", 99, RANDOM)
    grid.says("Another seed")
    assert grid.stale
    grid.tile(1).click()
    grid.says("1 is picked")
    assert grid.value("noise_seed", RANDOM) == 7 and not grid.stale
    grid.set("count", 6)
    grid.says("Changed since")
    assert grid.stale and grid.root.get_by_role("radio").count() == 6


def test_reroll_takes_another_seed_and_no_pick(grid):
    grid.press("Show")
    grid.tile(4).click()
    grid.press("Reroll")
    grid.shows()
    assert grid.value("noise_seed", RANDOM) != 7 and grid.value() == 0 and not grid.stale


def test_arrow_keys_go_from_tile_to_tile_and_enter_picks(grid):
    grid.tile(1).focus()
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        grid.page.keyboard.press(key)
    assert grid.value() == 4
    group = grid.root.get_by_role("radiogroup")
    assert group.get_attribute("aria-label") and group.get_by_role("radio", checked=True).count() == 1


def test_a_pick_is_one_step_of_undo(grid):
    grid.tile(2).click()
    assert grid.value() == 2
    grid.page.keyboard.press("Control+z")
    grid.page.wait_for_function(f"() => ({VALUE})({NODE}, 'pick') === 0")
    assert grid.tile(2).get_attribute("aria-checked") == "false"


def test_a_copy_has_its_own_grid(grid):
    grid.tile(3).click()
    grid.page.evaluate(
        f"() => {{ app.canvas.selectItems([{NODE}]); app.canvas.copyToClipboard(); "
        "app.canvas.pasteFromClipboard() }"
    )
    grid.page.wait_for_function("() => document.querySelectorAll('.img2noise-pick').length === 2")
    of_type = "app.rootGraph.nodes.filter(n => n.type === 'Img2NoisePickNoise')"
    picks = f"() => {of_type}.map(n => ({VALUE})(n, 'pick'))"
    assert grid.page.evaluate(picks) == [3, 3]
    grid.tile(1).click()
    assert sorted(grid.page.evaluate(picks)) == [1, 3]


def test_a_wired_pick_is_only_shown(grid):
    grid.page.evaluate(
        f"""() => {{
          const number = LiteGraph.createNode('PrimitiveInt');
          app.rootGraph.add(number);
          number.connect(0, {NODE}, 'pick');
        }}"""
    )
    grid.says("pick comes by wire")
    assert grid.tile(2).is_disabled()
    assert grid.root.get_by_role("radio", checked=True).count() == 0


def test_the_wheel_over_the_grid_zooms_and_the_grid_follows(grid):
    before = grid.root.bounding_box()
    x, y = (before[k] + before[s] / 2 for k, s in (("x", "width"), ("y", "height")))
    grid.page.mouse.move(x, y)
    grid.page.mouse.wheel(0, 300)
    grid.page.wait_for_function("() => app.canvas.ds.scale < 0.95")
    grid.page.wait_for_timeout(300)
    after, scale = grid.root.bounding_box(), grid.page.evaluate("() => app.canvas.ds.scale")
    assert abs(after["width"] - scale * before["width"]) < 3


def test_without_the_script_the_widgets_do_the_same(browser, server):
    screen = Screen(browser, server.port, SHOTS)
    screen.page.route("**/pick_noise.js", lambda route: route.abort())
    screen.open()
    screen.page.evaluate(BUILD)
    assert screen.page.evaluate(f"() => {NODE}.widgets.map(w => w.name)") == ["count", "pick", "wait"]
    screen.page.evaluate(f"() => {{ {NODE}.widgets[1].value = 3 }}")
    screen.page.evaluate("() => { window.ended.length = 0; app.queuePrompt(0) }")
    screen.page.wait_for_function("() => window.ended.length")
    assert screen.page.evaluate("() => window.ended[0][0]") == "execution_success"
    picked, every = (server.tensors(name)["samples"] for name in ("picked", "all"))
    assert torch.equal(picked, every[2:3])
    screen.close()
