"""Load the network that `train_photo32` trained, as a denoiser."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from img2noise.networks import EpsDenoiser, NetworkDenoiser, VDenoiser

PREDICTIONS = {"epsilon": EpsDenoiser, "v_prediction": VDenoiser}


def load_network(path: str | Path) -> NetworkDenoiser:
    """Return the denoiser in a file of `train_photo32`, for pictures (B, 3, H, W) in [-1, 1].

    The header holds the configuration of diffusers' UNet2DModel and its prediction type; weights run in
    float32. Raises ImportError where diffusers is not installed, ValueError for any other file.
    """
    try:
        from diffusers import UNet2DModel
    except ImportError as error:
        raise ImportError("loading a network needs diffusers: pip install diffusers") from error
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            weights = {name: file.get_tensor(name).float() for name in file.keys()}
        config, prediction = json.loads(header["unet"]), json.loads(header.get("prediction", '"epsilon"'))
        if prediction not in PREDICTIONS:
            raise ValueError(f"it predicts {prediction!r}; expected one of {', '.join(PREDICTIONS)}")
        with torch.random.fork_rng(devices=[]):  # building it draws weights from the global generator
            network = UNet2DModel(**config)
        network.load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} holds no network of train_photo32: {error}") from error
    return PREDICTIONS[prediction](network.train(False).requires_grad_(False))
