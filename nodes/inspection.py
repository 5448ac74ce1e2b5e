"""Nodes that check noise: what is wrong with it, how to fix it, and which whitening is like an inversion."""

from __future__ import annotations

import torch
from comfy_api.latest import io, ui
from torch import Tensor

from ..img2noise.diagnostics import compare_whitenings, inspect, plots
from ..img2noise.diagnostics.reports import comparison_report, inspection_report, set_figures
from ..img2noise.diagnostics.whiteness import TAU
from ..img2noise.files.noise_files import Noises
from . import inputs
from .host.latents import encoded, noise_samples, picture_samples, samples_of
from .host.noises import ask

PATCH = 8  # pixels a side: the published size of patches, small enough for a few pictures


class Img2NoiseInspectNoise(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseInspectNoise",
            display_name="Inspect Noise",
            category="img2noise/advanced",
            description="Says in words what is wrong with a noise and how to fix it.",
            search_aliases=["noise statistics", "is it white noise", "check latent", "diagnose", "spectrum"],
            inputs=[
                io.Latent.Input(
                    "latent",
                    tooltip="The noise; with a noise connected, the latent you sample.",
                ),
                io.Noise.Input(
                    "noise",
                    optional=True,
                    tooltip="Any noise to check instead of the latent.",
                ),
                *_beside_a_picture(),
            ],
            outputs=[
                io.String.Output("report", tooltip="The verdict; connect to Preview Any."),
                io.Image.Output(
                    "plot", tooltip="Values, neighbors, spectrum, strength; gray is white noise."
                ),
            ],
        )

    @classmethod
    def execute(cls, latent, smoothness=TAU, noise=None, picture=None, vae=None) -> io.NodeOutput:
        z, names = by_frame(samples_of(latent) if noise is None else ask(noise, latent))
        pixels = None if picture is None else picture.to("cpu").float().movedim(-1, 1)[:, :3] * 2 - 1
        x0 = None if picture is None or vae is None else by_frame(encoded(vae, picture[..., :3]))[0]
        found = inspect(z, pixels, x0=x0, tau=smoothness)
        noises = Noises(z, names)
        return _shown(inspection_report(found, noises), plots.inspection_sheet(found, noises.names))


class Img2NoiseCompareWhitenings(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseCompareWhitenings",
            display_name="Compare Whitenings",
            category="img2noise/advanced",
            description="Says which whitening comes nearest to the noise that an inversion found for "
            "your pictures.",
            search_aliases=["zca", "pca", "cholesky", "linear regression", "which whitening", "W_Diff"],
            inputs=[
                io.Latent.Input("latents", tooltip="Ten pictures or more, from VAE Encode."),
                io.Latent.Input(
                    "noises",
                    tooltip="Their noises, in the same order.",
                ),
                inputs.latent_space(),
                io.Float.Input(
                    "shrinkage",
                    default=0.01,
                    **inputs.UNIT,
                    tooltip="Higher is steadier when pictures are few: try 0.01 to 0.1.",
                ),
            ],
            outputs=[
                io.String.Output("report", tooltip="The nearest whitening; connect to Preview Any."),
                io.Image.Output(
                    "plot",
                    tooltip="How much of the noise each whitening explains.",
                ),
            ],
        )

    @classmethod
    def execute(cls, latents, noises, latent_space, shrinkage) -> io.NodeOutput:
        x, z = picture_samples(latents, latent_space), noise_samples(noises, latent_space)
        patch = _patch(x)
        found = compare_whitenings(x, z, patch=patch, shrinkage=shrinkage)
        report = comparison_report(found, set_figures(x, z))
        report += f"\n\nmatrices are of patches of {patch} x {patch} latent pixels"
        return _shown(report, plots.comparison_chart(found))


def by_frame(x: Tensor) -> tuple[Tensor, list[str]]:
    """Return each latent frame as a noise by itself, (N, C, H, W), and their names."""
    if x.ndim == 4:
        return x, [f"noise {row + 1}" for row in range(len(x))]
    rows, frames = x.shape[0], x.shape[2]
    names = [f"noise {row + 1}, frame {frame + 1}" for row in range(rows) for frame in range(frames)]
    return x.movedim(2, 1).flatten(0, 1), names if frames > 1 else [name.split(",")[0] for name in names]


def _beside_a_picture():
    """Return the inputs that a noise is compared with."""
    return [
        io.Image.Input(
            "picture",
            optional=True,
            tooltip="The noise's picture, to check its smooth areas.",
        ),
        io.Vae.Input(
            "vae",
            optional=True,
            tooltip="The VAE of your model.",
        ),
        io.Float.Input(
            "smoothness",
            default=TAU,
            min=0.0,
            max=2.0,
            step=0.005,
            round=False,
            advanced=True,
            tooltip="Higher counts more of the picture as smooth.",
        ),
    ]


def _patch(x: Tensor) -> int:
    """Return the largest side of patches that tile the pictures, 8 at most."""
    return max(p for p in range(1, PATCH + 1) if x.shape[-2] % p == 0 and x.shape[-1] % p == 0)


def _shown(report: str, pixels) -> io.NodeOutput:
    return io.NodeOutput(report, torch.from_numpy(pixels).float()[None] / 255, ui=ui.PreviewText(report))
