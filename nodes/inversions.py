"""Nodes that go from a picture back to the noise behind it, step by step or through the first step alone."""

from __future__ import annotations

import comfy.samplers
import torch
from comfy.model_sampling import ModelSamplingDiscrete
from comfy_api.latest import io

from ..img2noise import checks
from ..img2noise.diagnostics import plots
from ..img2noise.inversion import ddim, first_step
from ..img2noise.sigmas import Levels, scaled_linear
from . import inputs
from .host import batches, guiders, latents, models
from .host.noises import StoredNoise, standardize
from .host.samplers import InversionSampler, InvertedNoise, downwards, way_back

SCHEMES = {"exact": "implicit", "midpoint": "midpoint", "ddim": "target", "euler": "current"}


class Img2NoiseUnsample(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseUnsample",
            display_name="Unsample (DDIM, Forward-Replaced)",
            category="img2noise/unsample",
            description="Finds the noise behind your picture, to make it again or to edit it. Connect "
            "all outputs to SamplerCustomAdvanced.",
            search_aliases=[
                "ddim inversion",
                "unsampler",
                "inversion",
                "rf inversion",
                "fireflow",
                "renoise",
            ],
            inputs=[*_of_picture(), *_unsampling()],
            outputs=[
                inputs.noise_output(),
                io.Latent.Output("latent", tooltip="Your picture; connect to latent_image."),
                io.Sampler.Output("sampler", tooltip="The sampler for the way back."),
                io.Sigmas.Output("sigmas", tooltip="The steps for the way back."),
            ],
        )

    @classmethod
    def execute(
        cls,
        model,
        positive,
        negative,
        latent,
        cfg,
        steps,
        scheduler,
        scheme,
        forward_share,
        noise_seed,
        iterations,
    ) -> io.NodeOutput:
        checks.choice(scheme, "scheme", SCHEMES)
        checks.whole(steps, "steps", 1)
        guider = guiders.guider_of(model, positive, negative, cfg)
        picture = guiders.picture(guider, latent)
        sigmas = comfy.samplers.calculate_sigmas(model.get_model_object("model_sampling"), scheduler, steps)
        draws = batches.draws(picture.numbers)
        sampler = InversionSampler(SCHEMES[scheme], forward_share, noise_seed, iterations, draws)
        x = guiders.sampled(guider, picture, sampler, sigmas)
        other = (noise_seed + 1) % 2**64  # a sampler that adds noise must not draw what was added here
        noise = InvertedNoise(model, float(downwards(sigmas)[0]), x, other, picture.numbers)
        beside = latents.to_latent(picture.samples, latent)
        return io.NodeOutput(noise, beside, way_back(SCHEMES[scheme]), sigmas)


class Img2NoiseInversionSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseInversionSampler",
            display_name="Inversion Sampler",
            category="img2noise/advanced",
            description="Runs a sampler backwards, from a picture to its noise, at a cfg of about 1.",
            search_aliases=["unsample", "unsampler", "ddim inversion", "rf inversion", "fireflow"],
            inputs=_steps_back(),
            outputs=[
                io.Sampler.Output(
                    "sampler",
                    tooltip="Connect to SamplerCustomAdvanced with your picture; its output goes to "
                    "Inverted Noise.",
                ),
                io.Sampler.Output(
                    "sampler_back",
                    tooltip="The sampler for the way back.",
                ),
            ],
        )

    @classmethod
    def execute(cls, scheme, forward_fraction, forward_seed, iterations) -> io.NodeOutput:
        sampler = InversionSampler(scheme, forward_fraction, forward_seed, iterations)
        return io.NodeOutput(sampler, way_back(scheme))


class Img2NoiseInvertedNoise(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseInvertedNoise",
            display_name="Inverted Noise",
            category="img2noise/advanced",
            description="Starts a sampler where an inversion ended, to return the picture or edit it.",
            search_aliases=["unsample", "resample", "noise from inversion", "latent to noise"],
            inputs=[
                io.Model.Input("model", tooltip="The model you sample with."),
                io.Sigmas.Input("sigmas", tooltip="The same steps as for the inversion."),
                io.Latent.Input("latent", tooltip="The output of the inversion."),
                inputs.noise_seed("For samplers that add noise between steps."),
            ],
            outputs=[inputs.noise_output()],
        )

    @classmethod
    def execute(cls, model, sigmas, latent, noise_seed) -> io.NodeOutput:
        x = latents.samples_of(latent)
        latents.refuse_empty(x)
        sigma, numbers = float(downwards(sigmas)[0]), latents.numbers_of(latent)
        return io.NodeOutput(InvertedNoise(model, sigma, x, noise_seed, numbers))


