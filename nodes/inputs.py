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
    return WhitenerType.Input("whitener", tooltip="From Load Image Profile.")


def model():
    tip = "Optional: checks that the profile fits your model."
    return io.Model.Input("model", optional=True, tooltip=tip)


def noise_seed(tooltip: str):
    return io.Int.Input("noise_seed", **SEED, tooltip=tooltip)


def own_model():
    return io.Model.Input("model", tooltip="The model you sample with.")


def own_vae():
    return io.Vae.Input("vae", tooltip="The VAE of your model.")


def own_whitener():
    tip = "Optional: your own, from Load Image Profile."
    return WhitenerType.Input("whitener", optional=True, tooltip=tip)


def similarity():
    return io.Float.Input(
        "similarity",
        default=0.7,
        **UNIT,
        display_mode=io.NumberDisplay.slider,
        tooltip="Higher keeps more: 0.7 layout and colors, 0.3 a hint. Try 0.5 to 0.8.",
    )


def share(name: str, tooltip: str):
    return io.Float.Input(name, default=1.0, **UNIT, optional=True, advanced=True, tooltip=tooltip)


def keep_mask():
    return io.Mask.Input(
        "keep_mask",
        optional=True,
        tooltip="White keeps, black changes: the reverse of an inpainting mask.",
    )


def made_for():
    """Return the inputs that say which sampler a noise is made for."""
    return [
        io.Sampler.Input(
            "sampler",
            optional=True,
            advanced=True,
            tooltip="Makes the noise for this sampler: for few steps.",
        ),
        io.Sigmas.Input("sigmas", optional=True, advanced=True, tooltip="The steps, from a scheduler."),
        GainType.Input(
            "gain",
            optional=True,
            advanced=True,
            tooltip="From Measure Sampler, instead of sampler and sigmas.",
        ),
    ]


def temperature():
    return io.Float.Input(
        "temperature",
        default=5.0,
        **DEGREES,
        tooltip="Higher differs more: 0 keeps nearly everything, 5 layout and colors.",
    )


def image_temperature():
    return io.Float.Input(
        "temperature",
        default=0.0,
        **DEGREES,
        optional=True,
        advanced=True,
        tooltip="As papers count, instead of similarity: 5 keeps layout and colors.",
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
            tooltip="For layout and detail: higher takes more from noise_a; 14 cycles per picture is good.",
        ),
        io.Int.Input(
            "variation_seed",
            **SEED,
            optional=True,
            tooltip="Another seed varies the blend otherwise.",
        ),
        io.Float.Input(
            "variation_strength",
            default=0.0,
            **UNIT,
            optional=True,
            tooltip="0 leaves the blend as it is, 0.1 to 0.3 varies a little, 1 is new noise.",
        ),
    ]


def strength(tooltip: str):
    return io.Float.Input("strength", default=1.0, **UNIT, tooltip=tooltip)


def batch_size(tooltip: str):
    return io.Int.Input("batch_size", default=1, min=1, max=64, tooltip=tooltip)


def latent_space():
    tip = "sd: SD 1.x and 2.x; flux: also Z-Image; wan21: also Qwen-Image."
    return io.Combo.Input("latent_space", options=LATENT_SPACES, tooltip=tip)


def size():
    return io.Int.Input(
        "size",
        default=512,
        min=64,
        max=2048,
        step=8,
        tooltip="Photos are scaled down to this short side; larger keeps finer detail.",
    )


def fitting(advanced: bool | None = None):
    """Return the inputs for how a whitener is fitted."""
    return [
        io.Combo.Input(
            "structure",
            options=list(STRUCTURES),
            advanced=advanced,
            tooltip="cosine is best for most; stationary for seamless tiles; kronecker and dense for "
            "one size.",
        ),
        io.Combo.Input(
            "method",
            options=list(METHODS),
            advanced=advanced,
            tooltip="zca keeps detail in place; others reorder it. No cholesky with cosine or stationary.",
        ),
        io.Float.Input(
            "shrinkage",
            default=0.0,
            **UNIT,
            advanced=advanced,
            tooltip="Higher is steadier when pictures are few: try 0.01 to 0.1.",
        ),
    ]


def fitted():
    """Return the outputs of a fit."""
    return [
        WhitenerType.Output("whitener", tooltip="Connect to a whitener input."),
        MomentsType.Output("moments", tooltip="Connect to another Fit Image Profile."),
    ]


def noise_output():
    return io.Noise.Output("noise", tooltip="Connect to SamplerCustomAdvanced.")


def preview_output():
    return io.Latent.Output("preview", tooltip="What this noise will make; connect to VAE Decode.")


def searching():
    """Return the inputs for how annealed noise is searched."""
    degrees = DEGREES | dict(advanced=True)
    return [
        io.Combo.Input(
            "loss",
            options=list(LOSSES),
            advanced=True,
            tooltip="What is compared: forward, pictures; backward, noise and whitened picture; "
            "baseline, noise and picture.",
        ),
        io.Float.Input(
            "alpha",
            default=0.97,
            min=0.0,
            max=1.0,
            step=0.001,
            advanced=True,
            tooltip="Near 1 makes small changes, 0 new noise each time; 0.97 is good.",
        ),
        io.Float.Input(
            "temperature_start",
            default=100.0,
            **degrees,
            tooltip="Higher explores more at the start by accepting worse noise; 100 is good.",
        ),
        io.Float.Input(
            "temperature_end",
            default=5.0,
            **degrees,
            tooltip="The same at the end. Lower ends closer to your picture; 5 is good.",
        ),
        io.Boolean.Input(
            "adapt_step",
            default=False,
            advanced=True,
            tooltip="Adjusts the step size by itself.",
        ),
    ]


def sigmas():
    tip = "From a scheduler; they must fall to 0."
    return io.Sigmas.Input("sigmas", tooltip=tip)


def picture():
    return io.Latent.Input("latent", tooltip="Your picture from VAE Encode.")


def noising():
    """Return the inputs for how a picture is turned into noise maps."""
    return [
        io.Combo.Input(
            "method",
            options=list(EDITS),
            tooltip="FlowEdit keeps most; edit-friendly follows the prompt further; auto fits your model.",
        ),
        io.Float.Input(
            "eta",
            default=0.5,
            **UNIT,
            advanced=True,
            tooltip="For custom: 0 is FlowEdit, 1 edit-friendly.",
        ),
        io.Float.Input(
            "skip",
            default=0.28,
            **UNIT,
            tooltip="Share of first steps left out. Higher keeps more; 0.28 keeps the layout.",
        ),
        noise_seed("Each seed gives another edit."),
    ]


def few_steps():
    return io.Combo.Input(
        "few_steps",
        options=["auto", "on", "off"],
        tooltip="For Turbo models; auto is on for at most 8 steps.",
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
            tooltip="Higher follows the new prompt more: 1 is normal, 1.5 suits models without cfg.",
        ),
        io.Int.Input(
            "average",
            default=1,
            min=1,
            max=64,
            advanced=True,
            tooltip="Noises averaged per step: 4 halves the noise left, four times as slow.",
        ),
        io.Int.Input(
            "free_steps",
            default=0,
            min=0,
            max=1000,
            advanced=True,
            tooltip="Last steps by the new prompt alone: more is cleaner, less like yours.",
        ),
    ]


def noise_maps():
    return NoiseMapsType.Input("noise_maps", tooltip="From Image to Noise Maps.")


def noise_maps_output(tooltip: str):
    return NoiseMapsType.Output("noise_maps", tooltip=tooltip)
