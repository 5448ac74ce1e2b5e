"""`python -m benchmarks whiteners`: which stationary whitener knows photos that it has not seen.

Held-out Gaussian negative log-likelihood in nats per dimension, (log lam + u^2 / lam + log 2 pi) / 2 averaged
over coordinates: each photo is judged by a fit on the nine tenths without it, whole photos at their own sizes
fitted, their middle square judged. Differences are paired per photo. Photos and tiny autoencoders come from
the folders in IMG2NOISE_PHOTOS and IMG2NOISE_TAESD; latents are kept in the folder --keep.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor

from img2noise import Moments, Whitener, fit, measure
from img2noise.whitening import SPACES

from .report import show_table

FOLDS, FINEST = 10, 192
ENCODERS = {"sd": "taesd", "sdxl": "taesdxl", "sd3": "taesd3", "flux": "taef1", "flux2": "taef2"}
SHORT = {
    "sd": 512,
    "sdxl": 512,
    "rgb": 512,
}  # short side of photos in pixels; 256 for spaces of many channels
JUDGED = {"rgb": (128,)}  # sides of the squares; in latents:
LATENTS = (32, 46, 64)


def run(
    spaces: Annotated[list[str] | None, typer.Argument(help="Judge these spaces.")] = None,
    keep: Annotated[Path, typer.Option(help="Keep encoded photos here.")] = Path("latents"),
) -> None:
    """One table per space."""
    for space in spaces or ("sd", "sdxl", "rgb"):
        pictures = dict(encoded(space, keep))
        mean = torch.stack([x.double().mean((1, 2)) for x in pictures.values()]).mean(0)[:, None, None]
        centered = {i: x.double()[None] - mean for i, x in pictures.items()}
        rows = []
        for side in JUDGED.get(space, LATENTS):
            crops = {i: c for i, x in centered.items() if (c := middle(x, side)) is not None}
            if len(crops) >= FOLDS:
                rows += rows_of(centered, crops, side)
        headings = ("candidate", "judged", "photos", "nats / dimension", "less than FFT")
        show_table(f"{space}, held out, lower is better", headings, rows)


def rows_of(pictures: dict[int, Tensor], crops: dict[int, Tensor], side: int) -> list[tuple[str, ...]]:
    """Return a row per candidate: mean, and mean difference to the first with its standard error."""
    size = f"{side} x {side}"
    found = {name: judged(pictures, crops, estimate) for name, estimate in CANDIDATES.items()}
    first, rows = next(iter(found.values())), []
    for name, nats in found.items():
        less = first - nats
        error = float(less.std() / len(less) ** 0.5)
        figures = f"{float(nats.mean()):.4f}", f"{float(less.mean()):+.4f} +- {error:.4f}"
        rows.append((name, size, str(len(nats)), *figures))
    return rows


def judged(
    pictures: dict[int, Tensor], crops: dict[int, Tensor], estimate: Callable[[Tensor, int], Moments]
) -> Tensor:
    """Return nats per dimension of each crop under the fit of the photos in other folds: float64 (N,)."""
    grid = min(max(min(x.shape[-2:]) for x in pictures.values()), FINEST)
    folds: dict[int, Moments] = {}
    for i, x in pictures.items():
        new = estimate(x, grid)
        folds[i % FOLDS] = folds[i % FOLDS] + new if i % FOLDS in folds else new
    nats = {}
    for fold in folds:
        first, *rest = (m for k, m in folds.items() if k != fold)
        whitener = fit(sum(rest, start=first))
        whitener = replace(whitener, mean=torch.zeros_like(whitener.mean))  # pictures are centered
        nats |= {i: surprise(whitener, x) for i, x in crops.items() if i % FOLDS == fold}
    return torch.tensor([nats[i] for i in crops], dtype=torch.float64)


def surprise(whitener: Whitener, x: Tensor) -> float:
    """Return -log p(x) / D of the Gaussian that a whitener was fitted to."""
    fitted = whitener.at_size_of(x)
    u = fitted.analyze(x)
    lam = fitted.eigenvalues(u)
    return float((lam.log() + u.square() / lam + math.log(2 * math.pi)).mean() / 2)


def windowed(x: Tensor) -> Tensor:
    """Return x under a Hann window of mean square 1."""
    rows, columns = (torch.hann_window(n + 1, periodic=True, dtype=x.dtype)[1:] for n in x.shape[-2:])
    window = rows[:, None] * columns
    return x * window / window.square().mean().sqrt()


def periodic_part(x: Tensor) -> Tensor:
    """Return x without the smooth part whose Laplacian is the jump between opposite edges (Moisan 2011)."""
    jump = torch.zeros_like(x)
    jump[..., 0, :] += x[..., -1, :] - x[..., 0, :]
    jump[..., -1, :] += x[..., 0, :] - x[..., -1, :]
    jump[..., 0] += x[..., -1] - x[..., 0]
    jump[..., -1] += x[..., 0] - x[..., -1]
    rows, columns = (
        torch.cos(2 * torch.pi * torch.arange(n, dtype=x.dtype) / n) * 2 - 2 for n in x.shape[-2:]
    )
    laplacian = rows[:, None] + columns
    laplacian[0, 0] = 1.0
    smooth = torch.fft.fft2(jump) / laplacian
    smooth[..., 0, 0] = 0.0
    return x + torch.fft.ifft2(smooth).real


CANDIDATES: dict[str, Callable[[Tensor, int], Moments]] = {
    "FFT": lambda x, grid: measure(x, "stationary", size=(grid, grid)),
    "Hann spectrum, FFT basis": lambda x, grid: measure(windowed(x), "stationary", size=(grid, grid)),
    "Moisan spectrum, FFT basis": lambda x, grid: measure(periodic_part(x), "stationary", size=(grid, grid)),
    "cosine basis": lambda x, grid: measure(x, "cosine", size=(grid, grid)),
    "cosine basis, grid of 24": lambda x, grid: measure(x, "cosine", size=(24, 24)),
}


def middle(x: Tensor, side: int) -> Tensor | None:
    """Return the middle square of a picture (1, C, H, W), None where it is smaller."""
    top, left = ((n - side) // 2 for n in x.shape[-2:])
    return x[..., top : top + side, left : left + side] if min(top, left) >= 0 else None


def encoded(space: str, keep: Path) -> Iterator[tuple[int, Tensor]]:
    """Yield the number of each photo and what it encodes to (C, H, W), encoded on the first run only."""
    from img2noise.photos.autoencoders import encoder
    from img2noise.photos.decode import decode, photo_files

    file = keep / f"{space}.pt"
    if not file.is_file():
        photos = photo_files(Path(os.environ["IMG2NOISE_PHOTOS"]))
        name = f"{ENCODERS[space]}_encoder.safetensors" if space in ENCODERS else None
        encode = encoder(name and Path(os.environ["IMG2NOISE_TAESD"], name), space)
        read = (decode(photo, SHORT.get(space, 256), SPACES[space].stride) for photo in photos)
        found = {i: encode(p.pixels)[0] for i, p in enumerate(read) if p.pixels is not None}
        keep.mkdir(parents=True, exist_ok=True)
        torch.save(found, file)
    yield from torch.load(file, weights_only=True).items()
