"""The blueprints: served, whole, and what is in each box runs on a tiny checkpoint with the box's widgets."""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest
from PIL import Image

from templates.graph import INLET, OUTLET

from . import checkpoints
from .graphs import Graph, to_api
from .server import PACK
from .test_workflows import difference

BLUEPRINTS = sorted((PACK / "subgraphs").glob("*.json"))
QUICK = dict(steps=3, skip=0.34)
WORDS = {"Image variations": "prompt", "Edit with a prompt": "after", "Invert and resample": "after"}
named = pytest.mark.parametrize("path", BLUEPRINTS, ids=lambda path: path.stem)


def opened(path) -> tuple[dict, dict]:
    """The box of a blueprint and what is in it."""
    whole = json.loads(path.read_text(encoding="utf-8"))
    [box], [inside] = whole["nodes"], whole["definitions"]["subgraphs"]
    return box, inside


def entering(inside: dict):
    """(name of the box's input, node inside, name of that node's input), for each link from the inlet."""
    nodes = {node["id"]: node for node in inside["nodes"]}
    for link in inside["links"]:
        if link["origin_id"] == INLET:
            node = nodes[link["target_id"]]
            given = inside["inputs"][link["origin_slot"]]
            yield given["name"], node, node["inputs"][link["target_slot"]]["name"]


def expanded(server, name: str, family: str = "sd", seed: int = 0, photos: str = "boxed", **set_to) -> Graph:
    """The graph ComfyUI makes of a box wired to a photo and a tiny checkpoint, with its widgets set so."""
    path = PACK / "subgraphs" / f"{name}.json"
    box, inside = opened(path)
    graph = to_api(json.loads(path.read_text(encoding="utf-8")), server.object_info)
    loaded = graph("CheckpointLoaderSimple", ckpt_name=checkpoints.name(family))
    photo = graph("LoadImage", image=draw_photos(server, photos)[0])[0]
    small = graph("ImageScale", image=photo, width=128, height=128, upscale_method="lanczos")[0]
    wires = dict(image=small, model=loaded[0], clip=loaded[1], vae=loaded[2])
    for outer, node, key in entering(inside):
        inputs = graph[f"{box['id']}:{node['id']}"]["inputs"]
        own = dict(zip(_widgets(node), _values(node), strict=True)).get(key)
        inputs[key] = wires[outer] if outer in wires else set_to.get(outer, own)
        if outer in QUICK and outer not in set_to:
            inputs[key] = QUICK[outer]
    for node in graph.values():
        for key in node["inputs"].keys() & {"seed", "noise_seed", "forward_seed"}:
            node["inputs"][key] = seed
        if node["class_type"] == "CLIPTextEncode":  # the tiny checkpoints have no text encoder
            words, dim = zlib.crc32(node["inputs"]["text"].encode()), checkpoints.CONTEXT[family]
            node.update(class_type="TestConditioning", inputs=dict(seed=words, dim=dim))
    [out] = [link for link in inside["links"] if link["target_id"] == OUTLET]
    graph("PreviewImage", images=[f"{box['id']}:{out['origin_id']}", out["origin_slot"]])
    return graph


def draw_photos(server, name: str) -> list[str]:
    """A photo in ComfyUI's input; nothing made from a photo of another name comes from ComfyUI's cache."""
    Image.open(server.input / "example.png").convert("RGB").save(server.input / f"{name}.png")
    return [f"{name}.png"]


def made(server, name: str, **how) -> list[np.ndarray]:
    return _shown(server, expanded(server, name, **how))


@named
def test_a_blueprint_is_served_under_its_name(server, path):
    boxes = server.get_json("/global_subgraphs")
    [key] = [key for key, box in boxes.items() if box["name"] == path.stem]
    assert boxes[key]["source"] == "custom_node" and "img2noise" in boxes[key]["info"]["node_pack"]
    assert json.loads(server.get_json(f"/global_subgraphs/{key}")["data"]) == json.loads(path.read_text())


@named
def test_a_box_and_what_is_in_it_agree(server, path):
    box, inside = opened(path)
    assert box["type"] == inside["id"] and inside["name"] == box["title"] == path.stem
    assert len(inside["description"]) > 100 and inside["category"] == "img2noise"
    shape = [[(slot["name"], slot["type"]) for slot in side["inputs"]] for side in (box, inside)]
    assert shape[0] == shape[1]
    values = dict(zip(map(tuple, box["properties"]["proxyWidgets"]), box["widgets_values"], strict=True))
    for outer, node, key in entering(inside):
        [declared] = [slot["type"] for slot in inside["inputs"] if slot["name"] == outer]
        [wanted] = [slot["type"] for slot in node["inputs"] if slot["name"] == key]
        assert declared == wanted
        if ("-1", outer) in values:
            held = dict(zip(_widgets(node), _values(node), strict=True))
            assert held[key] == values["-1", outer]
    nodes = {str(node["id"]): node for node in inside["nodes"]}
    for owner, key in values:
        assert owner == "-1" or key == "control_after_generate" or key in _widgets(nodes[owner])


@named
def test_a_box_makes_its_pictures_again_and_others_for_other_seeds_and_words(server, path):
    first = made(server, path.stem)
    again = made(server, path.stem, photos="boxed-again")
    seeds, words = made(server, path.stem, seed=7), made(server, path.stem, **{WORDS[path.stem]: "a red dog"})
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert all(picture.shape == (128, 128, 3) and picture.std() > 1 for picture in first)
    for others in (seeds, words):
        assert all(difference(a, b) > 1 for a, b in zip(first, others, strict=True))


def test_image_variations_makes_as_many_as_asked_for_and_serves_sdxl(server):
    assert len(made(server, "Image variations")) == 2
    three = made(server, "Image variations", family="sdxl", variations=3)
    assert len(three) == 3 and difference(three[0], three[1]) > 1


def test_an_edit_with_the_same_words_gives_the_picture_back(server):
    name = "Edit with a prompt"
    same = dict(before="a cat", after="a cat", cfg=1.0, steps=9, skip=0.34)
    graph = expanded(server, name, **same)
    edited = _shown(server, graph)[0]
    [edit] = [node for node in graph.values() if node["class_type"] == "Img2NoisePromptEdit"]
    [decode] = [node for node in graph.values() if node["class_type"] == "VAEDecode"]
    decode["inputs"]["samples"] = edit["inputs"]["latent"]
    assert difference(edited, _shown(server, graph)[0]) <= 1


def _shown(server, graph: Graph) -> list[np.ndarray]:
    [images] = [out["images"] for out in server.run(graph).values() if "images" in out]
    return [server.picture(image) for image in images]


def _widgets(node: dict) -> list[str]:
    """The names of a node's widgets, in the order that their values are saved in."""
    return [slot["name"] for slot in node["inputs"] if "widget" in slot]


def _values(node: dict) -> list:
    """Their values, without what a seed does after a run."""
    return [value for value in node["widgets_values"] if value not in ("randomize", "fixed")]
