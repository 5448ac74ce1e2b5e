"""Checkpoints small enough for a test that ComfyUI's own loaders take for SD 1.5, SD 2.1 (noise and v) and
SDXL, and a ControlNet and a LoRA for each.

A UNet of one level, at the width and with the attention that ComfyUI recognizes a family by: SD15 (context
768, convolutions around attention), SD21 (context 1024, linear layers) and SDXL by way of KOALA (context
2048, linear layers, a vector condition of 2816). Weights are random, and the last layer is a tenth of that
or less, so that sampling is tame. The VAE inside is TAESD: its real weights from the folder in
IMG2NOISE_TAESD, else random ones. No text encoder.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

WIDTH, EMBEDDING = 320, 1280
FAMILIES = {  # context, vector condition, attention depth per block, linear around attention, TAESD, scale
    "sd": (768, 0, (1,), False, "taesd", 0.18215),
    "sd21": (1024, 0, (1,), True, "taesd", 0.18215),
    "sd21v": (1024, 0, (1,), True, "taesd", 0.18215),
    "sdxl": (2048, 2816, (0, 2, 5), True, "taesdxl", 0.13025),
}
CONTEXT = {family: row[0] for family, row in FAMILIES.items()} | {  # and those of `flow_checkpoints`
    **dict(sd3=4096, flux=4096, schnell=4096),
    **dict(flux2=7680, wan21=4096, wan22=4096),
}
POOLED = dict(sd3=2048, flux=768, schnell=768)  # the width of a prompt's vector where it is not 1280
V_MARK = "output_blocks.11.1.transformer_blocks.0.norm1.bias"  # far from 0, it marks a network of v


def name(family: str, variant: int = 0) -> str:
    """The file name of a tiny checkpoint; variants differ in their weights."""
    return f"tiny-{family}-{variant}.safetensors"


def control(family: str = "sd") -> str:
    """The file name of a family's tiny ControlNet."""
    return f"tiny-control-{family}.safetensors"


def lora(family: str = "sd") -> str:
    """The file name of a family's tiny LoRA."""
    return f"tiny-lora-{family}.safetensors"


def write(folder: Path, family: str, variant: int = 0, gain: float = 0.1) -> Path:
    """Write a tiny checkpoint, half precision; returns its path. `gain` is that of the last layer."""
    context, vector, depths, linear, vae, scale = FAMILIES[family]
    weights = Weights(seed=variant)
    _unet(weights, context, vector, depths, linear, gain)
    if family == "sd21v":
        weights.tensors[V_MARK] = torch.tensor([-1.0, 1.0])
    tensors = {f"model.diffusion_model.{key}": t.half() for key, t in weights.tensors.items()}
    tensors |= autoencoder("first_stage_model.", vae, scale)
    path = folder / name(family, variant)
    save_file(tensors, path)
    return path


def autoencoder(prefix: str, vae: str, scale: float, shift: float = 0.0, channels: int = 4) -> dict:
    """A TAESD as the VAE of a checkpoint, under that prefix."""
    tensors = {f"{prefix}vae_scale": torch.tensor(scale), f"{prefix}vae_shift": torch.tensor(shift)}
    for part in ("encoder", "decoder"):
        real = _real(vae, part, channels)
        tensors |= {f"{prefix}taesd_{part}.{key}": t.float() for key, t in real.items()}
    return tensors


def write_control(folder: Path, family: str = "sd") -> Path:
    """Write a tiny ControlNet for a family, which looks at pictures of three channels."""
    w = Weights(seed=0)
    context, vector, depths, linear, *_ = FAMILIES[family]
    _encoder(w, context, vector, depths, linear)
    _residual(w, "middle_block.0", WIDTH)
    w.layer("middle_block_out.0", WIDTH, WIDTH, 1, 1, gain=0.3)
    for block in range(len(depths) + 1):
        w.layer(f"zero_convs.{block}.0", WIDTH, WIDTH, 1, 1, gain=0.3)
    widths = (3, 16, 16, 32, 32, 96, 96, 256, WIDTH)
    for index, (before, after) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        w.layer(f"input_hint_block.{2 * index}", after, before, 3, 3)
    return _saved(w, folder / control(family))


def write_lora(folder: Path, family: str = "sd") -> Path:
    """Write a tiny LoRA for a family, of rank 4, on one layer of its attention."""
    depths = FAMILIES[family][2]
    block = next(i for i, depth in enumerate(depths, 1) if depth)
    w, key = Weights(seed=0), f"lora_unet_input_blocks_{block}_1_transformer_blocks_0_attn1_to_v"
    w.layer(f"{key}.lora_down", 4, WIDTH, bias=False)
    w.layer(f"{key}.lora_up", WIDTH, 4, bias=False)
    return _saved(w, folder / lora(family))


def _saved(w: Weights, path: Path) -> Path:
    save_file({key: t.half() for key, t in w.tensors.items()}, path)
    return path


