"""A ComfyUI with every tiny model in it, outside of pytest."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from .. import checkpoints, flow_checkpoints
from ..hosts import Comfy
from ..requirements import install_lacking
from ..server import PACK, Server, link
from .places import FIRST, SECOND

GAIN = 0.01  # of the networks' last layer: at 0.1 a way back from full noise wants dozens of iterations


@contextmanager
def running(comfy: Comfy, models: Path) -> Iterator[Server]:
    """A server of this ComfyUI with the models that `write_models` wrote there, and its end."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder, "site")
        site.mkdir()
        install_lacking(comfy.python, PACK / "requirements.txt", site)
        server = Server(comfy, Path(folder, "base"), site)
        try:
            furnish(server, models)
            yield server
        finally:
            server.stop()


def write_models(folder: Path, kinds: Iterable[str] = checkpoints.FAMILIES) -> Path:
    """Two checkpoints, a ControlNet and a LoRA of each kind, in the folders that ComfyUI reads."""
    for name in ("checkpoints", "controlnet", "loras"):
        (folder / name).mkdir(parents=True)
    for kind in kinds:
        tiny = checkpoints if kind in checkpoints.FAMILIES else flow_checkpoints
        for variant in (FIRST, SECOND):
            tiny.write(folder / "checkpoints", kind, variant, GAIN)
        if tiny is flow_checkpoints:
            continue
        checkpoints.write_control(folder / "controlnet", kind)
        checkpoints.write_lora(folder / "loras", kind)
    return folder


def furnish(server: Server, models: Path) -> None:
    """Give a server the models that it lacks, and a folder of photos."""
    for file in models.glob("*/*.safetensors"):
        place = server.models / file.relative_to(models)
        place.parent.mkdir(exist_ok=True)
        if not place.exists():
            link(file, place)
    draw_photos(server)


def draw_photos(server: Server) -> None:
    """A dozen photos in the folder that tries ask for."""
    photos = server.input / "matrix"
    photos.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    for i in range(12):
        coarse = Image.fromarray(random.integers(0, 255, (6, 8, 3), dtype=np.uint8))
        coarse.resize((96, 80), Image.Resampling.BICUBIC).save(photos / f"{i:02}.png")
