"""What an artist sees: every template opened from the template browser and run, every help page, and the
blueprints.

Templates of the little world run as they are, and show what their thumbnails show. For SD 1.5 a tiny
checkpoint lies under the name that the templates ask for; sizes and steps are set lower, in the page's own
graph. Screenshots stay in out/browser.
"""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from templates.pictures import thumbnail
from templates.wishes import templates

from ..host.server import PACK
from ..host.templates import FEW_CALLS, LITTLE_ONES, OF_MODELS, SKIPPING, SMALL, model_of
from ..host.test_workflows import NEAR
from ..pages import PAGES

NAMES = [path.stem for path in [*LITTLE_ONES, *OF_MODELS]]
TINY = [path.stem for path in OF_MODELS if model_of(path) in ("SD 1.5", "SD-Turbo")]
LARGE = [path.stem for path in OF_MODELS if path.stem not in TINY]
BLUEPRINTS = sorted(path.stem for path in (PACK / "subgraphs").glob("*.json"))
WORDS = json.loads((PACK / "locales/en/nodeDefs.json").read_text("utf-8"))
TEMPLATES = {template.name: template for template in templates()}
LEAST_CONTRAST = 4  # of 255, in a picture eight pixels wide
FIRST, KNOWN = "01 Variations of an image", "Img2NoiseKSampler"


def nodes_of(name: str) -> list[dict]:
    return json.loads((PACK / "workflows" / f"{name}.json").read_text("utf-8"))["nodes"]


def opened(screen, name: str) -> list[str]:
    """The types of a template's nodes, once it is opened from the template browser."""
    nodes = nodes_of(name)
    screen.open_template(name)
    screen.wait_for_types([n["type"] for n in nodes])
    assert not screen.unknown()
    return [n["type"] for n in nodes if n["mode"] == 0]


@pytest.mark.parametrize("path", LITTLE_ONES, ids=lambda path: path.stem)
def test_the_first_run_shows_what_the_thumbnail_shows(screen, path):
    opened(screen, path.stem)
    assert not screen.missing()
    ended, said = screen.run()
    assert ended == "execution_success", said
    cells = {}
    for node, which, caption in TEMPLATES[path.stem].drawing.shown:
        _, _, data = screen.picture(node, which).partition(",")
        cells[caption] = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
    screen.shot(path.stem)
    again = np.asarray(thumbnail(cells).convert("RGB"), float)
    stored = np.asarray(Image.open(path.with_suffix(".jpg")).convert("RGB"), float)
    assert np.sqrt(((again - stored) ** 2).mean()) < NEAR
    assert not screen.complaints


@pytest.mark.parametrize("name", TINY)
def test_a_template_opens_runs_and_shows_its_pictures(screen, name):
    types = opened(screen, name)
    assert not screen.missing()
    skips = any(k in ("Img2NoisePromptEdit", "Img2NoiseImageToNoiseMaps") for k in types)
    screen.shrink(SMALL | FEW_CALLS | (SKIPPING if skips else {}))
    ended, said = screen.run()
    assert ended == "execution_success", said
    contrasts, reports = screen.contrasts(), screen.reports()
    screen.shot(name)
    assert len(contrasts) == types.count("PreviewImage")
    assert contrasts and min(contrasts) > LEAST_CONTRAST
    assert len(reports) == types.count("PreviewAny") and all(len(text) > 40 for text in reports)
    assert not screen.complaints


@pytest.mark.parametrize("name", LARGE)
def test_a_template_of_a_large_model_opens_with_all_its_nodes(screen, name):
    """Their text encoders are large: the host tests run them, with conditioning of their own."""
    opened(screen, name)


def test_app_mode_shows_the_knobs_of_a_template_and_its_pictures(screen):
    opened(screen, FIRST)
    has = "id => app.extensionManager.command.commands.some(c => c.id === id)"
    if not screen.page.evaluate(has, "Comfy.ToggleLinear"):
        pytest.skip("this page has no App mode")
    ended, said = screen.run()
    assert ended == "execution_success", said
    screen.page.evaluate("() => app.extensionManager.command.execute('Comfy.ToggleLinear')")
    skip = screen.page.get_by_role("button", name="Skip", exact=True)
    skip.wait_for()
    skip.click()
    for name in ("scene", "text", "similarity", "seed"):
        screen.page.get_by_text(name, exact=True).locator("visible=true").first.wait_for()
    screen.page.wait_for_function("() => document.querySelectorAll('img').length >= 3")
    screen.shot("app")
    assert not screen.complaints


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


def test_a_node_shows_its_help_page_and_the_template_to_open(screen):
    opened(screen, FIRST)
    screen.shrink({})
    screen.page.wait_for_timeout(2000)  # a template comes into view by and by
    screen.click_node(KNOWN)
    screen.page.get_by_test_id("info-button").click()
    helped(screen, KNOWN)
    screen.page.get_by_text("Browse Templates").wait_for()
    screen.shot("help")
    assert not screen.complaints


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
