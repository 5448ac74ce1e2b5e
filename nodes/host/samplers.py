"""SAMPLER and NOISE objects of the inversions: samplers that invert a picture or replay its noise maps, and
the noise that starts a sampler exactly where an inversion ended.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace

import comfy.samplers
import torch
from torch import Tensor

from ...img2noise import NoiseMaps, checks, replay
from ...img2noise.inversion import ddim
from ...img2noise.sigmas import descending
from . import batches, guiders, latents
from .noises import StoredNoise, rows_asked

logger = logging.getLogger(__name__)
FLIPPED_ZERO = 1e-4  # what the host's FlipSigmas writes for a leading 0


class InversionSampler(comfy.samplers.Sampler):
    """Inverts the picture in latent_image to the latent at the highest sigma; ignores noise and mask."""

    def __init__(self, scheme: str, forward_fraction: float, forward_seed: int, iterations: int):
        checks.number(forward_fraction, "forward fraction", 0, 1)
        self.scheme, self.iterations = scheme, iterations
        self.forward_fraction, self.forward_seed = forward_fraction, forward_seed

    def sample(
        self, guider, sigmas, extra_args, callback, noise, latent_image=None, denoise_mask=None, no_bar=False
    ):
        guiders.check(guider, latent_image)
        latents.refuse_empty(latent_image)
        levels = downwards(sigmas)
        if bool(noise.any()):
            logger.info("Inversion Sampler: starts from the picture and ignores the noise input")
        if float(levels[0]) > guiders.STEEP:
            logger.warning(
                "Inversion Sampler: at sigma %.4g nothing of the picture is left", float(levels[0])
            )
        steps = len(levels) - 1
        forward = max(1, round(self.forward_fraction * steps)) if self.forward_fraction else 0
        ready = guiders.Ready(guider, extra_args, latent_image)
        on_step = guiders.stepper(callback, steps)
        return ddim.invert(
            ready,
            latent_image,
            levels,
            scheme=self.scheme,
            forward_steps=forward,
            seed=self.forward_seed,
            iterations=self.iterations,
            on_step=on_step,
        )


class NoiseMapsSampler(comfy.samplers.Sampler):
    """Replays noise maps under the guider's prompt. Starts from the maps; of the noise it takes no more than
    which rows a `NoiseMapsNoise` asks for.
    """

    def __init__(self, maps: NoiseMaps):
        self.maps = maps

    def sample(
        self, guider, sigmas, extra_args, callback, noise, latent_image=None, denoise_mask=None, no_bar=False
    ):
        guiders.check(guider, latent_image)
        maps = picked(self.maps, rows_named(noise, len(self.maps.start)))
        check_maps(maps, guider, sigmas, latent_image)
        if denoise_mask is not None and not bool(latent_image.any()):
            raise ValueError(
                "got a noise mask on an empty latent; connect the picture that the mask belongs to"
            )
        ready = guiders.Ready(guider, extra_args, latent_image)
        on_step = guiders.stepper(callback, len(maps.residuals))
        x = replay(ready, moved(maps, latent_image), on_step=on_step)
        return x if denoise_mask is None else latent_image + denoise_mask * (x - latent_image)


class NoiseMapsNoise:
    """Names the rows of the maps for a `NoiseMapsSampler`, since a sampler does not get the numbers of its
    pictures: the noise of row k is k + 1 everywhere, and 0 everywhere where no row fits.
    """

    seed = 0

    def __init__(self, maps: NoiseMaps):
        self.shape, self.numbers = maps.start.shape[1:], numbers_of_maps(maps)

    def generate_noise(self, input_latent: dict) -> Tensor:
        asked = rows_asked(input_latent, self.shape)
        rows = batches.places(asked, self.numbers) or [-1] * len(asked)
        return torch.tensor(rows).add(1.0).view(-1, 1, 1, 1).repeat(1, *self.shape)


def rows_named(noise: Tensor, count: int) -> list[int] | None:
    """Return the rows that the noise of a `NoiseMapsNoise` names, of `count`; None for any other noise."""
    values = noise.flatten(1).float().cpu()
    rows = values[:, 0] - 1
    named = (values == values[:, :1]).all() and torch.isin(rows, torch.arange(count).float()).all()
    return [int(row) for row in rows] if bool(named) else None


def picked(maps: NoiseMaps, rows: list[int] | None) -> NoiseMaps:
    """Return the maps of those rows, in that order; all of them as they are for None."""
    if rows is None or rows == list(range(len(maps.start))):
        return maps
    numbers = tuple(numbers_of_maps(maps)[row] for row in rows)
    return replace(maps, start=maps.start[rows], residuals=maps.residuals[:, rows], numbers=numbers)


def numbers_of_maps(maps: NoiseMaps) -> list[int]:
    """Return the number of each picture that the maps were made of."""
    return list(maps.numbers or range(len(maps.start)))


def check_maps(maps: NoiseMaps, guider, sigmas: Tensor, latent: Tensor) -> None:
    """Raise ValueError unless the maps fit the guider's model, these sigmas and this latent."""
    check_space(guider, maps)
    if latent.shape != maps.start.shape:
        ours, theirs = (" x ".join(map(str, x.shape)) for x in (maps.start, latent))
        raise ValueError(
            f"got a latent of {theirs} for noise maps of {ours} (batch, channels, height, width); sample "
            "the latent of Edit-Friendly Sampler, or the inverted picture"
        )
    found = sigmas.cpu().double()
    if found.shape != maps.sigmas.shape or not torch.allclose(found, maps.sigmas, rtol=1e-5, atol=0):
        raise ValueError(
            f"got {len(found)} sigmas that are not the {len(maps.sigmas)} of the noise maps; connect the "
            "sigmas of Edit-Friendly Sampler"
        )


