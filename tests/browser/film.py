"""`python -m tests.browser.film`: film Pick Noise at work in ComfyUI's page, and write docs/pick-noise.gif.

Noise from Image and Pick Noise offer variations of a scene of the little world, two are picked.
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

PLACE = PACK / "docs" / "pick-noise.gif"
WIDTH, COLORS = 900, 128
BOX = dict(x=70, y=70, width=1330, height=700)  # of the page
BUILD = """() => {
  app.rootGraph.clear();
  const made = {}, add = (name, type, x, y, values = [], title = null) => {
    const node = made[name] = LiteGraph.createNode(type);
    node.pos = [x, y];
    if (title) node.title = title;
    app.rootGraph.add(node);
    values.forEach((value, i) => { node.widgets[i].value = value; });
    return node;
  };
  const wire = (from, slot, to, input) => made[from].connect(slot, made[to], input);
  add('world', 'Img2NoiseLoadLittleWorld', -1200, 0);
  add('size', 'EmptyLatentImage', -1200, 300, [128, 128, 1]);
  add('words', 'CLIPTextEncode', -900, 0, ['a red ball on a wooden floor, teal wall']);
  add('nothing', 'CLIPTextEncode', -900, 250, ['']);
  add('guider', 'CFGGuider', -450, 420, [3.0]);
  add('sampler', 'KSamplerSelect', -900, 500, ['dpmpp_2m']);
  add('steps', 'BasicScheduler', -900, 600, ['normal', 25, 1.0]);
  add('image', 'Img2NoiseSampleImage', 0, 0, ['red ball', 128]).size = [270, 130];
  add('noise', 'Img2NoiseNoiseFromImage', 0, 180, [0.4, 1, 'fixed']).size = [270, 330];
  add('pick', 'Img2NoisePickNoise', 320, 0, [6]).size = [400, 630];
  add('sampled', 'SamplerCustomAdvanced', 770, 0).size = [330, 110];
  add('result', 'VAEDecode', 770, 160).size = [330, 50];
  add('shown', 'PreviewImage', 770, 260, [], 'The one you picked').size = [330, 370];
  add('yours', 'PreviewImage', 1140, 260, [], 'Your picture').size = [330, 370];
  wire('world', 1, 'words', 'clip'); wire('world', 1, 'nothing', 'clip');
  wire('image', 0, 'noise', 'image'); wire('image', 0, 'yours', 'images');
  wire('world', 2, 'noise', 'vae'); wire('world', 0, 'noise', 'model');
  wire('noise', 0, 'pick', 'noise'); wire('size', 0, 'pick', 'latent');
  wire('world', 2, 'pick', 'vae'); wire('guider', 0, 'pick', 'guider');
  wire('world', 0, 'guider', 'model'); wire('words', 0, 'guider', 'positive');
  wire('nothing', 0, 'guider', 'negative'); wire('world', 0, 'steps', 'model');
  wire('pick', 0, 'sampled', 'noise'); wire('pick', 1, 'sampled', 'latent_image');
  wire('guider', 0, 'sampled', 'guider'); wire('sampler', 0, 'sampled', 'sampler');
  wire('steps', 0, 'sampled', 'sigmas'); wire('sampled', 0, 'result', 'samples');
  wire('world', 2, 'result', 'vae'); wire('result', 0, 'shown', 'images');
  app.canvas.deselectAll();
  app.canvas.ds.scale = 0.88; app.canvas.ds.offset = [110, 130];
  app.canvas.setDirty(true, true);
}"""
POINTER = """() => {
  const dot = document.createElement('div');
  dot.style.cssText = 'position:fixed;z-index:99999;width:18px;height:18px;margin:-9px;border-radius:9px;'
    + 'background:#fffc;border:2px solid #000;pointer-events:none';
  document.body.append(dot);
  const move = (event) => { dot.style.left = `${event.clientX}px`; dot.style.top = `${event.clientY}px`; };
  addEventListener('mousemove', move, true);
}"""


class Film:
    """Frames of a page with the seconds that each is shown."""

    def __init__(self, screen: Screen):
        self.page, self.screen, self.frames = screen.page, screen, []

    def hold(self, seconds: float) -> None:
        self.page.wait_for_timeout(700)
        frame = Image.open(io.BytesIO(self.page.screenshot(clip=BOX))).convert("RGB")
        height = round(frame.height * WIDTH / frame.width)
        self.frames.append((frame.resize((WIDTH, height), Image.Resampling.LANCZOS), seconds))

    def click(self, role: str, name: str, runs: bool = False) -> None:
        """Move to a button, click it, and wait for the end of what it runs."""
        self.page.evaluate("() => { window.ended.length = 0 }")
        button = self.page.get_by_role(role, name=name, exact=True).first
        button.hover()
        self.hold(0.8)
        button.click()
        if runs:
            self.page.wait_for_function("() => window.ended.length")
            self.page.wait_for_timeout(1500)

    def write(self, place: Path) -> None:
        pictures = [frame.quantize(COLORS, dither=Image.Dither.NONE) for frame, _ in self.frames]
        times = [round(1000 * seconds) for _, seconds in self.frames]
        pictures[0].save(place, save_all=True, append_images=pictures[1:], duration=times, loop=0)


def film(screen: Screen) -> Film:
    screen.open()
    screen.page.evaluate("() => app.extensionManager.setting.set('Comfy.TutorialCompleted', true)")
    screen.open()
    screen.page.evaluate(BUILD)
    screen.page.evaluate(POINTER)
    found = Film(screen)
    found.hold(1.0)
    for tile, button in (("Candidate 3", "Show"), ("Candidate 5", "Reroll")):
        found.click("button", button, runs=True)
        found.hold(2.0)
        found.click("radio", tile)
        found.hold(1.2)
        found.click("button", "Run", runs=True)
        found.hold(2.5)
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        server = Server(hosts.found()[0], Path(folder, "base"), Path(folder))
        browser = driver.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        try:
            film(Screen(browser, server.port, Path(folder))).write(PLACE)
        finally:
            browser.close()
            server.stop()


if __name__ == "__main__":
    main()
