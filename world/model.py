"""The little world's model: a latent diffusion model of 5.6 M parameters that follows prompts.

    UNet        v(x_vp, t, context), in the layout of diffusers and of ComfyUI; Stable Diffusion's schedule
    context     `words.TextEncoder`
    autoencoder TAESD (Bohan 2023, MIT), SD's latent space: a picture of 128 x 128 is a latent of 4 x 16 x 16

`load()` reads the shipped file; `denoiser(prompt, guidance)` is D(x, sigma) = E[x0 | x, prompt].
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from img2noise import VDenoiser
from img2noise.photos.tiny import half

from .words import WIDTH, TextEncoder, tokens

HERE = Path(__file__).parent
MODEL, TAESD = HERE / "little_world.safetensors", HERE / "taesd.safetensors"
UNET = dict(
    sample_size=16,
    in_channels=4,
    out_channels=4,
    block_out_channels=(64, 128, 128),
    layers_per_block=1,
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    cross_attention_dim=WIDTH,
    attention_head_dim=(2, 4, 4),  # heads, in diffusers' words; each is 32 wide
    use_linear_projection=True,
)


class LittleWorld(nn.Module):
    """UNet and text encoder; v for x_vp (B, 4, H, W), timesteps (B,) and context (B or 1, L, W)."""

    def __init__(self):
        super().__init__()
        from diffusers import UNet2DConditionModel

        self.unet = UNet2DConditionModel(**UNET)
        self.text = TextEncoder()

    def forward(self, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
        return self.unet(x, t, context.expand(len(x), -1, -1)).sample

    def encode_prompts(self, prompts: list[str]) -> Tensor:
        """Return the context of prompts: (B, LENGTH, WIDTH)."""
        return self.text(tokens(prompts).to(self.text.place.device))

    def denoiser(self, prompt: str | list[str], guidance: float = 1.0, negative: str = ""):
        """Return D(x, sigma) under a prompt, or one prompt a row; `guidance` 1 is the prompt alone."""
        with torch.no_grad():
            cond = self.encode_prompts([prompt] if isinstance(prompt, str) else list(prompt))
            if guidance == 1:
                return VDenoiser(lambda x, t: self(x, t, cond), dtype=self.dtype)
            rows = torch.cat([self.encode_prompts([negative]).expand_as(cond), cond])

        def both(x: Tensor, t: Tensor) -> Tensor:
            context = torch.cat([half.expand(len(x), -1, -1) for half in rows.chunk(2)])
            low, high = self(torch.cat([x, x]), torch.cat([t, t]), context).chunk(2)
            return low + guidance * (high - low)

        return VDenoiser(both, dtype=self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        return self.text.place.dtype


@cache
def load(path: Path = MODEL) -> LittleWorld:
    """Return the shipped model, float32, in evaluation mode. Its facts are in `metadata(path)`."""
    with torch.random.fork_rng(devices=()):  # whose first weights are drawn
        model = LittleWorld()
    model.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return model.eval().requires_grad_(False)


def metadata(path: Path = MODEL) -> dict:
    """Return the facts in the file's header: steps, scenes, loss, schedule, prediction, license."""
    with safe_open(path, "pt") as file:
        return {name: json.loads(value) for name, value in (file.metadata() or {}).items()}


@cache
def autoencoder() -> dict[str, nn.Module]:
    """Return TAESD's "encoder", [0, 1] to latents, and "decoder", from the shipped file, float32."""
    weights: dict[str, dict[str, Tensor]] = {"encoder": {}, "decoder": {}}
    for name, value in load_file(TAESD).items():
        part, rest = name.removeprefix("taesd_").split(".", 1)
        weights[part][rest] = value
    halves = {part: half(value).eval().requires_grad_(False) for part, value in weights.items()}
    return {part: network.to(memory_format=torch.channels_last) for part, network in halves.items()}


def encode(pictures: Tensor) -> Tensor:
    """Return latents (B, 4, H / 8, W / 8) of pictures (B, 3, H, W) in [0, 1]."""
    with torch.inference_mode():
        return autoencoder()["encoder"](pictures).contiguous().clone()


def decode(latents: Tensor) -> Tensor:
    """Return pictures (B, 3, H, W) in [0, 1] of latents (B, 4, H / 8, W / 8)."""
    with torch.inference_mode():
        return autoencoder()["decoder"](latents.float()).clamp(0, 1).contiguous().clone()
