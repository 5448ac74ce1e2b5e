"""Help pages in ComfyUI: served with their pictures, and right about ranges."""

from __future__ import annotations

from ..each import each
from ..pages import PAGES
from ..test_pages import page, table
from .declared import inputs_of

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


def number(value: float) -> str:
    """As the pages write it."""
    return "2^64 - 1" if value == 2**64 - 1 else f"{value:.10g}"
