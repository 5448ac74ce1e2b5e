"""`python -m benchmarks.peers --comfy URL`: two wishes, by this pack's nodes and by other packs', in a
ComfyUI that has them, on the little world.

A graph begins at the file of a picture and ends at the picture it shows. Nodes and wires are counted in it,
and so are settings that stand in it more than once and must agree. Each graph runs twice, after ComfyUI has
forgotten the first run; pictures are read by the little world's classifier and compared with the truth, the
scene rendered anew, inside and outside its mask. A pack that is not installed is left out.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from PIL import Image

from tests.host.graphs import Graph
from world import classifier
from world.model import encode
from world.render import trace
from world.scenes import Scene, caption, edited, random_scene
from world.sheets import HELD_OUT

from .gallery import LITTLE, SIZE, Host

STEPS, CFG, SCENES = 25, 3.0, 6
AGREE = "steps", "scheduler", "sampler_name", "width", "height", "start_at_step", "end_at_step"
HOW = dict(steps=STEPS, scheduler="normal", sampler_name="euler")
RES4LYF = dict(steps=STEPS, scheduler="normal", sampler_name="exponential/ddim", eta=0.0, bongmath=False)
COLORS = {"red": "green", "blue": "yellow"}  # what is edited into what; other colors become red


class Bench:
    """A graph with what every wish starts from: the model, the picture and its prompts."""

    def __init__(self, host: Host, file: str, shown: str, wanted: str, seed: int):
        self.graph, self.seed = Graph(host.object_info), seed
        world = self.graph(LITTLE)
        self.model, self.clip, self.vae = (world[k] for k in range(3))
        self.image = self.graph("LoadImage", image=file)[0]
        self._words = dict(shown=shown, wanted=wanted, nothing="")
        self._made: dict[str, list] = {}

    def words(self, which: str) -> list:
        if which not in self._made:
            self._made[which] = self.graph("CLIPTextEncode", clip=self.clip, text=self._words[which])[0]
        return self._made[which]

    def latent(self) -> list:
        return self.graph("VAEEncode", pixels=self.image, vae=self.vae)[0]

    def empty(self) -> list:
        return self.graph("EmptyLatentImage", width=SIZE, height=SIZE, batch_size=1)[0]

    def prompts(self, positive: str) -> dict:
        return dict(model=self.model, positive=self.words(positive), negative=self.words("nothing"))

    def show(self, latent: list) -> Graph:
        decoded = self.graph("VAEDecode", samples=latent, vae=self.vae)[0]
        self.graph("PreviewImage", images=decoded)
        return self.graph


def vary_here(b: Bench) -> Graph:
    how = dict(cfg=CFG, seed=b.seed, latent_image=b.empty(), image=b.image, vae=b.vae, similarity=0.7)
    made = b.graph("Img2NoiseKSampler", **b.prompts("shown"), **HOW, **how)
    return b.show(made[0])


def vary_core(b: Bench) -> Graph:
    return b.show(_img2img(b, "shown", denoise=0.6))


def vary_noise(b: Bench) -> Graph:
    """Unsampled, mixed with fresh noise on the sphere, given the sampler's scale by hand, sampled."""
    how = dict(source="CPU", seed=b.seed, width=SIZE, height=SIZE, batch_size=1)
    found, fresh = _unsampled(b, "enable"), b.graph("BNK_NoisyLatentImage", **how)[0]
    mixed = b.graph("BNK_SlerpLatent", latents1=found, latents2=fresh, factor=0.5)[0]
    sigma = b.graph("BNK_GetSigma", model=b.model, **HOW, start_at_step=0, end_at_step=STEPS)[0]
    scaled = b.graph("BNK_InjectNoise", latents=b.empty(), noise=mixed, strength=sigma)[0]
    return b.show(_without_noise(b, scaled, "shown", CFG))


def vary_res4lyf(b: Bench) -> Graph:
    """Unsampled, then sampled with noise added at each step."""
    found = _clownshark(b, b.latent(), "unsample", "shown", 1.0)
    return b.show(_clownshark(b, found, "resample", "shown", CFG, eta=0.5))


def edit_here(b: Bench) -> Graph:
    source = b.graph("BasicGuider", model=b.model, conditioning=b.words("shown"))[0]
    target = b.graph("CFGGuider", **b.prompts("wanted"), cfg=CFG)[0]
    sigmas = b.graph("BasicScheduler", model=b.model, scheduler="normal", steps=STEPS)[0]
    made = b.graph("Img2NoisePromptEdit", source=source, target=target, sigmas=sigmas, latent=b.latent(),
                   noise_seed=b.seed)  # fmt: skip
    return b.show(made[0])


def edit_core(b: Bench) -> Graph:
    return b.show(_img2img(b, "wanted", denoise=0.8))


def edit_noise(b: Bench) -> Graph:
    return b.show(_without_noise(b, _unsampled(b, "disable"), "wanted", 1.0))


def edit_res4lyf(b: Bench) -> Graph:
    found = _clownshark(b, b.latent(), "unsample", "shown", 1.0)
    return b.show(_clownshark(b, found, "resample", "wanted", 1.0))


def _img2img(b: Bench, words: str, denoise: float) -> list:
    how = dict(**HOW, cfg=CFG, seed=b.seed, denoise=denoise)
    return b.graph("KSampler", **b.prompts(words), **how, latent_image=b.latent())[0]


def _unsampled(b: Bench, normalize: str) -> list:
    how = dict(**HOW, end_at_step=0, cfg=1.0, normalize=normalize)
    return b.graph("BNK_Unsampler", **b.prompts("shown"), **how, latent_image=b.latent())[0]


