"""Load Little World without a server: run as `little_world.py PACK FOLDER BASE ANSWERS` by a ComfyUI's
Python in its folder. FOLDER holds a model and what the library makes with it; writes how far the host is off.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

PROMPTS = ("a red ball on a stone floor", "", "a blue cube")


def off(made: torch.Tensor, wanted: torch.Tensor) -> float:
    assert made.shape == wanted.shape
    return float((made - wanted).abs().max())


def unet(host, path: Path, wanted: dict) -> dict:
    """How far v is off; what the model is; whether its factory makes it again."""
    patcher = host.model(path)
    made, again = (
        p.model.diffusion_model(wanted["x"], wanted["t"], context=wanted["context"])
        for p in (
            patcher,
            patcher.cached_patcher_init[0](*patcher.cached_patcher_init[1], disable_dynamic=True),
        )
    )
    sampling, formats = patcher.get_model_object("model_sampling"), patcher.get_model_object("latent_format")
    return dict(
        v=off(made, wanted["v"]),
        again=off(again, made),
        sigmas=off(sampling.sigmas, wanted["sigmas"]),
        kind=patcher.model.model_type.name,
        latents=type(formats).__name__,
    )


def clip(host, path: Path, wanted: dict) -> dict:
    """How far contexts are off, plain, with a weight and at each depth; what comes of words it lacks."""
    made = host.clip(path)

    def encoded(prompt: str) -> torch.Tensor:
        [[context, extra]] = made.encode_from_tokens_scheduled(made.tokenize(prompt))
        return context[0]

    plain = [encoded(prompt) for prompt in PROMPTS]
    weighted = plain[2].clone()
    weighted[1] = plain[1][1] + 1.3 * (plain[2][1] - plain[1][1])
    shallow = made.clone()
    shallow.clip_layer(-2)
    first_layer = shallow.encode_from_tokens(shallow.tokenize(PROMPTS[0]))[0]
    refused = {}
    for prompt in ("a bleu (bal:1.2) on a stone floor", "red " * 25):
        try:
            made.tokenize(prompt)
        except ValueError as error:
            refused[prompt] = str(error)
    return dict(
        contexts=[off(a, b) for a, b in zip(plain, wanted["context"], strict=True)],
        weighted=off(encoded("a (blue:1.3) cube"), weighted),
        bracketed=off(encoded("a (blue) cube"), encoded("a (blue:1.1) cube")),
        escaped=off(encoded("a (blue:1) \\(cube\\)"), plain[2]),
        first_layer=off(first_layer, wanted["first layer"]),
        refused=refused,
    )


def vae(host, wanted: dict) -> dict:
    made = host.vae()
    latents = made.encode(wanted["pixels"].movedim(1, -1))
    return dict(
        latents=off(latents * host.SCALE, wanted["latents"]),
        pixels=off(made.decode(latents).movedim(-1, 1), wanted["decoded"]),
    )


def main(pack: Path, folder: Path, base: Path, out: Path) -> None:
    import alone  # beside this file, for a script

    alone.started(pack, base)
    host = sys.modules["img2noise_pack.nodes.host.little_world"]
    wanted, path = load_file(folder / "wanted.safetensors"), folder / "little_world.safetensors"
    with torch.inference_mode():
        found = dict(unet=unet(host, path, wanted), clip=clip(host, path, wanted), vae=vae(host, wanted))
    out.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
