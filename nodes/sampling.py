"""A KSampler that starts from noise correlated with a picture: variations without any other wiring."""

from __future__ import annotations

import comfy.samplers
from comfy.patcher_extension import WrappersMP
from comfy_api.latest import io

import nodes  # the host's own, whose KSampler this one is

from . import inputs
from .host import latents
from .host.noises import CorrelatedNoise, numbers_of


class Img2NoiseKSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseKSampler",
            display_name="KSampler (Correlated Noise)",
            category="img2noise/sampling",
            description="Makes variations of a picture: samples as KSampler does, but from noise that leans "
            "towards your picture. Each seed makes another; temperature says how far it may stray.",
            search_aliases=["sampler", "variations", "img2img", "ksampler", "correlated noise"],
            inputs=[
                *_core_inputs(),
                inputs.whitener(),
                io.Latent.Input("reference", tooltip="The picture to vary, as large as latent_image."),
                inputs.temperature(),
                io.Boolean.Input(
                    "correlate",
                    default=True,
                    tooltip="Off: plain noise, just what KSampler makes of this seed.",
                ),
            ],
            outputs=[io.Latent.Output("latent", tooltip="The denoised latent; wire it to VAE Decode.")],
        )

    @classmethod
    def execute(cls, whitener, reference, temperature, correlate, latent_image, **core) -> io.NodeOutput:
        if correlate:
            latents.check_model(core["model"], latents.whitener_of(whitener))
            latents.samples_of(latent_image)
            numbers_of(latent_image)
            pictures = latents.picture_samples(reference, whitener)
            numbers = numbers_of(reference)
            noise = CorrelatedNoise(pictures, numbers, whitener, core["seed"], temperature=temperature)
            core["model"] = starting_from(core["model"], noise, latent_image.get("batch_index"))
        with latents.random_state_kept():  # core seeds the global generator, and some samplers draw from it
            return io.NodeOutput(*nodes.common_ksampler(**core, latent=latent_image))


def starting_from(model, noise: CorrelatedNoise, batch_index):
    """A clone of the model whose samplers start from this noise, and which is the same in all else."""

    def exchange(executor, plain_noise, *args, **kwargs):
        drawn = noise.generate_noise({"samples": plain_noise, "batch_index": batch_index})
        return executor(drawn.to(plain_noise), *args, **kwargs)

    model = model.clone()
    model.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, "img2noise", exchange)
    return model


def _core_inputs():
    """Those of core's KSampler, in its order and ranges."""
    samplers, schedulers = comfy.samplers.KSampler.SAMPLERS, comfy.samplers.KSampler.SCHEDULERS
    to_change = "Empty for new variations, or a picture to change with denoise below 1."
    return [
        io.Model.Input("model", tooltip="The model that denoises."),
        io.Int.Input("seed", **inputs.SEED, tooltip="Another seed, another variation."),
        io.Int.Input("steps", default=20, min=1, max=10000, tooltip="More steps are slower and often finer."),
        io.Float.Input(
            "cfg",
            default=8.0,
            min=0.0,
            max=100.0,
            step=0.1,
            round=0.01,
            tooltip="How strictly the prompt is followed; too high burns the picture.",
        ),
        io.Combo.Input("sampler_name", options=samplers, tooltip="How noise is taken away: speed and style."),
        io.Combo.Input("scheduler", options=schedulers, tooltip="How the steps are spread over the noise."),
        io.Conditioning.Input("positive", tooltip="What you want to see."),
        io.Conditioning.Input("negative", tooltip="What you do not want to see."),
        io.Latent.Input("latent_image", tooltip=to_change),
        io.Float.Input(
            "denoise", default=1.0, **inputs.UNIT, tooltip="1: all new; less keeps more of latent_image."
        ),
    ]
