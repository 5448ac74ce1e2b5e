"""The grid of Pick Noise on a page: a graph that has one, its buttons and tiles, and what it says."""

from __future__ import annotations

from .screen import Screen

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
BODY = """() => {
  const node = app.rootGraph.nodes.find(n => n.subgraph), {scale, offset} = app.canvas.ds;
  const {left, top} = app.canvas.canvas.getBoundingClientRect(), [x, y] = node.pos, [width] = node.size;
  return [left + (x + offset[0] + width / 2) * scale, top + (y + offset[1] + 8) * scale];
}"""
COMMAND = "(name) => app.extensionManager.command.execute(name)"
VALUE = "(node, name) => node.widgets.find(w => w.name === name).value"


def is_vue(screen: Screen) -> bool:
    return bool(screen.page.evaluate("() => app.extensionManager.setting.get('Comfy.VueNodes.Enabled')"))


def fresh(screen: Screen, server) -> Grid:
    """The grid of a fresh graph on a page, and nothing left of what others made."""
    for file in server.output.glob("*.safetensors"):
        file.unlink()
    server.post("/free", {"free_memory": True})  # or a graph that has run before would write nothing
    screen.page.evaluate("() => sessionStorage.removeItem('img2noise_pick')")
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
