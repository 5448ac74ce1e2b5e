"""A checkpoint small enough for a test, with a text encoder, so that a template runs as it is."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..host import checkpoints

NAME = "tiny-with-words.safetensors"
WIDTH, LAYERS, WORDS, PLACES = 768, 12, 49408, 77  # CLIP's, which ComfyUI's loader asks for


def write(folder: Path) -> Path:
    """The tiny checkpoint of the family "sd" with a random text encoder in CLIP's shape, half precision."""
    path = checkpoints.write(folder, "sd")
    tensors = load_file(path)
    path.unlink()
    text = {f"cond_stage_model.transformer.text_model.{key}": t.half() for key, t in _text_encoder().items()}
    save_file(tensors | text, folder / NAME)
    return folder / NAME


def _text_encoder() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) * 0.02

    one = {f"layer_norm{i}.weight": torch.ones(WIDTH) for i in (1, 2)}
    one |= {f"self_attn.{part}_proj.weight": draw(WIDTH, WIDTH) for part in ("q", "k", "v", "out")}
    one |= {"mlp.fc1.weight": draw(4 * WIDTH, WIDTH), "mlp.fc2.weight": draw(WIDTH, 4 * WIDTH)}
    one |= {key.replace("weight", "bias"): torch.zeros(len(t)) for key, t in one.items()}
    layers = {f"encoder.layers.{i}.{key}": t.clone() for i in range(LAYERS) for key, t in one.items()}
    ends = {
        "embeddings.token_embedding.weight": draw(WORDS, WIDTH),
        "embeddings.position_embedding.weight": draw(PLACES, WIDTH),
        "final_layer_norm.weight": torch.ones(WIDTH),
        "final_layer_norm.bias": torch.zeros(WIDTH),
    }
    return layers | ends
