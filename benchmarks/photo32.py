"""`python -m benchmarks photo32 PHOTOS`: the small trained network against the best linear denoiser.

    D(x, sigma) = m + Q lam / (lam + sigma^2) Q^T (x - m),  m, Q, lam of crops of the photos it was trained on

The exact denoiser of a Gaussian is linear, and of all linear ones it has the least mean squared error on data
of its mean and covariance. Both are tried on crops of photos held out, with the same noise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from PIL import Image
from torch import Tensor

from img2noise import GaussianDenoiser, draw, fit, measure
from img2noise.diagnostics.plots import figure, pixels
from img2noise.photos.decode import to_pixels

from .papers import sheets
from .papers.claims import table, written
from .papers.worlds import NETWORK, Scale, crops, trained
from .report import show_table
from .stored_network import load_network
from .train_photo32 import crop, pictures_of

SIGMAS = (0.05, 0.1, 0.2, 0.4, 0.7, 1.2, 2.0, 3.0, 6.0, 13.0)
MIDDLE = 0.1, 3.0
FITTED, TRIED, SHOWN = 40_000, 2_000, 48


def run(
    photos: Annotated[list[Path], typer.Argument(help="The photos it was trained on, every tenth held out.")],
    out: Annotated[Path, typer.Option(help="The folder of table, plot and samples.")] = Path("out/papers"),
    network: Annotated[Path, typer.Option(help="The network's file.")] = NETWORK,
) -> None:
    """Mean squared error of both at ten noise levels, a plot, and samples beside real crops."""
    known, unseen = pictures_of(photos)
    generator = torch.Generator().manual_seed(5)
    seen = torch.stack([crop(known, generator) for _ in range(FITTED)])
    tried = torch.stack([crop(unseen, generator) for _ in range(TRIED)])
    gaussian = GaussianDenoiser(fit(measure(seen, "dense")))
    del seen
    denoise = load_network(network)
    noise = draw(tried.shape, seed=6)
    errors = [[_error(d, tried, noise, s) for d in (denoise, gaussian)] for s in SIGMAS]
    rows = [
        (f"{s:g}", *(written(e) for e in pair), f"{pair[0] / pair[1] - 1:+.1%}")
        for s, pair in zip(SIGMAS, errors, strict=True)
    ]
    headings = "sigma", "network", "Gaussian", "network against Gaussian"
    show_table("mean squared error, held-out crops", headings, rows)
    middle = [a / b - 1 for s, (a, b) in zip(SIGMAS, errors, strict=True) if MIDDLE[0] <= s <= MIDDLE[1]]
    span = f"sigma {MIDDLE[0]:g} to {MIDDLE[1]:g}"
    text = (
        f"From {span} the network's error differs by {np.mean(middle):+.1%} from the Gaussian's on average."
    )
    typer.echo(text)
    out.mkdir(parents=True, exist_ok=True)
    (out / "photo32.md").write_text(f"{table(headings, rows)}\n\n{text}\n", encoding="utf-8")
    _save(_plot(errors), out / "photo32-error.png")
    real = crops([], SHOWN)  # photos that anyone may show
    made = trained(Scale(SHOWN), real, lambda rows: None, network).pictures
    gap = torch.ones(3, 32 * (SHOWN // 8), 8)
    both = torch.cat([sheets.grid(made, 8), gap, sheets.grid(real, 8)], dim=2)
    _save(next(to_pixels(both[None])).repeat(2, 0).repeat(2, 1), out / "photo32-samples.png")


def _error(denoise, x0: Tensor, noise: Tensor, sigma: float) -> float:
    total = 0.0
    for x, n in zip(x0.split(100), noise.split(100), strict=True):
        total += float((denoise(x + sigma * n, sigma) - x).double().square().sum())
    return total / x0.numel()


def _plot(errors: list[list[float]]) -> np.ndarray:
    drawn, ax = figure(6, 3.4)
    network, gaussian = np.array(errors).T
    ax.semilogx(SIGMAS, network / gaussian, "o-", label="network")
    ax.axhline(1, color="gray", linewidth=1, label="exact Gaussian denoiser")
    ax.set(xlabel="sigma", ylabel="mean squared error, ratio", ylim=(0, 1.1))
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    return pixels(drawn)


def _save(picture: np.ndarray, path: Path) -> None:
    Image.fromarray(picture).quantize(192).save(path, optimize=True)
