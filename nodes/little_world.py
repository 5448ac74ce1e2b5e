"""The little world: a small model that comes with the pack, and pictures to start from; no download."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..img2noise import checks
from ..samples import PHOTOS, load
from ..world.render import trace
from ..world.scenes import SAMPLES, caption
from .host import folders, little_world


class Img2NoiseLoadLittleWorld(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseLoadLittleWorld",
            display_name="Load Little World",
            category="img2noise/advanced",
            description="Loads a small model that comes with img2noise: colored shapes on a floor, 128 "
            "x 128 pixels.",
            search_aliases=["tiny model", "toy checkpoint", "load checkpoint", "demo model", "no download"],
            outputs=[
                io.Model.Output("model", tooltip="Works like a Stable Diffusion model."),
                io.Clip.Output(
                    "clip",
                    tooltip="Connect to CLIP Text Encode.",
                ),
                io.Vae.Output("vae", tooltip="Connect to VAE Encode and VAE Decode."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls):
        return folders.stamp([little_world.WORLD, little_world.TAESD])

    @classmethod
    def execute(cls) -> io.NodeOutput:
        return io.NodeOutput(little_world.model(), little_world.clip(), little_world.vae())


class Img2NoiseSampleImage(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseSampleImage",
            display_name="Sample Image",
            category="img2noise/edit",
            description="Gives a picture to try, with its mask and prompt.",
            search_aliases=["example image", "test picture", "demo image", "photo", "caption"],
            inputs=[
                io.Combo.Input(
                    "scene",
                    options=[*SAMPLES, *PHOTOS],
                    tooltip=f"A scene of the little world, or a photo: {', '.join(PHOTOS)}.",
                ),
                io.Int.Input(
                    "size",
                    default=512,
                    min=64,
                    max=1024,
                    step=64,
                    tooltip="Side in pixels: 128 for the little world, 512 for SD, 1024 for SDXL and newer.",
                ),
            ],
            outputs=[
                io.Image.Output("image", tooltip="Connect to VAE Encode."),
                io.Mask.Output(
                    "mask",
                    tooltip="The object, or the left one of two.",
                ),
                io.String.Output("caption", tooltip="What it shows; connect to CLIP Text Encode."),
            ],
        )

    @classmethod
    def execute(cls, scene, size) -> io.NodeOutput:
        checks.choice(scene, "scene", (*SAMPLES, *PHOTOS))
        checks.whole(size, "size", 64, 1024)
        if photo := PHOTOS.get(scene):
            picture, mask = load(photo, size)
            return io.NodeOutput(torch.from_numpy(picture)[None], torch.from_numpy(mask)[None], photo.caption)
        picture, masks = (torch.from_numpy(part) for part in trace(SAMPLES[scene], size))
        return io.NodeOutput(picture[None], masks[:1], caption(SAMPLES[scene]))
