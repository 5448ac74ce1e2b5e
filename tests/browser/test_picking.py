"""The grid of Pick Noise as an artist uses it, in both renderers of the newest and the oldest ComfyUI."""

from __future__ import annotations

import json
import re

import pytest
import torch

from .renderers import BOTH, opened, shown
from .screen import SHOTS, Screen

BUILD = """() => {
  app.rootGraph.clear();
  const made = {}, add = (name, type, x, y, values = []) => {
    const node = made[name] = LiteGraph.createNode(type);
    node.pos = [x, y];
    app.rootGraph.add(node);
    values.forEach((value, i) => { node.widgets[i].value = value; });
    return node;
  };
  const wire = (from, to, input, slot = 0) => made[from].connect(slot, made[to], input);
  add('random', 'RandomNoise', 0, 0, [7, 'randomize']);
  add('empty', 'EmptyLatentImage', 0, 180, [128, 128, 1]);
  add('four', 'EmptyLatentImage', 0, 360, [128, 128, 4]);
  add('pick', 'Img2NoisePickNoise', 320, 0, [4, 0, true]);
  add('picked', 'Img2NoiseNoiseToLatent', 760, 0);
  add('all', 'Img2NoiseNoiseToLatent', 760, 200);
  add('dump', 'TestDump', 1060, 0, ['picked']);
  add('dumpAll', 'TestDump', 1060, 200, ['all']);
  wire('random', 'pick', 'noise'); wire('empty', 'pick', 'latent');
  wire('pick', 'picked', 'noise'); wire('pick', 'picked', 'latent', 1); wire('picked', 'dump', 'value');
  wire('random', 'all', 'noise'); wire('four', 'all', 'latent'); wire('all', 'dumpAll', 'value');
  app.canvas.ds.scale = 1; app.canvas.ds.offset = [120, 160];
  app.canvas.setDirty(true, true);
  app.canvas.emitBeforeChange(); app.canvas.emitAfterChange();
}"""
NODE = "app.canvas.graph.nodes.find(n => n.type === 'Img2NoisePickNoise')"
RANDOM = "app.rootGraph.nodes.find(n => n.type === 'RandomNoise')"
VALUE = "(node, name) => node.widgets.find(w => w.name === name).value"


@pytest.fixture(scope="module", **BOTH)
def screen(request, browser, server):
    yield from shown(browser, server, request.param)


def known_of_old_frontends(request, what: str) -> None:
    """Give a test up on ComfyUI 0.14.0 for a limit of its frontend that is known."""
    if "0.14" in request.node.name:
        pytest.xfail(f"frontend 1.38 {what}")


@pytest.fixture
def grid(screen, server):
    """The page with a fresh graph."""
    for file in server.output.glob("*.safetensors"):
        file.unlink()
    screen.page.evaluate(BUILD)
    screen.page.locator(".img2noise-pick").wait_for()
    screen.page.wait_for_timeout(500)
    return Grid(screen)


class Grid:
    """The grid of the one Pick Noise in view."""

    def __init__(self, screen: Screen):
        self.screen, self.page = screen, screen.page
        self.root = self.page.locator(".img2noise-pick").first

    def press(self, name: str) -> None:
        """Press a button that queues, and wait for the end."""
        self.page.evaluate("() => { window.ended.length = 0 }")
        self.root.get_by_role("button", name=name, exact=True).click()
        self.page.wait_for_function("() => window.ended.length")
        assert self.page.evaluate("() => window.ended[0][0]") == "execution_success"

    def run(self) -> None:
        self.page.evaluate("() => { window.ended.length = 0 }")
        ended, said = self.screen.run()
        assert ended == "execution_success", said

    def tile(self, number: int):
        return self.root.get_by_role("radio", name=f"Candidate {number}", exact=True)

    def shows(self, count: int = 4) -> None:
        """Wait for the pictures."""
        script = """(count) => [...document.querySelectorAll('.img2noise-pick img')]
          .filter(i => !i.hidden && i.naturalWidth).length === count"""
        self.page.wait_for_function(script, arg=count)

    def says(self, words: str) -> None:
        self.root.get_by_role("status").filter(has_text=words).wait_for()

    def value(self, name: str = "pick", node: str = NODE):
        return self.page.evaluate(f"() => ({VALUE})({node}, '{name}')")

    def set(self, name: str, value, node: str = NODE) -> None:
        """As a hand on the widget does."""
        self.page.evaluate(
            f"""([name, value]) => {{
              const widget = {node}.widgets.find(w => w.name === name);
              app.canvas.emitBeforeChange(); widget.value = value; widget.callback?.(value);
              app.canvas.emitAfterChange();
            }}""",
            [name, value],
        )

    @property
    def stale(self) -> bool:
        return "stale" in (self.root.get_by_role("radiogroup").get_attribute("class") or "")

    def saved(self) -> dict:
        return self.page.evaluate("() => JSON.parse(JSON.stringify(app.rootGraph.serialize()))")

    def load(self, workflow: dict) -> None:
        self.page.evaluate("(w) => app.loadGraphData(w)", workflow)
        self.page.locator(".img2noise-pick").wait_for()
        self.page.wait_for_timeout(500)


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


