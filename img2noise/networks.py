"""A trained network as denoise(x, sigma): small unconditional UNets of diffusers, from one safetensors file.

    D(x, sigma) = x - sigma eps(x / sqrt(1 + sigma^2), t(sigma))

t(sigma) inverts the schedule the network was trained on, linear in log sigma between its timesteps (Karras et
al. 2022, appendix C.3). Pictures are (B, 3, H, W) in [-1, 1]. The header holds the UNet's configuration and
the facts of its training; weights are float16 or float32 and run in float32.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from .sigmas import scaled_linear


@dataclass(frozen=True)
class EpsDenoiser:
    """An eps-predicting network over a schedule (ascending sigmas, float64) as `denoise(x, sigma)`."""

    network: nn.Module
    schedule: Tensor

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        """E[x0 | x] as the network has it, float32; sigma a number or (B,)."""
        sigma = torch.as_tensor(sigma, dtype=torch.float32, device=x.device).expand(len(x))
        column = sigma.view(-1, 1, 1, 1)
        with torch.inference_mode():
            eps = self.network(x.float() / (1 + column**2).sqrt(), self.timestep(sigma).to(x.device)).sample
        return x - column * eps

    def timestep(self, sigma: Tensor) -> Tensor:
        """t(sigma), fractional, held within the schedule."""
        log_sigma = sigma.detach().double().cpu().clamp_min(1e-12).log().numpy()
        return torch.from_numpy(
            np.interp(log_sigma, self.schedule.log().numpy(), np.arange(len(self.schedule)))
        ).float()


def load_network(path: str | Path) -> EpsDenoiser:
    """The network in a file written by `benchmarks/train_photo32.py`.

    Raises ImportError where diffusers is not installed, and ValueError naming the file where it holds no such
    network.
    """
    try:
        from diffusers import UNet2DModel
    except ImportError as error:
        raise ImportError(
            "networks are built by diffusers; install it with: pip install diffusers"
        ) from error
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            weights = {name: file.get_tensor(name).float() for name in file.keys()}
        config = json.loads(header["unet"])
        with torch.random.fork_rng(
            devices=[]
        ):  # built with random weights first, which is nobody else's affair
            network = UNet2DModel(**config)
        network.load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} holds no network of ours: {error}") from error
    return EpsDenoiser(network.eval().requires_grad_(False), scaled_linear())
