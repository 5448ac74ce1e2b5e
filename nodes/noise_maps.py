"""Nodes that move, mirror, recolor, save and load noise maps."""

from __future__ import annotations

import re

import torch
from comfy_api.latest import io, ui
from torch import Tensor

from ..img2noise import NoiseMaps, checks, save
from ..img2noise.inversion.noise_maps import flip, recolor, shift
from . import inputs
from .host import folders, guiders, latents, models, stored_maps
from .host.stored_maps import moved

CATEGORY = "img2noise/edit"
TO_SAMPLER = "Connect to Sample Noise Maps."


class Img2NoiseTransformNoiseMaps(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        move = dict(default=0, min=-4096, max=4096, step=8)
        return io.Schema(
            node_id="Img2NoiseTransformNoiseMaps",
            display_name="Transform Noise Maps",
            category=CATEGORY,
            description="Moves or mirrors the picture; the model fills the gap.",
            search_aliases=["shift noise maps", "flip", "move", "translate", "pan", "mirror"],
            inputs=[
                inputs.noise_maps(),
                io.Int.Input(
                    "right",
                    **move,
                    tooltip="Pixels to the right, in steps of 8, of 16 with Flux.2; negative moves left.",
                ),
                io.Int.Input(
                    "down",
                    **move,
                    tooltip="Pixels down, in the same steps; negative moves up.",
                ),
                io.Boolean.Input("flip_horizontal", default=False, tooltip="Swaps left and right."),
                io.Boolean.Input("flip_vertical", default=False, tooltip="Swaps top and bottom."),
            ],
            outputs=[
                inputs.noise_maps_output(TO_SAMPLER),
                io.String.Output("report", tooltip="How far the picture was moved."),
            ],
        )

    @classmethod
    def execute(cls, noise_maps, right, down, flip_horizontal, flip_vertical) -> io.NodeOutput:
        checks.instance(noise_maps, "the noise maps", NoiseMaps)
        stride, (height, width) = stored_maps.stride(noise_maps), noise_maps.start.shape[-2:]
        by = latent_pixels(right, "right", width, stride), latent_pixels(down, "down", height, stride)
        maps = flip(shift(noise_maps, by[1], by[0]), flip_horizontal, flip_vertical)
        moves = f"moved {by[0] * stride} pixels right and {by[1] * stride} down, in multiples of {stride}"
        ways = [
            name for name, on in (("left to right", flip_horizontal), ("top to bottom", flip_vertical)) if on
        ]
        return io.NodeOutput(maps, ", ".join([moves, *(f"mirrored {way}" for way in ways)]))


class Img2NoiseRecolorNoiseMaps(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseRecolorNoiseMaps",
            display_name="Recolor Noise Maps",
            category=CATEGORY,
            description="Gives part of the picture another color and keeps its texture.",
            search_aliases=["recolor", "color", "tint", "edit noise maps"],
            inputs=[
                io.Guider.Input("guider", tooltip="The model with the prompt you sample with."),
                inputs.noise_maps(),
                io.Vae.Input("vae", tooltip="The VAE of your model."),
                io.String.Input(
                    "color",
                    default="#d02020",
                    tooltip="The new color: #d02020 is red, #20a040 green, #2050d0 blue.",
                ),
                io.Mask.Input("mask", tooltip="The area to recolor, in any size."),
                *_pulling(),
            ],
            outputs=[inputs.noise_maps_output(TO_SAMPLER)],
        )

    @classmethod
    def execute(
        cls, guider, noise_maps, vae, color, mask, strength, band_start, band_end, closed_loop
    ) -> io.NodeOutput:
        samples, band = color_samples(guider, noise_maps, vae, color), band_of(band_start, band_end)
        shares, on_step = mask_shares(mask, noise_maps), guiders.reporter(guider, len(noise_maps.residuals))

        def work(ready: guiders.Ready) -> NoiseMaps:
            maps, within = moved(noise_maps, ready.x0), shares.to(ready.x0)
            return recolor(
                ready,
                maps,
                ready.x0,
                within,
                strength=strength,
                band=band,
                closed=closed_loop,
                on_step=on_step,
            )

        found = guiders.run(guider, samples, noise_maps.levels.told, work)
        return io.NodeOutput(moved(found, "cpu"))


class Img2NoiseSaveNoiseMaps(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseSaveNoiseMaps",
            display_name="Save Noise Maps",
            category=CATEGORY,
            description="Saves noise maps to output/img2noise: invert once, edit often.",
            search_aliases=["store noise maps", "export"],
            is_output_node=True,
            inputs=[
                inputs.noise_maps(),
                io.String.Input(
                    "filename_prefix",
                    default="noise_maps",
                    tooltip="The file name begins with this; a number follows.",
                ),
            ],
        )

    @classmethod
    def execute(cls, noise_maps, filename_prefix) -> io.NodeOutput:
        checks.instance(noise_maps, "the noise maps", NoiseMaps)
        path = save(noise_maps, folders.new_file(folders.noise_maps_folder(), filename_prefix))
        return io.NodeOutput(ui=ui.PreviewText(f"saved {path}"))


class Img2NoiseLoadNoiseMaps(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseLoadNoiseMaps",
            display_name="Load Noise Maps",
            category=CATEGORY,
            description="Loads noise maps, to edit a picture again without another inversion.",
            search_aliases=["open noise maps", "import"],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=folders.noise_maps_names(),
                    tooltip="A file in output/img2noise. Press R to list new ones.",
                )
            ],
            outputs=[inputs.noise_maps_output(TO_SAMPLER)],
        )

    @classmethod
    def fingerprint_inputs(cls, file=""):
        return folders.stamp([folders.noise_maps_file(file)])

    @classmethod
    def execute(cls, file) -> io.NodeOutput:
        return io.NodeOutput(folders.load_noise_maps(folders.noise_maps_file(file)))


