"""NOISE objects: a `seed`, and a `generate_noise` that samplers call.

Each returns a fresh float32 tensor of the latent's shape on the CPU; `batches` says which row a picture
gets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...img2noise import Whitener, checks, correlated_noise
from ...img2noise.noise import blend_by_frequency, vary
from ...img2noise.noise.sums import row_means, row_stds
from . import batches, latents


class StoredNoise:
    """Stored noise rows (N, ...) with the numbers of their pictures; a single row serves every picture."""

    def __init__(self, rows: Tensor, seed: int, numbers: Sequence[int]):
        self.rows, self.seed, self.numbers = rows, seed, list(numbers)

    def generate_noise(self, input_latent: dict) -> Tensor:
        asked = rows_asked(input_latent, self.rows.shape[1:])
        found = [0] * len(asked) if len(self.rows) == 1 else batches.places(asked, self.numbers)
        if found is None:
            raise ValueError(
                f"got {len(self.rows)} stored noises of pictures numbered {batches.words(self.numbers)} for "
                f"{len(asked)} latents numbered {batches.words(asked)}; sample as many latents, in that "
                "order, or store a single noise for all of them"
            )
        return like(self.rows[found], input_latent)


class CorrelatedNoise:
    """Noise drawn on request, row i around the reference of that number. A single reference serves every
    picture; where there are fewer references than pictures they take turns.
    """

    def __init__(
        self,
        references: Tensor,
        numbers: Sequence[int],
        whitener: Whitener,
        seed: int,
        temperature: float,
        strength: float = 1.0,
        preserve_variance: bool = True,
    ):
        self.references, self.numbers, self.whitener, self.seed = references, list(numbers), whitener, seed
        self.temperature, self.strength, self.preserve_variance = temperature, strength, preserve_variance

    def generate_noise(self, input_latent: dict) -> Tensor:
        samples = latents.as_samples(self.references[:1], self.whitener)
        asked = rows_asked(input_latent, samples.shape[1:])
        shared = batches.shared(asked, self.numbers)
        if shared and input_latent.get("batch_index") is not None:
            raise ValueError(
                f"got a latent numbered {batches.words(shared)}, a number that several of the "
                f"{len(self.numbers)} references have; join references with Batch Images before VAE Encode, "
                "or sample as many latents as references"
            )
        return like(latents.as_samples(self.drawn(asked), self.whitener), input_latent)

    def drawn(self, asked: Sequence[int]) -> Tensor:
        """Return noise for pictures of these numbers, as the whitener has them, (N, C, H, W)."""
        x0 = self.references[batches.turns(asked, self.numbers)]
        return correlated_noise(
            x0,
            self.whitener,
            temperature=self.temperature,
            strength=self.strength,
            preserve_variance=self.preserve_variance,
            seed=self.seed,
            indices=batches.draws(asked),
        )


class BlendedNoise:
    """A mix of two other noises, made on request; its seed is that of the first."""

    def __init__(self, noise_a, noise_b, weight: float, mix: Callable[[Tensor, Tensor, float], Tensor]):
        self.noises, self.weight, self.mix = (noise_a, noise_b), weight, mix
        self.seed = getattr(noise_a, "seed", None) or 0

    def generate_noise(self, input_latent: dict) -> Tensor:
        a, b = (ask(noise, input_latent) for noise in self.noises)
        return self.mix(a, b, self.weight)


class VariedNoise:
    """A small step away from another noise, each row with the fresh noise of its own number."""

    def __init__(self, noise, amount: float, seed: int):
        self.noise, self.amount, self.variation, self.seed = noise, amount, seed, noise.seed

    def generate_noise(self, input_latent: dict) -> Tensor:
        numbers = batches.draws(latents.numbers_of(input_latent))
        return vary(ask(self.noise, input_latent), self.amount, seed=self.variation, indices=numbers)


def split(a: Tensor, b: Tensor, cut_off: float) -> Tensor:
    """Return the layout of a and the detail of b, (B, C, H, W) or with frames (B, C, T, H, W)."""
    if a.ndim == 4:
        return blend_by_frequency(a, b, cut_off)
    flat = (t.movedim(2, 1).flatten(0, 1) for t in (a, b))
    return blend_by_frequency(*flat, cut_off).unflatten(0, (-1, a.shape[2])).movedim(1, 2)


def ask(noise, latent: dict) -> Tensor:
    """Return a copy of what any NOISE generates, float32 on the CPU, of the latent's shape. Core's
    RandomNoise seeds the global generator.
    """
    size = " x ".join(map(str, latents.tensor_of(latent).shape))
    if not callable(getattr(noise, "generate_noise", None)):
        raise ValueError(f"got {checks.kind(noise)} for a noise; connect RandomNoise or a noise of img2noise")
    with latents.random_state_kept():
        rows = noise.generate_noise(latent)
    if not isinstance(rows, Tensor) or rows.shape != latent["samples"].shape:
        raise ValueError(
            f"got {checks.kind(rows)} from a noise for a latent of {size}; use a noise that follows the "
            "size and batch of the latent"
        )
    if not bool(torch.isfinite(rows).all()):
        raise ValueError("got noise that holds NaN or infinity; look for the node that made it so")
    return rows.to("cpu", copy=True).float()


def standardize(x: Tensor) -> Tensor:
    """Return x with mean 0 and standard deviation 1 per sample; ValueError for one that is constant."""
    std, mean = (figure(x).view(-1, *[1] * (x.ndim - 1)) for figure in (row_stds, row_means))
    if not bool((std > 0).all()):
        raise ValueError(
            "got an empty or constant latent, which cannot be normalized; connect one that holds noise"
        )
    return ((x.double() - mean) / std).to(x)


def rows_asked(input_latent: dict, shape: Sequence[int]) -> list[int]:
    """Return the numbers of the pictures that a sampler wants noise for; ValueError unless its latent has
    this (C, H, W), with or without an axis for a single frame.
    """
    samples = latents.tensor_of(input_latent)
    if still(samples.shape[1:]) != still(shape):
        ours, theirs = (" x ".join(map(str, s)) for s in (shape, samples.shape[1:]))
        raise ValueError(
            f"got noise of {ours} for a latent of {theirs} (channels, height, width); "
            "sample at the size of the picture that the noise was made from"
        )
    return latents.numbers_of(input_latent)


def still(shape: Sequence[int]) -> tuple[int, ...]:
    """Return (C, H, W) of (C, 1, H, W), a picture for a video model; any other shape as it is."""
    return (shape[0], *shape[2:]) if len(shape) == 4 and shape[1] == 1 else tuple(shape)


def like(rows: Tensor, input_latent: dict) -> Tensor:
    """Return the rows with the axes of a latent that they fit."""
    return rows.reshape(len(rows), *latents.tensor_of(input_latent).shape[1:])
