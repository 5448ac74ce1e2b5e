"""What the nodes declare to ComfyUI, and the two files that keep it.

`python -m tests.host.declared` starts the newest ComfyUI found and writes both again: nodes.json beside this
file, which says what saved workflows rely on, and the English locale, from which the others are translated.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from . import hosts
from .server import PACK, Server

COMMAND = "python -m tests.host.declared"
SNAPSHOT = Path(__file__).with_name("nodes.json")
LOCALES = PACK / "locales"


def ours(object_info: dict) -> dict:
    """What ComfyUI says of this pack's nodes, by their ids."""
    return {key: node for key, node in sorted(object_info.items()) if key.startswith("Img2Noise")}


def inputs_of(node: dict) -> dict[str, list]:
    """Every input of a node, required or not: its type and its options."""
    return {**node["input"].get("required", {}), **node["input"].get("optional", {})}


def snapshot(object_info: dict) -> dict:
    """Each node's inputs, with type and whether they are required, and its outputs, in their order."""
    return {
        key: {
            "inputs": {
                name: {"type": _type(spec), "required": name in node["input"].get("required", {})}
                for name, spec in inputs_of(node).items()
            },
            "outputs": [
                {"name": name, "type": kind}
                for name, kind in zip(node["output_name"], node["output"], strict=True)
            ],
        }
        for key, node in ours(object_info).items()
    }


def english(object_info: dict) -> dict:
    """The nodes' names and tooltips, as ComfyUI reads them from locales/en/nodeDefs.json."""
    return {key: _described(node) for key, node in ours(object_info).items()}


def locale(name: str) -> dict:
    """The names and tooltips of the nodes in one language."""
    return json.loads((LOCALES / name / "nodeDefs.json").read_text(encoding="utf-8"))


def write(found: dict, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def _described(node: dict) -> dict:
    found = {"display_name": node["display_name"], "description": node["description"]}
    options = {name: spec[1] if len(spec) > 1 else {} for name, spec in inputs_of(node).items()}
    found["inputs"] = {
        name: {"name": said.get("display_name") or name, "tooltip": said.get("tooltip") or ""}
        for name, said in options.items()
    }
    if node["output_name"]:
        pairs = zip(node["output_name"], node["output_tooltips"], strict=True)
        found["outputs"] = {str(i): {"name": n, "tooltip": tip or ""} for i, (n, tip) in enumerate(pairs)}
    return found


def _type(spec: list) -> str:
    return "COMBO" if isinstance(spec[0], list) else spec[0]


def main() -> None:
    comfys = hosts.found()
    if not comfys:
        raise SystemExit(f"no ComfyUI found; {hosts.HOW}")
    with tempfile.TemporaryDirectory() as folder:
        server = Server(comfys[0], Path(folder) / "base", Path(folder))
        server.stop()
    write(snapshot(server.object_info), SNAPSHOT)
    write(english(server.object_info), LOCALES / "en" / "nodeDefs.json")


if __name__ == "__main__":
    main()
