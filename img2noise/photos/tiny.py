"""Tiny autoencoders from their weights alone: TAESD, TAESD XL, TAESD3, TAEF1, TAEF2 (Bohan 2023, MIT).

Three halvings with three residual blocks at each size; the encoder maps [0, 1] to latents in model space, the
decoder bounds them to about [-3, 3] first. Channels, and the pooling that TAEF2 adds at the smallest size,
are read from the weights. Files hold one half: "taesd_encoder.safetensors", "taesd_decoder.safetensors".
"""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import Tensor, nn

WIDTH = 64


class Block(nn.Module):
    """A residual block of three convolutions; `pool` mixes channels first."""

    def __init__(self, pooled: bool = False):
        super().__init__()
        relu = nn.ReLU
        self.conv = nn.Sequential(_conv(), relu(), _conv(), relu(), _conv())
        self.pool = None
        if pooled:
            wide = 4 * WIDTH
            first, last = nn.Conv2d(WIDTH, wide, 1, bias=False), nn.Conv2d(wide, WIDTH, 1, bias=False)
            self.pool = nn.Sequential(first, nn.GroupNorm(4, wide), relu(), last)

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(y + conv(y)), y = x + pool(x)."""
        x = x if self.pool is None else x + self.pool(x)
        return torch.relu(self.conv(x) + x)


class Bound(nn.Module):
    """The decoder's first layer: 3 tanh(x / 3)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return 3 tanh(x / 3)."""
        return torch.tanh(x / 3) * 3


class TinyAutoencoder(nn.Module):
    """Both halves, as diffusers has autoencoders: pictures in [-1, 1], latents in model space."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module | None):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def encode(self, pictures: Tensor) -> SimpleNamespace:
        """Return `latents` of pictures."""
        return SimpleNamespace(latents=self.encoder((pictures + 1) / 2))

    def decode(self, latents: Tensor) -> SimpleNamespace:
        """Return the `sample` of latents."""
        if self.decoder is None:
            raise ValueError("got no decoder beside the encoder; put it into the same folder")
        return SimpleNamespace(sample=self.decoder(latents) * 2 - 1)


def is_encoder(weights: dict[str, Tensor]) -> bool:
    """Return whether these are the weights of a tiny encoder."""
    return "1.conv.0.weight" in weights


def is_decoder(weights: dict[str, Tensor]) -> bool:
    """Return whether these are the weights of a tiny decoder."""
    return "3.conv.0.weight" in weights and not is_encoder(weights)


def half(weights: dict[str, Tensor]) -> nn.Sequential:
    """Return the encoder, [0, 1] to latents, or the decoder, latents to about [0, 1]."""
    with torch.device("meta"):  # no random numbers are drawn for weights that are replaced
        network = nn.Sequential(*(_encoder(weights) if is_encoder(weights) else _decoder(weights)))
    network.load_state_dict({name: tensor.float() for name, tensor in weights.items()}, assign=True)
    return network


def _encoder(weights: dict[str, Tensor]) -> list[nn.Module]:
    pooled, layers = _pooled(weights), [_conv(3), Block()]
    for last in (False, False, True):
        layers += [_conv(stride=2, bias=False), *(Block(pooled and last) for _ in range(3))]
    return [*layers, _conv(out=len(weights["14.bias"]))]


def _decoder(weights: dict[str, Tensor]) -> list[nn.Module]:
    pooled, layers = _pooled(weights), [Bound(), _conv(weights["1.weight"].shape[1]), nn.ReLU()]
    for first in (True, False, False):
        doubled = nn.Upsample(scale_factor=2), _conv(bias=False)
        layers += [*(Block(pooled and first) for _ in range(3)), *doubled]
    return [*layers, Block(), _conv(out=3)]


def _pooled(weights: dict[str, Tensor]) -> bool:
    return any(".pool." in name for name in weights)


def _conv(inputs: int = WIDTH, out: int = WIDTH, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, out, 3, stride, 1, bias=bias)
