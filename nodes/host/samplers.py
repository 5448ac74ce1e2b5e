"""SAMPLER and NOISE objects of the inversions: samplers that invert a picture or replay its noise maps, and
the noise that starts a sampler exactly where an inversion ended.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import comfy.samplers
import torch
from torch import Tensor

from ...img2noise import NoiseMaps, checks, replay
from ...img2noise.inversion import ddim
from ...img2noise.noise.draw import noise_rows
from ...img2noise.sigmas import descending
from . import batches, guiders, latents, models
from .noises import StoredNoise, rows_asked

logger = logging.getLogger(__name__)
FLIPPED_ZERO = 1e-4  # what the host's FlipSigmas writes for a leading 0


class InversionSampler(comfy.samplers.Sampler):
    """Inverts the picture in latent_image to the latent at the highest sigma; ignores noise and mask."""

    def __init__(self, scheme: str, forward_fraction: float, forward_seed: int, iterations: int):
        checks.number(forward_fraction, "forward fraction", 0, 1)
        noise_rows(1, forward_seed)  # refuses a wrong seed, also where no step will draw
        self.scheme, self.iterations = scheme, iterations
        self.forward_fraction, self.forward_seed = forward_fraction, forward_seed

    def sample(
        self, guider, sigmas, extra_args, callback, noise, latent_image=None, denoise_mask=None, no_bar=False
    ):
        guiders.check(guider, latent_image)
        latents.refuse_empty(latent_image)
        levels = models.levels_of(guider.model_patcher, downwards(sigmas))
        if bool(noise.any()):
            logger.info("Inversion Sampler: starts from the picture and ignores the noise input")
        if float(levels.told[0]) > guiders.STEEP:
            logger.warning(
                "Inversion Sampler: at sigma %.4g nothing of the picture is left", float(levels.told[0])
            )
        steps = len(levels) - 1
        ready = guiders.Ready(guider, extra_args, latent_image)
        replaced = ddim.forward_steps(levels, self.forward_fraction)
        if self.forward_fraction and not replaced:
            logger.info(
                "Inversion Sampler: forward_fraction is taken as 0, since the first step of this schedule "
                "goes to sigma %.3g, where detail is lost",
                float(levels.sigmas[-2]),
            )
        x = ddim.invert(
            ready,
            latent_image,
            levels,
            scheme=self.scheme,
            forward_steps=replaced,
            seed=self.forward_seed,
            iterations=self.iterations,
            on_step=guiders.stepper(callback, steps),
        )
        top = float(levels.a[0])
        return (
            x / top if top else x
        )  # a LATENT at a level of flow is x / a to the host; x has no such at a = 0


def way_back(scheme: str):
    """Return the host's sampler that retraces inversions of a scheme."""
    checks.choice(scheme, "scheme", ddim.SCHEMES)
    return (
        comfy.samplers.KSAMPLER(sample_midpoint) if scheme == "midpoint" else comfy.samplers.ksampler("euler")
    )


def sample_midpoint(model, x, sigmas, extra_args=None, callback=None, disable=None):
    """Sample by the rule of midpoint inversions, as the host calls its samplers."""
    levels = models.levels_of(model.inner_model.model_patcher, sigmas)

    def denoise(y: Tensor, sigma: Tensor) -> Tensor:
        return model(y, sigma, **(extra_args or {}))

    def on_step(k: int, clean: Tensor) -> None:
        if callback is not None:
            callback(dict(i=k, x=x, denoised=clean, sigma=sigmas[k], sigma_hat=sigmas[k]))

    return ddim.sample(denoise, x, levels, scheme="midpoint", on_step=on_step)


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
        return torch.tensor(rows).add(1.0).view(-1, *[1] * len(self.shape)).repeat(1, *self.shape)


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
            f"got a latent of {theirs} for noise maps of {ours} (batch, channels, height, width, or frames "
            "before the height); sample the latent of Edit-Friendly Sampler, or the inverted picture"
        )
    found, kept = sigmas.cpu().double(), maps.levels.told
    if found.shape != kept.shape or not torch.allclose(found, kept, rtol=1e-5, atol=0):
        raise ValueError(
            f"got {len(found)} sigmas that are not the {len(kept)} of the noise maps; connect the "
            "sigmas of Edit-Friendly Sampler"
        )


class InvertedNoise:
    """The noise from which a sampler starts at exactly x_T, whatever latent it is given beside it.

    The host scales noise n and adds it to a latent l, x = b n + a l, so n = (x_T - a l) / b. A latent at a
    level with a > 0 is x_T / a, as `InversionSampler` and the host's own samplers leave it, or x_T at a = 0.
    It holds x_T and the figures of the scaling, nothing of the model.
    """

    def __init__(self, model, sigma: float, x: Tensor, seed: int, numbers: Sequence[int]):
        self.format = models.format_of(model)
        x = self.format.framed(x)
        if x.shape[1] != self.format.channels or x.ndim != 2 + self.format.axes:
            raise ValueError(
                f"got a latent of shape {tuple(x.shape)} for a model of {self.format.name} latents, "
                f"{self.format.shape}; connect the output of an inversion with this model"
            )
        self.gain, self.share = models.start(model, sigma)
        x = self.format.into(x)
        self.stored, self.seed = StoredNoise(x * self.share if self.share else x, seed, numbers), seed

    def generate_noise(self, input_latent: dict) -> Tensor:
        x = self.stored.generate_noise(input_latent)
        beside = latents.samples_of(input_latent)
        beside = self.format.into(beside) if bool(beside.any()) else beside
        return (x - self.share * beside) / self.gain


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
    """Raise ValueError for maps of another latent space than the model's, or of other noise levels."""
    model = guider.model_patcher
    name, levels = guiders.space_name(model), models.levels_of(model, maps.levels.told)
    if not torch.allclose(levels.b, maps.levels.b) or not torch.allclose(levels.a, maps.levels.a):
        kinds = (
            "a flow model" if kind == "flow" else "a model like SD"
            for kind in (maps.levels.kind, levels.kind)
        )
        raise ValueError("got noise maps of {} for {}; use the model they were made with".format(*kinds))
    if name != maps.space:
        ours, theirs = (space or "unknown" for space in (maps.space, name))
        raise ValueError(
            f"got noise maps of {ours} latents for a model of {theirs} latents; use a model of the "
            "family they were made with"
        )
