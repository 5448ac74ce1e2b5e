"""What travels on SAMPLER and NOISE wires of the inversions: samplers that invert a picture or replay its
noise maps, and the noise from which a sampler starts exactly where an inversion ended.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace

import comfy.samplers
import torch
from torch import Tensor

from ..img2noise import NoiseMaps, ddim, entrance, replay
from ..img2noise.sigmas import descending
from . import guiders, host
from .noise_objects import StoredNoise

FLIPPED_ZERO = 1e-4  # what the host's FlipSigmas writes for a leading 0


class InversionSampler(comfy.samplers.Sampler):
    """From the picture in latent_image to the latent at the highest sigma; noise and mask are left aside."""

    def __init__(self, evaluate: str, forward_fraction: float, forward_seed: int, iterations: int):
        entrance.number(forward_fraction, "forward fraction", 0, 1)
        self.fraction = forward_fraction
        self.how = dict(evaluate=evaluate, forward_seed=forward_seed, iterations=iterations)

    def sample(
        self,
        model_wrap,
        sigmas,
        extra_args,
        callback,
        noise,
        latent_image=None,
        denoise_mask=None,
        disable_pbar=False,
    ):
        guiders.check(model_wrap, latent_image)
        host.refuse_empty(latent_image)
        levels = downwards(sigmas)
        if bool(noise.any()):
            logging.info("Inversion Sampler: starts from the picture and leaves the noise it is given aside")
        if float(levels[0]) > guiders.STEEP:
            logging.warning("Inversion Sampler: sigma %.4g leaves nothing of a picture", float(levels[0]))
        steps = len(levels) - 1
        forward = max(1, round(self.fraction * steps)) if self.fraction else 0
        ready = guiders.Ready(model_wrap, extra_args, latent_image)
        on_step = guiders.stepper(callback, steps)
        return ddim.invert(
            ready.denoise, latent_image, levels, forward_steps=forward, on_step=on_step, **self.how
        )


class NoiseMapsSampler(comfy.samplers.Sampler):
    """Replays noise maps under the guider's prompt; starts from the maps, whatever noise it is given."""

    def __init__(self, maps: NoiseMaps):
        self.maps = maps

    def sample(
        self,
        model_wrap,
        sigmas,
        extra_args,
        callback,
        noise,
        latent_image=None,
        denoise_mask=None,
        disable_pbar=False,
    ):
        guiders.check(model_wrap, latent_image)
        self._check(model_wrap, sigmas, latent_image)
        if denoise_mask is not None and not bool(latent_image.any()):
            raise ValueError("got a noise mask on an empty latent; wire the picture that the mask belongs to")
        ready = guiders.Ready(model_wrap, extra_args, latent_image)
        x = replay(
            ready.denoise,
            moved(self.maps, latent_image),
            on_step=guiders.stepper(callback, len(self.maps.residuals)),
        )
        return x if denoise_mask is None else latent_image + denoise_mask * (x - latent_image)

    def _check(self, guider, sigmas: Tensor, latent: Tensor) -> None:
        maps = self.maps
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
                f"got {len(found)} sigmas that are not the {len(maps.sigmas)} of the noise maps; wire the "
                "sigmas of Edit-Friendly Sampler"
            )


class InvertedNoise:
    """The noise from which a sampler starts at exactly x_T, whatever latent it is given beside it.

    The host scales noise and adds it to a latent, y = a n + b, so n = (x_T - b) / a.
    """

    def __init__(self, model, sigma: float, x: Tensor, seed: int):
        self.sampling = model.get_model_object("model_sampling")
        self.process_in = model.get_model_object("process_latent_in")
        self.sigma, self.seed = sigma, seed
        self.stored = StoredNoise(self.process_in(x), seed)

    def generate_noise(self, input_latent: dict) -> Tensor:
        x = self.stored.generate_noise(input_latent)
        beside = host.samples_of(input_latent)
        beside = self.process_in(beside) if bool(beside.any()) else beside
        top, sigma = float(self.sampling.sigma_max), torch.tensor(self.sigma)
        full = self.sigma > top or math.isclose(self.sigma, top, rel_tol=1e-5)  # the host's rule
        offset = self.sampling.noise_scaling(sigma, torch.zeros_like(x), beside, full)
        gain = self.sampling.noise_scaling(sigma, torch.ones_like(x), torch.zeros_like(x), full)
        return (x - offset) / gain


def downwards(sigmas: Tensor) -> Tensor:
    """A schedule that descends to 0, of one that does or of its flipped self; ValueError for any other."""
    sigmas = sigmas.cpu().double()
    if len(sigmas) > 1 and bool((sigmas.diff() > 0).all()):
        sigmas = sigmas.flip(0)
        if float(sigmas[-1]) <= 1.001 * FLIPPED_ZERO:
            sigmas[-1] = 0.0
    return descending(sigmas)


def moved(maps: NoiseMaps, like: Tensor | str) -> NoiseMaps:
    """The maps on the device of a tensor, or on the one named."""
    device = like if isinstance(like, str) else like.device
    return replace(maps, start=maps.start.to(device), residuals=maps.residuals.to(device))


def check_space(guider, maps: NoiseMaps) -> None:
    """Raises ValueError for maps of another latent space than the model's."""
    name = guiders.space_name(guider.model_patcher)
    if name != maps.space:
        ours, theirs = (space or "unknown" for space in (maps.space, name))
        raise ValueError(
            f"got noise maps of {ours} latents for a model of {theirs} latents; use the model family they "
            "were made with"
        )
