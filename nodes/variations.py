"""Nodes for noise: searched or drawn to resemble a picture, blended, in a latent and back."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from comfy_api.latest import io
from torch import Tensor

from ..img2noise import Whitener, anneal, checks, lerp, slerp
from ..img2noise.diagnostics import plots
from ..img2noise.noise.annealing import Annealed
from . import inputs
from .host import batches, latents
from .host.latents import numbers_of
from .host.noises import BlendedNoise, CorrelatedNoise, StoredNoise, VariedNoise, ask, split, standardize

BLENDS, SPLIT = {"slerp": slerp, "linear": lerp}, "layout and detail"
logger = logging.getLogger(__name__)


class Img2NoiseAnnealedNoise(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseAnnealedNoise",
            display_name="Noise Search (Annealing)",
            category="img2noise/advanced",
            description="Searches for noise whose picture looks like yours, with new detail.",
            search_aliases=[
                "image to noise",
                "noise search",
                "simulated annealing",
                "variation",
                "inversion",
            ],
            inputs=[
                *_picture_inputs(),
                io.Int.Input(
                    "iterations",
                    default=5000,
                    min=0,
                    max=1000000,
                    tooltip="More is closer to the picture, but slower. 5000 is good; 0 is plain noise.",
                ),
                inputs.batch_size("How many noises to search, one after another; at least one per picture."),
                *inputs.searching(),
                inputs.model(),
            ],
            outputs=[
                inputs.noise_output(),
                inputs.preview_output(),
                io.Image.Output("plot", tooltip="The loss at each iteration, a line per noise."),
            ],
        )

    @classmethod
    def execute(
        cls,
        latent,
        whitener,
        noise_seed,
        iterations,
        batch_size,
        loss,
        alpha,
        temperature_start,
        temperature_end,
        adapt_step,
        model=None,
    ) -> io.NodeOutput:
        checks.whole(iterations, "iterations", 0)
        checks.whole(batch_size, "batch size", 1)
        pictures = _pictures(latent, whitener, model)
        numbers = batches.repeated(numbers_of(latent), max(batch_size, len(pictures)))

        def search(row: int, draw: int, on_step: Callable[[int, Tensor], object]) -> Annealed:
            return anneal(
                pictures[row % len(pictures)][None],
                whitener,
                iterations,
                loss=loss,
                alpha=alpha,
                temperature=(temperature_start, temperature_end),
                seed=noise_seed,
                indices=[draw],
                adapt_step=adapt_step,
                on_step=on_step,
            )

        z, losses, ratios = _searched(search, batches.draws(numbers), iterations)
        plot = torch.from_numpy(plots.loss_curve(losses, ratios)).float()[None] / 255
        preview = latents.picture_latent(whitener.dewhiten(z), whitener)
        noise = StoredNoise(latents.as_samples(z, whitener), noise_seed, numbers)
        return io.NodeOutput(noise, batches.numbered(preview, numbers), plot)


class Img2NoiseCorrelatedNoise(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseCorrelatedNoise",
            display_name="Correlated Noise (ZCA)",
            category="img2noise/advanced",
            description="Makes noise for variations of your picture.",
            search_aliases=["image to noise", "variation", "img2img", "one shot noise", "inversion"],
            inputs=[
                *_picture_inputs(),
                inputs.temperature(),
                inputs.strength("Lower fades your picture out of the noise; 0 is plain noise."),
                io.Boolean.Input(
                    "keep_variance",
                    default=True,
                    advanced=True,
                    tooltip="On: full strength, as models expect. Off: weaker, closer to your picture.",
                ),
                inputs.batch_size("How many pictures the preview shows."),
                inputs.model(),
            ],
            outputs=[inputs.noise_output(), inputs.preview_output()],
        )

    @classmethod
    def execute(
        cls, latent, whitener, noise_seed, temperature, strength, keep_variance, batch_size, model=None
    ) -> io.NodeOutput:
        checks.whole(batch_size, "batch size", 1)
        pictures = _pictures(latent, whitener, model)
        noise = CorrelatedNoise(
            pictures, numbers_of(latent), whitener, noise_seed, temperature, strength, keep_variance
        )
        numbers = batches.repeated(noise.numbers, max(batch_size, len(pictures)))
        preview = latents.picture_latent(whitener.dewhiten(noise.drawn(numbers)), whitener)
        return io.NodeOutput(noise, batches.numbered(preview, numbers))


class Img2NoiseLatentToNoise(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseLatentToNoise",
            display_name="Latent to Noise",
            category="img2noise/advanced",
            description="Starts a sampler from noise in a latent: whitened, loaded or edited.",
            search_aliases=["latent as noise", "noise from latent", "custom noise", "load noise"],
            inputs=[
                io.Latent.Input("latent", tooltip="From Whiten Latent, Noise to Latent or Load Latent."),
                io.Boolean.Input(
                    "normalize",
                    default=False,
                    tooltip="Scales to mean 0 and standard deviation 1, as samplers expect.",
                ),
                inputs.noise_seed("For samplers that add noise between steps."),
            ],
            outputs=[inputs.noise_output()],
        )

    @classmethod
    def execute(cls, latent, normalize, noise_seed) -> io.NodeOutput:
        rows = latents.samples_of(latent)
        if normalize:
            rows = standardize(rows)
        deviation = float(rows.std())
        if not 0.5 < deviation < 2:
            logger.warning(
                "Latent to Noise: standard deviation is %.3g, models expect 1; turn normalize on", deviation
            )
        return io.NodeOutput(StoredNoise(rows, noise_seed, numbers_of(latent)))


class Img2NoiseNoiseToLatent(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseNoiseToLatent",
            display_name="Noise to Latent",
            category="img2noise/advanced",
            description="Writes the noise that a sampler would use into a latent.",
            search_aliases=["noise as latent", "save noise", "inspect noise"],
            inputs=[
                io.Noise.Input("noise", tooltip="Any noise, also RandomNoise."),
                io.Latent.Input("latent", tooltip="Sets the size and the batch."),
            ],
            outputs=[io.Latent.Output("latent", tooltip="The noise, not for VAE Decode.")],
        )

    @classmethod
    def execute(cls, noise, latent) -> io.NodeOutput:
        rows = latents.to_latent(ask(noise, latent))
        return io.NodeOutput(batches.numbered(rows, numbers_of(latent)))


class Img2NoiseBlendNoises(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        tip = "slerp: an arc; linear: straight, for independent noises; layout and detail: each from one."
        return io.Schema(
            node_id="Img2NoiseBlendNoises",
            display_name="Blend Noises",
            category="img2noise/variations",
            description="Mixes two noises to go smoothly from one picture to another.",
            search_aliases=[
                "slerp",
                "mix noise",
                "interpolate noise",
                "variation strength",
                "variation seed",
                "frequency",
            ],
            inputs=[
                io.Noise.Input("noise_a", tooltip="The noise at weight 0; its seed is used."),
                io.Noise.Input("noise_b", tooltip="The noise at weight 1."),
                io.Float.Input(
                    "weight",
                    default=0.5,
                    **inputs.UNIT,
                    tooltip="0 is noise_a, 1 is noise_b; 0.1 to 0.3 is gentle. Not for layout and detail.",
                ),
                io.Combo.Input("method", options=[*BLENDS, SPLIT], tooltip=tip),
                *inputs.blending(),
            ],
            outputs=[inputs.noise_output()],
        )

    @classmethod
    def execute(
        cls, noise_a, noise_b, weight, method, cut_off=14.0, variation_seed=0, variation_strength=0.0
    ) -> io.NodeOutput:
        checks.choice(method, "method", (*BLENDS, SPLIT))
        checks.number(cut_off, "cut_off", 0)
        checks.whole(variation_seed, "variation_seed", 0, 2**64 - 1)
        checks.number(variation_strength, "variation_strength", 0, 1)
        mix = BLENDS[method] if method in BLENDS else lambda a, b, _: split(a, b, cut_off)
        noise = BlendedNoise(noise_a, noise_b, weight, mix)
        if variation_strength:
            noise = VariedNoise(noise, variation_strength, variation_seed)
        return io.NodeOutput(noise)


def _searched(search: Callable[..., Annealed], draws: list[int], iterations: int) -> list[Tensor]:
    """Return noises (B, C, H, W), losses (B, steps + 1) and ratios (B,); by rows, so a cancel is quick."""
    report, found = latents.progress(iterations * len(draws)), []
    for row, draw in enumerate(draws):

        def on_step(step: int, _, before: int = row * iterations) -> None:
            report(before + step)

        found.append(search(row, draw, on_step))
    return [torch.cat([getattr(one, part) for one in found]) for part in ("z", "losses", "loss_ratio")]


def _pictures(latent: dict, whitener: Whitener, model) -> Tensor:
    """Return the pictures to make noise for, in model space."""
    if model is not None:
        latents.check_model(model, latents.whitener_of(whitener))
    return latents.still_samples(latent, latents.whitener_of(whitener))


def _picture_inputs():
    return [
        io.Latent.Input("latent", tooltip="Your picture from VAE Encode, in the size you sample."),
        inputs.whitener(),
        inputs.noise_seed("Each seed gives another variation."),
    ]
