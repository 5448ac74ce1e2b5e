"""Train the little world's model from nothing: python -m world.train.

v prediction (Salimans and Ho 2022) on SD's 1000 levels, weight (min(snr, 5) + 1) / (snr + 1) (min-SNR, Hang
et al. 2023, plus 1, which keeps the noisiest levels at 1); one prompt in ten is empty, for guidance. The rate
rises over 200 steps, stays, falls to 0 over the last third. The moving average of the weights is shipped.

Two objects take each other's color unless the words say whose they are. So `--two` draws scenes of two more
often, and `--sides` adds the cross-entropy of a linear layer that reads, off the context of every color and
shape, on which side its object stands. That layer serves training alone. `--start` begins with a file.

Every step draws from generators of (seed, step), so a run that was stopped goes on to the same bits.
Latents, state, loss.csv and sample sheets are in the folder given; `--ship` writes the file the pack loads.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tqdm import tqdm

from img2noise import sigmas

from .model import MODEL, LittleWorld, encode, load, metadata
from .render import render
from .scenes import loose_caption, random_scene
from .sheets import sample_sheet
from .words import LENGTH, WIDTH, split, tokens

SHARD = 250  # scenes in one file of latents
PARTS = "model", "average", "side", "optimizer"  # what a state holds


def latents(folder: Path, count: int) -> torch.Tensor:
    """Return the latents of scenes 0 to count - 1, float16 (count, 4, 16, 16); make what is not stored."""
    folder.mkdir(parents=True, exist_ok=True)
    shards = []
    for start in tqdm(range(0, count, SHARD), desc="scenes", unit_scale=SHARD):
        path = folder / f"latents-{start:06d}.pt"
        if not path.exists():
            pictures = np.stack([render(random_scene(seed)) for seed in range(start, start + SHARD)])
            batches = torch.from_numpy(pictures).permute(0, 3, 1, 2).split(25)
            with torch.autocast("cpu", torch.bfloat16):
                parts = [encode(batch) for batch in batches]
            store(torch.cat([part.half() for part in parts]), path)
        shards.append(torch.load(path, weights_only=True))
    return torch.cat(shards)[:count]


def store(value: object, path: Path) -> None:
    """Write beside `path`, then rename: whoever reads never sees half a file."""
    part = path.with_suffix(f".part{os.getpid()}")
    torch.save(value, part)
    part.replace(path)


def rate(step: int, steps: int, top: float) -> float:
    """Return the learning rate of a step: up over 200, level, then a straight fall over the last third."""
    return top * min(1, (step + 1) / 200, 3 * (steps - step) / steps)


def weights(levels: torch.Tensor) -> torch.Tensor:
    """Return the weight of the error of v at each sigma."""
    snr = levels**-2
    return ((snr.clamp(max=5) + 1) / (snr + 1)).float()


def shares(count: int, two: float | None) -> torch.Tensor | None:
    """Return how often each scene is drawn, so that a share `two` of them has two objects: (count,)."""
    if two is None:
        return None
    both = torch.tensor([len(random_scene(row).objects) == 2 for row in range(count)])
    return torch.where(both, two / both.sum(), (1 - two) / (~both).sum())


def sides(prompt: str) -> list[int]:
    """Return for each word of a prompt of two objects its object's side: 0 left, 1 right, -1 no object."""
    words = split(prompt)
    found = [-1] * LENGTH
    if words[3:5] in (["left", "of"], ["right", "of"]):  # "a red ball left of a blue cube"
        first = int(words[3] == "right")
        found[1:3], found[6:8] = [first] * 2, [1 - first] * 2
    return found


@dataclass(frozen=True)
class Settings:
    """How to train; what a state must share with the run that goes on from it."""

    steps: int = 8_000
    batch: int = 48
    rate: float = 1e-3  # the highest
    seed: int = 0
    two: float | None = None  # share of scenes with two objects; None takes scenes as they come
    sides: float = 0.0  # weight of the cross-entropy of the words' sides


