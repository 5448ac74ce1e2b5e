"""Read the attributes of a picture of the little world: a small network on TAESD latents, trained on renders.

python -m world.classifier trains it (a minute or two on two cores) and writes the shipped file. It reads
color and shape of the left and of the right object, their number, the place of an object alone, floor, wall,
time and window; its features measure `frechet`, the distance of two sets of pictures (Heusel et al. 2017).
"""

from __future__ import annotations

import argparse
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from scipy.linalg import sqrtm
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from .model import HERE, encode
from .render import render
from .scenes import COLORS, FLOORS, PLACES, SHAPES, TIMES, WALLS, Scene, attributes, random_scene
from .train import latents

FILE = HERE / "classifier.safetensors"
HEADS = {
    "color": COLORS,
    "shape": SHAPES,
    "second_color": COLORS,
    "second_shape": SHAPES,
    "count": ("one", "two"),
    "place": PLACES,
    "floor": FLOORS,
    "wall": WALLS,
    "time": TIMES,
    "window": ("no", "yes"),
}


class Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Classifier(nn.Module):
    """Latents (B, 4, 16, 16) to 128 features, and to the logits of each attribute."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(4, 48, 3, padding=1), Residual(48),
            nn.Conv2d(48, 96, 3, stride=2, padding=1), Residual(96), Residual(96),
            nn.Conv2d(96, 96, 3, stride=2, padding=1), Residual(96), nn.GroupNorm(8, 96), nn.SiLU(),
            nn.Flatten(), nn.Linear(96 * 16, 128),
        )  # fmt: skip
        self.heads = nn.ModuleDict({name: nn.Linear(128, len(words)) for name, words in HEADS.items()})

    def features(self, x: Tensor) -> Tensor:
        return self.body(x)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = functional.silu(self.body(x))
        return {name: head(features) for name, head in self.heads.items()}


@cache
def load(path: Path = FILE) -> Classifier:
    """Return the shipped classifier, float32."""
    with torch.random.fork_rng(devices=()):
        model = Classifier()
    model.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return model.eval().requires_grad_(False)


def read(latent: Tensor) -> dict[str, Tensor]:
    """Return the class numbers of each attribute, (B,) each, -1 where the number of objects rules it out."""
    found = {name: logits.argmax(1) for name, logits in load()(latent.float()).items()}
    two = found["count"] == 1
    for name, there in (("second_color", two), ("second_shape", two), ("place", ~two)):
        found[name] = torch.where(there, found[name], -1)
    return found


def right(latent: Tensor, scenes: list[Scene]) -> dict[str, Tensor]:
    """Return for each attribute where the picture shows the scene's, (B,) bool, and "all" of them."""
    found, wanted = read(latent), labels(scenes)
    out = {name: found[name] == wanted[name] for name in HEADS}
    return {**out, "all": torch.stack(list(out.values())).all(0)}


def labels(scenes: list[Scene]) -> dict[str, Tensor]:
    rows = [attributes(scene) for scene in scenes]
    return {name: torch.tensor([row[name] for row in rows]) for name in HEADS}


def frechet(one: Tensor, other: Tensor) -> float:
    """Return the Frechet distance of two sets of latents in the classifier's features."""
    a, b = (load().features(latent.float()).double().numpy() for latent in (one, other))
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = sqrtm(cov_a @ cov_b)
    return float(np.square(a.mean(0) - b.mean(0)).sum() + np.trace(cov_a + cov_b - 2 * root.real))


def renders(scenes: list[Scene], batch: int = 25) -> Tensor:
    """Return the latents of freshly drawn scenes: (B, 4, 16, 16)."""
    out = []
    for start in range(0, len(scenes), batch):
        pictures = np.stack([render(scene) for scene in scenes[start : start + batch]])
        out.append(encode(torch.from_numpy(pictures).permute(0, 3, 1, 2)))
    return torch.cat(out)


def train(data: Tensor, steps: int, seed: int = 0) -> Classifier:
    """Return a classifier of the latents of scenes 0, 1, ...; a little noise keeps it from the last digit."""
    draws = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Classifier().train()
    wanted = labels([random_scene(row) for row in range(len(data))])
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    bar = tqdm(range(steps), desc="classifier")
    for _ in bar:
        rows = torch.randint(len(data), (64,), generator=draws)
        x = data[rows].float()
        x = x + 0.15 * torch.rand(len(x), 1, 1, 1, generator=draws) * torch.randn(x.shape, generator=draws)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(x)
        losses = [
            functional.cross_entropy(
                logits[name].float(), wanted[name][rows], ignore_index=-1, label_smoothing=0.01
            )
            for name in HEADS
        ]
        loss = torch.stack(losses).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}")
    return model.eval().requires_grad_(False)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m world.classifier", description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("out/world"), help="keep latents here")
    parser.add_argument("--scenes", type=int, default=10_000, help="render this many scenes to train on")
    parser.add_argument("--steps", type=int, default=2_000)
    a = parser.parse_args()
    model = train(latents(a.folder, a.scenes), a.steps)
    save_file({name: value.half().contiguous() for name, value in model.state_dict().items()}, FILE)
    load.cache_clear()
    scenes = [random_scene(seed) for seed in range(2_000_000, 2_000_500)]
    for name, good in right(renders(scenes), scenes).items():
        print(f"{name:14s} {good.float().mean():.4f}")


if __name__ == "__main__":
    main()
