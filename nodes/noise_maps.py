"""Nodes that change, save and load noise maps."""

from __future__ import annotations

import torch
from comfy_api.latest import io, ui
from torch import Tensor

from ..img2noise import NoiseMaps, checks, save
from ..img2noise.inversion.noise_maps import flip, recolor, shift
from . import inputs
from .host import folders, guiders, latents, models
from .host.samplers import check_space, moved

CATEGORY = "img2noise/edit friendly"
TO_SAMPLER = "Connect to Edit-Friendly Sampler."


class Img2NoiseShiftNoiseMaps(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        move = dict(default=0, min=-512, max=512)
        return io.Schema(
            node_id="Img2NoiseShiftNoiseMaps",
            display_name="Shift Noise Maps",
            category=CATEGORY,
            description="Moves everything in the picture: shifts the noise maps, and the model fills the "
            "gap with more of the same kind.",
            search_aliases=["move", "translate", "pan", "edit noise maps"],
            inputs=[
                inputs.noise_maps(),
                io.Int.Input(
                    "down",
                    **move,
                    tooltip="Moves the picture down, 8 pixels per unit, 16 with Flux.2; negative moves up.",
                ),
                io.Int.Input(
                    "right",
                    **move,
                    tooltip="Moves the picture right by the same unit; negative moves left.",
                ),
            ],
            outputs=[inputs.noise_maps_output(TO_SAMPLER)],
        )

    @classmethod
    def execute(cls, noise_maps, down, right) -> io.NodeOutput:
        return io.NodeOutput(shift(noise_maps, down, right))


class Img2NoiseFlipNoiseMaps(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseFlipNoiseMaps",
            display_name="Flip Noise Maps",
            category=CATEGORY,
            description="Mirrors the picture: flips the noise maps, and the model draws the mirrored "
            "picture anew.",
            search_aliases=["mirror", "edit noise maps"],
            inputs=[
                inputs.noise_maps(),
                io.Boolean.Input("horizontal", default=True, tooltip="Swaps left and right."),
                io.Boolean.Input("vertical", default=False, tooltip="Swaps top and bottom."),
            ],
            outputs=[inputs.noise_maps_output(TO_SAMPLER)],
        )

    @classmethod
    def execute(cls, noise_maps, horizontal, vertical) -> io.NodeOutput:
        return io.NodeOutput(flip(noise_maps, horizontal, vertical))


class Img2NoiseRecolorNoiseMaps(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseRecolorNoiseMaps",
            display_name="Recolor Noise Maps",
            category=CATEGORY,
            description="Gives part of the picture another color and keeps its texture: pulls the noise "
            "maps towards the color inside the mask, in the middle steps.",
            search_aliases=["recolor", "color", "tint", "edit noise maps"],
            inputs=[
                io.Guider.Input(
                    "guider", tooltip="The model with the prompt that you will sample the maps with."
                ),
                inputs.noise_maps(),
                io.Latent.Input(
                    "color",
                    tooltip="VAE Encode of a plain color, as large as your picture; EmptyImage makes one.",
                ),
                io.Mask.Input("mask", tooltip="The area to recolor, in any size. Soft edges work."),
                *_pulling(),
            ],
            outputs=[inputs.noise_maps_output(TO_SAMPLER)],
        )

    @classmethod
    def execute(
        cls, guider, noise_maps, color, mask, strength, band_start, band_end, closed_loop
    ) -> io.NodeOutput:
        samples = color_samples(guider, noise_maps, color)
        shares, on_step = mask_shares(mask, noise_maps), guiders.reporter(guider, len(noise_maps.residuals))

        def work(ready: guiders.Ready) -> NoiseMaps:
            maps, within = moved(noise_maps, ready.x0), shares.to(ready.x0)
            band = band_start, band_end
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
            description="Saves noise maps to output/img2noise for Load Noise Maps: invert once, edit often.",
            search_aliases=["store noise maps", "export"],
            is_output_node=True,
            inputs=[
                inputs.noise_maps(),
                io.String.Input(
                    "filename_prefix",
                    default="noise_maps",
                    tooltip="The file name begins with this, in output/img2noise; a number follows. "
                    "Subfolders are allowed.",
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
            description="Loads noise maps from Save Noise Maps, to edit a picture again without another "
            "inversion.",
            search_aliases=["open noise maps", "import"],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=folders.noise_maps_names(),
                    tooltip="A file in output/img2noise. Press R to list new files.",
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


def color_samples(guider, maps: NoiseMaps, color: dict) -> Tensor:
    """Return the color for every row and frame of the maps (B, C, ...) in VAE units; ValueError unless all
    fit.
    """
    checks.instance(maps, "the noise maps", NoiseMaps)
    samples = models.format_of(guider.model_patcher).framed(latents.samples_of(color))
    guiders.check(guider, samples)
    check_space(guider, maps)
    repeated = (0,) if samples.ndim == 4 else (0, 2)  # pictures and frames
    sizes = list(zip(samples.shape, maps.start.shape, strict=False))
    fits = [ours == theirs or (axis in repeated and ours == 1) for axis, (ours, theirs) in enumerate(sizes)]
    if samples.ndim != maps.start.ndim or not all(fits):
        ours, theirs = (" x ".join(map(str, x.shape)) for x in (maps.start, samples))
        raise ValueError(
            f"got a color of {theirs} for noise maps of {ours} (batch, channels, height, width); encode one "
            "of the size of the inverted picture"
        )
    return samples.expand_as(maps.start).contiguous()


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
            tooltip="How strongly the color pulls: 0.05 tints clearly, 0.1 and more covers.",
        ),
        io.Float.Input(
            "band_start",
            default=0.2,
            **inputs.UNIT | dict(max=0.99),
            tooltip="Where the pull ends, as a share of the steps from the clean end. Lower also changes "
            "fine detail.",
        ),
        io.Float.Input(
            "band_end",
            default=0.7,
            **inputs.UNIT | dict(min=0.01),
            tooltip="Where the pull begins, counted the same way. Higher also changes the layout.",
        ),
        io.Boolean.Input(
            "closed_loop",
            default=True,
            tooltip="On: follows the picture as it changes and stops at the color. Off: as published; "
            "keeps pulling and overshoots when strong.",
        ),
    ]
