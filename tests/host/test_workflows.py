"""Every example workflow, run as an artist would, on tiny checkpoints and small pictures."""

from __future__ import annotations

import json
import zlib
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from world.render import masks
from world.scenes import COLORS, SAMPLES

from . import checkpoints
from .graphs import Graph, to_api
from .server import PACK

WORKFLOWS = sorted((PACK / "workflows").glob("*.json"))
LITTLE = "Img2NoiseLoadLittleWorld"  # brings its own model, prompts and small pictures
OF_MODELS = [path for path in WORKFLOWS if LITTLE not in path.read_text("utf-8")]
SMALL = dict(width=128, height=128, steps=2, iterations=500, amount=2, size=128, batch_size=5)
FEW_CALLS = {"Img2NoiseFirstStepInversion": dict(iterations=12)}  # of a model
SKIPPING = dict(steps=9)  # more than the eight steps that count as a few-step model's
FOLDERS = dict(CheckpointLoaderSimple="checkpoints", UNETLoader="diffusion_models")
FOLDERS |= dict(CLIPLoader="text_encoders", VAELoader="vae")
SEEDS = "seed", "noise_seed", "forward_seed"
FAMILIES = {  # the tiny checkpoint that stands for a workflow's model, where that is not SD
    "flowedit-sdxl": "sdxl",
    "flux-edit": "flux",
    "qwen-image-edit": "wan21",
    "sd35-edit": "sd3",
    "z-image-turbo-edit": "schnell",
}


OF_SD = [path for path in OF_MODELS if path.stem not in FAMILIES or FAMILIES[path.stem] == "sdxl"]


def scaled_down(path, server, family: str = "", photos: str = "first", more_seed: int = 0) -> Graph:
    """The workflow of a file with tiny checkpoints, test conditioning for its prompts, small pictures and few
    steps.
    """
    family = family or FAMILIES.get(path.stem, "sd")
    return scaled(json.loads(path.read_text(encoding="utf-8")), server, family, photos, more_seed)


def scaled(workflow: dict, server, family: str = "sd", photos: str = "first", more_seed: int = 0) -> Graph:
    """The same of a workflow as the frontend has it."""
    graph = to_api(workflow, server.object_info)
    loaded = list(dict.fromkeys(i["ckpt_name"] for i in _inputs(graph) if "ckpt_name" in i))
    whole(graph, family)
    small = SMALL | SKIPPING if any("skip" in inputs for inputs in _inputs(graph)) else SMALL
    files = iter(draw_photos(server, photos))
    if family == LITTLE:
        settle(graph)
    own = any(node["class_type"] == LITTLE for node in graph.values())
    for node in graph.values():
        inputs = node["inputs"]
        if node["class_type"] == "CLIPTextEncode" and not own:
            seed = zlib.crc32(str(inputs["text"]).encode())
            node.update(class_type="TestConditioning")
            width = checkpoints.POOLED.get(family, 1280)
            inputs = node["inputs"] = dict(seed=seed, dim=checkpoints.CONTEXT[family], pooled=width)
        if inputs.get("ckpt_name") in loaded:
            inputs["ckpt_name"] = checkpoints.name(family, loaded.index(inputs["ckpt_name"]))
        if node["class_type"] == "LoadImage":
            inputs["image"] = next(files)
        if "whitener_name" in inputs:
            inputs["whitener_name"] = "sd" if own else family
        if "folder" in inputs:
            inputs["folder"] = draw_folder(server)
        if "file" in inputs:
            inputs["file"] = kept_maps(server, family)
        most = small | FEW_CALLS.get(node["class_type"], {})
        for key in most.keys() & inputs.keys():
            if not isinstance(inputs[key], list):
                inputs[key] = min(inputs[key], most[key])
        for seed in SEEDS:
            if seed in inputs and node["class_type"] != "TestConditioning":
                inputs[seed] += more_seed
    return graph


