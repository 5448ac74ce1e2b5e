"""The grid of Pick Noise after a reload, a look elsewhere, a restart of the server, and inside a subgraph."""

from __future__ import annotations

import pytest
import torch

from ..host.server import Server
from .grid import BODY, COMMAND, NODE, RANDOM, Grid, fresh, is_vue
from .renderers import BOTH, opened, shown


@pytest.fixture(scope="module", **BOTH)
def screen(request, browser, server):
    yield from shown(browser, server, request.param)


@pytest.fixture
def grid(screen, server):
    return fresh(screen, server)


def test_a_workflow_that_is_loaded_again_has_its_pick_and_its_pictures(grid):
    grid.press("Show")
    grid.tile(3).click()
    workflow = grid.saved()
    grid.load(workflow)
    assert grid.value() == 3 and grid.root.get_by_role("radio").count() == 4
    assert grid.tile(3).get_attribute("aria-checked") == "true"
    grid.shows()


def test_a_page_that_is_loaded_again_has_its_pick_and_its_pictures(grid, server):
    grid.press("Show")
    grid.tile(3).click()
    grid.page.wait_for_timeout(2000)  # the page keeps its workflow a while after a change
    grid.screen.reload()
    grid.root.wait_for()
    assert grid.value() == 3 and grid.tile(3).get_attribute("aria-checked") == "true"
    grid.shows()
    assert not grid.stale
    grid.run()
    picked, every = (server.tensors(name)["samples"] for name in ("picked", "all"))
    assert torch.equal(picked, every[2:3])


def test_the_pictures_are_there_again_after_a_look_at_another_workflow(grid):
    grid.press("Show")
    grid.shows()
    grid.page.evaluate(COMMAND, "Comfy.NewBlankWorkflow")
    grid.page.wait_for_function("() => !document.querySelector('.img2noise-pick')")
    grid.page.evaluate(COMMAND, "Workspace.PreviousOpenedWorkflow")
    grid.page.locator(".img2noise-pick").wait_for()
    grid.shows()


@pytest.fixture
def own(screen, browser, server):
    """A page of one test, in the same renderer."""
    yield from shown(browser, server, is_vue(screen))


@pytest.fixture
def boxed(own, server):
    """A page with the one Pick Noise in a subgraph that the page's own command has made, and that is open."""
    fresh(own, server)
    own.page.evaluate(f"() => app.canvas.selectItems([{NODE}])")
    own.page.evaluate(COMMAND, "Comfy.Graph.ConvertToSubgraph")
    own.page.wait_for_function("() => app.rootGraph.nodes.some(n => n.subgraph)")
    if is_vue(own):
        own.page.get_by_test_id("subgraph-enter-button").click()
    else:
        own.page.mouse.dblclick(*own.page.evaluate(BODY))
    own.page.wait_for_function("() => app.canvas.graph !== app.rootGraph")
    own.page.locator(".img2noise-pick").wait_for()
    own.page.wait_for_timeout(500)
    return Grid(own)


def test_it_works_in_a_subgraph(boxed, server):
    boxed.press("Show")
    boxed.shows()
    assert boxed.value("control_after_generate", RANDOM) == "fixed" and not boxed.stale
    boxed.tile(3).click()
    assert boxed.value() == 3 and not boxed.stale
    boxed.run()
    picked, every = (server.tensors(name)["samples"] for name in ("picked", "all"))
    assert torch.equal(picked, every[2:3])


def test_it_finds_the_seed_outside_of_its_subgraph(boxed):
    boxed.press("Show")
    boxed.shows()
    boxed.set("noise_seed", 99, RANDOM)
    boxed.says("Another seed")
    boxed.tile(2).click()
    boxed.says("2 is picked")
    assert boxed.value("noise_seed", RANDOM) == 7
    boxed.press("Reroll")
    boxed.shows()
    assert boxed.value("noise_seed", RANDOM) != 7 and not boxed.stale


def test_it_finds_the_seed_of_a_noise_that_is_in_a_subgraph_and_one_that_is_set_on_that(own, server):
    """First a number wired into the subgraph, then, without the wire, the subgraph's own widget."""
    grid = fresh(own, server)
    own.page.evaluate(
        f"""() => {{
          const number = LiteGraph.createNode('PrimitiveInt');
          app.rootGraph.add(number);
          number.widgets[0].value = 7;
          number.connect(0, {RANDOM}, 'noise_seed');
          app.canvas.selectItems([{RANDOM}]);
        }}"""
    )
    own.page.evaluate(COMMAND, "Comfy.Graph.ConvertToSubgraph")
    own.page.wait_for_function("() => app.rootGraph.nodes.some(n => n.subgraph)")
    number = "app.rootGraph.nodes.find(n => n.type === 'PrimitiveInt')"
    box = "app.rootGraph.nodes.find(n => n.subgraph)"
    grid.press("Show")
    grid.press("Reroll")
    grid.shows()
    assert grid.value("value", number) != 7 and not grid.stale
    own.page.evaluate(f"() => {box}.disconnectInput({box}.inputs.findIndex(i => i.name === 'noise_seed'))")
    before = grid.value("noise_seed", box)
    grid.press("Reroll")
    grid.shows()
    assert grid.value("noise_seed", box) != before and not grid.stale


def test_its_pictures_are_there_again_after_a_look_out_of_the_subgraph(boxed):
    boxed.press("Show")
    boxed.shows()
    boxed.page.evaluate(COMMAND, "Comfy.Graph.ExitSubgraph")
    boxed.page.wait_for_function("() => app.canvas.graph === app.rootGraph")
    boxed.page.wait_for_timeout(500)
    boxed.page.evaluate(
        "() => app.canvas.openSubgraph(...(n => [n.subgraph, n])(app.rootGraph.nodes.find(n => n.subgraph)))"
    )
    boxed.root.wait_for()
    boxed.shows()
    assert not boxed.stale


def test_a_server_that_starts_again_has_no_pictures_until_the_next_show(browser, screen, server, tmp_path):
    """It empties its folder of temporary files: the tiles keep their numbers, no broken image is shown."""
    again = Server(server.comfy, tmp_path / "base", server.site)
    page = opened(browser, again, is_vue(screen))
    grid = fresh(page, again)
    grid.press("Show")
    grid.shows()
    grid.tile(2).click()
    page.page.wait_for_timeout(2000)  # the page keeps its workflow a while after a change
    again.restart()
    page.reload()
    grid.root.wait_for()
    page.page.wait_for_timeout(1000)
    assert grid.value() == 2 and grid.tile(2).get_attribute("aria-checked") == "true"
    assert grid.root.locator("img:visible").count() == 0
    assert [tile.inner_text() for tile in grid.root.get_by_role("radio").all()] == ["1", "2", "3", "4"]
    grid.press("Show")
    grid.shows()
    page.close()
    again.stop()


def test_a_page_that_stays_open_while_the_server_starts_again_goes_on(browser, screen, server, tmp_path):
    again = Server(server.comfy, tmp_path / "base", server.site)
    page = opened(browser, again, is_vue(screen))
    grid = fresh(page, again)
    grid.press("Show")
    grid.shows()
    again.restart()
    page.page.wait_for_function("() => app.api.socket?.readyState === WebSocket.OPEN")
    grid.press("Show")
    grid.tile(3).click()
    grid.run()
    picked, every = (again.tensors(name)["samples"] for name in ("picked", "all"))
    assert torch.equal(picked, every[2:3])
    grid.shows()
    page.close()
    again.stop()
