"""A trained network as denoise(x, sigma): small unconditional UNets of diffusers, from one safetensors file.

    epsilon       D(x, sigma) = x - sigma eps(a x, t(sigma)),   a = 1 / sqrt(1 + sigma^2)
    v_prediction  D(x, sigma) = a^2 x - sigma a v(a x, t(sigma))   (Salimans and Ho 2022, appendix D)

t(sigma) inverts the schedule the network was trained on, linear in log sigma between its timesteps (Karras et
al. 2022, appendix C.3). Pictures are (B, 3, H, W) in [-1, 1]. The header holds the UNet's configuration, what
it predicts and the facts of its training; weights are float16 or float32 and run in float32.
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

PREDICTIONS = ("epsilon", "v_prediction")


@dataclass(frozen=True)
class NetworkDenoiser:
    """A network over a schedule (ascending sigmas, float64) as `denoise(x, sigma)`."""

    network: nn.Module
    schedule: Tensor
    prediction: str = "epsilon"

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        """E[x0 | x] as the network has it, float32; sigma a number or (B,)."""
        sigma = torch.as_tensor(sigma, dtype=torch.float32, device=x.device).expand(len(x))
        column = sigma.view(-1, 1, 1, 1)
        with torch.inference_mode():
            a = (1 + column**2).rsqrt()
            said = self.network(a * x.float(), self.timestep(sigma).to(x.device)).sample
            if self.prediction == "epsilon":
                return x - column * said
            return a**2 * x - column * a * said

    def timestep(self, sigma: Tensor) -> Tensor:
        """t(sigma), fractional, held within the schedule."""
        log_sigma = sigma.detach().double().cpu().clamp_min(1e-12).log().numpy()
        return torch.from_numpy(
            np.interp(log_sigma, self.schedule.log().numpy(), np.arange(len(self.schedule)))
        ).float()


def load_network(path: str | Path) -> NetworkDenoiser:
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
        config, prediction = json.loads(header["unet"]), json.loads(header.get("prediction", '"epsilon"'))
        if prediction not in PREDICTIONS:
            raise ValueError(f"it predicts {prediction!r}; expected one of {', '.join(PREDICTIONS)}")
        with torch.random.fork_rng(
            devices=[]
        ):  # built with random weights first, which is nobody else's affair
            network = UNet2DModel(**config)
        network.load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} holds no network of ours: {error}") from error
    return NetworkDenoiser(network.eval().requires_grad_(False), scaled_linear(), prediction)
