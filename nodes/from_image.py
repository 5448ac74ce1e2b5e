"""Nodes that make noise straight from images: no encoding, no whitener, one size for all."""

from __future__ import annotations

import logging

import comfy.samplers
from comfy.patcher_extension import WrappersMP
from comfy_api.latest import io
from torch import Tensor

import nodes  # the host's own, for its KSampler

from . import inputs
from .host import gains, image_noises, latents, models
from .host.image_noises import ImageNoise, Law

QUIET = 0.005  # share of noise that is missing, from which a warning is worth a line
logger = logging.getLogger(__name__)

SHARES = {
    "layout": "Lower keeps less of the shapes; 0 paints others in the same colors.",
    "color": "Lower keeps less of the colors; 0 paints the same shapes in others.",
    "detail": "Lower keeps less fine detail; 0 makes new texture.",
}


class Img2NoiseNoiseFromImage(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseNoiseFromImage",
            display_name="Noise from Image (ZCA)",
            category="img2noise/variations",
            description="Makes noise that will turn into an image like yours.",
            search_aliases=[
                "image to noise",
                "variations",
                "vary",
                "whitening",
                "correlated noise",
                "img2img",
            ],
            inputs=[
                io.Image.Input("image", tooltip="Your image, of any size."),
                inputs.own_vae(),
                inputs.own_model(),
                inputs.similarity(),
                inputs.noise_seed("Each seed gives another variation."),
                inputs.own_whitener(),
                inputs.keep_mask(),
                *(inputs.share(name, tip) for name, tip in SHARES.items()),
                *inputs.made_for(),
                inputs.image_temperature(),
            ],
            outputs=[
                inputs.noise_output(),
                io.Image.Output("preview", tooltip="What this noise will make."),
            ],
        )

    @classmethod
    def execute(
        cls,
        image,
        vae,
        model,
        similarity,
        noise_seed,
        whitener=None,
        keep_mask=None,
        layout=1.0,
        color=1.0,
        detail=1.0,
        sampler=None,
        sigmas=None,
        gain=None,
        temperature=0.0,
    ) -> io.NodeOutput:
        fitted = image_noises.whitener_for(model, whitener)
        law = Law(similarity, temperature, layout, color, detail, image_noises.luma_of(model))
        passes = gains.wired(model, fitted, sampler, sigmas, gain, "Noise from Image")
        noise = ImageNoise(image, vae, fitted, noise_seed, law, passes, keep_mask)
        return io.NodeOutput(noise, noise.preview())


class Img2NoiseNoiseFromTwoImages(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseNoiseFromTwoImages",
            display_name="Noise from Two Images",
            category="img2noise/variations",
            description="Makes noise with the layout of one image and the colors of another.",
            search_aliases=["color transfer", "style transfer", "mix images", "palette", "two images"],
            inputs=[
                io.Image.Input("layout_image", tooltip="Gives shapes, light and shadow, and detail."),
                io.Image.Input("color_image", tooltip="Gives the colors of large areas."),
                inputs.own_vae(),
                inputs.own_model(),
                inputs.similarity(),
                inputs.noise_seed("Each seed gives another variation."),
                inputs.own_whitener(),
            ],
            outputs=[
                inputs.noise_output(),
                io.Image.Output("preview", tooltip="What this noise will make."),
            ],
        )

    @classmethod
    def execute(
        cls, layout_image, color_image, vae, model, similarity, noise_seed, whitener=None
    ) -> io.NodeOutput:
        fitted, luma = image_noises.whitener_for(model, whitener), image_noises.luma_of(model)
        if luma is None:
            raise ValueError(
                "got a model whose latents do not say which of them are lightness; use Noise from Image"
            )
        law = Law(similarity, luma=luma)
        noise = ImageNoise(
            layout_image, vae, fitted, noise_seed, law, colors=image_noises.pixels_of(color_image)
        )
        return io.NodeOutput(noise, noise.preview())


