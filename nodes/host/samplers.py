"""SAMPLER and NOISE objects of the inversions: the sampler that inverts a picture, and the noise that starts
a sampler exactly where an inversion ended.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import comfy.samplers
from torch import Tensor

from ...img2noise import checks
from ...img2noise.inversion import ddim
from ...img2noise.noise.draw import noise_rows
from ...img2noise.sigmas import descending
from . import guiders, latents, models
from .noises import StoredNoise

logger = logging.getLogger(__name__)
FLIPPED_ZERO = 1e-4  # what the host's FlipSigmas writes for a leading 0


class InversionSampler(comfy.samplers.Sampler):
    """Inverts the picture in latent_image to the latent at the highest sigma; ignores noise and mask."""

    def __init__(
        self,
        scheme: str,
        forward_fraction: float,
        forward_seed: int,
        iterations: int,
        indices: Sequence[int] | None = None,
    ):
        checks.number(forward_fraction, "forward fraction", 0, 1)
        noise_rows(1, forward_seed)  # refuses a wrong seed, also where no step will draw
        self.scheme, self.iterations = scheme, iterations
        self.forward_fraction, self.forward_seed = forward_fraction, forward_seed
        self.indices = indices  # which draw of the seed each row gets; by position where not given

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
            indices=self.indices,
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