def settle(graph: Graph) -> None:
    """Put the little world in place of checkpoints, and prompts of its words in place of theirs."""
    for node in graph.values():
        if node["class_type"] == "CheckpointLoaderSimple":
            node.update(class_type=LITTLE, inputs={})
        if node["class_type"] == "CLIPTextEncode" and isinstance(node["inputs"]["text"], str):
            color = COLORS[zlib.crc32(node["inputs"]["text"].encode()) % len(COLORS)]
            node["inputs"]["text"] = f"a {color} ball on a stone floor"


def whole(graph: Graph, family: str) -> None:
    """Put a tiny checkpoint in place of a model, a text encoder and a VAE in files of their own."""
    checkpoint = dict(ckpt_name=checkpoints.name(family))
    for node in graph.values():
        node["inputs"] = {
            k: v
            for k, v in node["inputs"].items()
            if k != "clip" or graph[v[0]]["class_type"] != "CLIPLoader"
        }
    for key in [k for k, node in graph.items() if node["class_type"] == "CLIPLoader"]:
        del graph[key]
    for node in graph.values():
        if node["class_type"] == "UNETLoader":
            node.update(class_type="CheckpointLoaderSimple", inputs=checkpoint)
        if node["class_type"] == "VAELoader":
            node.update(class_type="TestVae", inputs=dict(channels=16, stride=8, frames=family == "wan21"))


