"""How well the model follows prompts: python -m world.evaluate.

Captions of scenes that were never trained on are sampled and read by the classifier. The Frechet distance is
to renders of other scenes, in the classifier's features; that of the scenes' own renders is the least for so
many.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor
from tqdm import tqdm

from . import classifier, model
from .scenes import Scene, caption, random_scene
from .sheets import HELD_OUT, sample

FIRST = HELD_OUT + 500_000  # away from the scenes of sheets and of edits


def samples(scenes: list[Scene], steps: int, guidance: float, batch: int = 25) -> Tensor:
    """Return a latent for each scene's caption, (B, 4, 16, 16)."""
    out = []
    for start in tqdm(range(0, len(scenes), batch), desc="samples"):
        prompts = [caption(scene) for scene in scenes[start : start + batch]]
        out.append(sample(model.load(), prompts, steps, guidance, seed=start))
    return torch.cat(out)


def quality(made: Tensor, drawn: Tensor, scenes: list[Scene], others: Tensor) -> dict[str, list[float]]:
    """Return [of samples, of renders] for each figure: shares read as wanted, and Frechet distances."""
    two = torch.tensor([len(scene.objects) == 2 for scene in scenes])
    out: dict[str, list[float]] = {}
    for latents in (made, drawn):
        good = classifier.right(latents, scenes)
        parts = {"all, one object": good["all"][~two], "all, two objects": good["all"][two]}
        for name, values in {"all": good.pop("all"), **parts, **good}.items():
            out.setdefault(name, []).append(float(values.double().mean()))
    out["Frechet distance"] = [classifier.frechet(latents, others) for latents in (made, drawn)]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m world.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200, help="captions")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--guidance", type=float, default=4.0)
    a = parser.parse_args()
    scenes, others = ([random_scene(first + k) for k in range(a.count)] for first in (FIRST, FIRST + 100_000))
    drawn = classifier.renders(scenes)
    figures = quality(samples(scenes, a.steps, a.guidance), drawn, scenes, classifier.renders(others))
    print(f"{a.count} held-out captions, {a.steps} steps, guidance {a.guidance:g}; {model.metadata()}")
    print(f"{'':18s} samples  renders")
    for name, (of_samples, of_renders) in figures.items():
        print(f"{name:18s} {of_samples:7.3f}  {of_renders:7.3f}")


if __name__ == "__main__":
    main()