def test_a_workflow_that_is_loaded_again_has_its_pick_and_numbered_tiles(grid):
    grid.press("Show")
    grid.tile(3).click()
    workflow = grid.saved()
    grid.load(workflow)
    assert grid.value() == 3 and grid.root.get_by_role("radio").count() == 4
    assert grid.tile(3).get_attribute("aria-checked") == "true"
    grid.press("Show")
    grid.shows()


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


def test_the_pictures_are_there_again_after_a_look_at_another_workflow(grid, request):
    known_of_old_frontends(request, "keeps no outputs for a workflow that is not in view")
    grid.press("Show")
    grid.shows()
    command = "(name) => app.extensionManager.command.execute(name)"
    grid.page.evaluate(command, "Comfy.NewBlankWorkflow")
    grid.page.wait_for_function("() => !document.querySelector('.img2noise-pick')")
    grid.page.evaluate(command, "Workspace.PreviousOpenedWorkflow")
    grid.page.locator(".img2noise-pick").wait_for()
    grid.shows()


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


def test_it_works_in_a_subgraph(screen, browser, server, request):
    """On a page of its own: a graph that is cleared from inside a subgraph leaves the page's parts behind."""
    known_of_old_frontends(request, "tells a subgraph's prompt otherwise, so its tiles stay gray")
    vue = screen.page.evaluate("() => app.extensionManager.setting.get('Comfy.VueNodes.Enabled')")
    own = opened(browser, server, bool(vue))
    own.page.evaluate(BUILD)
    own.page.locator(".img2noise-pick").wait_for()
    grid = Grid(own)
    grid.page.evaluate(f"() => {{ app.canvas.graph.convertToSubgraph(new Set([{NODE}])) }}")
    grid.page.evaluate("() => app.canvas.setGraph(app.rootGraph.nodes.find(n => n.subgraph).subgraph)")
    grid.page.locator(".img2noise-pick").wait_for()
    grid.press("Show")
    grid.shows()
    grid.tile(2).click()
    assert grid.value() == 2 and not grid.stale
    own.close()


def test_the_wheel_over_the_grid_zooms_and_the_grid_follows(grid):
    before = grid.root.bounding_box()
    x, y = (before[k] + before[s] / 2 for k, s in (("x", "width"), ("y", "height")))
    grid.page.mouse.move(x, y)
    grid.page.mouse.wheel(0, 300)
    grid.page.wait_for_function("() => app.canvas.ds.scale < 0.95")
    grid.page.wait_for_timeout(300)
    after, scale = grid.root.bounding_box(), grid.page.evaluate("() => app.canvas.ds.scale")
    assert abs(after["width"] - scale * before["width"]) < 3


def test_tiles_whose_files_are_gone_keep_their_numbers(grid):
    gone = re.compile("/view\\?.*img2noise_pick")
    grid.page.route(gone, lambda route: route.fulfill(status=404))
    grid.set("noise_seed", 4321, RANDOM)
    grid.press("Show")
    grid.says("Click the one to sample")
    grid.page.wait_for_timeout(500)
    grid.page.unroute(gone)
    assert grid.root.locator("img:visible").count() == 0
    assert [tile.inner_text() for tile in grid.root.get_by_role("radio").all()] == ["1", "2", "3", "4"]
    grid.screen.complaints[:] = [c for c in grid.screen.complaints if "img2noise_pick" not in c]


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
