"""The models that templates are made for: how each is loaded, and the settings that suit it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .graph import Drawing, Node, Wire

Loaded = tuple[Wire, Wire, Wire]  # MODEL, CLIP, VAE
FACE = "https://huggingface.co/"
NOT_WANTED = "text, watermark, blurry"


@dataclass(frozen=True)
class Model:
    """A model by its name in titles ("" is the little world), its sampling, and how it edits.

    before, after: guidance of the prompt an image has, and of the new one. plain: it takes no cfg, so a
    weight stands in for it. distilled: its guidance goes with the prompt (FluxGuidance).
    """

    name: str
    load: Callable[[Drawing], Loaded]
    size: int
    sampler: str = "dpmpp_2m"
    scheduler: str = "karras"
    steps: int = 20
    cfg: float = 7.0
    latent: str = "EmptyLatentImage"
    edit_scheduler: str = "normal"
    edit_steps: int = 30
    denoise: float = 1.0
    skip: float = 0.28
    before: float = 1.0
    after: float = 7.5
    weight: float = 1.0
    plain: bool = False
    distilled: bool = False
    say: str = ""

    @property
    def little(self) -> bool:
        return not self.name


def _checkpoint(file: str, at: str) -> Callable[[Drawing], Loaded]:
    def load(d: Drawing) -> Loaded:
        made = d("CheckpointLoaderSimple", "Your model", ckpt_name=file)
        d.models(made, dict(name=file, url=f"{FACE}{at}/resolve/main/{file}", directory="checkpoints"))
        return made[0], made[1], made[2]

    return load


def _little(d: Drawing) -> Loaded:
    made = d("Img2NoiseLoadLittleWorld")
    return made[0], made[1], made[2]


def _parts(name: str, at: str, network: str, text: str, kind: str, vae: str, shift: float):
    """Load a model that comes in three files, in a box."""

    def load(d: Drawing) -> Loaded:
        inside = Drawing(f"Load {name}")

        def file(node: Node, file: str, folder: str) -> Node:
            url = f"{FACE}{at}/resolve/main/split_files/{folder}/{file}"
            inside.models(node, dict(name=file, url=url, directory=folder))
            return node

        with inside.column(0):
            unet = file(inside("UNETLoader", unet_name=network), network, "diffusion_models")
            clip = inside("CLIPLoader", clip_name=text, type=kind)
            file(clip, text, "text_encoders")
            decoder = file(inside("VAELoader", vae_name=vae), vae, "vae")
        with inside.column(400):
            shifted = inside("ModelSamplingAuraFlow", "Steps as it was trained", model=unet[0], shift=shift)
        for wire, output in ((shifted[0], "model"), (clip[0], "clip"), (decoder[0], "vae")):
            inside.outlet(wire, output)
        made = d.box(inside, f"Load {name}", width=320)
        return made[0], made[1], made[2]

    return load


LITTLE = Model("", _little, 128, "euler", "normal", 25, 3.0, edit_steps=25, after=3.0)
SD = Model(
    "SD 1.5",
    _checkpoint("v1-5-pruned-emaonly-fp16.safetensors", "Comfy-Org/stable-diffusion-v1-5-archive"),
    512,
    say="Any SD 1.x or SD 2.x checkpoint works; choose yours in *Your model*.",
)
SDXL = Model(
    "SDXL",
    _checkpoint("sd_xl_base_1.0.safetensors", "stabilityai/stable-diffusion-xl-base-1.0"),
    1024,
    after=8.0,
    before=2.0,
    say="Any SDXL checkpoint works; choose yours in *Your model*.",
)
TURBO = Model(
    "SD-Turbo",
    _checkpoint("sd_turbo.safetensors", "stabilityai/sd-turbo"),
    512,
    cfg=1.0,
    steps=4,
    edit_scheduler="sgm_uniform",
    edit_steps=4,
    denoise=0.8,
    skip=0.0,
    weight=1.5,
    plain=True,
    say="Four steps of five, without the noisiest. SDXL-Turbo works too, at 512.",
)
Z_IMAGE = Model(
    "Z-Image-Turbo",
    _parts(
        "Z-Image-Turbo", "Comfy-Org/z_image_turbo", "z_image_turbo_bf16.safetensors",
        "qwen_3_4b.safetensors", "lumina2", "ae.safetensors", 3.0,
    ),
    1024, "res_multistep", "simple", 8, 1.0, "EmptySD3LatentImage", "simple", 8,
    skip=0.25, weight=1.5, plain=True,
    say="Its eight steps take no cfg. Keep the sampler at *res_multistep* or *euler*: *lcm* and SDE samplers "
    "forget the noise that they start from.",
)  # fmt: skip
FLUX = Model(
    "Flux",
    _checkpoint("flux1-dev-fp8.safetensors", "Comfy-Org/flux1-dev"),
    1024, "euler", "simple", 20, 1.0, "EmptySD3LatentImage", "simple", 28,
    skip=0.15, before=1.5, after=5.5, distilled=True,
    say="Guidance goes with the prompt: 1.5 for the prompt the image has, 4 to 7 for the new one.",
)  # fmt: skip
SD35 = Model(
    "SD 3.5",
    _checkpoint("sd3.5_medium_incl_clips_t5xxlfp8scaled.safetensors", "Comfy-Org/stable-diffusion-3.5-fp8"),
    1024, "euler", "simple", 30, 4.5, "EmptySD3LatentImage", "simple", 50,
    skip=0.34, before=3.5, after=13.5,
    say="SD3, SD3.5 Large and AuraFlow work too. A cfg of 8 to 14 makes a clear edit.",
)  # fmt: skip
QWEN = Model(
    "Qwen-Image",
    _parts(
        "Qwen-Image", "Comfy-Org/Qwen-Image_ComfyUI", "qwen_image_fp8_e4m3fn.safetensors",
        "qwen_2.5_vl_7b_fp8_scaled.safetensors", "qwen_image", "qwen_image_vae.safetensors", 3.1,
    ),
    1024, "euler", "simple", 20, 2.5, "EmptySD3LatentImage", "simple", 30,
    skip=0.27, before=1.5, after=5.0,
    say="Wan, Krea 2 and Anima take the same wires with their own loaders.",
)  # fmt: skip
