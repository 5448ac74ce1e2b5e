"""Nodes without a server: run by a ComfyUI's Python in its folder, as `alone.py PACK MODELS BASE ANSWERS`.

Calls every node's `execute`, and whatever samplers then ask of its NOISE or SAMPLER, first with good inputs
and then with each row of `bad_nodes`, and writes what each was answered with as JSON.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import torch

TESTS = Path(__file__).resolve().parents[1]
SIZE, STEPS = (4, 8, 8), 4
MAKERS = ("Img2NoiseCorrelatedNoise", "Img2NoiseAnnealedNoise", "Img2NoiseLatentToNoise")
NOISES = (*MAKERS, "Img2NoiseInvertedNoise", "Img2NoiseBlendNoises", "Img2NoiseFirstStepInversion")
NOISES += ("Img2NoisePickNoise", "Img2NoiseNoiseFromImage", "Img2NoiseNoiseFromTwoImages")
NOISES += ("Img2NoiseUnsample",)


def module_at(name: str, path: Path, **how):
    """The module in a file, under a name of its own."""
    spec = importlib.util.spec_from_file_location(name, path, **how)
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


refusals = module_at("refusals", TESTS / "refusals.py")


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class World:
    """What good and bad inputs are made of."""

    def __init__(self, models: Path, library):
        self.models, self.library, self.loaded = models, library, {}
        self.noises = [normal(1, *SIZE, seed=seed) for seed in (0, 1)]

    def whitener(self, name: str):
        return self.library.load(name)

    def model(self, family: str = "sd"):
        """A tiny checkpoint whose network is the exact denoiser of N(0, I)."""
        import comfy.sd

        if family not in self.loaded:
            path = str(self.models / f"tiny-{family}-0.safetensors")
            found = comfy.sd.load_checkpoint_guess_config(path, output_vae=False, output_clip=False)[0]
            found.set_model_unet_function_wrapper(
                lambda _, asked: asked["input"] / (1 + asked["timestep"].view(-1, 1, 1, 1) ** 2)
            )
            self.loaded[family] = found
        return self.loaded[family]

    def patched(self, kind: str, *how):
        """The model under another sampling, by core's node of that kind."""
        from comfy_extras import nodes_model_advanced as core

        return getattr(core, f"ModelSampling{kind}")().patch(self.model(), *how)[0]

    def moments(self, structure: str = "stationary", space: str = "sd", side: int = 8):
        """Moments of white pictures."""
        return self.library.measure(normal(64, 4, side, side), structure, space=space)

    def guider(self, model=None):
        import comfy.samplers

        guider = comfy.samplers.CFGGuider(model or self.model())
        guider.set_conds(self.prompt(1), self.prompt(2))
        guider.set_cfg(2.0)
        return guider

    def prompt(self, seed: int):
        width = 768
        return [[normal(1, 77, width, seed=seed), {"pooled_output": normal(1, 1280, seed=seed)}]]

    def noise(self, answer):
        """A NOISE that answers so."""
        return SimpleNamespace(seed=0, generate_noise=lambda latent: answer)

    def seeded(self):
        """A NOISE of a seed, by batch index."""

        def generate_noise(latent):
            return self.library.draw(latent["samples"].shape, 0, latent.get("batch_index"))

        return SimpleNamespace(seed=0, generate_noise=generate_noise)

    def nested(self, x):
        from comfy.nested_tensor import NestedTensor

        return NestedTensor([x, x.clone()])

    def vae(self, channels: int):
        """A VAE of means of 8 x 8 pixels, their brightness repeated and rippled."""

        def encode(pixels):
            small = torch.nn.functional.avg_pool2d(pixels.movedim(-1, 1), 8)
            return small[:, [0, 1, 2, 0]] + 0.1 * normal(*small[:, [0, 1, 2, 0]].shape, seed=len(pixels))

        def decode(z):
            return z[:, :3].movedim(1, -1).clamp(0, 1)

        return SimpleNamespace(latent_channels=channels, encode=encode, decode=decode)

    def image(self, rows: int = 1):
        return torch.rand(rows, 64, 64, 3, generator=torch.Generator().manual_seed(0))

    def sampler(self, name: str = "euler"):
        import comfy.samplers

        return comfy.samplers.sampler_object(name)

    def sigmas(self):
        return torch.tensor([14.0, 6.0, 2.0, 0.5, 0.0])

    def maps(self):
        x, gaussian = normal(1, *SIZE), lambda x, sigma: x / (1 + sigma.view(-1, 1, 1, 1) ** 2)
        maps = self.library.extract(gaussian, x, self.sigmas(), seed=1)
        return self.library.NoiseMaps(
            maps.start, maps.residuals, maps.levels.told.float(), space="sd", states=maps.states
        )


def good(w: World) -> dict[str, dict]:
    """Inputs that each node takes; `asked`, `guider`, `latent` and `sigmas` also for what samplers ask."""
    return {**good_of_noises(w), **good_of_walks(w)}


