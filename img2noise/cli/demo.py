"""Find the noise of one photo in two ways and show what each noise will make, without a diffusion model.

The generator is the exact Gaussian model of the shipped whitener: its probability-flow ODE from sigma =
4518.76, the noise level of a zero-terminal-SNR schedule. Pictures are RGB in [-1, 1].
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ..denoisers import GaussianDenoiser
from ..diagnostics import plots
from ..files.storage import load, save
from ..noise.annealing import Annealed, anneal, loss_of
from ..noise.correlated import correlated_noise
from ..noise.draw import draw
from ..photos.decode import read_photo, to_pixels
from ..whitening.whitener import Whitener

SIZE, ITERATIONS, SIGMA_MAX = 192, 3000, 4518.76
VARIATIONS = 4


def run_demo(
    image: Path | None, seed: int, out: Path, advance: Callable[..., object]
) -> tuple[list[dict], list[str]]:
    """Find noise for a photo by annealing and in one shot, generate from each, write sheet, loss curve and
    noise to `out`; return the figures of each noise, and the files.

    `advance(done, total)` reports the annealing. Raise ValueError for an unreadable photo, OSError for an
    unwritable folder.
    """
    photo = read_photo(image or _sample_photo(), SIZE)
    whitener = load("rgb")
    assert isinstance(whitener, Whitener)
    out.mkdir(parents=True, exist_ok=True)
    random, first = _timed(lambda: draw(photo.shape, seed))
    found, second = _timed(lambda: _search(photo, whitener, seed, advance))
    one_shot, third = _timed(lambda: correlated_noise(photo, whitener, seed=seed))
    variations = correlated_noise(photo, whitener, seed=[seed + 1 + k for k in range(VARIATIONS)])
    named = {"random": (random, first), "annealed": (found.z, second), "one shot": (one_shot, third)}
    noises = torch.cat([*(z for z, _ in named.values()), variations])
    pictures = generate(noises, whitener)
    rows = [
        dict(noise=name, **_figures(z, picture[None], photo, whitener, random), seconds=seconds)
        for (name, (z, seconds)), picture in zip(named.items(), pictures, strict=False)
    ]
    return rows, _write(out, photo, noises, pictures, found, list(named), seed)


def generate(z: Tensor, whitener: Whitener) -> Tensor:
    """Return what the Gaussian model makes of white noise z: its exact ODE solution from SIGMA_MAX to 0."""
    return GaussianDenoiser(whitener).flow(SIGMA_MAX * z, SIGMA_MAX, 0.0)


def _search(photo: Tensor, whitener: Whitener, seed: int, advance: Callable[..., object]) -> Annealed:
    def on_step(step: int, ratio: Tensor) -> None:
        advance(step, ITERATIONS)

    return anneal(photo, whitener, ITERATIONS, seed=seed, adapt_step=True, on_step=on_step)


def _figures(z: Tensor, picture: Tensor, photo: Tensor, whitener: Whitener, random: Tensor) -> dict:
    return dict(
        loss_ratio=float(loss_of(z, photo, whitener) / loss_of(random, photo, whitener)),
        picture_correlation=_correlation(picture, photo),
        noise_correlation=_correlation(z, whitener.whiten(photo)),
        std=float(z.std()),
    )


def _write(
    out: Path, photo: Tensor, noises: Tensor, pictures: Tensor, found: Annealed, names: list[str], seed: int
) -> list[str]:
    seeds = [seed + 1 + k for k in range(VARIATIONS)]
    titles = ["photo", *(f"from {n} noise" for n in names), *(f"variation, seed {s}" for s in seeds)]
    sheet = plots.contact_sheet(list(zip(titles, to_pixels(torch.cat([photo, pictures])), strict=True)))
    Image.fromarray(sheet).save(out / "contact-sheet.png")
    Image.fromarray(plots.loss_curve(found.losses, found.loss_ratio)).save(out / "annealing.png")
    rows = [*names, *(f"variation {s}" for s in seeds)]
    save(noises, out / "noise.safetensors", rows=rows, seed=seed, space="rgb", whitener="rgb")
    return [str(out / name) for name in ("contact-sheet.png", "annealing.png", "noise.safetensors")]


def _correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def _timed(work: Callable[[], object]) -> tuple:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def _sample_photo() -> Path:
    """Return the path of a photo inside the installed scikit-image package."""
    import skimage.data

    return Path(skimage.data.__file__).parent / "chelsea.png"