class InvertedNoise:
    """The noise from which a sampler starts at exactly x_T, whatever latent it is given beside it.

    The host scales noise n and adds it to a latent l, y = a n + b l, so n = (x_T - b l) / a. It holds x_T and
    the figures of the scaling, nothing of the model.
    """

    def __init__(self, model, sigma: float, x: Tensor, seed: int, numbers: Sequence[int]):
        process_in = model.get_model_object("process_latent_in")
        zero, one = torch.zeros(1, x.shape[1], 1, 1), torch.ones(1, x.shape[1], 1, 1)
        self.origin = process_in(zero)  # (1, C, 1, 1): the host's units are affine in the autoencoder's
        self.scale = process_in(one) - self.origin
        self.gain, self.share = scaling(model.get_model_object("model_sampling"), sigma)
        self.stored, self.seed = StoredNoise(process_in(x), seed, numbers), seed

    def generate_noise(self, input_latent: dict) -> Tensor:
        x = self.stored.generate_noise(input_latent)
        beside = latents.samples_of(input_latent)
        beside = self.origin + self.scale * beside if bool(beside.any()) else beside
        return (x - self.share * beside) / self.gain


def scaling(sampling, sigma: float) -> tuple[Tensor, Tensor]:
    """Return a and b of y = a n + b l, how the host's samplers start at this sigma: each (1, 1, 1, 1)."""
    top = float(sampling.sigma_max)
    full = sigma > top or math.isclose(sigma, top, rel_tol=1e-5)  # the host's rule
    zero, one = torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1)
    start = [sampling.noise_scaling(torch.tensor(sigma), *pair, full) for pair in ((one, zero), (zero, one))]
    return start[0].clone(), start[1].clone()


def downwards(sigmas: Tensor) -> Tensor:
    """Return a schedule that descends to 0, turned round where it ascends; ValueError for any other."""
    sigmas = sigmas.cpu().double()
    if len(sigmas) > 1 and bool((sigmas.diff() > 0).all()):
        sigmas = sigmas.flip(0)
        if float(sigmas[-1]) <= 1.001 * FLIPPED_ZERO:
            sigmas[-1] = 0.0
    return descending(sigmas)


def moved(maps: NoiseMaps, like: Tensor | str) -> NoiseMaps:
    """Return the maps on the device of a tensor, or on the named device."""
    device = like if isinstance(like, str) else like.device
    return replace(maps, start=maps.start.to(device), residuals=maps.residuals.to(device))


def check_space(guider, maps: NoiseMaps) -> None:
    """Raise ValueError for maps of another latent space than the model's."""
    name = guiders.space_name(guider.model_patcher)
    if name != maps.space:
        ours, theirs = (space or "unknown" for space in (maps.space, name))
        raise ValueError(
            f"got noise maps of {ours} latents for a model of {theirs} latents; use a model of the "
            "family they were made with"
        )