def draw_photos(server, name: str) -> list[str]:
    """Two photos in ComfyUI's input, the first painted in the mask editor; nothing made from photos of
    another name comes from ComfyUI's cache.
    """
    photo = Image.open(server.input / "example.png").convert("RGB")
    width, height = photo.size
    alpha = Image.new("L", photo.size, 255)
    alpha.paste(0, (width // 4, height // 4, width // 2, 3 * height // 4))
    painted = photo.copy()
    painted.putalpha(alpha)
    painted.save(server.input / f"{name}.png")
    photo.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(server.input / f"{name}-other.png")
    return [f"{name}.png", f"{name}-other.png"]


def draw_folder(server) -> str:
    """The folder that the template names, of a dozen photos in ComfyUI's input, drawn once."""
    folder = server.input / "my_photos"
    if not folder.exists():
        folder.mkdir()
        photo = Image.open(server.input / "example.png").convert("RGB")
        for i in range(12):
            left, top = 20 * (i % 4), 30 * (i // 4)
            photo.crop((left, top, left + 300, top + 200)).save(folder / f"{i:02}.png")
    return folder.name


def kept_maps(server, family: str) -> str:
    """The file that the workflow which keeps noise maps has written, run for it once."""
    name = f"kept-{family}"
    file = server.output / "img2noise" / f"{name}_00001_.safetensors"
    if not file.exists():
        graph = scaled_down(workflow("noise-maps-keep"), server, family, photos="kept")
        for node in graph.values():
            if node["class_type"] == "Img2NoiseSaveNoiseMaps":
                node["inputs"]["filename_prefix"] = name
        server.run(graph)
    return file.name


def workflow(name: str) -> Path:
    return PACK / "workflows" / f"{name}.json"


def pictures(server, graph: Graph) -> dict[str, list[np.ndarray]]:
    """What each node that shows pictures has shown."""
    outputs = server.run(graph)
    return {
        key: [server.picture(i) for i in out["images"]] for key, out in outputs.items() if "images" in out
    }


def _inputs(graph: Graph):
    return [node["inputs"] for node in graph.values()]


def follows_its_seed(path, inputs: dict) -> bool:
    """Whether another seed makes another picture: not where nothing is drawn or the photo comes back."""
    fixed = "ddim-plain", "edit-friendly-unchanged", "plain-noise", "plain-noise-makes"
    unseeded = "first-step-beside-whitening", "noise-maps-replay"
    return path.stem not in unseeded and inputs.get("filename_prefix") not in fixed


def difference(a: np.ndarray, b: np.ndarray) -> int:
    """The largest, in gray levels; that of a rounding is 1."""
    return int(np.abs(a.astype(int) - b).max())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_yields_its_pictures_again_for_its_seeds_and_others_for_other_seeds(server, path):
    graph = scaled_down(path, server)
    first = pictures(server, graph)
    second = pictures(server, scaled_down(path, server, photos="second"))
    others = pictures(server, scaled_down(path, server, photos="third", more_seed=1000))
    shown = {k: n["inputs"] for k, n in graph.items() if n["class_type"] in ("SaveImage", "PreviewImage")}
    assert sorted(first) == sorted(shown)
    for key, inputs in shown.items():
        drawn = graph[inputs["images"][0]]["class_type"] == "Img2NoiseSampleImage"
        follows = follows_its_seed(path, inputs) and not drawn
        assert all(np.array_equal(a, b) for a, b in zip(first[key], second[key], strict=True))
        assert all((difference(a, b) > 1) == follows for a, b in zip(first[key], others[key], strict=True))
        assert all(picture.ndim == 3 and picture.std() > 1 for picture in first[key])
    made = [picture for key in shown for picture in first[key]]
    assert not any(np.array_equal(a, b) for a, b in combinations(made, 2))


@pytest.mark.parametrize("path", OF_SD, ids=lambda path: path.stem)
def test_a_workflow_runs_with_the_little_world_in_place_of_its_checkpoint(server, path):
    graph = scaled_down(path, server, LITTLE, photos="little")
    assert not [node for node in graph.values() if node["class_type"] == "CheckpointLoaderSimple"]
    made = pictures(server, graph)
    assert made and all(picture.std() > 1 for several in made.values() for picture in several)


def test_the_variations_workflow_serves_sdxl_too(server):
    made = pictures(server, scaled_down(workflow("variations"), server, "sdxl"))
    assert len(made) == 6
    assert all(picture.shape == (128, 128, 3) and picture.std() > 1 for [picture] in made.values())


def test_the_recolor_workflow_colors_what_is_painted(server):
    graph = scaled_down(workflow("edit-friendly-recolor"), server)
    made = pictures(server, graph)
    saved = {n["inputs"]["filename_prefix"]: made[k][0] for k, n in graph.items() if k in made}
    before, after = saved["edit-friendly-unchanged"].astype(int), saved["edit-friendly-recolored"]
    changed = np.abs(after - before).mean(2)
    mask = masks(SAMPLES["red ball"], 128)[0] > 0.5
    assert changed[mask].mean() > 10 * changed[:, 96:].mean()  # a quarter beside the object


def test_the_turbo_workflow_turns_few_step_mode_on(server):
    def made_with(few_steps: str) -> np.ndarray:
        graph = scaled_down(workflow("turbo-edit"), server)
        [node] = [n for n in graph.values() if n["class_type"] == "Img2NoisePromptEdit"]
        assert node["inputs"]["few_steps"] == "auto"
        node["inputs"]["few_steps"] = few_steps
        [[picture]] = pictures(server, graph).values()
        return picture

    on = made_with("on")
    assert np.array_equal(made_with("auto"), on)
    assert difference(made_with("off"), on) > 1


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_says_where_its_nodes_and_models_come_from(path):
    for node in json.loads(path.read_text(encoding="utf-8"))["nodes"]:
        if node["type"] != "MarkdownNote":
            ours = node["type"].startswith("Img2Noise")
            assert node["properties"]["cnr_id"] == ("img2noise" if ours else "comfy-core")
            assert node["properties"]["Node name for S&R"] == node["type"]
        if node["type"] in FOLDERS:
            [model] = node["properties"]["models"]
            assert model["name"] == node["widgets_values"][0]
            assert model["directory"] == FOLDERS[node["type"]]
            assert model["url"].startswith("https://") and model["url"].endswith(model["name"])
