"""Checkpoints of flow matching small enough for a test that ComfyUI's own loaders take for their families.

    sd3                SD3, SD3.5             16 channels at /8; conditioning needs a pooled output of 2048
    flux, schnell      Flux.1 dev, Schnell    16 channels at /8; dev takes a guidance
    flux2              Flux.2                 128 channels at /16
    wan21, wan22       Wan 2.1, Wan 2.2 5B    16 channels at /8 and 48 at /16, with an axis of frames

One or two blocks each, at the widths by which ComfyUI recognizes a family, and random weights. Modulations
and the last layer are small, so that sampling is tame. sd3, flux and schnell have a VAE inside, as tiny SD
does.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from .checkpoints import CONTEXT, POOLED, Weights, autoencoder, name

WIDTH, TIMES = 128, 256  # heads of Flux and Wan are 128 wide; sines and cosines of a time
TAME, LAST = 0.3, 0.1  # gains of modulations and of the last layer
VAES = {  # where it sits in the file, which, scale, shift
    "sd3": ("first_stage_model.", "taesd3", 1.5305, 0.0609),
    "flux": ("vae.", "taef1", 0.3611, 0.1159),
    "schnell": ("vae.", "taef1", 0.3611, 0.1159),
}
PHOTOS = {  # a photo of each family, with latents of about unit variance in model space
    "sd3": dict(channels=16, width=8, height=8, scale=0.15),
    "flux": dict(channels=16, width=8, height=8, scale=0.6),
    "schnell": dict(channels=16, width=8, height=8, scale=0.6),
    "flux2": dict(channels=128, width=4, height=4, scale=0.2),
    "wan21": dict(channels=16, width=8, height=8, frames=1, scale=0.5),
    "wan22": dict(channels=48, width=4, height=4, frames=1, scale=0.2),
}


def write(folder: Path, family: str, variant: int = 0, gain: float = 1.0) -> Path:
    """Write a tiny checkpoint, half precision; returns its path. `gain` is on top of the last layer's."""
    weights = Weights(seed=variant)
    NETWORKS[family](weights, family)
    last = "head.head" if family.startswith("wan") else "final_layer.linear"
    weights.tensors[f"{last}.weight"] *= gain
    tensors = {f"model.diffusion_model.{key}": t.half() for key, t in weights.tensors.items()}
    if family in VAES:
        prefix, vae, scale, shift = VAES[family]
        tensors |= autoencoder(prefix, vae, scale, shift, channels=16)
    path = folder / name(family, variant)
    save_file(tensors, path, metadata={"format": "pt"})
    return path


def write_lora(folder: Path, family: str) -> Path:
    """Write a tiny LoRA of rank 4 on the layer that brings the picture into the network."""
    w, key = Weights(seed=0), f"diffusion_model.{ENTRANCES[family]}"
    rows, columns = (WIDTH, {"flux": 64, "schnell": 64, "flux2": 128}.get(family, 4096))
    w.layer(f"{key}.lora_A", 4, columns, bias=False)
    w.layer(f"{key}.lora_B", rows, 4, bias=False)
    path = folder / f"tiny-lora-{family}.safetensors"
    save_file({key: t.half() for key, t in w.tensors.items()}, path)
    return path


def _sd3(w: Weights, family: str, blocks: int = 2, side: int = 32) -> None:
    width = 64 * blocks  # ComfyUI reads the number of blocks and heads off the width
    w.tensors["pos_embed"] = 0.1 * torch.randn(1, side * side, width, generator=w.generator)
    w.layer("x_embedder.proj", width, 16, 2, 2)
    for key, wide in (("t_embedder", TIMES), ("y_embedder", POOLED[family])):
        w.layer(f"{key}.mlp.0", width, wide)
        w.layer(f"{key}.mlp.2", width, width)
    w.layer("context_embedder", width, CONTEXT[family])
    for block in range(blocks):
        for part in ("context_block", "x_block"):
            key, ends = f"joint_blocks.{block}.{part}", part == "context_block" and block == blocks - 1
            w.layer(f"{key}.attn.qkv", 3 * width, width)
            w.norm(f"{key}.attn.ln_q", 64, bias=False)
            w.norm(f"{key}.attn.ln_k", 64, bias=False)
            w.layer(f"{key}.adaLN_modulation.1", (2 if ends else 6) * width, width, gain=TAME)
            if not ends:
                w.layer(f"{key}.attn.proj", width, width)
                w.layer(f"{key}.mlp.fc1", 4 * width, width)
                w.layer(f"{key}.mlp.fc2", width, 4 * width)
    _final(w, width, 64, bias=True)


