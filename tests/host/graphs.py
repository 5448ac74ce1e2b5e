"""Graphs for ComfyUI's API: built node by node, or made from a workflow as the frontend saves it."""

from __future__ import annotations

from templates.graph import INLET, OUTLET

_WIDGETS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
_AFTER = {"fixed", "increment", "decrement", "randomize"}
_NOTES = {"Note", "MarkdownNote"}


class Graph(dict):
    """An API graph. `graph("KSampler", steps=4)` adds a node, its other widgets at their defaults, and
    returns it; `node[i]` is a link to its output i.
    """

    def __init__(self, object_info: dict):
        super().__init__()
        self.object_info = object_info

    def __call__(self, class_type: str, **inputs) -> Node:
        required = self.object_info[class_type]["input"].get("required", {})
        key = str(1 + max((int(key) for key in self if key.isdigit()), default=0))
        self[key] = {"class_type": class_type, "inputs": {**_defaults(required), **inputs}}
        return Node(key)


class Node(str):
    """A node's id in a graph; indexing makes a link."""

    def __getitem__(self, output: int) -> list:
        return [str(self), output]


_OFF = 2, 4  # muted, bypassed


def to_api(workflow: dict, object_info: dict) -> Graph:
    """The API graph of a saved workflow: links to where they come from, widget values to their names, what is
    in a box under the box's number. Notes and nodes that are muted are left out.

    ValueError for a node that the host lacks, or whose values do not fit its widgets.
    """
    boxes = {box["id"]: box for box in workflow.get("definitions", {}).get("subgraphs", [])}
    links = {link[0]: (link[1], link[2]) for link in workflow["links"]}
    graph = Graph(object_info)
    _Level(workflow["nodes"], links, boxes).into(graph)
    return graph


class _Level:
    """The nodes of a workflow or of a box, with what comes into the box."""

    def __init__(self, nodes: list[dict], links: dict, boxes: dict, prefix: str = "", entering: tuple = ()):
        self.nodes = {node["id"]: node for node in nodes if node.get("mode", 0) not in _OFF}
        self.links, self.boxes, self.prefix, self.entering = links, boxes, prefix, entering

    def into(self, graph: Graph) -> None:
        for number, node in self.nodes.items():
            if node["type"] in self.boxes:
                self.inside(node)[0].into(graph)
            elif node["type"] not in _NOTES:
                graph[f"{self.prefix}{number}"] = self.entry(node, graph.object_info)

    def entry(self, node: dict, object_info: dict) -> dict:
        if node["type"] not in object_info:
            raise ValueError(f"the host has no node {node['type']}")
        slots = [slot for slot in node.get("inputs", []) if slot.get("link") is not None]
        linked = {slot["name"]: self.source(*self.links[slot["link"]]) for slot in slots}
        values = _widget_values(node, object_info[node["type"]]["input"])
        wires = {name: source for name, source in linked.items() if source is not None}
        return {"class_type": node["type"], "inputs": {**values, **wires}}

    def source(self, origin: int, slot: int):
        """Where a link comes from, or the value of a box's widget; None if that node is off."""
        if origin == INLET:
            return self.entering[slot]
        node = self.nodes.get(origin)
        if node is None or node["type"] not in self.boxes:
            return node and [f"{self.prefix}{origin}", slot]
        level, leaving = self.inside(node)
        return level.source(*leaving[slot])

    def inside(self, node: dict) -> tuple[_Level, dict]:
        """What is in a box, and where each of its outputs comes from."""
        box = self.boxes[node["type"]]
        widgets = [name for owner, name in node["properties"].get("proxyWidgets", []) if owner == "-1"]
        values = dict(zip(widgets, node.get("widgets_values", []), strict=False))
        entering = tuple(
            values.get(slot["name"]) if slot.get("link") is None else self.source(*self.links[slot["link"]])
            for slot in node["inputs"]
        )
        links = {k["id"]: (k["origin_id"], k["origin_slot"]) for k in box["links"]}
        ends = [k for k in box["links"] if k["target_id"] == OUTLET]
        leaving = {k["target_slot"]: links[k["id"]] for k in ends}
        prefix = f"{self.prefix}{node['id']}:"
        return _Level(box["nodes"], links, self.boxes, prefix, entering), leaving


def _widget_values(node: dict, declared: dict) -> dict:
    """Widget values by name. After a seed comes what to do with it after a run, after a file its button."""
    left = list(node.get("widgets_values", []))
    values = {}
    for name, spec in _specs(declared):
        if not _is_widget(spec):
            continue
        if not left:
            raise ValueError(f"{node['type']} has no value for its widget {name}")
        values[name] = left.pop(0)
        options = spec[1] if len(spec) > 1 else {}
        follows = options.get("control_after_generate") and left and left[0] in _AFTER
        if follows or (options.get("image_upload") and left):
            left.pop(0)
    if left:
        raise ValueError(f"{node['type']} has widget values too many: {left}")
    return values


def _specs(declared: dict):
    return [item for group in ("required", "optional") for item in declared.get(group, {}).items()]


def _is_widget(spec: list) -> bool:
    options = spec[1] if len(spec) > 1 else {}
    return (isinstance(spec[0], list) or spec[0] in _WIDGETS) and not options.get("forceInput")


def _defaults(declared: dict) -> dict:
    """The value each widget shows on a new node."""
    values = {}
    for name, spec in declared.items():
        if not _is_widget(spec):
            continue
        options = spec[1] if len(spec) > 1 else {}
        choices = spec[0] if isinstance(spec[0], list) else options.get("options", [None])
        values[name] = options.get("default", choices[0] if choices else None)
    return values
