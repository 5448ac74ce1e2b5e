"""The command line: search, inspect and compare here; fit and merge in `fit`.

Words and progress go to standard error; with --json one JSON object goes to standard output, nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Annotated

import torch
import typer
from PIL import Image
from torch import Tensor

from ..diagnostics import plots
from ..diagnostics.inspection import Inspection, inspect
from ..diagnostics.least_squares import compare_whitenings
from ..diagnostics.reports import (
    LEGEND,
    batch_report,
    comparison_figures,
    comparison_report,
    inspection_figures,
    inspection_rows,
    set_figures,
)
from ..diagnostics.verdict import verdict
from ..diagnostics.whiteness import TAU
from ..files.noise_files import Noises, read_noises
from ..files.storage import SHIPPED, load, save, write_tensors
from ..noise.annealing import Annealed, anneal, loss_of
from ..noise.correlated import correlated_noise
from ..noise.draw import draw
from ..photos.autoencoders import Autoencoder, load_autoencoder
from ..photos.decode import read_photo, to_pixels
from ..whitening import SPACES
from ..whitening.whitener import Whitener
from . import NO_FILE, Json, Vae, check_paths, outputs, plain_errors, progress, show_table, terminal
from .fit import fit_command, merge_command

app = typer.Typer(help="Find the noise behind a picture.", no_args_is_help=True, add_completion=False)
app.command("fit")(fit_command)
app.command("merge")(merge_command)

Search = Enum("Search", {"annealing": "annealing", "one-shot": "one-shot"}, type=str)
ONE_SHOT = Search("one-shot")


@app.command("search")
def search_command(
    photos: Annotated[list[Path], typer.Argument(help="Find noise for these photos.")],
    whitener: Annotated[str, typer.Option(help="Use a shipped whitener (rgb, sd, sdxl) or a file.")] = "rgb",
    method: Annotated[Search, typer.Option(help="Use one-shot (instant) or annealing (steps).")] = ONE_SHOT,
    seed: Annotated[int, typer.Option(min=0, help="Set the first noise's seed; the next count up.")] = 0,
    count: Annotated[int, typer.Option(min=1, help="Find this many noises, so many variations.")] = 1,
    iterations: Annotated[int, typer.Option(min=0, help="Set the steps of the annealing.")] = 5000,
    temperature: Annotated[float, typer.Option(min=0, help="Vary more from the photo; 0 is closest.")] = 5.0,
    vae: Vae = None,
    size: Annotated[int, typer.Option(min=16, help="Scale photos down to this short side, never up.")] = 512,
    out: Annotated[Path, typer.Option(help="Write noises, previews and plots here.")] = Path("out/search"),
    as_json: Json = False,
) -> None:
    """Find noise that will make images like the photos, and show what each noise will make."""
    rows = []
    with plain_errors():
        check_paths(*photos, vae)
        matrix, autoencoder = _models(whitener, vae)
        stride = SPACES[matrix.space].stride if matrix.space in SPACES else 8
        seeds = list(range(seed, seed + count))
        for photo, folder in zip(photos, outputs(photos, out, lambda stem: out / stem), strict=True):
            pixels = read_photo(photo, size, stride)
            x0 = pixels if autoencoder is None else autoencoder.encode(pixels)
            found = _find(x0, matrix, method.value, seeds, iterations, temperature)
            folder.mkdir(parents=True, exist_ok=True)
            written = _write_noises(found, seeds, matrix, autoencoder, whitener, folder)
            rows += [dict(photo=str(photo), **row) for row in written]
            if method.value == "annealing":
                Image.fromarray(plots.loss_curve(found.losses, found.loss_ratio)).save(folder / "loss.png")
    if as_json:
        typer.echo(json.dumps(dict(out=str(out), noises=rows)))
    else:
        show_table([_words(row) for row in rows])


@app.command("inspect")
def inspect_command(
    files: Annotated[list[Path], typer.Argument(help="Check noises, noise maps or latents in these files.")],
    photo: Annotated[Path | None, typer.Option(help="Compare with the image that the noise is from.")] = None,
    vae: Vae = None,
    space: Annotated[str, typer.Option(help="Name the latents of --vae.")] = "sd",
    tau: Annotated[float, typer.Option(min=0, help="Call pixels smooth that differ by less.")] = TAU,
    out: Annotated[Path | None, typer.Option(help="Write a plot (.png), one per file.")] = None,
    as_json: Json = False,
) -> None:
    """Check how white noises are, and say what is wrong and how to fix it."""
    with plain_errors():
        check_paths(*files, photo, vae, out=out)
        encode = None if vae is None else load_autoencoder(vae, space).encode
        inspected = [_inspected(file, photo, encode, tau) for file in files]
        if out is not None:
            plotted = outputs(files, out, lambda stem: out.with_stem(f"{out.stem}-{stem}"))
            for path, (_, noises, found) in zip(plotted, inspected, strict=True):
                Image.fromarray(plots.inspection_sheet(found, noises.names)).save(path)
    if as_json:
        told = [
            dict(file=str(file), **inspection_figures(found, noises)) for file, noises, found in inspected
        ]
        typer.echo(json.dumps(dict(files=told)))
    else:
        _show_inspections(inspected)


@app.command("compare")
def compare_command(
    pictures: Annotated[Path, typer.Argument(help="Read a batch of latents (.latent, .safetensors).")],
    found: Annotated[Path, typer.Argument(help="Read the noise that inversion found for each, in order.")],
    noises: Annotated[Path | None, typer.Option(help="Read the noise they were sampled from.")] = None,
    patch: Annotated[int, typer.Option(min=1, help="Fit matrices to patches of this side.")] = 8,
    shrinkage: Annotated[float, typer.Option(min=0, max=1, help="Pull towards white noise.")] = 0.01,
    out: Annotated[Path | None, typer.Option(help="Write a chart of the comparison (.png).")] = None,
    as_json: Json = False,
) -> None:
    """Find the whitening that is nearest to what an inversion did."""
    with plain_errors():
        check_paths(pictures, found, noises, out=out)
        x, z = read_noises(pictures).z, read_noises(found).z
        compared = compare_whitenings(x, z, patch=patch, shrinkage=shrinkage)
        figures = set_figures(x, z, None if noises is None else read_noises(noises).z)
        if out is not None:
            Image.fromarray(plots.comparison_chart(compared)).save(out)
    if as_json:
        typer.echo(json.dumps(dict(whitenings=comparison_figures(compared), **figures)))
    else:
        terminal.print(comparison_report(compared, figures), markup=False, soft_wrap=True)


def _words(row: dict) -> dict[str, str]:
    """Return a row of figures as cells of a table: a list in lines, and numbers to three places."""
    cells = {}
    for name, value in row.items():
        if isinstance(value, list):
            value = "\n".join(value)
        cells[name.replace("_", " ")] = f"{value:.3f}" if isinstance(value, float) else str(value)
    return cells


def _models(name: str, vae: Path | None) -> tuple[Whitener, Autoencoder | None]:
    """Return the whitener, and for latents the autoencoder of the same space."""
    shipped = sorted(path.stem for path in SHIPPED.glob("*.safetensors"))
    if name not in shipped and not Path(name).is_file():
        raise FileNotFoundError(f"{NO_FILE} {name}, nor a shipped whitener ({', '.join(shipped)})")
    whitener = load(name)
    if not isinstance(whitener, Whitener):
        raise ValueError(
            f"got {name}, which holds no whitener but a {type(whitener).__name__}; run fit first"
        )
    if whitener.space == "rgb":
        return whitener, None
    if vae is None:
        raise ValueError(f"got whitener {name} for {whitener.space} latents; pass --vae to encode the photo")
    return whitener, load_autoencoder(vae, whitener.space)


def _inspected(
    file: Path, photo: Path | None, encode: Callable | None, tau: float
) -> tuple[Path, Noises, Inspection]:
    noises = read_noises(file)
    try:
        picture, x0 = (None, None) if photo is None else _photo_for(noises.z, photo, encode)
        return file, noises, inspect(noises.z, picture, x0=x0, tau=tau)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def _show_inspections(inspected: list[tuple[Path, Noises, Inspection]]) -> None:
    """Print the verdict on each file, one table of all noises, and what batches have as a whole."""
    rows, batches = [], []
    for file, noises, found in inspected:
        for sentence in verdict(found, noises.names):
            terminal.print(f"{file}: {sentence}", markup=False, soft_wrap=True)
        names = [f"{file.name}: {name}" for name in noises.names] if len(noises.names) > 1 else [file.name]
        for name, cells in zip(names, inspection_rows(found), strict=True):
            cells.pop(
                "std per channel (1)"
            )  # too wide for a terminal; the verdict names a channel that is off
            rows.append({"noise": name} | cells)
        batches += [f"{file}: {line}" for line in batch_report(noises)]
    show_table(rows, caption=LEGEND)
    for line in batches:
        terminal.print(line, markup=False, soft_wrap=True)


def _photo_for(z: Tensor, photo: Path, encode: Callable | None) -> tuple[Tensor, Tensor | None]:
    """Return a photo at the size of the image that noise z belongs to, and in z's own space if `encode` is
    given or z has three channels, which are pixels. Raise ValueError for other proportions.
    """
    channels, height, width = z.shape[1:]
    stride = 1 if channels == 3 else 8
    picture = read_photo(photo, min(height, width) * stride, stride)
    if picture.shape[-2:] != (height * stride, width * stride):
        got, wanted = (" x ".join(map(str, s)) for s in (picture.shape[-2:], z.shape[-2:]))
        raise ValueError(
            f"got a photo that gives {got} pixels for noise of {wanted}; pass the photo that the noise was "
            "made from"
        )
    return picture, None if channels == 3 or encode is None else encode(picture)  # its scale does not matter


def _find(
    x0: Tensor, matrix: Whitener, method: str, seeds: list[int], iterations: int, temperature: float
) -> Annealed:
    """Return noises for x0, one per seed; those of one shot as a search of no steps."""
    if method == "annealing":
        ends = (max(100.0, temperature), temperature)
        with progress("annealing", iterations) as advance:
            return anneal(
                x0, matrix, iterations, temperature=ends, seed=seeds, on_step=lambda k, _: advance(k)
            )
    z = correlated_noise(x0, matrix, temperature=temperature, seed=seeds)
    start = loss_of(draw(z.shape, seeds), x0.expand_as(z), matrix)
    ratio = loss_of(z, x0.expand_as(z), matrix) / start
    return Annealed(z, z, ratio, start[:, None], torch.ones(len(z)))


def _write_noises(
    found: Annealed,
    seeds: list[int],
    matrix: Whitener,
    autoencoder: Autoencoder | None,
    name: str,
    out: Path,
) -> list[dict]:
    """Write each noise, for latents also as .latent, with a preview if it can be decoded."""
    pictures = matrix.dewhiten(found.z)
    shown: list = [None] * len(seeds)
    if autoencoder is None or autoencoder.has_decoder:
        shown = list(to_pixels(pictures if autoencoder is None else autoencoder.decode(pictures)))
    rows = []
    for seed, z, ratio, picture in zip(seeds, found.z, found.loss_ratio.tolist(), shown, strict=True):
        metadata = dict(seed=seed, whitener=Path(name).stem, space=matrix.space, loss_ratio=ratio)
        files = [save(z[None], out / f"noise-{seed}.safetensors", **metadata)]
        if autoencoder is not None:  # with the mark that core's LoadLatent needs to read it unscaled
            packed = SPACES[matrix.space].pack(z[None])
            mark = {"latent_tensor": packed.contiguous(), "latent_format_version_0": torch.tensor([])}
            files.append(write_tensors(mark, out / f"noise-{seed}.latent"))
        if picture is not None:
            files.append(out / f"preview-{seed}.png")
            Image.fromarray(picture).save(files[-1])
        rows.append(dict(seed=seed, loss_ratio=ratio, std=float(z.std()), files=[str(f) for f in files]))
    return rows
