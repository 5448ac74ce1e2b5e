"""Nodes that make noise: searched or drawn to resemble a picture, taken from a latent, blended."""

from __future__ import annotations

import logging

import torch
from comfy_api.latest import io
from torch import Tensor

from ..img2noise import Whitener, anneal, checks, lerp, slerp
from ..img2noise.diagnostics import plots
from ..img2noise.noise.sums import row_means, row_stds
from . import inputs
from .host import batches, latents
from .host.noises import BlendedNoise, CorrelatedNoise, StoredNoise, ask, numbers_of

BLENDS = {"slerp": slerp, "linear": lerp}
logger = logging.getLogger(__name__)


class Img2NoiseAnnealedNoise(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseAnnealedNoise",
            display_name="Annealed Noise",
            category="img2noise/noise",
            description="Searches, step by step, for noise that will make a picture like yours: its layout "
            "and colors, new detail. Each seed finds another. Correlated Noise makes nearly the same at "
            "once.",
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
                    tooltip="Steps of the search: more bring the noise closer to the picture. 0 is plain "
                    "noise.",
                ),
                inputs.batch_size(
                    "How many noises, a search each; a batch of pictures gets at least one each."
                ),
                *inputs.searching(),
                inputs.model(),
            ],
            outputs=[
                inputs.noise_output(),
                inputs.preview_output(),
                io.Image.Output(
                    "plot", tooltip="How the search went: loss against iteration, a line per noise."
                ),
            ],
        )

    @classmethod
    def execute(
        cls, latent, whitener, noise_seed, iterations, batch_size, model=None, **search
    ) -> io.NodeOutput:
        checks.whole(iterations, "iterations", 0)
        checks.whole(batch_size, "batch size", 1)
        pictures = _pictures(latent, whitener, model)
        numbers = batches.repeated(numbers_of(latent), max(batch_size, len(pictures)))
        rows = pictures[[i % len(pictures) for i in range(len(numbers))]]
        temperature = search.pop("temperature_start"), search.pop("temperature_end")
        how = dict(**search, temperature=temperature, seed=noise_seed)
        z, losses, ratios = _searched(rows, whitener, iterations, batches.draws(numbers), how)
        plot = torch.from_numpy(plots.loss_curve(losses, ratios)).float()[None] / 255
        preview = latents.picture_latent(whitener.dewhiten(z), whitener)
        return io.NodeOutput(StoredNoise(z, noise_seed, numbers), batches.numbered(preview, numbers), plot)


