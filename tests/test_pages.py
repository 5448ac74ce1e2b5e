"""A help page for every node: what it does to the picture, each input with its range and effect, each output,
a small picture of the effect, and a graph to copy.
"""

from __future__ import annotations

import json
import re

from PIL import Image

from .archive import ROOT
from .each import each
from .pages import COMMAND, DOCS, PAGES, parts, section

DECLARED = json.loads((ROOT / "tests/host/nodes.json").read_text("utf-8"))
WORDS = json.loads((ROOT / "locales/en/nodeDefs.json").read_text("utf-8"))
WIDGETS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}

every = each("node", DECLARED)


def page(node: str) -> str:
    return (DOCS / f"{node}.md").read_text("utf-8")


def table(text: str, heading: str) -> dict[str, list[str]]:
    """The rows of the table whose first heading that is, by the names in their first cells."""
    lines = text.partition(f"\n| {heading} |")[2].splitlines()[2:]
    rows = {}
    for line in lines:
        if not line.startswith("|"):
            break
        names, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        rows |= dict.fromkeys(names.split(", "), cells)
    return rows


def test_there_is_a_page_for_each_node_and_no_other():
    assert sorted(p.stem for p in PAGES) == sorted(DECLARED)


@every
def test_a_page_begins_with_the_name_and_what_the_node_does(node):
    title, _, first = page(node).split("\n", 3)[:3]
    assert title == f"# {WORDS[node]['display_name']}"
    assert len(first) > 80 and re.search(r"picture|photo|noise|model|look", first)


@every
def test_a_page_gives_every_input_its_range_and_effect(node):
    rows = table(page(node), "input")
    assert set(rows) == set(DECLARED[node]["inputs"])
    for name, given in DECLARED[node]["inputs"].items():
        allowed, effect = rows[name]
        assert allowed or given["type"] not in WIDGETS, f"{name} has no range"
        assert allowed or effect, f"{name} has neither"
        assert len(effect) > 5 or given["type"] not in WIDGETS, f"{name} has no effect"


@every
def test_a_page_explains_every_output(node):
    rows = table(page(node), "output")
    assert list(rows) == [output["name"] for output in DECLARED[node]["outputs"]]
    assert all(len(said) > 10 for [said] in rows.values())


@every
def test_a_page_shows_a_small_picture_of_the_effect(node):
    _, description, _ = parts(page(node))
    assert len(description) > 20, "add ![what is seen](pictures/<node>.webp), drawn by benchmarks.thumbnails"
    file = DOCS / "pictures" / f"{node}.webp"
    width, height = Image.open(file).size
    assert f"(pictures/{file.name})" in page(node)
    assert 250 <= width <= 640 and height >= 120 and file.stat().st_size < 16_000


def test_no_picture_is_left_over():
    assert sorted(p.stem for p in (DOCS / "pictures").iterdir()) == sorted(DECLARED)


@every
def test_a_page_ends_with_a_graph_from_a_template(node):
    assert page(node).endswith(section(node)), f"write the graphs again: {COMMAND}"
    graph = json.loads(parts(page(node))[2])
    assert node in {n["type"] for n in graph["nodes"]}


@every
def test_the_graph_of_a_page_is_whole(node):
    graph = json.loads(parts(page(node))[2])
    nodes = {n["id"]: n for n in graph["nodes"]}
    for key, start, output, end, slot, kind in graph["links"]:
        given, taken = nodes[start]["outputs"][output], nodes[end]["inputs"][slot]
        assert key in given["links"] and taken["link"] == key
        assert taken["type"] == kind and kind in ("*", given["type"])
    ends = [k for n in nodes.values() for slot in n["inputs"] for k in [slot["link"]]]
    assert sorted(ends) == sorted(link[0] for link in graph["links"])


@every
def test_every_wire_that_a_node_needs_is_in_its_graph(node):
    graph = json.loads(parts(page(node))[2])
    for found in graph["nodes"]:
        if found["type"] in DECLARED:
            wired = {slot["name"] for slot in found["inputs"]}
            assert not {k for k, i in DECLARED[found["type"]]["inputs"].items() if _must_be_wired(i)} - wired


def _must_be_wired(given: dict) -> bool:
    return given["required"] and given["type"] not in WIDGETS
