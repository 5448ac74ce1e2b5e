"""ComfyUI's page in a headless Chromium, used as a person would: by its buttons, its canvas and its keys."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

HOW = "install one, or name it in IMG2NOISE_CHROMIUM"
CHROMIUMS = "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge"
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
HOST_SAYS = re.compile(  # errors that an empty page has as well: what is fetched is watched by address
    "Failed to load resource|Content Security Policy|graph accessed before initialization"
    "|extension 'Comfy.AudioWidget'"  # of 0.14.0, for any node that ran and shows nothing
)
LOOKED_FOR = re.compile(r"/docs/\w+/[\w-]+\.md$")  # a page in the user's language, before the page for all
SECONDS = 120
SHOTS = Path(__file__).resolve().parents[2] / "out" / "browser"
_PICTURES = """() => app.rootGraph.nodes.filter(n => /^(Save|Preview)Image$/.test(n.type)).map(n => {
  const [image] = n.imgs ?? [];
  if (!image?.complete || !image.naturalWidth) return 0;
  const canvas = Object.assign(document.createElement('canvas'), {width: 8, height: 8});
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0, 8, 8);
  const values = [...context.getImageData(0, 0, 8, 8).data].filter((_, i) => i % 4 < 3);
  return Math.max(...values) - Math.min(...values);
})"""
_PICTURE = """([id, which]) => {
  const node = app.rootGraph.getNodeById(id);
  const own = (node.widgets ?? []).flatMap(w => [...(w.element?.querySelectorAll?.('img') ?? [])]);
  const image = (node.imgs?.length ? node.imgs : own)[which];
  if (!image?.complete || !image.naturalWidth) return '';
  const size = {width: image.naturalWidth, height: image.naturalHeight};
  const canvas = Object.assign(document.createElement('canvas'), size);
  canvas.getContext('2d').drawImage(image, 0, 0);
  const data = canvas.toDataURL('image/png');
  return data.length > 100 ? data : '';
}"""
_SHRINK = """async (most) => {
  await app.extensionManager.setting.set('LiteGraph.Canvas.MinFontSizeForLOD', 0);
  for (const node of app.rootGraph.nodes)
    for (const widget of node.widgets ?? []) {
      const limit = {...most, ...(most[node.type] ?? {})}[widget.name];
      if (typeof limit === 'number') widget.value = Math.min(widget.value, limit);
    }
}"""
_LISTEN = """() => {
  window.ended = [];
  for (const kind of ['execution_success', 'execution_error', 'execution_interrupted'])
    app.api.addEventListener(kind, event => window.ended.push([kind, event.detail]));
}"""
_TITLE_OF = """(type) => {
  const node = app.rootGraph.nodes.find(n => n.type === type), {scale, offset} = app.canvas.ds;
  const {left, top} = app.canvas.canvas.getBoundingClientRect(), [x, y] = node.pos;
  return [left + (x + offset[0] + 60) * scale, top + (y + offset[1] - 15) * scale];
}"""


def chromium() -> str | None:
    """The Chromium to use: the one that IMG2NOISE_CHROMIUM names, else one on the path."""
    return os.environ.get("IMG2NOISE_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUMS)), None)


def header(found: str | None) -> str:
    """One line for pytest's header: what was found, or how to have something found."""
    return f"Chromium: {found or f'none found, so the browser tests skip; {HOW}'}"


