"""Saved workflows go on opening, and every node, input and output has its words in every language."""

from __future__ import annotations

import json

from ..each import each
from . import declared

KEPT = json.loads(declared.SNAPSHOT.read_text(encoding="utf-8"))
MEANT = f"only if that is meant, and after a new major version: {declared.COMMAND}"


@each("node", KEPT)
def test_what_saved_workflows_rely_on_is_still_there(server, node):
    """New nodes, new inputs that need no wire and new last widgets and outputs are welcome; nothing else."""
    now = declared.snapshot(server.object_info).get(node)
    assert now is not None, f"{node} is gone; {MEANT}"
    broken = _broken(KEPT[node], now)
    assert not broken, f"{node}: {broken}; {MEANT}"


def test_a_removal_a_new_name_another_order_and_a_new_wire_that_must_be_are_noticed():
    node = {
        "inputs": {"a": {"type": "LATENT", "required": True}, "b": {"type": "FLOAT", "required": True}},
        "outputs": [{"name": "x", "type": "LATENT"}, {"name": "y", "type": "NOISE"}],
    }
    added = {**node["inputs"], "c": {"type": "MODEL", "required": False}}
    assert not _broken(node, dict(inputs=added, outputs=[*node["outputs"], {"name": "z", "type": "IMAGE"}]))
    assert "inputs gone" in _broken(node, {**node, "inputs": {"a": node["inputs"]["a"]}})
    renamed = {"a2": node["inputs"]["a"], "b": node["inputs"]["b"]}
    assert "inputs gone" in _broken(node, {**node, "inputs": renamed})
    assert "outputs" in _broken(node, {**node, "outputs": node["outputs"][::-1]})
    assert "outputs" in _broken(node, {**node, "outputs": node["outputs"][:1]})
    wire = {**node["inputs"], "c": {"type": "MODEL", "required": True}}
    assert "must now be wired" in _broken(node, {**node, "inputs": wire})
    widget = {"type": "INT", "required": True}
    assert not _broken(node, {**node, "inputs": {**node["inputs"], "c": widget}})
    assert "widgets were" in _broken(node, {**node, "inputs": {"c": widget, **node["inputs"]}})
    retyped = {**node["inputs"], "b": widget}
    assert "another type" in _broken(node, {**node, "inputs": retyped})


def test_every_node_is_in_the_snapshot(server):
    missing = sorted(declared.ours(server.object_info).keys() - KEPT.keys())
    assert not missing, f"new nodes, to be kept by {declared.COMMAND}"


def test_the_english_words_are_those_of_the_nodes(server):
    said = declared.english(server.object_info)
    assert declared.locale("en") == said, f"write them again: {declared.COMMAND}"


def test_comfyui_serves_the_words_of_every_language(server):
    served = server.get_json("/i18n")
    for path in declared.LOCALES.iterdir():
        words = declared.locale(path.name)
        assert {key: served[path.name]["nodeDefs"].get(key) for key in words} == words


def _broken(kept: dict, now: dict) -> str:
    """What a saved workflow would stumble over, or nothing."""
    problems = []
    gone = kept["inputs"].keys() - now["inputs"].keys()
    if gone:
        problems.append(f"inputs gone: {sorted(gone)}")
    same = kept["inputs"].keys() & now["inputs"].keys()
    retyped = [name for name in same if kept["inputs"][name]["type"] != now["inputs"][name]["type"]]
    if retyped:
        problems.append(f"inputs of another type: {retyped}")
    new = now["inputs"].keys() - kept["inputs"].keys()
    needed = [name for name in new if now["inputs"][name]["required"] and _is_wire(now["inputs"][name])]
    needed += [name for name in same if now["inputs"][name]["required"] > kept["inputs"][name]["required"]]
    if needed:
        problems.append(f"inputs that must now be wired: {sorted(needed)}")
    widgets, shown = _widgets(kept), _widgets(now)
    if not gone and shown[: len(widgets)] != widgets:  # a workflow file holds their values by place
        problems.append(f"widgets were {widgets} and are {shown}")
    if now["outputs"][: len(kept["outputs"])] != kept["outputs"]:
        problems.append(f"outputs were {kept['outputs']} and are {now['outputs']}")
    return "; ".join(problems)


def _widgets(node: dict) -> list[str]:
    return [name for name, given in node["inputs"].items() if not _is_wire(given)]


def _is_wire(given: dict) -> bool:
    return given["type"] not in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
