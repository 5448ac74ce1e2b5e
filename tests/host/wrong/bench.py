"""Graphs that are right but for one wire or widget: what each node takes when all is well, and how it ends.

A `Bench` makes the wires, all of them anew for each `again`, from one model that its process keeps for good.
A scene is built as `scene(bench, **changed)`; what is changed is wired or set in place of what is right, and
`bench.shown` are the facts to compare.
"""

from __future__ import annotations

from collections.abc import Callable

from .. import checkpoints, scenes
from ..graphs import Graph

SMALL = dict(width=8, height=8)
LEVELS = "9 4 1 0"


class Bench:
    """Wires in a graph for one family."""

    def __init__(self, graph: Graph, again: str):
        self.graph, self.again, self.shown = graph, again, []

    def anew(self, wire: list) -> list:
        return self.graph("TestAnew", value=wire, again=self.again)[0]

    def show(self, wire: list) -> None:
        self.shown.append(self.graph("TestFacts", value=wire, like=self.photo()))

    def model(self, family: str = "sd") -> list:
        loaded = scenes.model(self.graph, family)
        return self.anew(self.graph("TestKept", value=loaded, name=family)[0])

    def vae(self, family: str = "sd") -> list:
        return self.graph("CheckpointLoaderSimple", ckpt_name=checkpoints.name(family))[2]

    def prompt(self, seed: int = 1, family: str = "sd") -> list:
        return scenes.prompt(self.graph, seed, family)

    def guider(self, family: str = "sd", model: list | None = None) -> list:
        return scenes.guider(self.graph, model or self.model(family), 1, family)

    def flow(self) -> list:
        return self.graph("ModelSamplingSD3", model=self.model())[0]

    def continuous(self) -> list:
        return self.graph("ModelSamplingContinuousEDM", model=self.model())[0]

    def zero_snr(self) -> list:
        """A model of noise, told that its schedule ends in nothing but noise."""
        return self.graph("ModelSamplingDiscrete", model=self.model(), sampling="eps", zsnr=True)[0]

    def photo(self, seed: int = 3, **size) -> list:
        return self.anew(scenes.photo(self.graph, seed, **{**SMALL, **size}))

    def empty(self) -> list:
        return self.graph("EmptyLatentImage", width=64, height=64)[0]

    def whitener(self, name: str = "sd") -> list:
        return self.anew(self.graph("Img2NoiseLoadWhitener", whitener_name=name)[0])

    def fitted(self, structure: str, **how) -> list:
        """A whitener of pictures of another size."""
        pictures = self.photo(7, batch_size=40, width=4, height=4)
        how = dict(latents=pictures, structure=structure, shrinkage=0.1, **how)
        return self.graph("Img2NoiseFitWhitener", **how)[0]

    def moments(self, **how) -> list:
        pictures = self.photo(7, **{**dict(batch_size=16), **how.pop("size", {})})
        return self.graph("Img2NoiseFitWhitener", latents=pictures, **how)[1]

    def random(self, seed: int = 5) -> list:
        return self.anew(self.graph("RandomNoise", noise_seed=seed)[0])

    def sigmas(self, values: str = LEVELS) -> list:
        return scenes.written(self.graph, values)

    def maps(self, family: str = "sd", **changed) -> list:
        wires = dict(guider=self.guider(family), sigmas=self.sigmas(), latent=self.photo(), skip=1)
        return self.graph("Img2NoiseEditFriendlyInversion", **{**wires, **changed})[0]

    def mask(self, count: int = 1) -> list:
        one = self.graph("SolidMask", value=0.5, width=64, height=64)[0]
        picture = self.graph("MaskToImage", mask=one)[0]
        many = self.graph("RepeatImageBatch", image=picture, amount=count)[0]
        return self.graph("ImageToMask", image=many, channel="red")[0]

    def masked(self, latent: list) -> list:
        return self.graph("SetLatentNoiseMask", samples=latent, mask=self.mask())[0]

    def image(self, width: int = 64, height: int = 64) -> list:
        return self.graph("EmptyImage", width=width, height=height, color=0x3080C0)[0]

    def odd(self, kind: str, what: str = "Latent") -> list:
        return self.graph(f"TestOdd{what}", kind=kind)[0]


Scene = Callable[..., None]


def made(b: Bench, inputs: dict) -> dict:
    """What functions of the bench give, and values as they are."""
    return {name: value(b) if callable(value) else value for name, value in inputs.items()}


def output(number: int, class_type: str, **inputs) -> Callable[[Bench], list]:
    """One output of a node, with inputs from the bench."""
    return lambda b: b.graph(class_type, **made(b, inputs))[number]


def ends(class_type: str, *outputs: int, **inputs) -> Scene:
    """A node and its outputs, shown."""

    def scene(b: Bench, **changed) -> None:
        node = b.graph(class_type, **made(b, {**inputs, **changed}))
        for number in outputs:
            b.show(node[number])
        if not outputs:
            b.graph("TestText", value="ComfyUI runs no graph without an end")

    scene.says = class_type  # which node refuses what is wrong
    return scene


def sampled(**inputs) -> Scene:
    """core's SamplerCustomAdvanced with these wires in place of its plain ones, and its picture, shown."""
    plain = dict(guider=Bench.guider, sigmas=Bench.sigmas, latent_image=Bench.photo)
    plain |= dict(noise=output(0, "DisableNoise"), sampler=output(0, "KSamplerSelect", sampler_name="euler"))
    return ends("SamplerCustomAdvanced", 0, **{**plain, **inputs})