class Img2NoiseFirstStepInversion(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseFirstStepInversion",
            display_name="First-Step Inversion",
            category="img2noise/unsample",
            description="Finds noise whose first step already shows your picture.",
            search_aliases=["fixed point", "noise inversion", "de-whitening", "image to noise"],
            inputs=[
                io.Guider.Input("guider", tooltip="The model with a prompt, often empty at cfg 1."),
                io.Latent.Input("latent", tooltip="Your picture from VAE Encode, in the size you sample."),
                io.Int.Input(
                    "timestep",
                    default=980,
                    min=1,
                    max=999,
                    tooltip="Which timestep is first: higher is noisier; 980 of 1000 is good.",
                ),
                io.Int.Input(
                    "iterations",
                    default=50,
                    min=1,
                    max=5000,
                    tooltip="At most this many model calls; more is closer.",
                ),
                *_stopping(),
            ],
            outputs=[
                inputs.noise_output(),
                io.Latent.Output("latent", tooltip="The noise, not for VAE Decode."),
                io.Image.Output("plot", tooltip="Change and strength at each iteration."),
            ],
        )

    @classmethod
    def execute(
        cls, guider, latent, timestep, iterations, stop, anderson_window, tolerance, normalize
    ) -> io.NodeOutput:
        picture, level = guiders.picture(guider, latent), level_of(guider.model_patcher, timestep)
        on_step = guiders.reporter(guider, iterations)

        def work(ready: guiders.Ready) -> first_step.FirstStep:
            return first_step.invert(
                ready,
                ready.x0,
                level,
                iterations=iterations,
                anderson_window=anderson_window,
                stop=stop,
                tolerance=tolerance,
                rows_alike=ready.rows_alike(),
                on_step=on_step,
            )

        told = torch.tensor([float(level.told), 0.0])
        found = guiders.run(guider, picture.samples, told, work)
        z = standardize(found.z.cpu()) if normalize else found.z.cpu()
        plot = torch.from_numpy(plots.first_step_curve(found.residuals, found.stds)).float()[None] / 255
        as_latent = batches.numbered(latents.to_latent(z), picture.numbers)
        return io.NodeOutput(StoredNoise(z, 0, picture.numbers), as_latent, plot)


def level_of(model, timestep: int) -> Levels:
    """Return the one noise level of a model that is as noisy as SD's at a timestep of 1000: SD's own sigma,
    and t = sigma / (1 + sigma) for a flow model.
    """
    checks.whole(timestep, "timestep", 1, 999)
    sampling = model.get_model_object("model_sampling")
    if isinstance(sampling, ModelSamplingDiscrete):
        return models.level_at(model, float(sampling.sigma(torch.tensor(float(timestep)))))
    return models.level_at(model, float(scaled_linear()[timestep]))


def _of_picture():
    """Return the inputs of Unsample that say what is inverted, and by which model."""
    tip = "The prompt that describes your picture."
    return [
        io.Model.Input("model", tooltip="The model you sample with."),
        io.Conditioning.Input("positive", tooltip=tip),
        io.Conditioning.Input("negative", tooltip="Counts from a cfg above 1; often empty."),
        io.Latent.Input("latent", tooltip="Your picture from VAE Encode."),
        io.Float.Input(
            "cfg",
            default=1.0,
            min=0.0,
            max=100.0,
            step=0.1,
            tooltip="Keep 1: higher is less exact. Sampling the noise takes 3 to 7.",
        ),
    ]


def _unsampling():
    """Return the inputs of Unsample for how it is inverted."""
    return [
        io.Int.Input(
            "steps",
            default=25,
            min=1,
            max=10000,
            tooltip="More is more exact, but slower; 25 to 50 is good.",
        ),
        io.Combo.Input(
            "scheduler",
            options=comfy.samplers.KSampler.SCHEDULERS,
            default="normal",
            tooltip="How the steps are spread: normal for SD, simple for flow models.",
        ),
        io.Combo.Input(
            "scheme",
            options=list(SCHEMES),
            tooltip="exact returns your picture; midpoint nearly; ddim, euler as published, less exact.",
        ),
        io.Float.Input(
            "forward_share",
            default=0.04,
            **inputs.UNIT,
            tooltip="Cleanest steps replaced by plain noise: 0.04 makes flat areas editable; 0 keeps detail.",
        ),
        inputs.noise_seed("Seed of that plain noise: each gives another edit."),
        io.Int.Input(
            "iterations",
            default=5,
            min=1,
            max=200,
            advanced=True,
            tooltip="For exact: 5 is close, 20 exact; a cfg above 1 needs more.",
        ),
    ]


def _steps_back():
    """Return the inputs for how each step of an inversion is made."""
    return [
        io.Combo.Input(
            "scheme",
            options=list(ddim.SCHEMES),
            default="implicit",
            tooltip="implicit: exact with enough iterations; midpoint: close at once; target, current: "
            "usual, less exact.",
        ),
        io.Float.Input(
            "forward_fraction",
            default=0.04,
            **inputs.UNIT,
            tooltip="Cleanest steps replaced by plain noise: 0.04 makes flat areas editable; 0 keeps detail.",
        ),
        io.Int.Input(
            "forward_seed",
            **inputs.SEED,
            tooltip="Seed of that plain noise; do not sample with the same.",
        ),
        io.Int.Input(
            "iterations",
            default=5,
            min=1,
            max=200,
            advanced=True,
            tooltip="For implicit: 5 is close, 20 exact; strong guidance needs more.",
        ),
    ]


def _stopping():
    """Return the inputs for when a first-step inversion ends and how its noise is scaled."""
    return [
        io.Combo.Input(
            "stop",
            options=list(first_step.STOPS),
            tooltip="unit_std: full strength, as published; converged: the picture shows; iterations: "
            "after all.",
        ),
        io.Int.Input(
            "anderson_window",
            default=0,
            min=0,
            max=20,
            advanced=True,
            tooltip="0: plain steps. 5 or more: far fewer calls, for converged or iterations.",
        ),
        io.Float.Input(
            "tolerance",
            default=0.001,
            min=0.0,
            max=0.05,
            step=0.0001,
            round=False,
            advanced=True,
            tooltip="For converged: lower is more exact and slower; 0.001 is good.",
        ),
        io.Boolean.Input(
            "normalize",
            default=True,
            tooltip="Scales to mean 0 and standard deviation 1, as samplers expect.",
        ),
    ]
