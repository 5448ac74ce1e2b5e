"""Which templates there are: each wish by its name, what draws it, and the models that it is drawn for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import advanced, edits, variations
from .graph import Drawing
from .models import FLUX, LITTLE, QWEN, SD, SD35, SDXL, TURBO, Z_IMAGE, Model
from .parts import other

BOTH = (LITTLE, SD)
FOUR = (LITTLE, SD, SDXL, Z_IMAGE)
EDITORS = (*FOUR, TURBO, FLUX, SD35, QWEN)
Draw = Callable[[Drawing, Model], None]
NOTES = Path(__file__).with_name("notes.md")
WISHES: dict[str, tuple[Draw, tuple[Model, ...]]] = {
    "01 Variations of an image": (variations.varied, FOUR),
    "02 Strong change, same composition": (variations.strongly_changed, FOUR),
    "03 Edit with a prompt": (edits.edited, EDITORS),
    "04 Choose a noise before sampling": (variations.picked, BOTH),
    "05 Several edits to choose from": (edits.several, BOTH),
    "06 Recolor a part": (edits.recolored, BOTH),
    "07 Move or mirror": (edits.moved, BOTH),
    "08 Vary all but a part": (variations.kept, BOTH),
    "09 Layout of one, colors of another": (variations.of_two, BOTH),
    "10 Images between two images": (edits.between, BOTH),
    "11 Invert, then change flat areas too": (edits.freed, BOTH),
    "12 Inspect a noise and a sampler": (advanced.inspected, BOTH),
    "13 Fit an image profile": (advanced.fitted, BOTH),
    "14 Invert once, edit often": (advanced.replayed, BOTH),
    "15 Four ways to noise": (advanced.compared, BOTH),
}
APP = {  # widgets that App mode shows, where a graph has them
    **dict.fromkeys(["Img2NoiseKSampler", "Img2NoiseNoiseFromImage"], ["similarity", "seed", "noise_seed"]),
    "Img2NoiseSampleImage": ["scene"],
    "CLIPTextEncode": ["text"],
    "Img2NoisePromptEdit": ["skip"],
    "Img2NoiseImageToNoiseMaps": ["skip", "noise_seed"],
    "Img2NoiseRecolorNoiseMaps": ["color", "strength"],
    "Img2NoiseTransformNoiseMaps": ["right", "down"],
    "Img2NoiseUnsample": ["forward_share"],
    "Img2NoiseBlendNoises": ["weight"],
}
ASIDE = "What you do not want", "Nothing"  # prompts that nobody needs to change


@dataclass(frozen=True)
class Template:
    """One file: its name, the wish that it is of, its model and its graph."""

    name: str
    wish: str
    model: Model
    drawing: Drawing

    def workflow(self) -> dict:
        return self.drawing.saved(app_inputs(self.drawing))


def templates() -> Iterator[Template]:
    """Draw every template."""
    for wish, (draw, models) in WISHES.items():
        for model in models:
            name = f"{wish} ({model.name})" if model.name else wish
            d = Drawing(name)
            d.note(f"## {wish[3:]}\n\n{note(wish, model)}\n\n{other(model, wish, list(models))}")
            draw(d, model)
            d.settle()
            yield Template(name, wish, model, d)


def note(wish: str, model: Model) -> str:
    """What to do, and which knobs matter."""
    text = NOTES.read_text("utf-8").partition(f"\n## {wish}\n\n")[2].partition("\n## ")[0].strip()
    return text.replace("{strength}", "**weight**" if model.plain else "**guidance**")


def app_inputs(d: Drawing) -> list[list]:
    """The [node, widget] that App mode shows: what a note tells to change."""
    found = []
    for node in d.nodes:
        linked = {slot["name"] for slot in node["inputs"] if slot["link"]}
        names = APP.get(node["type"], [])
        if "proxyWidgets" in node["properties"]:
            names = [name for owner, name in node["properties"]["proxyWidgets"] if owner == "-1"]
        has = {slot["name"] for slot in d.known.get(node["type"], dict(inputs=[]))["inputs"]}
        has |= {slot["name"] for slot in node["inputs"] if "widget" in slot}
        if node["mode"] == 0 and "text" not in linked:
            found += [[node["id"], name] for name in names if name in has - linked]
    return found