class Img2NoiseCorrelatedNoise(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseCorrelatedNoise",
            display_name="Correlated Noise",
            category="img2noise/noise",
            description="Noise that will make a picture like yours: its layout and colors, new detail, and "
            "another variation for each seed. Temperature says how far it may stray.",
            search_aliases=["image to noise", "variation", "img2img", "one shot noise", "inversion"],
            inputs=[
                *_picture_inputs(),
                inputs.temperature(),
                inputs.strength(
                    "Fades the picture out of the noise, shapes and detail alike. 0 is plain noise."
                ),
                io.Boolean.Input(
                    "keep_variance",
                    default=True,
                    advanced=True,
                    tooltip="On: noise of full strength, as models expect it. Off: what annealing would "
                    "find, a little weaker and closer to the picture.",
                ),
                inputs.batch_size("How many noises the preview shows; the noise itself serves any batch."),
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
        how = dict(temperature=temperature, strength=strength, preserve_variance=keep_variance)
        noise = CorrelatedNoise(pictures, numbers_of(latent), whitener, noise_seed, **how)
        numbers = batches.repeated(noise.numbers, max(batch_size, len(pictures)))
        preview = latents.picture_latent(whitener.dewhiten(noise.drawn(numbers)), whitener)
        return io.NodeOutput(noise, batches.numbered(preview, numbers))


class Img2NoiseLatentToNoise(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseLatentToNoise",
            display_name="Latent to Noise",
            category="img2noise/noise",
            description="Lets a sampler start from noise that lies in a latent: whitened, loaded or edited. "
            "Each latent of a batch is the noise of one picture; a single one serves them all.",
            search_aliases=["latent as noise", "noise from latent", "custom noise", "load noise"],
            inputs=[
                io.Latent.Input(
                    "latent", tooltip="Noise, from Whiten Latent, Noise to Latent or Load Latent."
                ),
                io.Boolean.Input(
                    "normalize",
                    default=False,
                    tooltip="Brings each latent to mean 0 and deviation 1, which edited noise often needs.",
                ),
                inputs.noise_seed("For what some samplers add between steps; the first noise is the latent."),
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
                "Latent to Noise: standard deviation %.3g, models expect 1; normalize it", deviation
            )
        return io.NodeOutput(StoredNoise(rows, noise_seed, numbers_of(latent)))


class Img2NoiseNoiseToLatent(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseNoiseToLatent",
            display_name="Noise to Latent",
            category="img2noise/noise",
            description="Writes the noise that a sampler would get into a latent: to save it, to edit it, "
            "or to see through Dewhiten Latent what it will make.",
            search_aliases=["noise as latent", "save noise", "inspect noise"],
            inputs=[
                io.Noise.Input("noise", tooltip="Any noise, RandomNoise too."),
                io.Latent.Input(
                    "latent", tooltip="Says the size and how many, as the sampler's latent does."
                ),
            ],
            outputs=[
                io.Latent.Output(
                    "latent", tooltip="The noise as it is, of unit variance: not for VAE Decode."
                )
            ],
        )

    @classmethod
    def execute(cls, noise, latent) -> io.NodeOutput:
        rows = latents.to_latent(ask(noise, latent))
        return io.NodeOutput(batches.numbered(rows, numbers_of(latent)))


class Img2NoiseBlendNoises(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        tip = "slerp goes along the arc between the two; linear mixes straight, right for independent noises."
        return io.Schema(
            node_id="Img2NoiseBlendNoises",
            display_name="Blend Noises",
            category="img2noise/noise",
            description="Goes from one noise to another, and with it from one picture to another, without "
            "the haze that averaged noise gives.",
            search_aliases=[
                "slerp",
                "mix noise",
                "interpolate noise",
                "variation strength",
                "variation seed",
            ],
            inputs=[
                io.Noise.Input("noise_a", tooltip="The noise at weight 0; samplers take their seed from it."),
                io.Noise.Input("noise_b", tooltip="The noise at weight 1."),
                io.Float.Input("weight", default=0.5, **inputs.UNIT, tooltip="0 is noise_a, 1 is noise_b."),
                io.Combo.Input("method", options=list(BLENDS), tooltip=tip),
            ],
            outputs=[inputs.noise_output()],
        )

    @classmethod
    def execute(cls, noise_a, noise_b, weight, method) -> io.NodeOutput:
        checks.choice(method, "method", tuple(BLENDS))
        return io.NodeOutput(BlendedNoise(noise_a, noise_b, weight, BLENDS[method]))


def standardize(x: Tensor) -> Tensor:
    """x with mean 0 and standard deviation 1 per sample; ValueError for one that is constant."""
    std, mean = (figure(x).view(-1, 1, 1, 1) for figure in (row_stds, row_means))
    if not bool((std > 0).all()):
        raise ValueError(
            "got an empty or constant latent, which cannot be normalized; wire one that holds noise"
        )
    return ((x.double() - mean) / std).to(x)


def _searched(rows: Tensor, whitener: Whitener, iterations: int, draws: list[int], how: dict) -> list[Tensor]:
    """Noises (B, C, H, W), losses (B, steps + 1), their ratios (B,); row by row, so a cancel is quick."""
    report, found = latents.progress(iterations * len(rows)), []
    for i in range(len(rows)):

        def on_step(step: int, _, before: int = i * iterations) -> None:
            report(before + step)

        found.append(
            anneal(rows[i : i + 1], whitener, iterations, **how, indices=draws[i : i + 1], on_step=on_step)
        )
    return [torch.cat([getattr(one, part) for one in found]) for part in ("z", "losses", "loss_ratio")]


def _pictures(latent: dict, whitener: Whitener, model) -> Tensor:
    """The pictures to make noise for, in model space."""
    if model is not None:
        latents.check_model(model, latents.whitener_of(whitener))
    return latents.picture_samples(latent, latents.whitener_of(whitener))


def _picture_inputs():
    return [
        io.Latent.Input("latent", tooltip="Your picture from VAE Encode, as large as what you will sample."),
        inputs.whitener(),
        inputs.noise_seed("Another seed, another variation."),
    ]
