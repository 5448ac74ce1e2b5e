"""`python -m benchmarks.gallery --comfy URL [--checkpoint NAME]`: run every template in a ComfyUI that runs
and has this pack, and write the pictures that it shows.

The photos, with what is painted on the first, are uploaded to ComfyUI's input folder `img2noise-gallery`.
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
import uuid
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from img2noise.diagnostics.plots import contact_sheet
from img2noise.files.storage import SHIPPED
from tests.host.graphs import Graph, to_api
from world.render import trace
from world.scenes import caption, edited, random_scene
from world.sheets import HELD_OUT

FOLDER, KEPT = "img2noise-gallery", "gallery"
CUP = "photo of a cup of {} on a red saucer with a spoon, {} table"
WORDS = dict(shown=CUP.format("espresso", "wooden"), wanted=CUP.format("green tea", "wooden"))
WORDS |= dict(else_=CUP.format("espresso", "marble"), both="photo", paint="photo of a cup of coffee")
SCENE, OTHER = random_scene(HELD_OUT + 26), random_scene(HELD_OUT + 71)
LITTLE_WORDS = dict(shown=caption(SCENE), wanted=caption(edited(SCENE, color="green")))
LITTLE_WORDS |= dict(else_=caption(edited(SCENE, floor="stone")), both="a red cube", paint="a red cube")
LITTLE, SIZE, GUIDANCE = "Img2NoiseLoadLittleWorld", 128, 3.0


class Host:
    """A running ComfyUI, over HTTP."""

    def __init__(self, url: str):
        self.url = url.rstrip("/")
        try:
            self.object_info = self.ask("/object_info")
        except OSError as error:
            raise SystemExit(f"got no answer from {url} ({error}); expected a running ComfyUI") from None

    def ask(self, path: str, body: bytes | None = None, kind: str = "application/json"):
        """Return the answer as JSON, or its bytes where it is none."""
        request = urllib.request.Request(self.url + path, body, {"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
            return json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text

    def upload(self, picture: Image.Image, name: str) -> str:
        """Put a picture into the input folder; the name that Load Image knows it by."""
        file, edge = io.BytesIO(), uuid.uuid4().hex
        picture.save(file, "PNG")
        fields = {"subfolder": FOLDER, "overwrite": "true"}
        body = b"".join(
            f'--{edge}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode()
            for k, v in fields.items()
        )
        head = f'--{edge}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
        body += (
            head.encode()
            + b"Content-Type: image/png\r\n\r\n"
            + file.getvalue()
            + f"\r\n--{edge}--\r\n".encode()
        )
        self.ask("/upload/image", body, f"multipart/form-data; boundary={edge}")
        return f"{FOLDER}/{name}"

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

    def newest_maps(self) -> str:
        """Return the file of noise maps kept last."""
        spec = self.ask("/object_info/Img2NoiseLoadNoiseMaps")["Img2NoiseLoadNoiseMaps"]["input"]["required"][
            "file"
        ]
        names = spec[0] if isinstance(spec[0], list) else spec[1]["options"]
        return max(name for name in names if name.startswith(KEPT))

    def picture(self, image: dict) -> np.ndarray:
        data = self.ask(f"/view?{urllib.parse.urlencode(image)}")
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def on_little_world(graph: Graph, titles: dict[str, str]) -> Graph:
    """Return the graph with the little world for its checkpoints, and prompts, sizes and cfg that suit it."""
    for key, node in graph.items():
        inputs = node["inputs"]
        if node["class_type"] == "CheckpointLoaderSimple":
            node.update(class_type=LITTLE, inputs={})
        if node["class_type"] == "CLIPTextEncode":
            inputs["text"] = words(titles[key], LITTLE_WORDS)
        for name in ("width", "height", "size"):
            if isinstance(inputs.get(name), int):
                inputs[name] = SIZE
        if isinstance(inputs.get("cfg"), float):
            inputs["cfg"] = min(inputs["cfg"], GUIDANCE)
    return graph


def on_checkpoint(graph: Graph, titles: dict[str, str], checkpoint: str, whitener: str, size: int) -> Graph:
    """Return the graph with that checkpoint, its whitener and its size, and prompts that suit the photos."""
    for key, node in graph.items():
        inputs = node["inputs"]
        if node["class_type"] == "CLIPTextEncode":
            inputs["text"] = words(titles[key], WORDS)
        given = dict(ckpt_name=checkpoint, whitener_name=whitener, width=size, height=size, size=size)
        inputs.update({k: v for k, v in given.items() if k in inputs and not isinstance(inputs[k], list)})
    return graph


def words(title: str, known: dict[str, str]) -> str:
    """Return the prompt of a node by its title, such as "What it should show"."""
    for part, which in (("should", "wanted"), ("else", "else_"), ("both", "both"), ("paint", "paint")):
        if part in title:
            return known[which]
    return "" if "not want" in title or "Nothing" in title else known["shown"]


def photos(little: bool) -> list[Image.Image]:
    """Return two pictures, the first with what is painted on it as its alpha channel."""
    if little:
        (first, masks), (second, _) = trace(SCENE), trace(OTHER)
        painted = np.concatenate([first, 1 - masks[0][..., None]], 2)
        return [Image.fromarray((x * 255).round().astype(np.uint8)) for x in (painted, second)]
    from skimage import data

    cup = Image.fromarray(data.coffee()).crop((100, 0, 500, 400)).resize((1024, 1024))
    alpha = Image.new("L", cup.size, 255)
    ImageDraw.Draw(alpha).ellipse((224, 64, 768, 480), fill=0)
    cup.putalpha(alpha)
    return [cup, Image.fromarray(data.astronaut()).crop((60, 0, 420, 360)).resize((1024, 1024))]


def prepared(host: Host, path: Path, names: list[str], a: argparse.Namespace) -> tuple[Graph, dict[str, str]]:
    """Return a template's graph as it is to run, and its nodes' titles."""
    workflow = json.loads(path.read_text("utf-8"))
    titles = {str(node["id"]): node.get("title", node["type"]) for node in workflow["nodes"]}
    graph = to_api(workflow, host.object_info)
    if a.checkpoint:
        graph = on_checkpoint(graph, titles, a.checkpoint, a.whitener, a.size)
    else:
        graph = on_little_world(graph, titles)
    files = iter(names)
    for key, node in list(graph.items()):
        if node["class_type"] == "LoadImage":
            node["inputs"]["image"] = next(files)
        if node["class_type"] == "Img2NoiseFitWhitenerFromFolder":
            node["inputs"]["folder"] = FOLDER
        if node["class_type"] == "Img2NoiseSaveNoiseMaps":
            node["inputs"]["filename_prefix"] = KEPT
        if node["class_type"] == "Img2NoiseLoadNoiseMaps":
            node["inputs"]["file"] = host.newest_maps()
        if node["class_type"] == "Img2NoiseSaveWhitener":
            del graph[key]  # pictures are all that is wanted
    return graph, titles


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gallery", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("--comfy", default="http://127.0.0.1:8188", help="where ComfyUI answers")
    parser.add_argument("--checkpoint", help="as Load Checkpoint lists it; without one, the little world")
    parser.add_argument("--whitener", default="sd", help="of the checkpoint: sd or sdxl")
    parser.add_argument("--size", type=int, default=512, help="pixels a side; 1024 for SDXL")
    parser.add_argument("--only", nargs="*", default=[], help="names of templates; without any, all")
    parser.add_argument("--out", type=Path, default=Path("out/gallery"))
    a = parser.parse_args()
    host = Host(a.comfy)
    if not a.checkpoint and LITTLE not in host.object_info:
        raise SystemExit(f"got a ComfyUI without {LITTLE}; install this pack there, or name a --checkpoint")
    a.out.mkdir(parents=True, exist_ok=True)
    sent = {host.upload(p, f"{i}.png"): p.convert("RGB") for i, p in enumerate(photos(not a.checkpoint), 1)}
    failed = 0
    for path in sorted((SHIPPED.parent / "workflows").glob("*.json")):
        if a.only and path.stem not in a.only:
            continue
        if "UNETLoader" in path.read_text("utf-8"):
            print(f"{path.stem}: left out, since its model is in several files")
            continue
        start = time.perf_counter()
        try:
            graph, titles = prepared(host, path, list(sent), a)
            made = host.run(graph)
        except (RuntimeError, ValueError) as error:
            failed += 1
            print(f"{path.stem}: {error}")
            continue
        shown = {
            k: [sent[n["inputs"]["image"]]] for k, n in graph.items() if n["class_type"] == "LoadImage"
        } | made
        cells = [(titles[key], np.asarray(picture)) for key in titles for picture in shown.get(key, [])]
        Image.fromarray(contact_sheet(cells, min(4, len(cells)))).save(a.out / f"{path.stem}.png")
        print(
            f"{a.out / path.stem}.png  {len(cells)} pictures, {time.perf_counter() - start:.0f} s", flush=True
        )
    raise SystemExit(f"{failed} templates failed" if failed else 0)


if __name__ == "__main__":
    main()