class Img2NoiseKSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseKSampler",
            display_name="KSampler (from Image)",
            category="img2noise/variations",
            description="Samples variations of your image; similarity says how near.",
            search_aliases=["sampler", "variations", "img2img", "ksampler", "correlated noise"],
            inputs=[
                *_core_inputs(),
                io.Image.Input("image", tooltip="Your image, of any size; its middle is used."),
                inputs.own_vae(),
                inputs.similarity(),
                inputs.own_whitener(),
                inputs.keep_mask(),
            ],
            outputs=[io.Latent.Output("latent", tooltip="Connect to VAE Decode.")],
        )

    @classmethod
    def execute(
        cls, image, vae, similarity, latent_image, whitener=None, keep_mask=None, **core
    ) -> io.NodeOutput:
        latents.samples_of(latent_image)
        latents.numbers_of(latent_image)
        fitted = image_noises.whitener_for(core["model"], whitener)
        noise = ImageNoise(image, vae, fitted, core["seed"], Law(similarity), mask=keep_mask)
        if similarity > 0:  # at 0 core's own draw, also of a batch in one piece
            core["model"] = starting_from(core["model"], noise, latent_image.get("batch_index"))
        with latents.random_state_kept():  # core seeds the global generator, and some samplers draw from it
            return io.NodeOutput(*nodes.common_ksampler(**core, latent=latent_image))


def starting_from(model, noise: ImageNoise, batch_index):
    """Return a clone of the model whose samplers start from this noise, and which is otherwise the same."""

    def exchange(executor, plain_noise, latent_image, sampler, sigmas, *args, **kwargs):
        for warning in [*too_quiet(model, latent_image, sigmas), *forgetful(model, noise, sampler, sigmas)]:
            logger.warning("KSampler (from Image): %s", warning)
        drawn = noise.generate_noise({"samples": plain_noise, "batch_index": batch_index})
        return executor(drawn.to(plain_noise), latent_image, sampler, sigmas, *args, **kwargs)

    model = model.clone()
    model.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, "img2noise", exchange)
    return model


def too_quiet(model, latent_image: Tensor, sigmas: Tensor) -> list[str]:
    """Return a warning where a flow model starts below t = 1 on an empty latent: the host adds t times the
    noise, and nothing makes up for the rest.
    """
    level = models.levels_of(model, sigmas[:1])
    if not len(level) or level.kind == "ve" or bool(latent_image.any()) or float(level.a[0]) < QUIET:
        return []
    start = float(level.told[0])
    return [
        f"this schedule starts at t {start:.3g} on an empty latent, so its noise is "
        f"{100 * (1 - start):.0f} % too weak; choose simple or sgm_uniform"
    ]


def forgetful(model, noise: ImageNoise, sampler, sigmas: Tensor) -> list[str]:
    """Return a warning where the sampler forgets its noise; none where that cannot be said."""
    try:
        passes = gains.of_sampler(model, sampler, sigmas)
    except ValueError:
        return []
    return [gains.FORGETFUL] if gains.forgets(gains.shares_of(passes, noise.whitener)) else []


def _core_inputs():
    """Return the inputs of core's KSampler, in its order and ranges."""
    samplers, schedulers = comfy.samplers.KSampler.SAMPLERS, comfy.samplers.KSampler.SCHEDULERS
    to_change = "An empty latent, or a picture with denoise below 1."
    return [
        io.Model.Input("model", tooltip="The model that denoises."),
        io.Int.Input("seed", **inputs.SEED, tooltip="Each seed gives another variation."),
        io.Int.Input(
            "steps",
            default=20,
            min=1,
            max=10000,
            tooltip="More give finer detail, but take longer.",
        ),
        io.Float.Input(
            "cfg",
            default=8.0,
            min=0.0,
            max=100.0,
            step=0.1,
            round=0.01,
            tooltip="Higher follows the prompt closer; too high gives harsh colors.",
        ),
        io.Combo.Input("sampler_name", options=samplers, tooltip="Sets speed and style."),
        io.Combo.Input("scheduler", options=schedulers, tooltip="How the steps are spread."),
        io.Conditioning.Input("positive", tooltip="What you want to see."),
        io.Conditioning.Input("negative", tooltip="What you do not want to see."),
        io.Latent.Input("latent_image", tooltip=to_change),
        io.Float.Input(
            "denoise",
            default=1.0,
            **inputs.UNIT,
            tooltip="1 makes everything new; lower keeps more of latent_image.",
        ),
    ]
