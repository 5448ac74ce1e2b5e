"""Wire types, ranges, and the inputs that nodes share or that would make them long."""

from __future__ import annotations

from comfy_api.latest import io

from ..img2noise.noise import LOSSES
from ..img2noise.whitening import METHODS, SPACES, STRUCTURES

WhitenerType = io.Custom("IMG2NOISE_WHITENER")
MomentsType = io.Custom("IMG2NOISE_MOMENTS")
NoiseMapsType = io.Custom("IMG2NOISE_NOISE_MAPS")

UNIT = dict(min=0.0, max=1.0, step=0.01)
DEGREES = dict(min=0.0, max=1000000.0, step=0.1)
SEED = dict(default=0, min=0, max=0xFFFFFFFFFFFFFFFF, control_after_generate=True)
LATENT_SPACES = [name for name, space in SPACES.items() if space.channels == 4]


def whitener():
    return WhitenerType.Input("whitener", tooltip="From Load Whitener: the one of your model. Or your own.")


def model():
    tip = "Your model, only to check that the whitener belongs to it."
    return io.Model.Input("model", optional=True, tooltip=tip)


def noise_seed(tooltip: str):
    return io.Int.Input("noise_seed", **SEED, tooltip=tooltip)


def temperature():
    return io.Float.Input(
        "temperature",
        default=5.0,
        **DEGREES,
        tooltip="How freely it leaves the picture: 0 keeps nearly all of it, 5 layout and colors, 1000 "
        "little.",
    )


def strength(tooltip: str):
    return io.Float.Input("strength", default=1.0, **UNIT, tooltip=tooltip)


def batch_size(tooltip: str):
    return io.Int.Input("batch_size", default=1, min=1, max=64, tooltip=tooltip)


def latent_space():
    tip = "Whose latents these are: sd for SD 1.x, 2.x and Turbo, sdxl for SDXL."
    return io.Combo.Input("latent_space", options=LATENT_SPACES, tooltip=tip)


def size():
    return io.Int.Input(
        "size",
        default=512,
        min=64,
        max=2048,
        step=8,
        tooltip="Photos are scaled down to this short side, never up: an enlarged photo has no fine "
        "detail. kronecker and dense cut the middle square out, and leave smaller photos out.",
    )


def fitting():
    """How a whitener is fitted."""
    return [
        io.Combo.Input(
            "structure",
            options=list(STRUCTURES),
            tooltip="stationary: texture alike everywhere, works at every size. kronecker: one size, knows "
            "rows and columns. dense: knows everything of small pictures or tiles, and needs thousands.",
        ),
        io.Combo.Input(
            "method",
            options=list(METHODS),
            tooltip="zca leaves noise where the picture's detail is; zca-cor weighs channels alike; pca, "
            "pca-cor and cholesky order it otherwise. A stationary whitener cannot be cholesky.",
        ),
        io.Float.Input(
            "shrinkage",
            default=0.0,
            **UNIT,
            tooltip="Pulls the whitener towards plain noise: 0.01 to 0.1 steadies one from few pictures.",
        ),
    ]


def fitted():
    """What a fit gives."""
    return [
        WhitenerType.Output("whitener", tooltip="Wire it to nodes that ask for one, or to Save Whitener."),
        MomentsType.Output(
            "moments", tooltip="What was measured; wire it to a Fit Whitener to add pictures."
        ),
    ]


def noise_output():
    return io.Noise.Output("noise", tooltip="Wire it to SamplerCustomAdvanced in place of RandomNoise.")


def preview_output():
    return io.Latent.Output("preview", tooltip="What this noise will make; wire it to VAE Decode.")


def searching():
    """How annealed noise is searched."""
    degrees = DEGREES | dict(advanced=True)
    return [
        io.Combo.Input(
            "loss",
            options=list(LOSSES),
            advanced=True,
            tooltip="What is compared: forward, the picture the noise will make with yours; backward, the "
            "noise with your picture whitened; baseline, the noise with the picture itself.",
        ),
        io.Float.Input(
            "alpha",
            default=0.97,
            min=0.0,
            max=1.0,
            step=0.001,
            advanced=True,
            tooltip="How small a step is: near 1 small and often accepted, 0 wholly new noise each time.",
        ),
        io.Float.Input(
            "temperature_start", default=100.0, **degrees, tooltip="How freely the search begins."
        ),
        io.Float.Input("temperature_end", default=5.0, **degrees, tooltip="And ends: lower is closer."),
        io.Boolean.Input(
            "adapt_step", default=False, advanced=True, tooltip="Lets the step size adapt itself."
        ),
    ]


def sigmas():
    tip = "The steps, from BasicScheduler, say: they must descend and end in 0. A denoise below 1 works too."
    return io.Sigmas.Input("sigmas", tooltip=tip)


def picture():
    return io.Latent.Input("latent", tooltip="Your picture from VAE Encode; a batch gets maps for each.")


def noising():
    """How a picture is taken apart into noise maps."""
    return [
        io.Float.Input(
            "eta",
            default=1.0,
            min=0.01,
            max=1.0,
            step=0.01,
            tooltip="How much of each step is noise. 1 is usual; less stays closer to the picture.",
        ),
        io.Int.Input(
            "skip",
            default=7,
            min=0,
            max=1000,
            tooltip="How many of the first, noisiest steps are left out: it counts steps. A third of them "
            "keeps the layout; fewer change more, more change less. At least one step is always kept.",
        ),
        noise_seed("Another seed, another edit of the same picture."),
    ]


def few_steps():
    return io.Combo.Input(
        "few_steps",
        options=["auto", "on", "off"],
        tooltip="What Turbo models need, whose few steps lie far apart: maps of less noise, and a bound on "
        "the last. auto: on for at most 8 steps.",
    )


def noise_maps():
    return NoiseMapsType.Input("noise_maps", tooltip="From Edit-Friendly Inversion or Load Noise Maps.")


def noise_maps_output(tooltip: str):
    return NoiseMapsType.Output("noise_maps", tooltip=tooltip)
