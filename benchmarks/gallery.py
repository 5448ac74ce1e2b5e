"""`python -m benchmarks.gallery --comfy URL [--checkpoint NAME --model SDXL]`: run every template as it is in
a ComfyUI that runs and has this pack, and write the pictures that it shows.

Without a checkpoint, the templates run on the little world.
"""

from __future__ import annotations

import argparse
import io
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
from PIL import Image

from img2noise.diagnostics.plots import contact_sheet
from templates.models import SD, SDXL, TURBO
from templates.wishes import templates
from tests.host.graphs import Graph, to_api

LITTLE = "Img2NoiseLoadLittleWorld"


class Host:
    """A running ComfyUI, over HTTP."""

    def __init__(self, url: str):
        self.url = url.rstrip("/")
        try:
            self.object_info = self.ask("/object_info")
        except OSError as error:
            raise SystemExit(f"got no answer from {url} ({error}); expected a running ComfyUI") from None

    def ask(self, path: str, body: bytes | None = None):
        """Return the answer as JSON, or its bytes where it is none."""
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
            return json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text

    def run(self, graph: Graph) -> dict[str, list[np.ndarray]]:
        """Return the pictures that each node shows; raise RuntimeError with what ComfyUI says."""
        try:
            number = self.ask("/prompt", json.dumps({"prompt": graph}).encode())["prompt_id"]
        except urllib.error.HTTPError as refusal:
            raise RuntimeError(refusal.read().decode()) from None
        while not (entry := self.ask(f"/history/{number}").get(number)):
            time.sleep(0.2)
        if entry["status"]["status_str"] != "success":
            raise RuntimeError(json.dumps(entry["status"]["messages"][-1][1].get("exception_message")))
        return {
            key: [self.picture(image) for image in out["images"]]
            for key, out in entry["outputs"].items()
            if "images" in out
        }

    def picture(self, image: dict) -> np.ndarray:
        data = self.ask(f"/view?{urllib.parse.urlencode(image)}")
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def main() -> None:
    models = {model.name: model for model in (SD, SDXL, TURBO)}
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gallery", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("--comfy", default="http://127.0.0.1:8188", help="where ComfyUI answers")
    parser.add_argument("--checkpoint", help="as Load Checkpoint lists it; without one, the little world")
    parser.add_argument("--model", choices=models, default=SD.name, help="what kind the checkpoint is")
    parser.add_argument("--only", nargs="*", default=[], help="beginnings of names, such as 01; without, all")
    parser.add_argument("--out", type=Path, default=Path("out/gallery"))
    a = parser.parse_args()
    host = Host(a.comfy)
    if LITTLE not in host.object_info:
        raise SystemExit(f"got a ComfyUI without {LITTLE}; install this pack there")
    a.out.mkdir(parents=True, exist_ok=True)
    model, failed = a.model if a.checkpoint else "", 0
    for template in templates():
        if template.model.name != model or not template.name.startswith(tuple(a.only or [""])):
            continue
        start = time.perf_counter()
        graph = to_api(template.workflow(), host.object_info)
        for node in graph.values():
            node["inputs"] |= {"ckpt_name": a.checkpoint} if "ckpt_name" in node["inputs"] else {}
        try:
            made = host.run(graph)
        except (RuntimeError, ValueError) as error:
            failed += 1
            print(f"{template.name}: {error}")
            continue
        titles = {str(node["id"]): node.get("title", "") for node in template.drawing.nodes}
        cells = [(titles[key], np.asarray(picture)) for key in titles for picture in made.get(key, [])]
        Image.fromarray(contact_sheet(cells, min(4, len(cells)))).save(a.out / f"{template.name}.png")
        took = time.perf_counter() - start
        print(f"{a.out / template.name}.png  {len(cells)} pictures, {took:.0f} s", flush=True)
    raise SystemExit(f"{failed} templates failed" if failed else 0)


if __name__ == "__main__":
    main()
