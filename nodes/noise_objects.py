"""What travels on NOISE wires: objects with a `seed` and a `generate_noise` that samplers call.

Each answers with a fresh float32 tensor of the latent's shape on the CPU, and honours its `batch_index`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..img2noise import Whitener, correlated_noise, entrance
from . import host


class StoredNoise:
    """Rows (N, ...) held ready; a single one serves every picture of a batch."""

    def __init__(self, rows: Tensor, seed: int):
        self.rows, self.seed = rows, seed

    def generate_noise(self, input_latent: dict) -> Tensor:
        indices = rows_asked(input_latent, self.rows.shape[1:])
        if len(self.rows) == 1:
            indices = [0] * len(indices)
        if max(indices) >= len(self.rows):
            raise ValueError(
                f"got {len(self.rows)} stored noises where the sampler asks for number {max(indices) + 1}; "
                "store as many noises as the batch has pictures, or one for all of them"
            )
        return self.rows[indices]


class CorrelatedNoise:
    """Row i is drawn for (seed, i) when asked for, around the reference of that batch index, or without one
    around reference i modulo how many there are.
    """

    def __init__(self, references: Tensor, numbers: Sequence[int], whitener: Whitener, seed: int, **how):
        self.references, self.whitener, self.seed, self.how = references, whitener, seed, how
        self.places = {number: place for place, number in enumerate(numbers)}

    def generate_noise(self, input_latent: dict) -> Tensor:
        return self.rows(rows_asked(input_latent, self.references.shape[1:]))

    def rows(self, indices: Sequence[int]) -> Tensor:
        x0 = self.references[[self.places.get(i, i % len(self.references)) for i in indices]]
        return correlated_noise(x0, self.whitener, seed=self.seed, indices=indices, **self.how)


class BlendedNoise:
    """Asks two others when it is asked and mixes their answers; its seed is the first one's."""

    def __init__(self, noise_a, noise_b, weight: float, mix: Callable[[Tensor, Tensor, float], Tensor]):
        self.noises, self.weight, self.mix = (noise_a, noise_b), weight, mix
        self.seed = getattr(noise_a, "seed", None) or 0

    def generate_noise(self, input_latent: dict) -> Tensor:
        a, b = (ask(noise, input_latent) for noise in self.noises)
        return self.mix(a, b, self.weight)


def ask(noise, latent: dict) -> Tensor:
    """A copy of what any NOISE answers, float32 on the CPU, of the latent's shape. Core's RandomNoise seeds
    the global generator.
    """
    size = " x ".join(map(str, host.tensor_of(latent).shape))
    if not callable(getattr(noise, "generate_noise", None)):
        raise ValueError(
            f"got {entrance.kind(noise)} for a noise; wire RandomNoise, say, or one of img2noise"
        )
    with host.random_state_kept():
        rows = noise.generate_noise(latent)
    if not isinstance(rows, Tensor) or rows.shape != latent["samples"].shape:
        raise ValueError(
            f"got {entrance.kind(rows)} from a noise for a latent of {size}; use a noise that follows the "
            "latent's size and number"
        )
    if not bool(torch.isfinite(rows).all()):
        raise ValueError("got noise that holds NaN or infinity; look for the node that made it so")
    return rows.to("cpu", copy=True).float()


def rows_asked(input_latent: dict, shape: Sequence[int]) -> list[int]:
    """Which rows of noise a sampler asks for, after a check that its latent has this (C, H, W)."""
    samples = host.tensor_of(input_latent)
    if samples.shape[1:] != shape:
        ours, theirs = (" x ".join(map(str, s)) for s in (shape, samples.shape[1:]))
        raise ValueError(
            f"got noise of {ours} for a latent of {theirs} (channels, height, width); "
            "sample at the size of the picture that the noise was made from"
        )
    return numbers_of(input_latent)


def numbers_of(latent: dict) -> list[int]:
    """Which rows of a larger batch a latent's rows are; ValueError unless each has a number."""
    samples, indices = host.tensor_of(latent), latent.get("batch_index")
    indices = list(range(len(samples)) if indices is None else map(int, indices))
    if len(indices) != len(samples):
        raise ValueError(
            f"got {len(indices)} batch indices for {len(samples)} latents; expected one for each"
        )
    return indices
