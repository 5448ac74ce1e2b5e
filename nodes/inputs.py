"""Types, ranges, and inputs that nodes share or that would make them long."""

from __future__ import annotations

from comfy_api.latest import io

from ..img2noise.noise import LOSSES
from ..img2noise.whitening import METHODS, SPACES, STRUCTURES

WhitenerType = io.Custom("IMG2NOISE_WHITENER")
MomentsType = io.Custom("IMG2NOISE_MOMENTS")
NoiseMapsType = io.Custom("IMG2NOISE_NOISE_MAPS")
GainType = io.Custom("IMG2NOISE_GAIN")

UNIT = dict(min=0.0, max=1.0, step=0.01)
DEGREES = dict(min=0.0, max=1000000.0, step=0.1)
SEED = dict(default=0, min=0, max=0xFFFFFFFFFFFFFFFF, control_after_generate=True)
EDITS = ("auto", "FlowEdit", "edit-friendly", "custom")
LATENT_SPACES = [name for name in SPACES if name != "rgb"]


def whitener():
    return WhitenerType.Input(
        "whitener", tooltip="From Load Image Profile: choose the one for your model, or your own."
    )


def model():
    tip = "Optional: checks that the whitener belongs to your model."
    return io.Model.Input("model", optional=True, tooltip=tip)


def noise_seed(tooltip: str):
    return io.Int.Input("noise_seed", **SEED, tooltip=tooltip)


def own_model():
    return io.Model.Input(
        "model", tooltip="The model you will sample with; it says which latents the noise is for."
    )


def own_vae():
    return io.Vae.Input("vae", tooltip="The VAE of your model.")


def own_whitener():
    tip = (
        "Optional: an image profile of your own, from Load Image Profile. Without it the shipped one is used."
    )
    return WhitenerType.Input("whitener", optional=True, tooltip=tip)


def similarity():
    return io.Float.Input(
        "similarity",
        default=0.7,
        **UNIT,
        display_mode=io.NumberDisplay.slider,
        tooltip="Higher keeps more of your image: 1 layout, color and texture, 0.7 layout and colors, 0.3 a "
        "hint, 0 nothing. Try 0.5 to 0.8.",
    )


def share(name: str, tooltip: str):
    return io.Float.Input(name, default=1.0, **UNIT, optional=True, advanced=True, tooltip=tooltip)


def keep_mask():
    return io.Mask.Input(
        "keep_mask",
        optional=True,
        tooltip="White keeps your image, black lets it change, gray in between: the reverse of an inpainting "
        "mask.",
    )


def made_for():
    """Return the inputs that say which sampler a noise is made for."""
    return [
        io.Sampler.Input(
            "sampler",
            optional=True,
            advanced=True,
            tooltip="Makes the noise for this sampler, which with few steps passes only part of it.",
        ),
        io.Sigmas.Input(
            "sigmas", optional=True, advanced=True, tooltip="The steps of that sampler, from a scheduler."
        ),
        GainType.Input(
            "gain",
            optional=True,
            advanced=True,
            tooltip="From Measure Sampler, in place of sampler and sigmas: best for distilled models.",
        ),
    ]


def temperature():
    return io.Float.Input(
        "temperature",
        default=5.0,
        **DEGREES,
        tooltip="How far the result may differ from your picture: 0 keeps nearly everything, 5 the layout "
        "and colors, 1000 almost nothing.",
    )


def image_temperature():
    return io.Float.Input(
        "temperature",
        default=0.0,
        **DEGREES,
        optional=True,
        advanced=True,
        tooltip="As papers count: above 0 it takes the place of similarity; 5 keeps layout and colors, 1000 "
        "almost nothing.",
    )


def blending():
    """Return the inputs of a blend beside its weight and method."""
    return [
        io.Float.Input(
            "cut_off",
            default=14.0,
            min=0.0,
            max=128.0,
            step=0.5,
            optional=True,
            tooltip="For layout and detail: coarser shapes come from noise_a, finer from noise_b, in "
            "cycles per picture. Higher takes more of noise_a; 14 is good.",
        ),
        io.Int.Input(
            "variation_seed",
            **SEED,
            optional=True,
            tooltip="Another seed varies the blend in another way, by variation_strength.",
        ),
        io.Float.Input(
            "variation_strength",
            default=0.0,
            **UNIT,
            optional=True,
            tooltip="How much the blend varies: 0 not at all, 0.1 to 0.3 a little, 1 is new noise.",
        ),
    ]


def strength(tooltip: str):
    return io.Float.Input("strength", default=1.0, **UNIT, tooltip=tooltip)


def batch_size(tooltip: str):
    return io.Int.Input("batch_size", default=1, min=1, max=64, tooltip=tooltip)


def latent_space():
    tip = (
        "Whose latents these are: sd (SD 1.x, 2.x, Turbo), sdxl, sd3 (and 3.5), flux (Flux.1, Z-Image), "
        "flux2, wan21 (Qwen-Image, Wan)."
    )
    return io.Combo.Input("latent_space", options=LATENT_SPACES, tooltip=tip)


def size():
    return io.Int.Input(
        "size",
        default=512,
        min=64,
        max=2048,
        step=8,
        tooltip="Photos are scaled down to this short side, never up. Larger keeps finer detail. "
        "kronecker and dense use the middle square and leave out smaller photos.",
    )


