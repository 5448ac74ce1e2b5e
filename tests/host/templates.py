"""The templates' graphs: as they are for the little world, made small for tiny checkpoints of a family."""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path

from . import checkpoints
from .graphs import Graph, to_api
from .server import PACK

WORKFLOWS = sorted((PACK / "workflows").glob("*.json"))
LITTLE = "Img2NoiseLoadLittleWorld"  # brings its own model and prompts
LOADERS = "CheckpointLoaderSimple", LITTLE, "Img2NoiseSampleImage"
SMALL = dict(width=128, height=128, steps=2, iterations=500, amount=2, size=128, batch_size=3)
FEW_CALLS = {"Img2NoiseFirstStepInversion": dict(iterations=12)}  # of a model
SKIPPING = dict(steps=9)  # more than the eight steps that count as a few-step model's
SEEDS = "seed", "noise_seed", "forward_seed"
FAMILIES = {  # the tiny checkpoint that stands for a template's model
    "": LITTLE,
    "SD 1.5": "sd",
    "SDXL": "sdxl",
    "SD-Turbo": "sd",
    "Z-Image-Turbo": "schnell",
    "Flux": "flux",
    "SD 3.5": "sd3",
    "Qwen-Image": "wan21",
}


def model_of(path: Path) -> str:
    """The model in brackets at the end of a template's name; "" is the little world."""
    found = re.search(r"\(([^)]+)\)$", path.stem)
    return found.group(1) if found else ""


LITTLE_ONES = [path for path in WORKFLOWS if not model_of(path)]
OF_MODELS = [path for path in WORKFLOWS if model_of(path)]


def workflow(name: str) -> Path:
    """The template whose name begins so, with its model in brackets; the first of them."""
    number, _, model = name.partition(" ")
    return next(p for p in WORKFLOWS if p.stem.startswith(f"{number} ") and model_of(p) == model)


def scaled_down(path: Path, server, family: str = "", again: str = "first", more_seed: int = 0) -> Graph:
    """A template's graph with tiny checkpoints, test conditioning for its prompts, small pictures and few
    steps; nothing made in a run of another `again` comes from ComfyUI's cache.
    """
    graph = to_api(json.loads(path.read_text(encoding="utf-8")), server.object_info)
    family = family or FAMILIES[model_of(path)]
    whole(graph, family)
    small = SMALL | SKIPPING if any("skip" in node["inputs"] for node in graph.values()) else SMALL
    for node in graph.values():
        inputs = node["inputs"]
        if node["class_type"] == "CLIPTextEncode" and family != LITTLE:
            prompt = dict(dim=checkpoints.CONTEXT[family], pooled=checkpoints.POOLED.get(family, 1280))
            prompt["seed"] = zlib.crc32(str(inputs["text"]).encode())
            node.update(class_type="TestConditioning", inputs=prompt)
            continue
        if "whitener_name" in inputs:
            inputs["whitener_name"] = "sd" if family == LITTLE else family
        most = small | FEW_CALLS.get(node["class_type"], {})
        for key in most.keys() & inputs.keys():
            if not isinstance(inputs[key], list):
                inputs[key] = min(inputs[key], most[key])
        for seed in SEEDS:
            if seed in inputs:
                inputs[seed] += more_seed
    return renewed(graph, again)


def whole(graph: Graph, family: str) -> None:
    """Put a tiny checkpoint in place of a model, a text encoder and a VAE in files of their own."""
    parts = {key for key, node in graph.items() if node["class_type"] == "CLIPLoader"}
    for node in graph.values():
        of_parts = {k for k, v in node["inputs"].items() if isinstance(v, list) and v[0] in parts}
        node["inputs"] = {k: v for k, v in node["inputs"].items() if k not in of_parts}
    for key in parts:
        del graph[key]
    for node in graph.values():
        if node["class_type"] in ("UNETLoader", "CheckpointLoaderSimple"):
            node.update(class_type="CheckpointLoaderSimple", inputs=dict(ckpt_name=checkpoints.name(family)))
        if node["class_type"] == "VAELoader":
            node.update(class_type="TestVae", inputs=dict(channels=16, stride=8, frames=family == "wan21"))


def renewed(graph: Graph, again: str) -> Graph:
    """The graph with every model and sample image made anew, so that nothing of a repeat is remembered."""
    for node in list(graph.values()):
        for name, value in node["inputs"].items():
            if isinstance(value, list) and graph[value[0]]["class_type"] in LOADERS:
                node["inputs"][name] = graph("TestAnew", value=value, again=again)[0]
    return graph
