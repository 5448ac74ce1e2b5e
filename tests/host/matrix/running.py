"""Cells of the table: a node or a workflow is run twice at a place, and what came of it is compared.

A cell is "=" where both runs end and agree in every bit, with the error of a way there and back after it;
else it is the sentence that the node says.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np

from .. import checkpoints
from ..graphs import Graph
from ..templates import scaled_down
from .places import BASE, PROMPTS, SIZES, STEPS, Family, Source
from .tries import SAMPLING, TRIES

SECONDS = 600.0  # for one graph, on a busy machine


@dataclass(frozen=True)
class Cell:
    """`equal` on repeat; `error` of a way there and back; or the `sentence` of a refusal."""

    equal: bool = False
    error: float | None = None
    sentence: str = ""


def conditions(node: str) -> list[str]:
    """What a node is tried under."""
    return [BASE, *SIZES, *(PROMPTS if node in SAMPLING else ())]


def node_cell(server, node: str, family: Family, condition: str) -> Cell:
    """What a node does at a place."""
    facts = [[], []]
    for stage in TRIES[node]:
        graph = Graph(server.object_info)
        places = [Source(graph, family, condition, again) for again in ("first", "second")]
        for place in places:
            stage(place)
        if not any(place.shown for place in places):
            graph("TestText", value="saved")  # ComfyUI runs no graph without an end
        outputs, sentence = outcome(server, graph)
        if sentence:
            return Cell(sentence=sentence)
        for place, found in zip(places, facts, strict=True):
            found += [json.loads(outputs[node]["text"][0]) for node in place.shown]
    first, second = facts
    if not all(found["sound"] for found in first) or not any(found["varies"] for found in first):
        return Cell(sentence="it ends in NaN, infinity or one value everywhere")
    equal = [found["digest"] for found in first] == [found["digest"] for found in second]
    errors = [found["error"] for found in first if "error" in found]
    return Cell(equal, max(errors) if errors else None)


def workflow_cell(server, path, family: Family) -> Cell:
    """What a workflow does with a family's checkpoint: the pictures and texts that it shows."""
    shown = []
    for again in ("first", "second"):
        graph = fitted_to(scaled_down(path, server, family.kind, again), family)
        outputs, sentence = outcome(server, graph)
        if sentence:
            return Cell(sentence=sentence)
        kept = [k for k in sorted(outputs) if not graph[k]["class_type"].startswith("Img2NoiseSave")]
        found = [outputs[key] for key in kept]  # a saved file's name has a counter
        shown.append(
            [
                *(server.picture(image) for output in found for image in output.get("images", [])),
                *(np.array(text) for output in found for text in output.get("text", [])),
            ]
        )
    if not shown[0] or not all(one.std() > 1 for one in shown[0] if one.ndim):
        return Cell(sentence="a picture is of one color, or nothing is shown")
    return Cell(all(np.array_equal(*pair) for pair in zip(*shown, strict=True)))


def fitted_to(graph: Graph, family: Family) -> Graph:
    """A workflow's graph with the family's checkpoint, whitener and, for Turbo models, their few steps."""
    for node in list(graph.values()):
        inputs = node["inputs"]
        if "ckpt_name" in inputs:
            inputs["ckpt_name"] = checkpoints.name(family.kind, family.variant)
        for name in ("whitener_name", "latent_space"):
            if name in inputs:
                inputs[name] = family.space
        inputs |= {name: 64 for name in ("width", "height", "size") if inputs.get(name) == 128}
        if family.turbo and node["class_type"] == "BasicScheduler":
            node["class_type"] = "SDTurboScheduler"
            del inputs["scheduler"]
        if "steps" in inputs:
            inputs["steps"] = family.turbo or min(inputs["steps"], STEPS)
        inputs |= {way: min(inputs[way], 32) for way in ("down", "right") if way in inputs}
        if "skip" in inputs:
            inputs["skip"] = min(inputs["skip"], 0.34)
    return graph


def outcome(server, graph: Graph) -> tuple[dict, str]:
    """The outputs of a graph, or the one sentence that it ends with."""
    answer = server.post("/prompt", {"prompt": graph, "client_id": "matrix"})
    if "prompt_id" not in answer or answer.get("node_errors"):
        return {}, json.dumps(answer.get("node_errors") or answer)
    entry = server.wait(answer["prompt_id"], SECONDS)
    if entry["status"]["status_str"] == "success":
        return entry["outputs"], ""
    messages = entry["status"]["messages"]
    said = [data["exception_message"] for kind, data in messages if kind == "execution_error"]
    return {}, said[-1].strip() if said else "interrupted"


def written(cell: Cell) -> str:
    """A cell's few letters; a refusal's sentence stands elsewhere."""
    if cell.sentence:
        return "no"
    if not cell.equal:
        return "differs"
    if cell.error is None:
        return "="
    return f"= {cell.error:.0e}" if 0 < cell.error < math.inf else f"= {cell.error:g}"
