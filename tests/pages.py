"""The help pages: what they consist of, and the graph at the end of each, cut out of a template.

`python -m tests.pages` writes the graphs anew, after a template has changed or a node is new.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .archive import ROOT

COMMAND = "python -m tests.pages"
DOCS = ROOT / "web" / "docs"
PAGES = sorted(DOCS.glob("*.md"))
WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))
HEADING = "\n## A graph to copy\n"
RESULTS = (  # what a graph should end in, the first of them that it can
    {"SaveImage"},
    {"PreviewImage", "PreviewAny"},
    {"Img2NoiseSaveWhitener", "Img2NoiseSaveNoiseMaps"},
)
KEPT = "id", "type", "pos", "size", "title", "properties", "widgets_values"


@dataclass(frozen=True)
class Template:
    """A template's graph: its nodes by id, and where each node's wires come from and go to."""

    name: str
    nodes: dict[int, dict]
    links: list[list]

    @classmethod
    def read(cls, path: Path) -> Template:
        whole = json.loads(path.read_text("utf-8"))
        return cls(path.stem, {node["id"]: node for node in whole["nodes"]}, whole["links"])

    def before(self, wanted: set[int]) -> set[int]:
        """Those nodes and all that they need."""
        while more := {k[1] for k in self.links if k[3] in wanted} - wanted:
            wanted = wanted | more
        return wanted

    def after(self, node: int, types: set[str]) -> set[int] | None:
        """The nodes on a shortest way from `node` to one of these types; None without a way."""
        ways = [[node]]
        for way in ways:
            if self.nodes[way[-1]]["type"] in types:
                return set(way)
            seen = {end for other in ways for end in other}
            ways += [[*way, k[3]] for k in self.links if k[1] == way[-1] and k[3] not in seen]
        return None

    def around(self, node: int) -> set[int]:
        """The nodes of a graph that shows what `node` does."""
        ways = [way for types in RESULTS if (way := self.after(node, types))]
        return self.before(ways[0] if ways else {node})


def graph_for(node_type: str) -> tuple[str, dict]:
    """The smallest graph in any template that shows what a node does, and that template's name."""
    found = []
    for template in map(Template.read, WORKFLOWS):
        for key, node in template.nodes.items():
            if node["type"] == node_type:
                found.append((template, template.around(key)))
    if not found:
        raise ValueError(f"no template has the node {node_type}; put it into one of workflows/")
    little = "Img2NoiseLoadLittleWorld"  # for one's own model where there is such a graph
    template, members = min(
        found,
        key=lambda pair: (
            any(n["type"] == little for n in pair[0].nodes.values()),
            len(pair[1]),
            pair[0].name,
        ),
    )
    return template.name, _cut(template, members)


def _cut(template: Template, members: set[int]) -> dict:
    """A workflow of these nodes alone, in columns from left to right."""
    links = [k for k in template.links if k[1] in members and k[3] in members]
    number = {link[0]: i for i, link in enumerate(links, 1)}
    nodes = [{k: v for k, v in template.nodes[key].items() if k in KEPT} for key in sorted(members)]
    for node in nodes:
        whole = template.nodes[node["id"]]
        node["inputs"] = [
            {**slot, "link": number[slot["link"]]} for slot in whole["inputs"] if slot["link"] in number
        ]
        node["outputs"] = [
            {**slot, "links": [number[k] for k in slot["links"] or [] if k in number]}
            for slot in whole["outputs"]
        ]
    slots = {node["id"]: [slot["link"] for slot in node["inputs"]] for node in nodes}
    links = [[number[k[0]], *k[1:4], slots[k[3]].index(number[k[0]]), k[5]] for k in links]
    for node, place in zip(nodes, _places(nodes, links), strict=True):
        node["pos"] = place
    return dict(
        last_node_id=max(members), last_link_id=len(links), nodes=nodes, links=links, extra={}, version=0.4
    )


def _places(nodes: list[dict], links: list[list]) -> Iterator[list[int]]:
    """Each node's corner: a column right of all that it needs, below what is there already."""
    depth, below = {node["id"]: 0 for node in nodes}, {}
    for _ in nodes:
        for link in links:
            depth[link[3]] = max(depth[link[3]], depth[link[1]] + 1)
    for node in nodes:
        column = depth[node["id"]]
        yield [column * 420, below.get(column, 0)]
        below[column] = below.get(column, 0) + node["size"][1] + 70


def section(node_type: str) -> str:
    """The end of a node's help page: its graph on one line, to be pasted into ComfyUI."""
    name, graph = graph_for(node_type)
    line = json.dumps(graph, separators=(",", ":"))
    how = (
        "Click on the line below three times, copy it, click on this text once and paste: the graph opens in "
        f"a tab of its own. The template *{name}* has it with notes."
    )
    return f"{HEADING}\n{how}\n\n```json\n{line}\n```\n"


def parts(page: str) -> tuple[str, str, str]:
    """A page's text, its picture's description, and its graph's line; empty what it has none of."""
    text, _, end = page.partition(HEADING)
    picture, line = (
        re.search(r"!\[(.+?)\]\(pictures/\w+\.webp\)", text),
        re.search(r"```json\n(.+)\n```", end),
    )
    return text, picture.group(1) if picture else "", line.group(1) if line else ""


def main() -> None:
    for page in PAGES:
        text = page.read_text("utf-8").partition(HEADING)[0].rstrip("\n") + "\n"
        page.write_text(text + section(page.stem), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
