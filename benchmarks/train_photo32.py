"""Train a small UNet to predict noise on 32 x 32 crops of photos, on a GPU where there is one:

    python -m benchmarks.train_photo32 PHOTOS --steps 3000

    min E |eps - eps_theta(x, t)|^2 / a^2,   x = a x0 + b eps,   eps_theta = b x + a v_theta(x, t)

t is uniform over SD's schedule. Dividing by a^2 weighs every noise level by what is there to be learnt: it is
the loss on v = a eps - b x0 (Salimans and Ho 2022, section 4). The weights kept are an exponential moving
average; every tenth photo is held out. Work is saved every two minutes, whole or not at all; run again, it
goes on from there.
"""

from __future__ import annotations

import copy
import json
import math
import os
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from PIL import Image
from rich.progress import Progress
from torch import Tensor, nn

from img2noise.diagnostics.plots import figure, pixels
from img2noise.files.storage import write_tensors
from img2noise.photos.decode import photo_files, read_photo
from img2noise.sigmas import alpha_bar_from_sigma, scaled_linear

CROP, SHORT_SIDE, BATCH = 32, 64, 64
RATE, WARMUP, DECAY = 1e-3, 300, 0.9985
CONFIG = dict(
    sample_size=CROP,
    in_channels=3,
    out_channels=3,
    layers_per_block=1,
    block_out_channels=[32, 64, 128],
    down_block_types=["DownBlock2D", "DownBlock2D", "AttnDownBlock2D"],
    up_block_types=["AttnUpBlock2D", "UpBlock2D", "UpBlock2D"],
    attention_head_dim=32,
    norm_num_groups=16,
)


def main(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of them.")],
    steps: Annotated[int, typer.Option(help="Steps of 64 crops, earlier runs included.")] = 3_000,
    out: Annotated[Path, typer.Option(help="The network; its state and loss plot lie beside it.")] = Path(
        "out/photo32.safetensors"
    ),
    seed: int = 0,
) -> None:
    """Train, or go on training, and write the network."""
    out.parent.mkdir(parents=True, exist_ok=True)
    pictures, _ = pictures_of(photos)
    run = Run(seed, steps, out.with_suffix(".state"))
    saved = time.monotonic()
    with Progress() as bar:
        task = bar.add_task(f"training on {len(pictures)} photos", total=steps, completed=len(run.losses))
        while len(run.losses) < steps:
            run.step(pictures)
            bar.update(task, completed=len(run.losses))
            if time.monotonic() - saved > 120:
                run.save()
                saved = time.monotonic()
    run.save()
    weights = {name: t.half().contiguous() for name, t in run.average.state_dict().items()}
    facts = dict(
        unet=CONFIG,
        prediction="v_prediction",
        steps=len(run.losses),
        photos=len(pictures),
        seed=seed,
        minutes=run.seconds / 60,
    )
    write_tensors(weights, out, {k: json.dumps(v) for k, v in facts.items()})
    Image.fromarray(loss_plot(run.losses)).quantize(64).save(out.with_suffix(".png"), optimize=True)


def loss_plot(losses: list[float], every: int = 50) -> np.ndarray:
    """Mean squared error of v by step, a point per `every` steps."""
    drawn, ax = figure(6, 3.2)
    points = np.array(losses[: len(losses) // every * every]).reshape(-1, every).mean(1)
    ax.semilogy(np.arange(1, len(points) + 1) * every, points, linewidth=1.2)
    ax.set(xlabel="step", ylabel="mean squared error of v")
    ax.grid(alpha=0.3, which="both")
    return pixels(drawn)


class Run:
    """A network, its average, its optimizer and how far it has come; restored from `state` if that file is
    there.
    """

    def __init__(self, seed: int, steps: int, state: Path):
        from diffusers import UNet2DModel

        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.state, self.steps, self.seconds, self.losses = state, steps, 0.0, []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = UNet2DModel(**CONFIG)
        self.network: nn.Module = network.to(self.device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), RATE, weight_decay=0.0)
        self.generator = torch.Generator().manual_seed(seed)
        self.alpha_bar = alpha_bar_from_sigma(scaled_linear()).float()
        if state.is_file():
            self._restore()

    def step(self, pictures: list[Tensor]) -> None:
        """One step of the optimizer and of the average."""
        start = time.perf_counter()
        x0 = torch.stack([crop(pictures, self.generator) for _ in range(BATCH)])
        t = torch.randint(len(self.alpha_bar), (BATCH,), generator=self.generator)
        eps = torch.randn(x0.shape, generator=self.generator)
        kept = self.alpha_bar[t].view(-1, 1, 1, 1)
        x = kept.sqrt() * x0 + (1 - kept).sqrt() * eps
        v = (kept.sqrt() * eps - (1 - kept).sqrt() * x0).to(self.device)
        with torch.autocast(self.device, torch.bfloat16):
            guess = self.network(x.to(self.device), t.to(self.device)).sample
        loss = (guess.float() - v).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = RATE * self._rate(len(self.losses))
        self.optimizer.step()
        share = min(DECAY, (len(self.losses) + 1) / (len(self.losses) + 10))
        with torch.no_grad():
            for mean, weight in zip(self.average.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(weight, 1 - share)
        self.losses.append(float(loss.detach()))
        self.seconds += time.perf_counter() - start

    def _rate(self, step: int) -> float:
        """A ramp up, then half a cosine down to nothing at the last step."""
        return min((step + 1) / WARMUP, (1 + math.cos(math.pi * step / self.steps)) / 2)

    def save(self) -> None:
        """Everything that `_restore` needs, moved into place once it is whole."""
        temporary = self.state.with_suffix(".writing")
        parts = dict(network=self.network.state_dict(), average=self.average.state_dict())
        parts |= dict(optimizer=self.optimizer.state_dict(), generator=self.generator.get_state())
        torch.save(parts | dict(seconds=self.seconds, losses=self.losses), temporary)
        os.replace(temporary, self.state)

    def _restore(self) -> None:
        parts = torch.load(self.state, map_location=self.device, weights_only=True)
        for name in ("network", "average", "optimizer"):
            getattr(self, name).load_state_dict(parts[name])
        self.generator.set_state(parts["generator"].cpu())
        self.seconds, self.losses = parts["seconds"], parts["losses"]


def pictures_of(photos: list[Path]) -> tuple[list[Tensor], list[Tensor]]:
    """Every readable photo, (3, H, W), its short side scaled down to SHORT_SIDE: those to train on, and every
    tenth.
    """
    found = []
    for path in photo_files(photos):
        try:
            found.append(read_photo(path, SHORT_SIDE, square=False)[0])
        except ValueError as error:
            typer.echo(f"left out: {error}", err=True)
    large = [p for p in found if min(p.shape[-2:]) >= CROP]
    return [p for i, p in enumerate(large) if i % 10 != 9], large[9::10]


def crop(pictures: list[Tensor], generator: torch.Generator) -> Tensor:
    """A random 32 x 32 crop of a random picture, mirrored half of the time."""
    u = torch.rand(4, generator=generator).numpy()
    picture = pictures[int(u[0] * len(pictures))]
    top, left = (
        int(share * (side - CROP + 1)) for share, side in zip(u[1:3], picture.shape[-2:], strict=True)
    )
    crop = picture[:, top : top + CROP, left : left + CROP]
    return crop.flip(-1) if u[3] < 0.5 else crop


if __name__ == "__main__":
    typer.run(main)
