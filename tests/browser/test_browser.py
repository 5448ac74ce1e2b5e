"""What an artist sees: every template opened from the template browser and run, every help page, the graph
that a page offers, and the blueprints.

The tiny checkpoint lies under the names that the templates ask for; only sizes and steps are set lower, in
the page's own graph. Screenshots stay in out/browser.
"""

from __future__ import annotations

import json

import pytest

from ..host.matrix.places import OWN
from ..host.server import PACK
from ..host.test_workflows import FEW_CALLS, SKIPPING, SMALL, WORKFLOWS
from ..pages import PAGES, parts

NAMES = [path.stem for path in WORKFLOWS]
BLUEPRINTS = sorted(path.stem for path in (PACK / "subgraphs").glob("*.json"))
WORDS = json.loads((PACK / "locales/en/nodeDefs.json").read_text("utf-8"))
LEAST_CONTRAST = 4  # of 255, in a picture eight pixels wide


def nodes_of(name: str) -> list[dict]:
    return json.loads((PACK / "workflows" / f"{name}.json").read_text("utf-8"))["nodes"]


def opened_and_run(screen, name: str) -> None:
    """A template from the template browser, made small and run to its end."""
    nodes = nodes_of(name)
    screen.open_template(name)
    screen.wait_for_nodes(len(nodes))
    skips = any(n["type"] in ("Img2NoisePromptEdit", "Img2NoiseImageToNoiseMaps") for n in nodes)
    screen.shrink(SMALL | FEW_CALLS | (SKIPPING if skips else {}))
    assert sorted(screen.types()) == sorted(n["type"] for n in nodes)
    assert not screen.missing()
    ended, said = screen.run()
    assert ended == "execution_success", said


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OWN])
def test_a_template_opens_runs_and_shows_its_pictures(windows, comfy, name):
    if name == "noise-maps-replay" and not (comfy.output / "img2noise/my_photo.safetensors").exists():
        opened_and_run(windows(), "noise-maps-keep")
    screen = windows()
    opened_and_run(screen, name)
    types = [n["type"] for n in nodes_of(name)]
    contrasts, reports = screen.contrasts(), screen.reports()
    screen.shot(name)
    assert len(contrasts) == types.count("SaveImage") + types.count("PreviewImage")
    assert contrasts and min(contrasts) > LEAST_CONTRAST
    assert len(reports) == types.count("PreviewAny") and all(len(text) > 40 for text in reports)
    assert not screen.complaints


@pytest.mark.parametrize("name", OWN)
def test_a_template_of_another_family_opens_with_all_its_nodes(screen, name):
    """Their text encoders are large: the host tests run them, with conditioning of their own."""
    screen.open_template(name)
    screen.wait_for_nodes(len(nodes_of(name)))
    assert sorted(screen.types()) == sorted(n["type"] for n in nodes_of(name))


def test_a_template_opens_by_its_address(screen):
    screen.open("?template=variations&source=img2noise")
    screen.wait_for_nodes(len(nodes_of("variations")))
    assert not screen.missing() and not screen.complaints


def test_the_template_browser_shows_every_template_with_its_thumbnail(screen):
    screen.open()
    screen.page.get_by_role("button", name="Templates").first.click()
    screen.page.get_by_text("img2noise", exact=True).click()
    for name in NAMES:
        card = screen.card(name)
        card.scroll_into_view_if_needed()
        thumbnail = card.locator("img").first
        thumbnail.wait_for()
        screen.page.wait_for_function("i => i.naturalWidth > 0", arg=thumbnail.element_handle())
    screen.page.get_by_test_id(f"template-workflow-{NAMES[0]}").scroll_into_view_if_needed()
    screen.shot("templates")
    assert not screen.complaints


def test_a_node_shows_its_help_page_and_its_graph_is_pasted(screen):
    screen.open("?template=variations&source=img2noise")
    screen.wait_for_nodes(len(nodes_of("variations")))
    screen.shrink({})
    screen.page.wait_for_timeout(2000)  # a template comes into view by and by
    screen.click_node("Img2NoiseNoiseFromImage")
    screen.page.get_by_test_id("info-button").click()
    helped(screen, "Img2NoiseNoiseFromImage")
    screen.shot("help")
    line = screen.page.locator(".node-help-content pre code")
    line.click(click_count=3)
    screen.page.keyboard.press("Control+c")
    screen.page.get_by_text("Click on the line below three times").click()
    screen.page.keyboard.press("Control+v")
    _, _, text = parts((PACK / "web/docs/Img2NoiseNoiseFromImage.md").read_text("utf-8"))
    graph = json.loads(text)
    screen.wait_for_nodes(len(graph["nodes"]))
    assert sorted(screen.types()) == sorted(n["type"] for n in graph["nodes"])
    assert screen.page.evaluate("() => app.rootGraph.links.size") == len(graph["links"])
    assert not screen.missing() and not screen.complaints
    screen.shot("pasted")


def test_every_node_shows_its_help_page(screen):
    screen.open()
    select = "type => {const n = app.rootGraph.nodes.find(n => n.type === type); app.canvas.selectNode(n)}"
    add = (
        "types => {app.rootGraph.clear(); for (const t of types) app.rootGraph.add(LiteGraph.createNode(t))}"
    )
    screen.page.evaluate(add, [page.stem for page in PAGES])
    screen.page.evaluate(select, PAGES[0].stem)
    screen.page.get_by_test_id("info-button").click()
    for page in PAGES:
        screen.page.evaluate(select, page.stem)
        helped(screen, page.stem)
    assert not screen.complaints


def helped(screen, node: str) -> None:
    """Wait for a node's help page with its title, its picture and its table."""
    page = screen.page.locator(".node-help-content")
    page.get_by_role("heading", name=WORDS[node]["display_name"], exact=True).wait_for()
    picture = page.locator(f'img[src$="/img2noise/docs/pictures/{node}.webp"]')
    picture.wait_for()
    screen.page.wait_for_function("i => i.naturalWidth > 200", arg=picture.element_handle())
    assert page.locator("table tr").count() > 1


@pytest.mark.parametrize("name", BLUEPRINTS)
def test_a_blueprint_is_found_in_the_node_library_and_placed(screen, name):
    screen.open()
    screen.page.evaluate("() => app.rootGraph.clear()")
    screen.page.locator(".side-tool-bar-container button").nth(1).click()
    screen.page.get_by_placeholder("Search").first.fill(name)
    screen.page.get_by_text(name, exact=True).last.click()
    screen.page.mouse.move(900, 500)
    screen.page.mouse.click(900, 500)
    screen.wait_for_nodes(1)
    inside = screen.page.evaluate("() => app.rootGraph.nodes[0].subgraph.nodes.map(n => n.type)")
    assert any(kind.startswith("Img2Noise") for kind in inside)
    assert not screen.missing() and not screen.complaints
    screen.shot(name)
