"""Help pages in ComfyUI: served with their pictures, right about ranges, and their graphs run as they are."""

from __future__ import annotations

import json

from ..each import each
from ..pages import PAGES, parts
from ..test_pages import page, table
from .declared import inputs_of
from .test_workflows import scaled

NODES = [path.stem for path in PAGES]


@each("node", NODES)
def test_a_page_is_served_with_its_picture(server, node):
    assert server.get(f"/extensions/img2noise/docs/{node}.md").decode("utf-8") == page(node)
    picture = server.get(f"/extensions/img2noise/docs/pictures/{node}.webp")
    assert picture[:4] == b"RIFF" and picture[8:12] == b"WEBP"


@each("node", NODES)
def test_a_page_names_the_ranges_and_choices_that_the_node_has(server, node):
    rows = table(page(node), "input")
    for name, (kind, *options) in inputs_of(server.object_info[node]).items():
        allowed = rows[name][0]
        if kind in ("INT", "FLOAT") and not allowed.startswith(("as ", "above ")):
            assert [number(end) in allowed for end in (options[0]["min"], options[0]["max"])] == [True, True]
        if kind == "BOOLEAN":
            assert "on" in allowed and "off" in allowed


@each("node", NODES)
def test_the_graph_of_a_page_runs(server, node):
    graph = scaled(json.loads(parts(page(node))[2]), server, photos="pages")
    assert any(n["class_type"] == node for n in graph.values())
    assert server.run(graph)  # what its last nodes show


def number(value: float) -> str:
    """As the pages write it."""
    return "2^64 - 1" if value == 2**64 - 1 else f"{value:.10g}"