def good_of_noises(w: World) -> dict[str, dict]:
    latent, many = {"samples": normal(1, *SIZE)}, {"samples": normal(64, *SIZE)}
    picture, ask = dict(latent=latent, whitener=w.whitener("sd")), dict(asked=latent)
    fit = dict(latent_space="sd", structure="stationary", method="zca", shrinkage=0.0)
    search = dict(loss="forward", alpha=0.97, temperature_start=9.0, temperature_end=5.0, adapt_step=False)
    one = dict(noise_seed=1, batch_size=1, model=w.model())
    core = dict(seed=1, steps=2, cfg=2.0, sampler_name="euler", scheduler="normal", denoise=1.0)
    core |= dict(model=w.model(), positive=w.prompt(1), negative=w.prompt(2), latent_image=latent)
    core |= dict(image=w.image(), vae=w.vae(4), similarity=0.5, whitener=None, keep_mask=None)
    noises = list(map(w.noise, w.noises))
    blend = dict(cut_off=2.0, variation_seed=1, variation_strength=0.5)
    law = dict(temperature=5.0, strength=1.0, keep_variance=True)
    return dict(
        Img2NoiseLoadLittleWorld=dict(),
        Img2NoiseSampleImage=dict(scene="red ball", size=64),
        Img2NoiseLoadWhitener=dict(whitener_name="sd"),
        Img2NoiseSaveWhitener=dict(whitener=w.whitener("sd"), filename_prefix="mine"),
        Img2NoiseFitWhitener=dict(latents=many, **fit, patch=0, moments=None),
        Img2NoiseFitWhitenerFromFolder=dict(vae=w.vae(4), folder="photos", size=64, limit=0, **fit),
        Img2NoiseWhitenLatent=dict(**picture, strength=1.0),
        Img2NoiseDewhitenLatent=dict(**picture, strength=1.0),
        Img2NoiseAnnealedNoise=dict(**picture, **one, iterations=2, **search, **ask),
        Img2NoiseCorrelatedNoise=dict(**picture, **one, **law, **ask),
        Img2NoiseLatentToNoise=dict(latent=latent, normalize=True, noise_seed=1, **ask),
        Img2NoiseNoiseToLatent=dict(noise=noises[0], latent=latent),
        Img2NoiseBlendNoises=dict(
            noise_a=noises[0], noise_b=noises[1], weight=0.5, method="slerp", **blend, **ask
        ),
        **good_of_candidates(w, latent),
        **good_of_images(w, latent),
        Img2NoiseKSampler=core,
        Img2NoiseInspectNoise=dict(latent=latent, smoothness=0.1, noise=None, picture=None, vae=None),
        Img2NoiseCompareWhitenings=dict(latents=many, noises=many, latent_space="sd", shrinkage=0.01),
    )


def good_of_images(w: World, latent: dict) -> dict[str, dict]:
    own = dict(vae=w.vae(4), model=w.model(), similarity=0.5, noise_seed=1, whitener=None, asked=latent)
    two = dict(layout_image=w.image(), color_image=w.image(2))
    shares = dict(keep_mask=torch.ones(1, 64, 64), layout=0.5, color=1.0, detail=0.5, temperature=0.0)
    steps = dict(sampler=w.sampler(), sigmas=w.sigmas())
    measured = dict(guider=w.guider(), latent=latent, count=4, noise_seed=1, whitener=None)
    return dict(
        Img2NoiseNoiseFromImage=dict(image=w.image(), **own, **shares, **steps, gain=None),
        Img2NoiseNoiseFromTwoImages=dict(**two, **own),
        Img2NoiseInspectSampler=dict(model=w.model(), **steps),
        Img2NoiseMeasureSampler=dict(**measured, **steps),
    )


def good_of_candidates(w: World, latent: dict) -> dict[str, dict]:
    seen = dict(noise=w.seeded(), latent=latent, whitener=w.whitener("sd"), vae=w.vae(4))
    choice = dict(count=2, pick=1, wait=False, guider=None)
    table = dict(similarities="0.5, 0.9", noise_seed=1, seeds=2, vae=None)
    return dict(
        Img2NoisePickNoise=dict(**seen, **choice, asked=latent),
        Img2NoisePreviewNoise=seen,
        Img2NoiseNoiseSheet=dict(latent=latent, whitener=w.whitener("sd"), **table),
    )