class Screen:
    """One window on a ComfyUI; `complaints` is what the page has said that an empty page does not say."""

    def __init__(self, browser, port: int, shots: Path):
        self.address, self.shots = f"http://127.0.0.1:{port}/", shots
        self.context = browser.new_context(viewport=dict(width=1600, height=1000))
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page = self.context.new_page()
        self.page.set_default_timeout(1000 * SECONDS)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._console)
        self.page.on("response", self._response)

    def open(self, query: str = "") -> None:
        """ComfyUI's page, once it is ready for use."""
        self.page.goto(self.address + query, wait_until="load")
        self._ready()

    def reload(self) -> None:
        """The same page again, as F5 does, once it is ready for use."""
        self.page.reload(wait_until="load")
        self._ready()

    def _ready(self) -> None:
        self.page.wait_for_function("() => window.app?.vueAppReady && app.extensionManager?.setting")
        self.page.wait_for_function("() => app.extensionManager.workflow?.activeWorkflow")  # its first graph
        self.page.wait_for_timeout(500)
        self.page.evaluate(_LISTEN)

    def open_template(self, name: str) -> None:
        """A template, by way of the template browser."""
        self.open()
        self.page.get_by_role("button", name="Templates").first.click()
        self.page.get_by_text("img2noise", exact=True).click()
        self.card(name).evaluate("card => card.click()")  # wherever it has moved to as thumbnails come in

    def card(self, name: str):
        """A template's card in the template browser, which shows more as one scrolls."""
        shown = self.page.locator('[data-testid^="template-workflow-"]')
        wanted, before = self.page.get_by_test_id(f"template-workflow-{name}"), -1
        shown.first.wait_for()
        while not wanted.count() and shown.count() > before:
            before = shown.count()
            shown.last.scroll_into_view_if_needed()
            self.page.wait_for_timeout(1000)
        return wanted

    def wait_for_nodes(self, count: int) -> None:
        self.page.wait_for_function("(count) => app.rootGraph.nodes.length === count", arg=count)
        self.page.wait_for_timeout(500)

    def wait_for_types(self, types: list[str]) -> None:
        """Until these are its nodes: the graph that a page begins with may have as many."""
        own = "types => JSON.stringify(app.rootGraph.nodes.map(n => n.type).sort()) === JSON.stringify(types)"
        self.page.wait_for_function(own, arg=sorted(types))
        self.page.wait_for_timeout(500)

    def types(self) -> list[str]:
        return self.page.evaluate("() => app.rootGraph.nodes.map(n => n.type)")

    def missing(self) -> list[str]:
        """The types of nodes that ComfyUI does not have, those in boxes included."""
        return self.page.evaluate(
            """() => app.rootGraph.nodes.flatMap(n => [n, ...(n.subgraph?.nodes ?? [])])
              .filter(n => n.has_errors || !(n.type in LiteGraph.registered_node_types)).map(n => n.type)"""
        )

    def unknown(self) -> list[str]:
        """The types of nodes that the page does not know; a model that is not there does not count."""
        return self.page.evaluate(
            """() => app.rootGraph.nodes.flatMap(n => [n, ...(n.subgraph?.nodes ?? [])])
              .map(n => n.type).filter(type => !(type in LiteGraph.registered_node_types))"""
        )

    def shrink(self, most: dict) -> None:
        """Set the page's own widgets of these names to at most so much, and have small text drawn."""
        self.page.evaluate(_SHRINK, most)

    def run(self) -> tuple[str, dict]:
        """Press Run; how it ended: ComfyUI's word for it and what it says."""
        self.page.get_by_role("button", name="Run", exact=True).first.click()
        self.page.wait_for_function("() => window.ended.length")
        return tuple(self.page.evaluate("() => window.ended.pop()"))

    def contrasts(self) -> list[int]:
        """How far apart the darkest and brightest of each picture that is shown are; 0 for none."""
        self.page.keyboard.press(".")  # everything into view: what is out of sight is not loaded
        try:
            self.page.wait_for_function(f"() => ({_PICTURES})().every(c => c > 0)", timeout=20_000)
        except Exception as error:
            if type(error).__name__ != "TimeoutError":
                raise
        return self.page.evaluate(_PICTURES)

    def picture(self, node: int, which: int) -> str:
        """One picture that a node shows, as the address of a PNG that is its data."""
        self.page.keyboard.press(".")  # everything into view: what is out of sight is not loaded
        return self.page.wait_for_function(_PICTURE, arg=[node, which]).json_value()

    def reports(self) -> list[str]:
        """What the nodes that show text show."""
        return self.page.evaluate(
            """() => app.rootGraph.nodes.filter(n => n.type === 'PreviewAny' && !n.mode)
              .map(n => (n.widgets ?? []).map(w => String(w.value ?? '')).join(' '))"""
        )

    def click_node(self, node_type: str) -> None:
        """Click on the title of the first node of a type."""
        x, y = self.page.evaluate(_TITLE_OF, node_type)
        self.page.mouse.click(x, y)

    def shot(self, name: str) -> None:
        self.shots.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self.shots / f"{name}.png")

    def close(self) -> None:
        self.context.close()

    def _console(self, message) -> None:
        if message.type == "error" and not HOST_SAYS.search(message.text):
            self.complaints.append(message.text)

    def _response(self, response) -> None:
        ours = "img2noise" in response.url.lower() and not LOOKED_FOR.search(response.url)
        if ours and response.status >= 400:
            self.complaints.append(f"{response.status} {response.url}")
