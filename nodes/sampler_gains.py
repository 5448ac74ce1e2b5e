"""Nodes that say what a sampler passes of its noise: by its formula, or measured on your model."""

from __future__ import annotations

import torch
from comfy_api.latest import io, ui

from ..img2noise import checks, draw
from ..img2noise.diagnostics import plots
from ..img2noise.noise import measured_transfer
from ..img2noise.noise.gains import bands_of
from . import inputs
from .host import folders, gains, guiders, image_noises, latents

BANDS, MOST = 16, 64


class Img2NoiseInspectSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseInspectSampler",
            display_name="Inspect Sampler",
            category="img2noise/variations",
            description="Says how much of its noise a sampler passes to the picture.",
            search_aliases=[
                "which sampler",
                "sampler gain",
                "few steps",
                "forgets its noise",
                "compare samplers",
            ],
            inputs=[
                io.Model.Input("model", tooltip="The model you sample with."),
                io.Sampler.Input("sampler", tooltip="From KSamplerSelect."),
                io.Sigmas.Input("sigmas", tooltip="The steps, from a scheduler; more steps pass more."),
            ],
            outputs=_seen(),
        )

    @classmethod
    def execute(cls, model, sampler, sigmas) -> io.NodeOutput:
        name = guiders.space_name(model)
        known = name if name in folders.shipped_names() else "flux"  # photos are much alike in every space
        whitener = folders.load_whitener(folders.whitener_file(known))
        found = gains.of_sampler(model, sampler, sigmas)
        text = gains.sentence(gains.shares_of(found, whitener))
        lam = gains.spectrum(whitener)
        picture = plots.passed_curve(lam, found(lam) / lam.sqrt())
        return io.NodeOutput(_image(picture), text, ui=ui.PreviewText(text))


class Img2NoiseMeasureSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseMeasureSampler",
            display_name="Measure Sampler",
            category="img2noise/advanced",
            description="Measures what a sampler passes of its noise, for Turbo, Lightning and Schnell "
            "models.",
            search_aliases=[
                "sampler gain",
                "measure gain",
                "distilled model",
                "turbo",
                "lightning",
                "schnell",
            ],
            inputs=[
                io.Guider.Input("guider", tooltip="Your model and prompt."),
                io.Sampler.Input("sampler", tooltip="From KSamplerSelect."),
                io.Sigmas.Input("sigmas", tooltip="The steps, from a scheduler."),
                io.Latent.Input("latent", tooltip="An empty latent of the size you will sample."),
                io.Int.Input(
                    "count",
                    default=16,
                    min=2,
                    max=MOST,
                    tooltip="More noises measure better; 16 is good, 64 exact.",
                ),
                inputs.noise_seed("The seed of these noises."),
                inputs.own_whitener(),
            ],
            outputs=[
                inputs.GainType.Output("gain", tooltip="Connect to gain of Noise from Image."),
                *_seen(),
            ],
        )

    @classmethod
    def execute(cls, guider, sampler, sigmas, latent, count, noise_seed, whitener=None) -> io.NodeOutput:
        checks.whole(count, "count", 2, MOST)
        checks.whole(noise_seed, "noise_seed", 0, 2**64 - 1)
        gains.check_sigmas(sigmas)
        fitted = image_noises.whitener_for(guider.model_patcher, whitener)
        empty = gains.empty_row(guider, latent)
        report, noises, pictures = latents.progress(count), [], []
        for number in range(count):
            z = draw(empty.shape, noise_seed, [number])
            x = gains.sampled(guider, sampler, sigmas, z, empty, (noise_seed + number) % 2**64)
            noises.append(latents.noise_samples({"samples": z}, fitted))
            space = latents.space_of(fitted)
            pictures.append(space.to_model(latents.noise_samples({"samples": x}, fitted)))
            report(number + 1)
        z, x = torch.cat(noises), torch.cat(pictures)
        found = measured_transfer(z, x, bands_of(z, BANDS))
        at_size = fitted.at_size_of(z)
        lam = at_size.eigenvalues(z).double()
        decided = found.coherences(at_size)
        text = gains.sentence(gains.shares_of(found, fitted))
        text += f"; the noise decides {100 * float((decided * lam).sum() / lam.sum()):.0f} % of the picture"
        picture = plots.passed_curve(lam, found.gain(at_size).double() / lam.sqrt(), decided)
        return io.NodeOutput(found, _image(picture), text, ui=ui.PreviewText(text))


def _seen():
    return [
        io.Image.Output("plot", tooltip="What passes, from layout to texture."),
        io.String.Output("sentence", tooltip="The same in words."),
    ]


def _image(pixels):
    return torch.from_numpy(pixels).float()[None] / 255
