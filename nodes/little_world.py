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
            description="Loads a small model that comes with img2noise: colored balls, cubes, cylinders and "
            "cones on a floor before a wall. It needs no download, makes pictures of 128 x 128 pixels in "
            "seconds on any computer, and follows prompts.",
            search_aliases=["tiny model", "toy checkpoint", "load checkpoint", "demo model", "no download"],
            outputs=[
                io.Model.Output("model", tooltip="Works wherever a Stable Diffusion model does."),
                io.Clip.Output(
                    "clip",
                    tooltip="Connect to CLIP Text Encode. It knows a few dozen words and names others.",
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
            description="Gives a picture to try things on, with a mask of its object and a prompt that "
            "describes it. Use Load Image for your own.",
            search_aliases=["example image", "test picture", "demo image", "photo", "caption"],
            inputs=[
                io.Combo.Input(
                    "scene",
                    options=[*SAMPLES, *PHOTOS],
                    tooltip="A drawn scene, which the little world knows too, or a photo for other models: "
                    f"{', '.join(PHOTOS)}.",
                ),
                io.Int.Input(
                    "size",
                    default=512,
                    min=64,
                    max=1024,
                    step=64,
                    tooltip="Width and height in pixels: 128 for the little world, 512 for SD, 1024 for SDXL "
                    "and flow models.",
                ),
            ],
            outputs=[
                io.Image.Output("image", tooltip="The picture; connect to VAE Encode."),
                io.Mask.Output(
                    "mask",
                    tooltip="The object, the left one of two: cup, face, suit. For Set Latent Noise Mask.",
                ),
                io.String.Output("caption", tooltip="What it shows; connect to text of CLIP Text Encode."),
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