def latent_pixels(pixels: int, name: str, side: int, stride: int) -> int:
    """Return a move in latent pixels, rounded, and at most one less than the side."""
    checks.whole(pixels, name)
    return max(1 - side, min(side - 1, round(pixels / stride)))


def color_samples(guider, maps: NoiseMaps, vae, color: str) -> Tensor:
    """Return the encoded color for every row and frame of the maps (B, C, ...) in VAE units; ValueError for
    another VAE, guider or color.
    """
    checks.instance(maps, "the noise maps", NoiseMaps)
    stored_maps.check_space(guider, maps)
    guiders.check(guider, maps.start)
    channels, *_, rows, columns = maps.start.shape[1:]
    if vae.latent_channels != channels:
        raise ValueError(
            f"got a VAE of {vae.latent_channels}-channel latents for noise maps of {channels} channels; "
            "connect the VAE of the model"
        )
    stride = stored_maps.stride(maps)
    pixels = torch.tensor(rgb(color)).repeat(1, rows * stride, columns * stride, 1)
    samples = models.format_of(guider.model_patcher).framed(latents.encoded(vae, pixels))
    return samples.expand_as(maps.start).contiguous()


def band_of(start: float, end: float) -> tuple[float, float]:
    """Return the steps that pull, as shares from the clean end, whichever of the two is larger."""
    checks.number(start, "band start", 0, 1)
    checks.number(end, "band end", 0, 1)
    return min(start, end), max(start, end)


def rgb(color: str) -> list[float]:
    """Return red, green and blue in [0, 1] of a hex code; two digits more, for opacity, are left out."""
    found = (
        re.fullmatch(r"#?([0-9a-fA-F]{6})(?:[0-9a-fA-F]{2})?", color.strip())
        if isinstance(color, str)
        else None
    )
    if not found:
        said = repr(color[:40]) if isinstance(color, str) else checks.kind(color)
        raise ValueError(f"color must be # and six hex digits, such as #d02020 for red, got {said}")
    return [value / 255 for value in bytes.fromhex(found.group(1))]


def mask_shares(mask: Tensor, maps: NoiseMaps) -> Tensor:
    """Return how much of each latent pixel is masked (B or 1, 1, H, W), or (B or 1, 1, 1, H, W) for maps with
    frames, by area.
    """
    checks.tensor(mask, "the mask")
    if mask.ndim < 2:
        raise ValueError(f"got a mask of shape {tuple(mask.shape)}; expected (batch, height, width)")
    mask = mask.reshape(-1, 1, *mask.shape[-2:]).float()
    if len(mask) not in (1, len(maps.start)):
        raise ValueError(
            f"got {len(mask)} masks for noise maps of {len(maps.start)} pictures; "
            "connect one mask, or one for each"
        )
    shares = torch.nn.functional.interpolate(mask, size=maps.start.shape[-2:], mode="area")
    return shares.view(len(shares), *[1] * (maps.start.ndim - 3), *shares.shape[-2:])


def _pulling():
    """Return the inputs for how strongly and in which steps a color pulls."""
    return [
        io.Float.Input(
            "strength",
            default=0.05,
            min=0.0,
            max=1.0,
            step=0.005,
            round=False,
            tooltip="Higher pulls more: 0.05 tints clearly, 0.1 covers.",
        ),
        io.Float.Input(
            "band_start",
            default=0.2,
            **inputs.UNIT | dict(max=0.99),
            tooltip="Where the pull ends, as a share from the clean end. Lower also changes detail.",
        ),
        io.Float.Input(
            "band_end",
            default=0.7,
            **inputs.UNIT | dict(min=0.01),
            tooltip="Where it begins. Higher also changes the layout.",
        ),
        io.Boolean.Input(
            "closed_loop",
            default=True,
            tooltip="On: stops at the color. Off: as published, overshoots when strong.",
        ),
    ]
