"""`python -m templates`: draw every template. `--pictures` then runs those of the little world in the newest
ComfyUI found and makes their thumbnails of it; `--nodes` first asks it what its nodes have.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from tests.host import hosts
from tests.host.server import Server

from .graph import NODES
from .pictures import ROOT, picture_all
from .wishes import templates

CORE = (
    "CheckpointLoaderSimple", "UNETLoader", "CLIPLoader", "VAELoader", "ModelSamplingAuraFlow",
    "CLIPTextEncode", "VAEEncode", "VAEDecode", "EmptyLatentImage", "EmptySD3LatentImage", "PreviewImage",
    "PreviewAny", "CFGGuider", "BasicGuider", "BasicScheduler", "KSamplerSelect", "SamplerCustomAdvanced",
    "DisableNoise", "KSampler", "RepeatLatentBatch", "FluxGuidance",
)  # fmt: skip


def described(object_info: dict) -> dict:
    """Return what a node has, as the frontend draws it: sockets, widgets with defaults, what follows them."""
    names = [name for name in object_info if name.startswith("Img2Noise")]
    return {name: _node(object_info[name]) for name in sorted([*CORE, *names])}


def _node(info: dict) -> dict:
    inputs = []
    for group in ("required", "optional"):
        for name, spec in info["input"].get(group, {}).items():
            options = spec[1] if len(spec) > 1 else {}
            choices = spec[0] if isinstance(spec[0], list) else options.get("options")
            kind = "COMBO" if isinstance(spec[0], list) else spec[0]
            slot = dict(name=name, type=kind)
            if kind in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO") and not options.get("forceInput"):
                slot["default"] = options.get("default", choices[0] if choices else "")
            if options.get("control_after_generate"):
                slot["after"] = ["fixed"]
            if options.get("multiline"):
                slot["lines"] = True
            inputs.append(slot)
    names = zip(info["output_name"], info["output"], strict=True)
    return dict(inputs=inputs, outputs=[dict(name=name, type=kind) for name, kind in names])


def write() -> None:
    """Write every template, and take away files of templates that are no longer drawn."""
    folder, drawn = ROOT / "workflows", {}
    for template in templates():
        drawn[template.name] = json.dumps(template.workflow(), separators=(",", ":")) + "\n"
    for path in folder.iterdir():
        if path.stem not in drawn:
            path.unlink()
    for name, text in drawn.items():
        (folder / f"{name}.json").write_text(text, encoding="utf-8", newline="\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m templates", description=__doc__)
    parser.add_argument("--pictures", nargs="*", metavar="WISH", help="draw the thumbnails: all, or of these")
    parser.add_argument("--nodes", action="store_true", help="ask ComfyUI what its nodes have")
    a = parser.parse_args()
    server = None
    if a.nodes or a.pictures is not None:
        if not hosts.found():
            raise SystemExit(f"got no ComfyUI; {hosts.HOW}")
        base = Path(tempfile.mkdtemp())
        server = Server(hosts.found()[0], base, base)
    if server and a.nodes:
        text = json.dumps(described(server.object_info), indent=1)
        NODES.write_text(text + "\n", encoding="utf-8", newline="\n")
    write()
    if server:
        if a.pictures is not None:
            picture_all(server, a.pictures)
        server.stop()


if __name__ == "__main__":
    main()