def fitting(advanced: bool | None = None):
    """Return the inputs for how a whitener is fitted."""
    return [
        io.Combo.Input(
            "structure",
            options=list(STRUCTURES),
            advanced=advanced,
            tooltip="cosine: any size, best for most. stationary: the same for seamless tiles. kronecker: "
            "one size, separates rows and columns. dense: thousands of small pictures.",
        ),
        io.Combo.Input(
            "method",
            options=list(METHODS),
            advanced=advanced,
            tooltip="zca keeps noise where the picture's detail is; zca-cor treats channels alike; pca, "
            "pca-cor, cholesky order it otherwise. No cholesky for cosine, stationary.",
        ),
        io.Float.Input(
            "shrinkage",
            default=0.0,
            **UNIT,
            advanced=advanced,
            tooltip="Higher makes the whitener steadier when pictures are few: try 0.01 to 0.1.",
        ),
    ]


def fitted():
    """Return the outputs of a fit."""
    return [
        WhitenerType.Output(
            "whitener", tooltip="Connect to nodes that ask for a whitener, or to Save Image Profile."
        ),
        MomentsType.Output(
            "moments", tooltip="The measurements; connect to a Fit Image Profile to add pictures."
        ),
    ]


def noise_output():
    return io.Noise.Output(
        "noise", tooltip="Connect to noise of SamplerCustomAdvanced, in place of RandomNoise."
    )


def preview_output():
    return io.Latent.Output(
        "preview", tooltip="A preview of the picture this noise makes; connect to VAE Decode."
    )


def searching():
    """Return the inputs for how annealed noise is searched."""
    degrees = DEGREES | dict(advanced=True)
    return [
        io.Combo.Input(
            "loss",
            options=list(LOSSES),
            advanced=True,
            tooltip="What the search compares: forward, the resulting picture with yours; backward, the "
            "noise with your whitened picture; baseline, the noise with your picture.",
        ),
        io.Float.Input(
            "alpha",
            default=0.97,
            min=0.0,
            max=1.0,
            step=0.001,
            advanced=True,
            tooltip="Step size of the search: near 1 makes small changes, often accepted; 0 tries "
            "entirely new noise each time. 0.97 is good.",
        ),
        io.Float.Input(
            "temperature_start",
            default=100.0,
            **degrees,
            tooltip="How often the search accepts a worse "
            "noise at the start. Higher explores "
            "more; 100 is good.",
        ),
        io.Float.Input(
            "temperature_end",
            default=5.0,
            **degrees,
            tooltip="The same at the end of the search. Lower ends closer to your picture; 5 is good.",
        ),
        io.Boolean.Input(
            "adapt_step",
            default=False,
            advanced=True,
            tooltip="Adjusts the step size by itself, from how many steps are accepted.",
        ),
    ]


def sigmas():
    tip = "The steps, from BasicScheduler for example. They must fall to 0; a denoise below 1 works too."
    return io.Sigmas.Input("sigmas", tooltip=tip)


def picture():
    return io.Latent.Input("latent", tooltip="Your picture from VAE Encode. A batch works, each by itself.")


def noising():
    """Return the inputs for how a picture is turned into noise maps."""
    return [
        io.Combo.Input(
            "method",
            options=list(EDITS),
            tooltip="How edits are made. FlowEdit: calm, keeps most, for every model. edit-friendly: follows "
            "the new prompt further. auto chooses for your model; custom takes eta.",
        ),
        io.Float.Input(
            "eta",
            default=0.5,
            **UNIT,
            advanced=True,
            tooltip="For custom only: 0 is FlowEdit, 1 is edit-friendly.",
        ),
        io.Float.Input(
            "skip",
            default=0.28,
            **UNIT,
            tooltip="The share of the first, noisiest steps left out, rounded down. Higher keeps more of the "
            "picture, lower changes more; 0.28 keeps the layout.",
        ),
        noise_seed("Another seed gives another edit of the same picture."),
    ]


def few_steps():
    return io.Combo.Input(
        "few_steps",
        options=["auto", "on", "off"],
        tooltip="Turbo models need this mode, because their few steps lie far apart. auto turns it on for "
        "at most 8 steps, except with FlowEdit.",
    )


def strengthening():
    """Return the inputs for how strong and how smooth an edit is."""
    return [
        io.Float.Input(
            "weight",
            default=1.0,
            min=0.0,
            max=5.0,
            step=0.05,
            tooltip="How strongly the new prompt counts. 1 is normal; 1.5 suits few-step models "
            "without guidance. Any value but 1 takes half as long again.",
        ),
        io.Int.Input(
            "average",
            default=1,
            min=1,
            max=64,
            advanced=True,
            tooltip="How many noises each step averages over. 4 halves the noise left in the edit and takes "
            "four times as long.",
        ),
        io.Int.Input(
            "free_steps",
            default=0,
            min=0,
            max=1000,
            advanced=True,
            tooltip="How many of the last steps follow the new prompt alone. More gives cleaner detail that "
            "is less like your picture's.",
        ),
    ]


def noise_maps():
    return NoiseMapsType.Input("noise_maps", tooltip="From Image to Noise Maps or Load Noise Maps.")


def noise_maps_output(tooltip: str):
    return NoiseMapsType.Output("noise_maps", tooltip=tooltip)
