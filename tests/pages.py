"""The help pages: what they consist of, and the template at the end of each.

`python -m tests.pages` writes those ends anew, after a template has changed or a node is new.
"""

from __future__ import annotations

import json

from .archive import ROOT

COMMAND = "python -m tests.pages"
DOCS = ROOT / "web" / "docs"
PAGES = sorted(DOCS.glob("*.md"))
WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))
HEADING = "\n## Try it\n"


def templates_with(node: str) -> list[tuple[str, str]]:
    """The templates that have a node, each with the box that the node is in, or ""."""
    found = []
    for path in WORKFLOWS:
        whole = json.loads(path.read_text("utf-8"))
        boxes = whole.get("definitions", {}).get("subgraphs", [])
        levels = {"": whole["nodes"]} | {box["name"]: box["nodes"] for box in boxes}
        found += [(path.stem, box) for box, nodes in levels.items() if node in {n["type"] for n in nodes}]
    return found


def section(node: str) -> str:
    """The end of a node's help page: the first template that has it, one that runs without a download."""
    found = templates_with(node)
    if not found:
        raise ValueError(f"no template has the node {node}; draw it in one of templates/")
    name, box = min(found, key=lambda pair: ("(" in pair[0], pair[0]))
    where = f" in the box *{box}*" if box else ""
    return f"{HEADING}\nOpen *Workflow > Browse Templates > img2noise > {name}*: it has this node{where}.\n"


def main() -> None:
    for page in PAGES:
        text = page.read_text("utf-8")
        for heading in (HEADING, "\n## A graph to copy\n"):
            text = text.partition(heading)[0]
        page.write_text(text.rstrip("\n") + "\n" + section(page.stem), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