def replayed(b: Bench, **changed) -> None:
    """Noise maps played by their sampler."""
    node = b.graph("Img2NoiseEditFriendlySampler", noise_maps=b.maps())
    wires = dict(sampler=node[0], noise=node[1], sigmas=node[2], latent_image=node[3])
    sampled(**wires)(b, **changed)


replayed.says = "SamplerCustomAdvanced"
PICTURE = dict(latent=Bench.photo, whitener=Bench.whitener)
MAPS = dict(noise_maps=Bench.maps)
INVERTED = dict(sigmas=Bench.sigmas, latent=Bench.photo)
PROMPTS = dict(model=Bench.model, positive=Bench.prompt, negative=Bench.prompt, steps=1, cfg=1.0)
TWO = dict(batch_size=2)

RIGHT: dict[str, Scene] = {
    "Load Whitener": ends("Img2NoiseLoadWhitener", 0, 1, whitener_name="sd"),
    "Save Whitener": ends("Img2NoiseSaveWhitener", whitener=Bench.whitener, filename_prefix="right"),
    "Fit Whitener": ends("Img2NoiseFitWhitener", 0, 1, latents=lambda b: b.photo(batch_size=16)),
    "Fit Whitener from Folder": ends(
        "Img2NoiseFitWhitenerFromFolder", 0, 1, 2, vae=Bench.vae, folder="right", size=64
    ),
    "Whiten Latent": ends("Img2NoiseWhitenLatent", 0, **PICTURE),
    "Dewhiten Latent": ends("Img2NoiseDewhitenLatent", 0, **PICTURE),
    "Annealed Noise": ends("Img2NoiseAnnealedNoise", 0, 1, 2, **PICTURE, model=Bench.model, iterations=20),
    "Correlated Noise": ends("Img2NoiseCorrelatedNoise", 0, 1, **PICTURE, model=Bench.model),
    "Latent to Noise": ends("Img2NoiseLatentToNoise", 0, latent=Bench.photo),
    "Noise to Latent": ends("Img2NoiseNoiseToLatent", 0, noise=Bench.random, latent=Bench.photo),
    "Blend Noises": sampled(
        noise=output(0, "Img2NoiseBlendNoises", noise_a=Bench.random, noise_b=lambda b: b.random(6))
    ),
    "KSampler": ends(
        "Img2NoiseKSampler",
        0,
        **PROMPTS,
        latent_image=Bench.photo,
        whitener=Bench.whitener,
        reference=Bench.photo,
    ),
    "Inversion Sampler": sampled(sampler=output(0, "Img2NoiseInversionSampler")),
    "Inverted Noise": ends("Img2NoiseInvertedNoise", 0, model=Bench.model, **INVERTED),
    "First-Step Inversion": ends(
        "Img2NoiseFirstStepInversion", 0, 1, 2, guider=Bench.guider, latent=Bench.photo, iterations=2
    ),
    "Edit-Friendly Inversion": ends(
        "Img2NoiseEditFriendlyInversion", 0, 1, guider=Bench.guider, **INVERTED, skip=1
    ),
    "Edit-Friendly Edit": ends(
        "Img2NoiseEditFriendlyEdit", 0, source=Bench.guider, target=Bench.guider, **INVERTED, skip=1
    ),
    "Edit-Friendly Sampler": replayed,
    "Shift Noise Maps": ends("Img2NoiseShiftNoiseMaps", 0, **MAPS, right=2),
    "Flip Noise Maps": ends("Img2NoiseFlipNoiseMaps", 0, **MAPS),
    "Recolor Noise Maps": ends(
        "Img2NoiseRecolorNoiseMaps", 0, guider=Bench.guider, **MAPS, color=Bench.photo, mask=Bench.mask
    ),
    "Save Noise Maps": ends("Img2NoiseSaveNoiseMaps", **MAPS, filename_prefix="right"),
    "Load Noise Maps": ends("Img2NoiseLoadNoiseMaps", 0, file="right.safetensors"),
    "Inspect Noise": ends("Img2NoiseInspectNoise", 0, 1, latent=Bench.photo),
    "Compare Whitenings": ends(
        "Img2NoiseCompareWhitenings",
        0,
        1,
        latents=lambda b: b.photo(batch_size=16),
        noises=lambda b: b.photo(4, batch_size=16),
        shrinkage=0.1,
    ),
}
NOISES = {  # sampled beside a latent that they were not made for
    "Annealed Noise": output(0, "Img2NoiseAnnealedNoise", **PICTURE, iterations=20),
    "Correlated Noise": output(0, "Img2NoiseCorrelatedNoise", **PICTURE),
    "Latent to Noise": output(0, "Img2NoiseLatentToNoise", latent=lambda b: b.photo(**TWO)),
    "Inverted Noise": output(0, "Img2NoiseInvertedNoise", model=Bench.model, **INVERTED),
}
RIGHT |= {f"{name}, sampled": sampled(noise=noise) for name, noise in NOISES.items()}
RIGHT["Latent to Noise, sampled"] = sampled(
    noise=NOISES["Latent to Noise"], latent_image=lambda b: b.photo(**TWO)
)
