"""A help page for every node: what it does to the picture, each input with its range and effect, each output,
a small picture of the effect, and a template to open.
"""

from __future__ import annotations

import json

from PIL import Image

from benchmarks.pictures.__main__ import NODES

from .archive import ROOT
from .each import each
from .pages import COMMAND, DOCS, PAGES, section

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
def test_a_page_has_the_nodes_name_and_rows_for_every_input_and_output(node):
    assert page(node).startswith(f"# {WORDS[node]['display_name']}\n")
    rows, outputs = table(page(node), "input"), table(page(node), "output")
    assert set(rows) == set(DECLARED[node]["inputs"])
    assert list(outputs) == [output["name"] for output in DECLARED[node]["outputs"]]
    for name, given in DECLARED[node]["inputs"].items():
        assert all(rows[name]) if given["type"] in WIDGETS else any(rows[name]), (
            f"{name} has no range or effect"
        )


@every
def test_a_page_shows_a_small_picture_of_the_effect(node):
    file = DOCS / "pictures" / f"{node}.webp"
    width, height = Image.open(file).size
    assert f"(pictures/{file.name})" in page(node)
    assert 250 <= width <= 640 and height >= 120 and file.stat().st_size < 16_000


def test_one_command_draws_every_picture():
    assert sorted(f"Img2Noise{node}" for node in NODES) == sorted(DECLARED)


@every
def test_a_page_ends_with_the_template_to_open(node):
    assert page(node).endswith(section(node)), f"write the ends again: {COMMAND}"
