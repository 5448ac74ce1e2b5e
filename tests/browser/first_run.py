"""`python -m tests.browser.first_run`: walk a stranger's first five minutes in ComfyUI's page, and keep what
the page shows as docs/first-run/*.webp.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from ..host import hosts
from ..host.server import PACK, Server
from .screen import FLAGS, Screen, chromium

PLACE = PACK / "docs" / "first-run"
SIZE = 1280, 800
SET = """([type, name, value]) => {
  const node = app.rootGraph.nodes.find(n => n.type === type);
  node.widgets.find(w => w.name === name).value = value;
  app.canvas.setDirty(true, true);
}"""
VARY, CHOOSE = "01 Variations of an image", "04 Choose a noise before sampling"


class Walk:
    """A page, and the pictures kept of it."""

    def __init__(self, screen: Screen):
        self.screen, self.page = screen, screen.page

    def keep(self, name: str, top: bool = True) -> None:
        if top:
            self.page.keyboard.press(".")  # the whole graph into view
        self.page.wait_for_timeout(2500)
        shot = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        shot = shot.resize(SIZE, Image.Resampling.LANCZOS)
        shot.save(PLACE / f"{name}.webp", quality=82, method=6)

    def run(self) -> None:
        self.page.evaluate("() => { window.ended.length = 0 }")
        ended, said = self.screen.run()
        if ended != "execution_success":
            raise RuntimeError(str(said))


def walk(screen: Screen) -> None:
    steps = Walk(screen)
    screen.open()
    for name, value in {"Comfy.TutorialCompleted": "true", "LiteGraph.Canvas.MinFontSizeForLOD": "0"}.items():
        screen.page.evaluate(f"() => app.extensionManager.setting.set('{name}', {value})")
    screen.open()
    screen.page.get_by_role("button", name="Templates").first.click()
    screen.page.get_by_text("img2noise", exact=True).click()
    screen.page.get_by_placeholder("Search").last.fill(VARY[:2])
    screen.card(VARY).wait_for()
    steps.keep("1-templates", top=False)
    screen.card(VARY).click()
    screen.page.wait_for_function("() => app.rootGraph.nodes.some(n => n.type === 'Img2NoiseKSampler')")
    steps.keep("2-opened")
    steps.run()
    steps.keep("3-first-run")
    screen.page.evaluate(SET, ["Img2NoiseKSampler", "similarity", 0.3])
    steps.run()
    steps.keep("4-less-similar")
    screen.open_template(CHOOSE)
    screen.page.wait_for_function("() => app.rootGraph.nodes.some(n => n.type === 'Img2NoisePickNoise')")
    steps.run()
    steps.keep("5-noises")
    screen.page.get_by_role("radio", name="Candidate 1", exact=True).click()
    steps.run()
    steps.keep("6-another-one")


def main() -> None:
    PLACE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        server = Server(hosts.found()[0], Path(folder, "base"), Path(folder))
        browser = driver.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        try:
            walk(Screen(browser, server.port, Path(folder)))
        finally:
            browser.close()
            server.stop()


if __name__ == "__main__":
    main()
