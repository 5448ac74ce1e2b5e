"""Load Little World: a small model that comes with the pack and needs no download."""

from __future__ import annotations

from comfy_api.latest import io

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