class Weights:
    """Random layers by name, from one generator: unit gain, biases zero, norms one."""

    def __init__(self, seed: int):
        self.tensors: dict[str, Tensor] = {}
        self.generator = torch.Generator().manual_seed(seed)

    def layer(self, key: str, *shape: int, bias: bool = True, gain: float = 1.0) -> None:
        fan_in = max(1, torch.Size(shape[1:]).numel())
        self.tensors[f"{key}.weight"] = torch.randn(shape, generator=self.generator) * gain / fan_in**0.5
        if bias:
            self.tensors[f"{key}.bias"] = torch.zeros(shape[0])

    def norm(self, key: str, channels: int = WIDTH, bias: bool = True) -> None:
        self.tensors[f"{key}.weight"] = torch.ones(channels)
        if bias:
            self.tensors[f"{key}.bias"] = torch.zeros(channels)


def _unet(w: Weights, context: int, vector: int, depths: tuple[int, ...], linear: bool, gain: float) -> None:
    _encoder(w, context, vector, depths, linear)
    for block in range(len(depths) + 1):
        _residual(w, f"output_blocks.{block}.0", 2 * WIDTH)
    w.norm("out.0")
    w.layer("out.2", 4, WIDTH, 3, 3, gain=gain)


def _encoder(w: Weights, context: int, vector: int, depths: tuple[int, ...], linear: bool) -> None:
    w.layer("time_embed.0", EMBEDDING, WIDTH)
    w.layer("time_embed.2", EMBEDDING, EMBEDDING)
    if vector:
        w.layer("label_emb.0.0", EMBEDDING, vector)
        w.layer("label_emb.0.2", EMBEDDING, EMBEDDING)
    w.layer("input_blocks.0.0", WIDTH, 4, 3, 3)
    for block, depth in enumerate(depths, 1):
        _residual(w, f"input_blocks.{block}.0", WIDTH)
        if depth:
            _attention(w, f"input_blocks.{block}.1", context, depth, linear)


def _residual(w: Weights, key: str, channels: int) -> None:
    w.norm(f"{key}.in_layers.0", channels)
    w.layer(f"{key}.in_layers.2", WIDTH, channels, 3, 3)
    w.layer(f"{key}.emb_layers.1", WIDTH, EMBEDDING)
    w.norm(f"{key}.out_layers.0")
    w.layer(f"{key}.out_layers.3", WIDTH, WIDTH, 3, 3)
    if channels != WIDTH:
        w.layer(f"{key}.skip_connection", WIDTH, channels, 1, 1)


def _attention(w: Weights, key: str, context: int, depth: int, linear: bool) -> None:
    around = (WIDTH, WIDTH) if linear else (WIDTH, WIDTH, 1, 1)
    w.norm(f"{key}.norm")
    w.layer(f"{key}.proj_in", *around)
    w.layer(f"{key}.proj_out", *around)
    for block in (f"{key}.transformer_blocks.{i}" for i in range(depth)):
        for attention, keys_from in (("attn1", WIDTH), ("attn2", context)):
            w.layer(f"{block}.{attention}.to_q", WIDTH, WIDTH, bias=False)
            w.layer(f"{block}.{attention}.to_k", WIDTH, keys_from, bias=False)
            w.layer(f"{block}.{attention}.to_v", WIDTH, keys_from, bias=False)
            w.layer(f"{block}.{attention}.to_out.0", WIDTH, WIDTH)
        for norm in ("norm1", "norm2", "norm3"):
            w.norm(f"{block}.{norm}")
        w.layer(f"{block}.ff.net.0.proj", 8 * WIDTH, WIDTH)
        w.layer(f"{block}.ff.net.2", WIDTH, 4 * WIDTH)


def _real(vae: str, part: str, channels: int) -> dict[str, Tensor]:
    """TAESD's weights: those of IMG2NOISE_TAESD's folder, else random ones of the same shapes."""
    folder = os.environ.get("IMG2NOISE_TAESD")
    if folder:
        return load_file(Path(folder) / f"{vae}_{part}.safetensors")
    w = Weights(seed=0)
    first, last = (3, channels) if part == "encoder" else (channels, 3)
    blocks, resampling, ends = {
        "encoder": ((1, 3, 4, 5, 7, 8, 9, 11, 12, 13), (2, 6, 10), (0, 14)),
        "decoder": ((3, 4, 5, 8, 9, 10, 13, 14, 15, 18), (7, 12, 17), (1, 19)),
    }[part]
    w.layer(str(ends[0]), 64, first, 3, 3)
    for index in resampling:
        w.layer(str(index), 64, 64, 3, 3, bias=False)
    for block in blocks:
        for convolution in (0, 2, 4):
            w.layer(f"{block}.conv.{convolution}", 64, 64, 3, 3, gain=0.5)
    w.layer(str(ends[1]), last, 64, 3, 3)
    return w.tensors
