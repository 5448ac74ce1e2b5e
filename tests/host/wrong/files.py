"""Files and folders that are missing something, or are not what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from img2noise import draw, extract, metadata, save
from img2noise.files.storage import SHIPPED

from ...worlds import gaussian, levels
from ..server import Server


def put(server: Server) -> None:
    """Whiteners, noise maps and folders of photos, of which those named "right" alone are."""
    whiteners, maps = server.models / "img2noise", server.output / "img2noise"
    maps.mkdir(exist_ok=True)
    found = extract(gaussian(1.0), draw((1, 4, 8, 8), 1), levels(4), seed=1)
    right = save(found, maps / "right.safetensors")
    whitener = SHIPPED / "sd.safetensors"
    for folder, sound, other in ((whiteners, whitener, right), (maps, right, whitener)):
        whole = sound.read_bytes()
        (folder / "truncated.safetensors").write_bytes(whole[: len(whole) // 2])
        (folder / "text.safetensors").write_text("this is no tensor\n" * 9)
        (folder / "empty.safetensors").write_bytes(b"")
        (folder / "other.safetensors").write_bytes(other.read_bytes())
        _altered(folder / "later.safetensors", sound, dict(version="9"))
        name = next(iter(load_file(sound)))
        _altered(folder / "nan.safetensors", sound, {}, name, float("nan"))
        save_file({"lora_up": torch.ones(2, 2)}, folder / "foreign.safetensors")
    _altered(whiteners / "flat.safetensors", whitener, {}, "block_0", 0.0)
    _altered(maps / "upwards.safetensors", right, {}, "sigmas", 1.0)
    _photos(server.input)


def _altered(path: Path, sound: Path, header: dict, name: str = "", value: float = 0.0) -> None:
    """A sound file with other metadata, or with one value all over a tensor."""
    tensors = load_file(sound)
    if name:
        tensors[name] = torch.full_like(tensors[name], value)
    save_file(tensors, path, {**metadata(sound), **header})


def _photos(folder: Path) -> None:
    random = np.random.default_rng(0)
    for name, count in (("right", 12), ("one photo", 1), ("no photos", 0), ("damaged", 0)):
        (folder / name).mkdir(exist_ok=True)
        for i in range(count):
            coarse = Image.fromarray(random.integers(0, 255, (6, 8, 3), dtype=np.uint8))
            coarse.resize((96, 80), Image.Resampling.BICUBIC).save(folder / name / f"{i:02}.png")
    whole = (folder / "right/00.png").read_bytes()
    (folder / "damaged/photo.png").write_bytes(whole[:200])
    (folder / "damaged/page.png").write_text("<html>no picture</html>")
