"""Graphs for ComfyUI's API: built node by node, or made from a workflow as the frontend saves it."""

from __future__ import annotations

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


def to_api(workflow: dict, object_info: dict) -> Graph:
    """The API graph of a saved workflow: links to where they come from, widget values to their names.

    Notes are left out. ValueError for a node that the host lacks, or whose values do not fit its widgets.
    """
    sources = {link[0]: [str(link[1]), link[2]] for link in workflow["links"]}
    graph = Graph(object_info)
    for node in workflow["nodes"]:
        if node["type"] in _NOTES:
            continue
        if node["type"] not in object_info:
            raise ValueError(f"the host has no node {node['type']}")
        linked = {i["name"]: sources[i["link"]] for i in node.get("inputs", []) if i.get("link") is not None}
        values = _widget_values(node, object_info[node["type"]]["input"])
        graph[str(node["id"])] = {"class_type": node["type"], "inputs": {**values, **linked}}
    return graph


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