def _flux(w: Weights, family: str) -> None:
    w.layer("img_in", WIDTH, 64)
    w.layer("txt_in", WIDTH, CONTEXT[family])
    entrances = dict(time_in=TIMES, vector_in=POOLED[family])
    entrances |= {"guidance_in": TIMES} if family == "flux" else {}
    for key, wide in entrances.items():
        w.layer(f"{key}.in_layer", WIDTH, wide)
        w.layer(f"{key}.out_layer", WIDTH, WIDTH)
    for stream in ("img", "txt"):
        w.layer(f"double_blocks.0.{stream}_mod.lin", 6 * WIDTH, WIDTH, gain=TAME)
    _streams(w, bias=True, hidden=4 * WIDTH, gated=4 * WIDTH)
    w.layer("single_blocks.0.linear1", 7 * WIDTH, WIDTH)
    w.layer("single_blocks.0.linear2", WIDTH, 5 * WIDTH)
    w.layer("single_blocks.0.modulation.lin", 3 * WIDTH, WIDTH, gain=TAME)
    _final(w, WIDTH, 64, bias=True)


def _flux2(w: Weights, family: str) -> None:
    for key, wide in dict(img_in=128, txt_in=CONTEXT[family]).items():
        w.layer(key, WIDTH, wide, bias=False)
    w.layer("time_in.in_layer", WIDTH, TIMES, bias=False)
    w.layer("time_in.out_layer", WIDTH, WIDTH, bias=False)
    for stream in ("img", "txt"):
        key = f"double_stream_modulation_{stream}.lin"
        w.layer(key, 6 * WIDTH, WIDTH, bias=False, gain=TAME)
    _streams(w, bias=False, hidden=3 * WIDTH, gated=6 * WIDTH)
    w.layer("single_blocks.0.linear1", 9 * WIDTH, WIDTH, bias=False)
    w.layer("single_blocks.0.linear2", WIDTH, 4 * WIDTH, bias=False)
    w.layer("single_stream_modulation.lin", 3 * WIDTH, WIDTH, bias=False, gain=TAME)
    _final(w, WIDTH, 128, bias=False)


def _streams(w: Weights, bias: bool, hidden: int, gated: int) -> None:
    """A block of Flux that keeps picture and prompt apart, and the norms of one that does not."""
    for stream in ("img", "txt"):
        key = f"double_blocks.0.{stream}"
        w.layer(f"{key}_attn.qkv", 3 * WIDTH, WIDTH, bias=bias)
        w.layer(f"{key}_attn.proj", WIDTH, WIDTH, bias=bias)
        w.layer(f"{key}_mlp.0", gated, WIDTH, bias=bias)
        w.layer(f"{key}_mlp.2", WIDTH, hidden, bias=bias)
    for key in ("double_blocks.0.img_attn", "double_blocks.0.txt_attn", "single_blocks.0"):
        w.norm(f"{key}.norm.query_norm", 128, bias=False)
        w.norm(f"{key}.norm.key_norm", 128, bias=False)


def _wan(w: Weights, family: str) -> None:
    channels = 48 if family == "wan22" else 16
    w.layer("patch_embedding", WIDTH, channels, 1, 2, 2)
    for key, wide in dict(text_embedding=CONTEXT[family], time_embedding=TIMES).items():
        w.layer(f"{key}.0", WIDTH, wide)
        w.layer(f"{key}.2", WIDTH, WIDTH)
    w.layer("time_projection.1", 6 * WIDTH, WIDTH, gain=TAME)
    for key, count in (("blocks.0.modulation", 6), ("head.modulation", 2)):
        w.tensors[key] = 0.1 * torch.randn(1, count, WIDTH, generator=w.generator)
    for attention in ("blocks.0.self_attn", "blocks.0.cross_attn"):
        for part in "qkvo":
            w.layer(f"{attention}.{part}", WIDTH, WIDTH)
        w.norm(f"{attention}.norm_q", WIDTH, bias=False)
        w.norm(f"{attention}.norm_k", WIDTH, bias=False)
    w.norm("blocks.0.norm3", WIDTH)
    w.layer("blocks.0.ffn.0", 2 * WIDTH, WIDTH)
    w.layer("blocks.0.ffn.2", WIDTH, 2 * WIDTH)
    w.layer("head.head", 4 * channels, WIDTH, gain=LAST)


def _final(w: Weights, width: int, out: int, bias: bool) -> None:
    w.layer("final_layer.linear", out, width, bias=bias, gain=LAST)
    w.layer("final_layer.adaLN_modulation.1", 2 * width, width, bias=bias, gain=TAME)


NETWORKS = dict(sd3=_sd3, flux=_flux, schnell=_flux, flux2=_flux2, wan21=_wan, wan22=_wan)
ENTRANCES = dict(
    sd3="context_embedder",
    flux="img_in",
    schnell="img_in",
    flux2="img_in",
    wan21="text_embedding.0",
    wan22="text_embedding.0",
)