def good_of_walks(w: World) -> dict[str, dict]:
    latent, maps = {"samples": normal(1, *SIZE)}, dict(noise_maps=w.maps())
    guided, levels = dict(guider=w.guider()), dict(sigmas=w.sigmas(), latent=latent)
    walk = dict(**levels, method="custom", eta=1.0, skip=0.25, noise_seed=1, few_steps="auto")
    back = dict(scheme="target", forward_fraction=0.3, forward_seed=1, iterations=2)
    prompts = dict(model=w.model(), positive=w.prompt(1), negative=w.prompt(2), cfg=2.0, noise_seed=1)
    apart = dict(steps=3, scheduler="normal", scheme="exact", forward_share=0.3, iterations=2)
    pull = dict(
        vae=w.vae(4), color="#20c040", mask=torch.ones(1, 64, 64), strength=0.05, band_start=0.2, band_end=0.7
    )
    smooth = dict(weight=1.5, average=2, free_steps=1)
    stop = dict(iterations=2, stop="iterations", anderson_window=0, tolerance=1e-3, normalize=True)
    return dict(
        Img2NoiseUnsample=dict(**prompts, latent=latent, **apart, asked=latent),
        Img2NoiseInversionSampler=dict(**back, **guided, **levels),
        Img2NoiseInvertedNoise=dict(model=w.model(), **levels, noise_seed=1, asked=latent),
        Img2NoiseFirstStepInversion=dict(**guided, latent=latent, timestep=980, **stop, asked=latent),
        Img2NoiseImageToNoiseMaps=dict(**guided, **walk, levels_per_call=1),
        Img2NoiseSampleNoiseMaps=dict(**maps, **guided, skip=0.0, latent=None),
        Img2NoisePromptEdit=dict(source=w.guider(), target=w.guider(), **walk, **smooth),
        Img2NoiseTransformNoiseMaps=dict(**maps, right=0, down=8, flip_horizontal=True, flip_vertical=False),
        Img2NoiseRecolorNoiseMaps=dict(**guided, **maps, **pull, closed_loop=True),
        Img2NoiseSaveNoiseMaps=dict(**maps, filename_prefix="maps"),
        Img2NoiseLoadNoiseMaps=dict(file="maps_00001_.safetensors"),
    )


def call(node, inputs: dict) -> None:
    """Run the node, then what a sampler would ask of its NOISE or SAMPLER."""
    inputs, name = dict(inputs), node.__name__
    asked = inputs.pop("asked", None)
    if name == "Img2NoiseInversionSampler":
        guider, latent, sigmas = (inputs.pop(key) for key in ("guider", "latent", "sigmas"))
        sampler = node.execute(**inputs).result[0]
        samples, how = (
            latent["samples"],
            dict(denoise_mask=latent.get("noise_mask"), disable_pbar=True, seed=0),
        )
        guider.sample(torch.zeros_like(samples), samples, sampler, sigmas, **how)
        return
    made = node.PREPARE_CLASS_CLONE(None).execute(**inputs)
    if name in NOISES:
        made.result[0].generate_noise(asked)


def answer(node, inputs: dict) -> dict:
    """What came of a call: nothing, or the kind of error and what it says."""
    try:
        call(node, inputs)
    except Exception as error:  # whatever it is, it is what the artist would read
        return refusals.refusal(error)
    return dict(kind="", said="", meant=False)


def answers(world: World, nodes: list, table) -> dict:
    """Of good inputs per node, and of each row of the table in its order."""
    classes, inputs = {node.__name__: node for node in nodes}, good(world)
    found = {name: answer(classes[name], inputs[name]) for name in inputs}
    rows = []
    for name, argument, value in table.NODE_ROWS:
        value = value(world) if callable(value) else value
        kept = value["samples"].clone() if isinstance(value, dict) and _is_tensor(value) else None
        row = answer(classes[name], {**inputs[name], argument: value})
        rows.append(row | dict(kept=kept is None or _same(kept, value["samples"])))
    return dict(good=found, rows=rows, nodes=sorted(classes))


def _is_tensor(latent: dict) -> bool:
    return isinstance(latent.get("samples"), torch.Tensor)


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.equal(a.nan_to_num(), b.nan_to_num())


def started(pack: Path, base: Path) -> tuple:
    """The pack's library and node classes, in this process, as a ComfyUI that has this base folder."""
    sys.path[0] = os.getcwd()  # the host's, not this folder, whose `server` is another
    sys.argv = ["main.py", "--cpu", "--base-directory", str(base)]
    import comfy.options

    comfy.options.enable_args_parsing()
    import utils.extra_config  # noqa: F401  before `nodes`, which puts another `utils` in its way

    import nodes  # noqa: F401  the host's own, which the pack imports

    torch.set_num_threads(1)
    loaded = module_at("img2noise_pack", pack / "__init__.py", submodule_search_locations=[str(pack)])
    extension = asyncio.run(loaded.comfy_entrypoint())
    return sys.modules["img2noise_pack.img2noise"], asyncio.run(extension.get_node_list())


def main(pack: Path, models: Path, base: Path, out: Path) -> None:
    library, classes = started(pack, base)
    world = World(models, library)
    found = answers(world, classes, module_at("bad_nodes", TESTS / "bad_nodes.py"))
    out.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
