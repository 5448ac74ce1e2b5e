"""Every template, run as an artist would: those of the little world as they are, the others on tiny
checkpoints and small pictures.
"""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from templates import pictures as thumbnails
from templates.wishes import templates
from world.render import masks
from world.scenes import SAMPLES

from ..each import each
from .graphs import Graph
from .templates import LITTLE_ONES, OF_MODELS, WORKFLOWS, scaled_down, workflow

FOLDERS = dict(CheckpointLoaderSimple="checkpoints", UNETLoader="diffusion_models")
FOLDERS |= dict(CLIPLoader="text_encoders", VAELoader="vae")
UNSEEDED = {  # titles of pictures that no seed changes
    *("your image", "layout", "colors", "first", "second", "plain", "its own words"),
    *("30 % of the second", "45 % of the second", "whitening", "first step", "its way"),
    *("inverted", "of the inverted noise", "what arrives"),
}
NEAR = 12  # gray levels of 255, RMS: a thumbnail is a JPEG, and kernels round
TEMPLATES = {template.name: template for template in templates()}


def shown(server, graph: Graph) -> dict[str, list[np.ndarray]]:
    """What each node that shows pictures has shown."""
    outputs = server.run(graph)
    return {
        key: [server.picture(i) for i in out["images"]] for key, out in outputs.items() if "images" in out
    }


def difference(a: np.ndarray, b: np.ndarray) -> int:
    """The largest, in gray levels; that of a rounding is 1."""
    return int(np.abs(a.astype(int) - b).max())


def titles(path) -> dict[str, str]:
    nodes = json.loads(path.read_text("utf-8"))["nodes"]
    return {str(node["id"]): node.get("title", "") for node in nodes if node["type"] == "PreviewImage"}


@pytest.mark.parametrize("path", LITTLE_ONES, ids=lambda path: path.stem)
def test_the_first_run_shows_what_the_thumbnail_shows(server, path):
    cells = thumbnails.first_run(server, TEMPLATES[path.stem])
    again = np.asarray(thumbnails.thumbnail(cells).convert("RGB"), float)
    stored = np.asarray(Image.open(path.with_suffix(".jpg")).convert("RGB"), float)
    assert again.shape == stored.shape
    assert np.sqrt(((again - stored) ** 2).mean()) < NEAR


@pytest.mark.parametrize("path", OF_MODELS, ids=lambda path: path.stem)
def test_a_template_yields_its_pictures_again_for_its_seeds_and_others_for_other_seeds(server, path):
    graph, named = scaled_down(path, server), titles(path)
    first = shown(server, graph)
    second = shown(server, scaled_down(path, server, again="second"))
    others = shown(server, scaled_down(path, server, again="third", more_seed=1000))
    assert first.keys() == named.keys()
    for key, title in named.items():
        follows = title not in UNSEEDED
        assert all(np.array_equal(a, b) for a, b in zip(first[key], second[key], strict=True))
        assert all((difference(a, b) > 1) == follows for a, b in zip(first[key], others[key], strict=True))
        assert all(picture.ndim == 3 and picture.std() > 1 for picture in first[key])
    made = [picture for key in named for picture in first[key]]
    assert not any(np.array_equal(a, b) for a, b in combinations(made, 2))


def test_the_recolor_template_colors_what_is_masked(server):
    path = workflow("06 SD 1.5")
    made = {
        titles(path)[key]: pictures[0] for key, pictures in shown(server, scaled_down(path, server)).items()
    }
    plain = scaled_down(path, server, again="plain")
    for node in plain.values():
        node["inputs"] |= dict(strength=0.0) if "RecolorNoiseMaps" in node["class_type"] else {}
    before = {titles(path)[k]: pictures[0] for k, pictures in shown(server, plain).items()}["recolored"]
    changed = np.abs(before.astype(int) - made["recolored"]).mean(2)
    mask = masks(SAMPLES["red ball"], 128)[0] > 0.5
    assert changed[mask].mean() > 10 * changed[:, 96:].mean()  # a quarter beside the object


def test_the_turbo_template_turns_few_step_mode_on(server):
    def made_with(few_steps: str) -> np.ndarray:
        path = workflow("03 SD-Turbo")
        graph = scaled_down(path, server)
        [node] = [n for n in graph.values() if n["class_type"] == "Img2NoisePromptEdit"]
        assert node["inputs"]["few_steps"] == "auto"
        node["inputs"]["few_steps"] = few_steps
        found = {titles(path)[key]: pictures for key, pictures in shown(server, graph).items()}
        return found["edited"][0]

    on = made_with("on")
    assert np.array_equal(made_with("auto"), on)
    assert difference(made_with("off"), on) > 1


@each("path", WORKFLOWS)
def test_a_template_says_where_its_nodes_and_models_come_from(path):
    whole = json.loads(path.read_text(encoding="utf-8"))
    boxes = whole.get("definitions", {}).get("subgraphs", [])
    names = {box["id"] for box in boxes}
    for node in [*whole["nodes"], *(node for box in boxes for node in box["nodes"])]:
        if node["type"] != "MarkdownNote" and node["type"] not in names:
            ours = node["type"].startswith("Img2Noise")
            assert node["properties"]["cnr_id"] == ("img2noise" if ours else "comfy-core")
            assert node["properties"]["Node name for S&R"] == node["type"]
        if node["type"] in FOLDERS:
            [model] = node["properties"]["models"]
            assert model["name"] == node["widgets_values"][0]
            assert model["directory"] == FOLDERS[node["type"]]
            assert model["url"].startswith("https://") and model["url"].endswith(model["name"])