class Trainer:
    """Model, average and optimizer; `step` runs one and returns its loss."""

    def __init__(
        self, data: torch.Tensor, how: Settings, device: str = "cpu", start: LittleWorld | None = None
    ):
        self.data, self.how, self.device, self.done = data, how, device, 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(how.seed)
            self.model, self.average = LittleWorld().to(device), LittleWorld().to(device)
            self.side = torch.nn.Linear(WIDTH, 2).to(device)
        if start is not None:
            self.model.load_state_dict(start.state_dict())
        self.average.load_state_dict(self.model.state_dict())
        self.optimizer = torch.optim.AdamW(
            [*self.model.parameters(), *self.side.parameters()],
            lr=how.rate,
            betas=(0.9, 0.99),
            weight_decay=0.01,
        )
        self.shares = shares(len(data), how.two)
        self.levels = sigmas.scaled_linear()
        self.weights = weights(self.levels).to(device)

    def step(self) -> float:
        number, batch = self.done, self.how.batch
        draw = torch.Generator().manual_seed(self.how.seed * 1_000_003 + number)
        words = np.random.default_rng([self.how.seed, number])
        if self.shares is None:
            rows = torch.randint(len(self.data), (batch,), generator=draw)
        else:
            rows = torch.multinomial(self.shares, batch, replacement=True, generator=draw)
        t = (torch.rand((), generator=draw) + torch.arange(batch)) / batch * len(self.levels)
        t = t.long().clamp(max=len(self.levels) - 1)  # one level from each part of the schedule
        noise = torch.randn(batch, *self.data.shape[1:], generator=draw)
        prompts = [
            "" if words.random() < 0.1 else loose_caption(random_scene(int(row)), words) for row in rows
        ]
        sigma = self.levels[t].float().view(-1, 1, 1, 1)
        x0, a = self.data[rows].float(), (1 + sigma**2).rsqrt()
        x, target = a * (x0 + sigma * noise), a * (noise - sigma * x0)
        x, target, t = x.to(self.device), target.to(self.device), t.to(self.device)
        for group in self.optimizer.param_groups:
            group["lr"] = rate(number, self.how.steps, self.how.rate)
        with torch.autocast(self.device, torch.bfloat16):
            context = self.model.text(tokens(prompts).to(self.device))
            v = self.model(x, t, context).float()
        loss = (self.weights[t] * (v - target).square().mean((1, 2, 3))).mean()
        total = loss + self.how.sides * self.wrong_sides(context.float(), prompts) if self.how.sides else loss
        self.optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.done += 1
        keep = min(0.9995, (1 + self.done) / (10 + self.done))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - keep)
        return loss.item()

    def wrong_sides(self, context: torch.Tensor, prompts: list[str]) -> torch.Tensor:
        """Return the cross-entropy of the sides read off the context (B, L, W); 0 without two objects."""
        told = torch.tensor([sides(prompt) for prompt in prompts], device=self.device)
        if not (told >= 0).any():
            return context.new_zeros(())
        return torch.nn.functional.cross_entropy(
            self.side(context).flatten(0, 1), told.flatten(), ignore_index=-1
        )

    def state(self) -> dict:
        parts = {name: getattr(self, name).state_dict() for name in PARTS}
        return {**parts, "done": self.done, "how": asdict(replace(self.how, steps=0))}

    def resume(self, state: dict) -> None:
        own = asdict(replace(self.how, steps=0))
        if state["how"] != own:
            raise SystemExit(
                f"got {own}; the state in this folder has {state['how']}; "
                "name another folder or the same settings"
            )
        for name in PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.done = state["done"]


def ship(trainer: Trainer, losses: list[float], path: Path, start: dict | None) -> None:
    """Write the average in float16 with its facts in the header; `start` are those it began with."""
    facts = dict(
        format="img2noise-little-world", prediction="v", schedule="scaled_linear .00085 .012 1000",
        space="sd", scenes=len(trainer.data), settings=asdict(trainer.how), start=start,
        steps=trainer.done + (start["steps"] if start else 0),
        loss=round(float(np.mean(losses[-500:] or [np.nan])), 5), license="MIT",
    )  # fmt: skip
    values = {
        name: value.detach().half().cpu().contiguous() for name, value in trainer.average.state_dict().items()
    }
    save_file(values, path, {name: json.dumps(value) for name, value in facts.items()})


def train(folder: Path, trainer: Trainer, every: int, start: dict | None = None) -> list[float]:
    """Run to the end; return the losses since the start of this call."""
    state, losses = folder / "state.pt", []
    if state.exists():
        trainer.resume(torch.load(state, weights_only=True, map_location=trainer.device))
    bar = tqdm(total=trainer.how.steps, initial=trainer.done, desc="training")
    with open(folder / "loss.csv", "a", newline="", encoding="utf-8") as file:
        log = csv.writer(file)
        while trainer.done < trainer.how.steps:
            losses.append(trainer.step())
            bar.update()
            if trainer.done % 50 == 0:
                log.writerow([trainer.done, round(float(np.mean(losses[-50:])), 5)])
                file.flush()
                bar.set_postfix(loss=f"{np.mean(losses[-50:]):.4f}")
            if trainer.done % every == 0 or trainer.done == trainer.how.steps:
                store(trainer.state(), state)
                ship(trainer, losses, folder / "little_world.safetensors", start)
                sample_sheet(trainer.average, folder / f"sheet-{trainer.done:06d}.jpg")
    return losses


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m world.train", description="train the little world's model"
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("out/world"), help="keep latents, state and sheets here"
    )
    parser.add_argument("--scenes", type=int, default=10_000, help="render this many scenes to train on")
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--batch", type=int, default=Settings.batch)
    parser.add_argument("--rate", type=float, default=Settings.rate, help="the highest learning rate")
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument(
        "--two", type=float, help="draw this share of scenes with two objects (.3 of all have)"
    )
    parser.add_argument(
        "--sides", type=float, default=Settings.sides, help="weigh the sides of words so much"
    )
    parser.add_argument("--start", type=Path, help="begin with the weights of this file")
    parser.add_argument("--every", type=int, default=500, help="store the state and a sample sheet so often")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--ship", action="store_true", help="write the result where the pack loads it")
    a = parser.parse_args(arguments)
    how = Settings(a.steps, a.batch, a.rate, a.seed, a.two, a.sides)
    start, facts = (load(a.start), metadata(a.start)) if a.start else (None, None)
    trainer = Trainer(latents(a.folder, a.scenes), how, a.device, start)
    losses = train(a.folder, trainer, a.every, facts)
    if a.ship:
        ship(trainer, losses, MODEL, facts)


if __name__ == "__main__":
    main()
