"""Autoencoders: pictures in [-1, 1] to latents in model space, and back.

Files are .safetensors: halves of tiny ones (`taesd_encoder.safetensors`, with its decoder in the same folder;
see `tiny`), full autoencoders of SD, SDXL, SD3 and Flux.1, and checkpoints that contain one, these through
diffusers. Latents are the mean of the posterior in the model space of the space that the caller names. The
model is on the GPU if there is one; results are on the device of the input.
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

from ..whitening import SPACES, Space
from . import tiny

LATENTS = tuple(name for name, space in SPACES.items() if space.dims == 2 and space.stride > 1)

# The shape that autoencoders of SD, SDXL, SD3 and Flux.1 share (Rombach et al. 2022), for diffusers.
_KL_CONFIG: dict[str, object] = {
    "_class_name": "AutoencoderKL",
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 2,
    "sample_size": 512,
}


@dataclass(frozen=True, eq=False)
class Autoencoder:
    """`encode` (B, 3, H, W) in [-1, 1] to latents in model space (B, C, H / 8, W / 8), and `decode` them if
    there is a decoder. Results are on the device of the input.
    """

    model: Any  # a torch.nn.Module as in diffusers, with `encode`, and `decode` where it has a decoder
    space: Space
    has_decoder: bool = True

    def encode(self, pictures: Tensor) -> Tensor:
        """Return latents in model space, where a tiny autoencoder's are; a full one's mean is moved there."""
        with torch.inference_mode():
            out = self.model.encode(pictures.to(self._device))
        if hasattr(out, "latents"):
            return out.latents.to(pictures.device)
        return self.space.to_model(out.latent_dist.mode()).to(pictures.device)

    def decode(self, latents: Tensor) -> Tensor:
        """Return pictures in about [-1, 1]."""
        with torch.inference_mode():
            pictures = self.model.decode(self.space.from_model(latents.to(self._device))).sample
        return pictures.to(latents.device)

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device


def encoder(path: str | Path | None, space: str) -> Callable[[Tensor], Tensor]:
    """Return `encode` of the autoencoder in a file, which is freed with it; the identity without a file."""
    return _identity if path is None else load_autoencoder(path, space).encode


def load_autoencoder(path: str | Path, space: str) -> Autoencoder:
    """Return the autoencoder in a .safetensors file, for latents of `space`, a key of SPACES, on the GPU if
    there is one. Raise FileNotFoundError, ImportError for a full one without diffusers, and ValueError for
    other files.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"got {path}; expected an autoencoder in a .safetensors file")
    if not path.is_file():
        raise FileNotFoundError(f"found no file {path}")
    if space not in LATENTS:
        raise ValueError(f"got space {space!r} for an autoencoder; expected one of {', '.join(LATENTS)}")
    try:
        weights = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is no readable safetensors file, perhaps truncated: {error}") from error
    if tiny.is_encoder(weights) or tiny.is_decoder(weights):
        return _tiny(path, weights, space)
    # Networks are initialized with random weights; that must not change the caller's random state.
    with torch.random.fork_rng(devices=[]):
        return _placed(_full(path, space), SPACES[space])


def _identity(x: Tensor) -> Tensor:
    return x


def _tiny(path: Path, weights: dict[str, Tensor], space: str) -> Autoencoder:
    if tiny.is_decoder(weights):
        raise ValueError(
            f"{path} is the decoder of a tiny autoencoder; pass the encoder from the same folder"
        )
    encode = tiny.half(weights)
    channels, expected = encode[-1].out_channels, SPACES[space].channels
    if channels != expected:
        raise ValueError(
            f"{path} encodes to {channels} channels and {space} latents have {expected}; pass another space"
        )
    decoder = path.with_name(path.name.replace("encoder", "decoder"))
    has_decoder = decoder != path and decoder.is_file()
    decode = tiny.half(load_file(decoder)) if has_decoder else None
    unscaled = SPACES[space]._replace(scale_factor=1.0, shift_factor=0.0)
    return _placed(tiny.TinyAutoencoder(encode, decode), unscaled, has_decoder)


def _full(path: Path, space: str) -> Any:
    try:
        import diffusers
    except ImportError as error:
        raise ImportError("a full autoencoder needs diffusers: install the package diffusers") from error
    wide = SPACES[space].channels > 4  # those do without the two convolutions around their latents
    convolved = dict(use_quant_conv=not wide, use_post_quant_conv=not wide)
    config = _KL_CONFIG | convolved | dict(latent_channels=SPACES[space].channels)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(config))
        try:
            return diffusers.AutoencoderKL.from_single_file(str(path), config=folder, local_files_only=True)
        except Exception as error:  # of many types, for other files
            raise ValueError(
                f"{path} holds no autoencoder of {space} latents that diffusers can read: {error}"
            ) from error


def _placed(model: torch.nn.Module, *more) -> Autoencoder:
    return Autoencoder(model.train(False).to("cuda" if torch.cuda.is_available() else "cpu"), *more)
