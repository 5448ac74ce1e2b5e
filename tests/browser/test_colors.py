"""The color of Recolor Noise Maps: a swatch where the page draws one, a text where it cannot."""

from __future__ import annotations

import pytest

from .renderers import BOTH, shown

BUILD = """() => {
  app.rootGraph.clear();
  const node = LiteGraph.createNode('Img2NoiseRecolorNoiseMaps');
  node.id = window.nodesMade = (window.nodesMade ?? 0) + 1; // Nodes 2.0 shows an old value under an old id
  app.rootGraph.add(node);
  app.canvas.ds.scale = 1.5; app.canvas.ds.offset = [300, 100];
  app.canvas.setDirty(true, true);
}"""
WIDGET = "app.rootGraph.nodes[0].widgets.find(w => w.name === 'color')"
MIDDLE = f"""() => {{
  const node = app.rootGraph.nodes[0], widget = {WIDGET}, {{scale, offset}} = app.canvas.ds;
  const {{left, top}} = app.canvas.canvas.getBoundingClientRect();
  return [left + (node.pos[0] + node.size[0] / 2 + offset[0]) * scale,
          top + (node.pos[1] + widget.last_y + 10 + offset[1]) * scale];
}}"""
WORDS_OF_CORE = """() => {
  const widget = LiteGraph.createNode('ColorToRGBInt').widgets[0], said = [];
  const context = document.createElement('canvas').getContext('2d');
  context.fillText = (text) => said.push(text);
  Object.assign(widget, {y: 0}).drawWidget(context, {width: 200});
  return [said.join(' '), widget.value];
}"""


@pytest.fixture(scope="module", **BOTH)
def screen(request, browser, server):
    yield from shown(browser, server, request.param)


@pytest.fixture
def page(screen):
    screen.page.evaluate(BUILD)
    screen.page.wait_for_timeout(500)
    return screen.page


def is_old(server) -> bool:
    return server.comfy.version.startswith("0.14.")


def is_vue(page) -> bool:
    return bool(page.evaluate("() => app.extensionManager.setting.get('Comfy.VueNodes.Enabled')"))


def enter(page, old: bool, color: str) -> None:
    """Set the color with the page's own means."""
    if is_vue(page):
        if old:
            field = page.locator('[data-node-id] input[type="text"]').first
        else:
            page.locator("[data-node-id]").get_by_text("#d02020").click()
            field = page.get_by_role("textbox", name="Hex")
        field.fill(color)
        field.press("Enter")
        page.keyboard.press("Escape")
        return
    page.mouse.click(*page.evaluate(MIDDLE))
    if old:
        page.locator(".graphdialog input").fill(color)
        page.keyboard.press("Enter")
    else:  # the field of the browser's own picker, which opens outside the page
        page.wait_for_function("() => document.querySelector('input[type=color]')")
        page.evaluate(
            """(color) => {
              const field = [...document.querySelectorAll('input[type=color]')].at(-1);
              field.value = color;
              for (const name of ['input', 'change']) field.dispatchEvent(new Event(name, {bubbles: true}));
            }""",
            color,
        )


def test_it_is_a_swatch_but_on_pages_that_do_not_draw_one(page, server):
    assert page.evaluate(f"() => {WIDGET}.type") == ("text" if is_old(server) else "color")
    assert page.evaluate(f"() => {WIDGET}.value") == "#d02020"


def test_the_page_of_0_14_does_not_draw_its_own_color_widget_and_forgets_its_default(page, server):
    said, value = page.evaluate(WORDS_OF_CORE)
    assert ("Node 2.0 only" in said) == is_old(server)
    assert value == ("#000000" if is_old(server) else "#ffffff")


def test_a_color_that_is_set_on_the_page_is_saved_and_sent_as_a_hex_code(page, server):
    enter(page, is_old(server), "#20a040")
    page.wait_for_function(f"() => {WIDGET}.value === '#20a040'")
    prompt = page.evaluate("async () => (await app.graphToPrompt()).output")
    [node] = prompt.values()
    assert node["inputs"]["color"] == "#20a040"
    assert page.evaluate("() => app.rootGraph.serialize().nodes[0].widgets_values[0]") == "#20a040"


def test_a_text_can_still_be_wired_to_it(page):
    linked = """() => {
      const text = LiteGraph.createNode('PrimitiveString');
      app.rootGraph.add(text);
      return Boolean(text.connect(0, app.rootGraph.nodes[0], 'color'));
    }"""
    assert page.evaluate(linked)


def test_an_opacity_comes_as_two_digits_more(page, server):
    """Which the node leaves out."""
    if is_old(server) or not is_vue(page):
        pytest.skip("this page's color has no opacity")
    page.locator("[data-node-id]").get_by_text("#d02020").click()
    page.get_by_role("spinbutton", name="Alpha").fill("50")
    page.get_by_role("spinbutton", name="Alpha").press("Enter")
    page.wait_for_function(f"() => {WIDGET}.value !== '#d02020'")
    assert page.evaluate(f"() => {WIDGET}.value") == "#d0202080"