def _without_noise(b: Bench, latent: list, words: str, cfg: float) -> list:
    """Sample a latent that is noise at the sampler's scale already."""
    how = dict(add_noise="disable", noise_seed=b.seed, cfg=cfg, start_at_step=0, end_at_step=STEPS)
    return b.graph("KSamplerAdvanced", **b.prompts(words), **HOW, **how, latent_image=latent)[0]


def _clownshark(b: Bench, latent: list, mode: str, words: str, cfg: float, eta: float = 0.0) -> list:
    how = {**RES4LYF, "eta": eta, "cfg": cfg, "seed": b.seed, "sampler_mode": mode}
    return b.graph("ClownsharKSampler_Beta", **b.prompts(words), **how, latent_image=latent)[0]


Build = Callable[[Bench], Graph]
WISHES: dict[str, dict[str, tuple[str, Build]]] = {
    "a variation of a picture": {
        "img2noise, KSampler (from Image)": ("Img2NoiseKSampler", vary_here),
        "core, KSampler, denoise .6": ("KSampler", vary_core),
        "ComfyUI_Noise, Unsampler and Slerp": ("BNK_Unsampler", vary_noise),
        "RES4LYF, unsample and resample, eta .5": ("ClownsharKSampler_Beta", vary_res4lyf),
    },
    "another color, by prompt": {
        "img2noise, Prompt Edit": ("Img2NoisePromptEdit", edit_here),
        "core, KSampler, denoise .8": ("KSampler", edit_core),
        "ComfyUI_Noise, Unsampler": ("BNK_Unsampler", edit_noise),
        "RES4LYF, unsample and resample": ("ClownsharKSampler_Beta", edit_res4lyf),
    },
}


def scenes() -> Iterator[Scene]:
    """Yield held-out scenes of one object by day."""
    found = (random_scene(HELD_OUT + k) for k in range(10_000))
    return (s for s in found if len(s.objects) == 1 and s.time == "day")


def wire_count(graph: Graph) -> int:
    return sum(isinstance(value, list) for node in graph.values() for value in node["inputs"].values())


def to_agree(graph: Graph) -> int:
    """Return how many settings repeat one that stands elsewhere in the graph."""
    names = [name for node in graph.values() for name, v in node["inputs"].items() if not isinstance(v, list)]
    return sum(count - 1 for name, count in Counter(names).items() if name in AGREE)


def run_twice(host: Host, graph: Graph) -> tuple[np.ndarray, bool]:
    """Return the picture, and whether a second run that remembers nothing makes the same."""
    made = []
    for _ in range(2):
        host.ask("/free", json.dumps(dict(unload_models=True, free_memory=True)).encode())
        made += [pictures[0] for pictures in host.run(graph).values()]
    return made[0], bool((made[0] == made[-1]).all())


def row(host: Host, build: Build, edit: bool, seeds: tuple[int, ...] = (1, 2)) -> dict:
    """Return the figures of one way: means over scenes."""
    read, inside, outside, apart, same = [], [], [], [], []
    for scene, _ in zip(scenes(), range(SCENES), strict=False):
        color = COLORS.get(scene.objects[0].color, "red")
        truth = edited(scene, color=color) if edit else scene
        picture, masks = trace(scene)
        file = host.upload(Image.fromarray((picture * 255).round().astype(np.uint8)), "scene.png")
        found = []
        for seed in seeds[: 1 if edit else 2]:
            bench = Bench(host, file, caption(scene), caption(truth), seed)
            graph = build(bench)
            pixels, equal = run_twice(host, graph)
            found.append(pixels / 255)
            same.append(equal)
        latents = encode(torch.tensor(np.stack(found), dtype=torch.float32).permute(0, 3, 1, 2))
        read.append(float(classifier.right(latents, [truth] * len(found))["all"].double().mean()))
        mask = np.asarray(masks[0])
        error = (found[0] - trace(truth)[0]) ** 2
        inside.append(float((error.mean(2) * mask).sum() / mask.sum()) ** 0.5)
        outside.append(float((error.mean(2) * (1 - mask)).sum() / (1 - mask).sum()) ** 0.5)
        apart.append(float(((found[0] - found[-1]) ** 2).mean() ** 0.5))
    return dict(
        nodes=len(graph), wires=wire_count(graph), agree=to_agree(graph), same=all(same), read=mean(read),
        inside=mean(inside), outside=mean(outside), apart=mean(apart),
    )  # fmt: skip


def table(host: Host, wish: str) -> str:
    """Return a wish's table in Markdown."""
    edit = wish != next(iter(WISHES))
    last = "error to the truth, inside / outside" if edit else "how far two seeds are apart"
    lines = [
        f"| {wish} | nodes | wires | settings to keep equal | same seed, same picture "
        f"| read as the prompt says | {last} |",
        "|---" * 7 + "|",
    ]
    for name, (node, build) in WISHES[wish].items():
        if node not in host.object_info:
            continue
        r = row(host, build, edit)
        shown = f"{r['inside']:.3f} / {r['outside']:.3f}" if edit else f"{r['apart']:.3f}"
        lines.append(
            f"| {name} | {r['nodes']} | {r['wires']} | {r['agree']} | {'yes' if r['same'] else 'no'} | "
            f"{r['read']:.2f} | {shown} |"
        )
        print(lines[-1], flush=True)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__.split("\n\n")[0])
    parser.add_argument("--comfy", default="http://127.0.0.1:8188", help="where ComfyUI answers")
    parser.add_argument("--out", type=Path, default=Path("out/peers.md"), help="write the tables there")
    a = parser.parse_args()
    host = Host(a.comfy)
    a.out.parent.mkdir(parents=True, exist_ok=True)
    a.out.write_text("\n\n".join(table(host, wish) for wish in WISHES) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
