"""The whole idea on one photo, with no diffusion model: its noise found twice, and what each noise will make.

The generator is the exact Gaussian model of the shipped whitener: its probability-flow ODE from sigma =
4518.76, the noise level of a zero-terminal-SNR schedule, where it is pure noise. Pictures are RGB in [-1, 1].
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from rich.table import Table
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


@dataclass(frozen=True)
class Summary:
    """What the demo measured: a dict per noise in `noises`, and the files it wrote."""

    noises: list[dict]
    files: list[str]

    @property
    def facts(self) -> dict:
        """What was measured and written, as one JSON object."""
        return dict(noises=self.noises, files=self.files)

    def as_text(self) -> Table:
        """The same as a table for the terminal, a row per noise."""
        table = Table(title="Noise found for the photo", caption="wrote " + ", ".join(self.files))
        for heading in ("noise", "loss L/L0", "picture to photo", "noise to photo", "std", "seconds"):
            table.add_column(heading, justify="left" if heading == "noise" else "right")
        for row in self.noises:
            name, *figures = row.values()
            table.add_row(name, *(f"{f:.3f}" for f in figures))
        return table


def run_demo(image: Path | None, seed: int, out: Path, advance: Callable[..., object]) -> Summary:
    """Find noise for a photo by annealing and in one shot, generate from each, and write sheet, loss curve
    and noise to `out`.

    `advance(done, total)` reports the annealing. Raises ValueError for an unreadable photo, OSError for an
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
        _figures(name, z, picture[None], photo, whitener, random, seconds)
        for (name, (z, seconds)), picture in zip(named.items(), pictures, strict=False)
    ]
    return Summary(rows, _write(out, photo, noises, pictures, found, list(named), seed))


def generate(z: Tensor, whitener: Whitener) -> Tensor:
    """The pictures that the Gaussian model makes of white noise z: its exact ODE solution from SIGMA_MAX to
    0.
    """
    return GaussianDenoiser(whitener).flow(SIGMA_MAX * z, SIGMA_MAX, 0.0)


def _search(photo: Tensor, whitener: Whitener, seed: int, advance: Callable[..., object]) -> Annealed:
    def on_step(step: int, ratio: Tensor) -> None:
        advance(step, ITERATIONS)

    return anneal(photo, whitener, ITERATIONS, seed=seed, adapt_step=True, on_step=on_step)


def _figures(
    name: str, z: Tensor, picture: Tensor, photo: Tensor, whitener: Whitener, random: Tensor, seconds: float
):
    ratio = loss_of(z, photo, whitener) / loss_of(random, photo, whitener)
    return {
        "noise": name,
        "loss_ratio": float(ratio),
        "picture_correlation": _correlation(picture, photo),
        "noise_correlation": _correlation(z, whitener.whiten(photo)),
        "std": float(z.std()),
        "seconds": seconds,
    }


def _write(
    out: Path, photo: Tensor, noises: Tensor, pictures: Tensor, found: Annealed, names: list[str], seed: int
):
    titles = ["the photo", *(f"what {n} noise will make" for n in names)]
    titles += [f"variation, seed {seed + 1 + k}" for k in range(VARIATIONS)]
    sheet = plots.contact_sheet(list(zip(titles, to_pixels(torch.cat([photo, pictures])), strict=True)))
    Image.fromarray(sheet).save(out / "contact-sheet.png")
    Image.fromarray(plots.loss_curve(found.losses, found.loss_ratio)).save(out / "annealing.png")
    rows = [*names, *(f"variation {seed + 1 + k}" for k in range(VARIATIONS))]
    save(noises, out / "noise.safetensors", rows=rows, seed=seed, space="rgb", whitener="rgb")
    return [str(out / name) for name in ("contact-sheet.png", "annealing.png", "noise.safetensors")]


def _correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def _timed(work: Callable[[], object]) -> tuple:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def _sample_photo() -> Path:
    """A photo inside the installed scikit-image package."""
    import skimage.data

    return Path(skimage.data.__file__).parent / "chelsea.png"
