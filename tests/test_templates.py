"""The templates as drawn: the files are those that the drawings make, and an artist finds a way in each."""

from __future__ import annotations

import json
from itertools import combinations

from PIL import Image

from templates import pictures
from templates.wishes import WISHES, templates

from .archive import ROOT
from .each import each
from .pages import WORKFLOWS

DRAWN = list(templates())
NODES = json.loads((ROOT / "tests/host/nodes.json").read_text("utf-8"))
every = each("template", DRAWN)


def flat(workflow: dict) -> list[dict]:
    """Its nodes, and those in its boxes."""
    boxes = workflow.get("definitions", {}).get("subgraphs", [])
    return [*workflow["nodes"], *(node for box in boxes for node in box["nodes"])]


def test_the_files_are_what_is_drawn():
    stored = {path.stem: json.loads(path.read_text("utf-8")) for path in WORKFLOWS}
    drawn = {template.name: template.workflow() for template in DRAWN}
    assert stored.keys() == drawn.keys()
    assert not [name for name in drawn if drawn[name] != stored[name]], "draw them: python -m templates"


def test_wishes_are_numbered_and_each_is_there_for_the_little_world_and_for_a_checkpoint():
    assert [int(wish[:2]) for wish in WISHES] == list(range(1, 16))
    for wish, (_, models) in WISHES.items():
        names = [model.name for model in models]
        assert names[:2] == ["", "SD 1.5"], wish
        assert wish[:2] > "03" or {"SDXL", "Z-Image-Turbo"} <= set(names), wish


@every
def test_the_first_three_have_at_most_ten_nodes_and_the_result_beside_the_image(template):
    if template.wish[:2] > "03":
        return
    nodes = template.workflow()["nodes"]
    before, after = (node for node in nodes if node["type"] == "PreviewImage")
    assert len(nodes) <= 10
    assert before["pos"][1] == after["pos"][1] and after["pos"][0] - before["pos"][0] < 420


@every
def test_a_first_run_writes_no_file_and_needs_none(template):
    running = [node for node in flat(template.workflow()) if node["mode"] == 0]
    assert not {n["type"] for n in running} & {"SaveImage", "LoadImage", "Img2NoiseSaveNoiseMaps"}
    assert any(n["type"] == "PreviewImage" for n in running)


@every
def test_nodes_do_not_lie_on_each_other(template):
    boxes = [(*node["pos"], *node["size"]) for node in template.workflow()["nodes"]]
    for (x, y, w, h), (u, v, r, s) in combinations(boxes, 2):
        assert x + w <= u or u + r <= x or y + h + 30 <= v or v + s + 30 <= y, (x, y, u, v)


@every
def test_a_note_says_what_to_do_and_app_mode_has_its_knobs_and_results(template):
    workflow = template.workflow()
    text, nodes = workflow["nodes"][0]["widgets_values"][0], {n["id"]: n for n in workflow["nodes"]}
    assert "**Run" in text and "**Your own image:**" in text and "{" not in text and len(text) < 1800
    app = workflow["extra"]["linearData"]
    assert app["inputs"] and {nodes[i]["type"] for i in app["outputs"]} == {"PreviewImage"}
    assert all(nodes[number]["mode"] == 0 for number, _ in app["inputs"])


def test_every_node_of_the_pack_is_in_a_template_of_the_little_world():
    little = [template.workflow() for template in DRAWN if template.model.little]
    found = {node["type"] for workflow in little for node in flat(workflow)}
    assert NODES.keys() <= found


@each("path", WORKFLOWS)
def test_a_thumbnail_is_square_and_small(path):
    file = path.with_suffix(".jpg")
    assert Image.open(file).size == (pictures.SIDE, pictures.SIDE) and file.stat().st_size < 50_001
