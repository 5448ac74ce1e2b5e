"""Where a node is tried: the families of models, the conditions, and the wires of a graph under both.

A family is a tiny checkpoint of its kind through the real loaders, and the steps it is sampled in. Everything
that a place puts on a wire is made anew for each `again`, so that a repeat is computed and not remembered.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .. import checkpoints, flow_checkpoints, scenes
from ..graphs import Graph
from ..templates import OF_MODELS, model_of

STEPS = 3
FIRST, SECOND = 2, 3  # variants of the checkpoints, beside those of the other tests


@dataclass(frozen=True)
class Family:
    """`kind` and `variant` of its checkpoint; `turbo` steps of SDTurboScheduler, or 0 for BasicScheduler;
    a node that changes how the model takes noise away, and its widgets.
    """

    name: str
    kind: str
    variant: int = FIRST
    turbo: int = 0
    patch: str = ""
    widgets: tuple[tuple[str, object], ...] = ()

    @property
    def space(self) -> str:
        """The latent space of its whitener."""
        own = dict(schnell="flux", wan22="wan21")  # which has a space of another family is refused
        return own.get(self.kind, "sd" if self.kind.startswith("sd2") else self.kind)


FAMILIES = [
    Family("SD 1.5", "sd"),
    Family("SD 2.1", "sd21"),
    Family("SD 2.1-v", "sd21v"),
    Family("SD-Turbo, 2 steps", "sd21", SECOND, 2),
    Family("SD-Turbo, 4 steps", "sd21", SECOND, 4),
    Family("SDXL", "sdxl"),
    Family("SDXL-Turbo, 4 steps", "sdxl", SECOND, 4),
]
FLOWS = [  # a model whose network is of one size alone has another's, with its own latents and levels
    Family("SD3, SD3.5", "sd3"),
    Family("Flux.1 dev", "flux"),
    Family("Flux.1 schnell", "schnell"),
    Family("Z-Image-Turbo", "schnell", patch="ModelSamplingAuraFlow", widgets=(("shift", 3.0),)),
    Family("Flux.2", "flux2"),
    Family("Qwen-Image", "wan21", patch="ModelSamplingAuraFlow", widgets=(("shift", 3.1),)),
    Family("Wan 2.1, Wan 2.2 14B", "wan21"),
    Family("Wan 2.2 5B", "wan22"),
    Family("SDXL as flow, AuraFlow", "sdxl", patch="ModelSamplingSD3", widgets=(("shift", 3.0),)),
]
ZERO_SNR = (("sampling", "v_prediction"), ("zsnr", True))
PICTURES = (("sampling", "img_to_img"), ("zsnr", False))
OTHERS = [  # tried at the base condition alone
    Family("SD 2.1-v with zero terminal SNR", "sd21v", patch="ModelSamplingDiscrete", widgets=ZERO_SNR),
    *FLOWS,
    Family("from picture to picture", "sd", patch="ModelSamplingDiscrete", widgets=PICTURES),
]
TEMPLATES = {  # the model in a template's name: the family whose checkpoint stands for it
    "SD 1.5": "SD 1.5",
    "SDXL": "SDXL",
    "SD-Turbo": "SD-Turbo, 4 steps",
    "Z-Image-Turbo": "Z-Image-Turbo",
    "Flux": "Flux.1 dev",
    "SD 3.5": "SD3, SD3.5",
    "Qwen-Image": "Qwen-Image",
}
BASE = "base"
SIZES = {"batch 4": dict(batch_size=4), "12 x 8": dict(width=12)}  # what every node is tried with
PROMPTS = ("mask", "cfg 7.5", "LoRA", "ControlNet", "areas")  # and what those that sample or invert
CONDITIONS = [BASE, *SIZES, *PROMPTS]


def workflows_of(family: Family) -> list[Path]:
    """The templates made for a family."""
    return [path for path in OF_MODELS if TEMPLATES[model_of(path)] == family.name]


FEW = dict(seed=11, batch_size=16)  # pictures for a fit


class Source:
    """A family under one condition in a graph. `show` asks for what is on a wire; `shown` are those asked."""

    def __init__(self, graph: Graph, family: Family, condition: str, again: str):
        self.graph, self.family, self.condition, self.again = graph, family, condition, again
        self.shown: list[str] = []

    def anew(self, wire: list) -> list:
        return self.graph("TestAnew", value=wire, again=self.again)[0]

    def show(self, value: list, original: list | None = None) -> None:
        """Ask for the facts of a value, and for its error beside an original."""
        beside = {} if original is None else dict(original=original)
        self.shown.append(self.graph("TestFacts", value=value, like=self.photo, **beside))

    @cached_property
    def loader(self):
        name = checkpoints.name(self.family.kind, self.family.variant)
        return self.graph("CheckpointLoaderSimple", ckpt_name=name)

    @cached_property
    def model(self) -> list:
        found = self.loader[0]
        if self.condition == "LoRA":
            how = dict(lora_name=checkpoints.lora(self.family.kind), strength_model=1.0)
            found = self.graph("LoraLoaderModelOnly", model=found, **how)[0]
        if self.family.patch:
            found = self.graph(self.family.patch, model=found, **dict(self.family.widgets))[0]
        return self.anew(found)

    @cached_property
    def photo(self) -> list:
        return self.picture(3)

    def picture(self, seed: int, **size) -> list:
        usual = flow_checkpoints.PHOTOS.get(self.family.kind, dict(width=8, height=8))
        size = {**usual, **SIZES.get(self.condition, {}), **size}
        latent = self.anew(scenes.photo(self.graph, seed, **size))
        if self.condition != "mask":
            return latent
        half = self.graph("SolidMask", value=0.0, width=64, height=64)[0]
        painted = self.graph("SolidMask", value=1.0, width=32, height=64)[0]
        mask = self.graph("MaskComposite", destination=half, source=painted, x=32, y=0, operation="add")[0]
        return self.graph("SetLatentNoiseMask", samples=latent, mask=mask)[0]

    @cached_property
    def vae(self) -> list:
        """The checkpoint's, or one without a network where it has none."""
        usual = flow_checkpoints.PHOTOS.get(self.family.kind)
        if usual is None or self.family.kind in flow_checkpoints.VAES:
            return self.anew(self.loader[2])
        stride = 16 if self.family.kind in ("flux2", "wan22") else 8
        how = dict(channels=usual["channels"], stride=stride, frames="frames" in usual)
        return self.anew(self.graph("TestVae", **how)[0])

    @cached_property
    def whitener(self) -> list:
        if self.family.kind in checkpoints.FAMILIES:
            return self.anew(self.graph("Img2NoiseLoadWhitener", whitener_name=self.family.space)[0])
        how = dict(latent_space=self.family.space, shrinkage=0.1)
        return self.anew(self.graph("Img2NoiseFitWhitener", latents=self.picture(**FEW), **how)[0])

    def prompts(self, seed: int = 1) -> dict:
        """What is wanted and what is not, under ControlNet or in areas."""
        made = [scenes.prompt(self.graph, number, self.family.kind) for number in (seed, 99)]
        if self.condition == "areas":
            half = dict(width=0.5, height=1.0, x=0.5, y=0.0, strength=1.0)
            other = scenes.prompt(self.graph, seed + 50, self.family.kind)
            area = self.graph("ConditioningSetAreaPercentage", conditioning=other, **half)[0]
            both = dict(conditioning_1=made[0], conditioning_2=area)
            made[0] = self.graph("ConditioningCombine", **both)[0]
        if self.condition == "ControlNet":
            made = list(scenes.controlled(self.graph, seed, family=self.family.kind))
        return dict(positive=made[0], negative=made[1])

    @property
    def cfg(self) -> float:
        return 7.5 if self.condition == "cfg 7.5" else 1.0

    @property
    def taken_apart(self) -> dict:
        """How an edit-friendly inversion is made: with nothing skipped of a Turbo model's few steps, and
        without their remedy, which gives exactness up.
        """
        return dict(skip=0.0 if self.family.turbo else 0.34, few_steps="off")

    def guider(self, seed: int = 1) -> list:
        return self.graph("CFGGuider", model=self.model, **self.prompts(seed), cfg=self.cfg)[0]

    def levels(self) -> list:
        """The schedule of the family; a Turbo model has its own number of steps."""
        if self.family.turbo:
            return self.graph("SDTurboScheduler", model=self.model, steps=self.family.turbo, denoise=1.0)[0]
        if self.family in FLOWS:
            return self.graph("BasicScheduler", model=self.model, scheduler="simple", steps=STEPS)[0]
        return scenes.sigmas(self.graph, self.model, STEPS)

    def sampled(self, noise: list, latent: list | None = None, **changed) -> list:
        """What core's euler makes of a noise beside a latent."""
        wires = dict(noise=noise, latent_image=latent or self.photo, sampler=scenes.euler(self.graph))
        wires |= dict(guider=changed.pop("guider", None) or self.guider(), **changed)
        wires.setdefault("sigmas", self.levels())
        return scenes.sampled(self.graph, **wires)
