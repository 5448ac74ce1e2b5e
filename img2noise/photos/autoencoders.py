"""Autoencoders from a file, through diffusers: pictures in [-1, 1] to latents in model space, and back.

Known files: TAESD halves (`taesd_encoder.safetensors`, whose decoder lies beside it; Bohan 2023, MIT), full
SD and SDXL autoencoders, and checkpoints that hold one. Only .safetensors is read. Latents are the mean of
the posterior, times the scale factor of the space they belong to, which the file does not say and the caller
must. The model is on the GPU where there is one; what goes through it comes back to where it was.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..whitening.spaces import SPACES

# The shape that SD 1.x, SD 2.x and SDXL autoencoders share (Rombach et al. 2022), in diffusers' words.
_KL_CONFIG = {
    "_class_name": "AutoencoderKL",
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "sample_size": 512,
}


@dataclass(frozen=True, eq=False)
class Autoencoder:
    """`encode` (B, 3, H, W) in [-1, 1] to latents in model space (B, 4, H / 8, W / 8), and `decode` back
    where it can. Results are on the device of what was given, whatever the model's.
    """

    model: Any  # a torch.nn.Module of diffusers with `encode`, and `decode` where it has a decoder
    scale_factor: float
    has_decoder: bool = True

    def encode(self, pictures: Tensor) -> Tensor:
        """Return latents in model space. TAESD was trained to give them scaled; a full autoencoder's mean is
        scaled here.
        """
        with torch.inference_mode():
            out = self.model.encode(pictures.to(self._device))
        latents = out.latents if hasattr(out, "latents") else out.latent_dist.mode() * self.scale_factor
        return latents.to(pictures.device)

    def decode(self, latents: Tensor) -> Tensor:
        """Return pictures in about [-1, 1]."""
        with torch.inference_mode():
            pictures = self.model.decode(latents.to(self._device) / self.scale_factor).sample
        return pictures.to(latents.device)

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device


def encoder(path: str | Path | None, space: str) -> Callable[[Tensor], Tensor]:
    """Return `encode` of the autoencoder in a file, which lives as long as this function; without a file, one
    that gives back what it gets.
    """
    return _identity if path is None else load_autoencoder(path, space).encode


def load_autoencoder(path: str | Path, space: str) -> Autoencoder:
    """Return the autoencoder in a .safetensors file, for latents of `space` ("sd" or "sdxl"), on the GPU if
    there is one.

    Raises ImportError where diffusers is not installed, FileNotFoundError, and ValueError for files that are
    no autoencoder.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"got {path}; autoencoders are read from .safetensors files alone")
    if not path.is_file():
        raise FileNotFoundError(f"found no file {path}")
    if space not in SPACES or SPACES[space].channels != 4:
        raise ValueError(f"got space {space!r} for an autoencoder; say whose latents it makes: sd or sdxl")
    try:
        import diffusers
    except ImportError as error:
        raise ImportError(
            "autoencoders are loaded through diffusers; which is not there: install the package diffusers"
        ) from error
    try:
        weights = load_file(path)
    except SafetensorError as error:
        raise ValueError(
            f"{path} is no readable safetensors file, perhaps truncated or damaged: {error}"
        ) from error
    # Networks are made with random weights first; that must not move the caller's random state.
    with torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory() as folder:
        if "1.conv.0.weight" in weights or "3.conv.0.weight" in weights:
            return _tiny(diffusers, path, weights)
        Path(folder, "config.json").write_text(json.dumps(_KL_CONFIG))
        try:
            model = diffusers.AutoencoderKL.from_single_file(str(path), config=folder, local_files_only=True)
        except Exception as error:  # of many kinds, for a file of another shape
            raise ValueError(
                f"{path} holds no SD or SDXL autoencoder that diffusers can read: {error}"
            ) from error
    return _placed(model, SPACES[space].scale_factor)


def _identity(x: Tensor) -> Tensor:
    return x


def _tiny(diffusers, path: Path, weights: dict[str, Tensor]) -> Autoencoder:
    model = diffusers.AutoencoderTiny()
    decoder = path.with_name(path.name.replace("encoder", "decoder"))
    if "1.conv.0.weight" not in weights:
        raise ValueError(f"{path} is a TAESD decoder; pass the encoder, its decoder is found beside it")
    _fill(model.encoder, weights, 0)
    has_decoder = decoder != path and decoder.is_file()
    if has_decoder:
        _fill(model.decoder, load_file(decoder), 1)  # the published decoder counts its input clamp as layer 0
    return _placed(model, 1.0, has_decoder)


def _placed(model: torch.nn.Module, *facts) -> Autoencoder:
    return Autoencoder(model.train(False).to("cuda" if torch.cuda.is_available() else "cpu"), *facts)


def _fill(module: torch.nn.Module, weights: dict[str, Tensor], offset: int) -> None:
    renamed = {}
    for name, tensor in weights.items():
        layer, rest = name.split(".", 1)
        renamed[f"layers.{int(layer) - offset}.{rest}"] = tensor.float()
    module.load_state_dict(renamed)
