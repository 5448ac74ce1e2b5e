"""The command line: fit a whitener to photos, search noise for a photo, inspect noise, see the idea at work.

Human words and progress go to the terminal; with --json one JSON object goes to standard output and nothing
else does.
"""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import torch
import typer
from PIL import Image
from torch import Tensor

from ..diagnostics import plots
from ..diagnostics.inspection import inspect
from ..diagnostics.plain import TAU
from ..diagnostics.reports import inspection_figures, inspection_report
from ..files.noise_files import read_noises
from ..files.storage import load, save, write_tensors
from ..noise.annealing import Annealed, anneal, loss_of
from ..noise.correlated import correlated_noise
from ..noise.draw import draw
from ..photos.autoencoders import load_autoencoder
from ..photos.decode import read_photo, to_pixels
from ..whitening import SPACES
from ..whitening.whitener import Whitener
from .compare import compare_command
from .demo import run_demo
from .fit import fit_command, merge_command
from .terminal import plain_errors, progress, terminal

app = typer.Typer(help="Find the noise behind a picture.", no_args_is_help=True, add_completion=False)

Search = Enum("Search", {"annealing": "annealing", "one-shot": "one-shot"}, type=str)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")]
Vae = Annotated[
    Path | None,
    typer.Option(
        help="Autoencoder, checkpoint or TAESD encoder (.safetensors) to make latents; without one: pixels."
    ),
]


app.command("fit")(fit_command)
app.command("merge")(merge_command)


@app.command("search")
def search_command(
    photo: Annotated[Path, typer.Argument(help="The photo to find noise for.")],
    whitener: Annotated[str, typer.Option(help="A shipped whitener (rgb, sd, sdxl) or a file.")] = "rgb",
    method: Annotated[
        Search, typer.Option(help="one-shot is instant; annealing searches as the paper does.")
    ] = "one-shot",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first noise; the next ones count up.")] = 0,
    count: Annotated[int, typer.Option(min=1, help="How many noises, so how many variations.")] = 1,
    iterations: Annotated[int, typer.Option(min=0, help="Steps of the annealing.")] = 5000,
    temperature: Annotated[
        float, typer.Option(min=0, help="How freely a noise leaves the photo; 0 is closest.")
    ] = 5.0,
    vae: Vae = None,
    size: Annotated[
        int, typer.Option(min=16, help="The photo is scaled down to this short side, never up.")
    ] = 512,
    out: Annotated[Path, typer.Option(help="Folder for noises, previews and the loss plot.")] = Path(
        "out/search"
    ),
    as_json: Json = False,
) -> None:
    """Find noise that will make a picture like the photo, and show what each noise will make."""
    with plain_errors():
        matrix = load(whitener)
        if not isinstance(matrix, Whitener):
            raise ValueError(f"{whitener} holds no whitener but a {type(matrix).__name__}")
        latent = matrix.space != "rgb"
        if latent and vae is None:
            raise ValueError(
                f"the whitener {whitener} is for {matrix.space} latents; pass --vae to encode the photo"
            )
        autoencoder = load_autoencoder(vae, matrix.space) if latent else None
        pixels = read_photo(photo, size, SPACES[matrix.space].stride if matrix.space in SPACES else 8)
        x0 = autoencoder.encode(pixels) if latent else pixels
        seeds = list(range(seed, seed + count))
        found = _find(x0, matrix, method.value, seeds, iterations, temperature)
        out.mkdir(parents=True, exist_ok=True)
        rows = _write_noises(found, seeds, matrix, autoencoder, whitener, out)
        if method.value == "annealing":
            Image.fromarray(plots.loss_curve(found.losses, found.loss_ratio)).save(out / "loss.png")
    if as_json:
        print(json.dumps(dict(out=str(out), noises=rows)))
        return
    for row in rows:
        terminal.print("seed {seed}: loss ratio {loss_ratio:.3f}, std {std:.3f}, {files}".format(**row))


app.command("compare")(compare_command)


@app.command("inspect")
def inspect_command(
    file: Annotated[Path, typer.Argument(help="Noise or noise maps (.safetensors), or a latent (.latent).")],
    photo: Annotated[
        Path | None, typer.Option(help="The picture it belongs to: tells smooth areas from the rest.")
    ] = None,
    vae: Vae = None,
    tau: Annotated[
        float, typer.Option(min=0, help="How little neighboring pixels differ where a photo is smooth.")
    ] = TAU,
    out: Annotated[Path | None, typer.Option(help="A picture (.png) of the figures to write.")] = None,
    as_json: Json = False,
) -> None:
    """Say how white a noise is, what is wrong with it, and what would mend it."""
    with plain_errors():
        noises = read_noises(file)
        picture, x0 = (None, None) if photo is None else _photo_for(noises.z, photo, vae)
        found = inspect(noises.z, picture, x0=x0, tau=tau)
        if out is not None:
            Image.fromarray(plots.inspection_sheet(found, noises.names)).save(out)
    if as_json:
        print(json.dumps(dict(file=str(file), **inspection_figures(found, noises))))
    else:
        terminal.print(inspection_report(found, noises), markup=False, soft_wrap=True)


@app.command("demo")
def demo_command(
    image: Annotated[
        Path | None, typer.Option(help="A photo; default one that comes with scikit-image.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the pictures and the noise.")] = Path("out/demo"),
    as_json: Json = False,
) -> None:
    """Search noise for a photo and show what it will make, with no diffusion model."""
    with plain_errors(), progress("annealing", 1) as advance:
        table = run_demo(image, seed, out, advance)
    if as_json:
        print(json.dumps(table.facts))
    else:
        terminal.print(table.as_text())


def _photo_for(z: Tensor, photo: Path, vae: Path | None = None) -> tuple[Tensor, Tensor | None]:
    """A photo at the size of the picture that noise z belongs to, and in z's own space where that can be had.

    Noise of three channels is taken for one of pixels. Raises ValueError for a photo of other proportions.
    """
    channels, height, width = z.shape[1:]
    stride = 1 if channels == 3 else 8
    picture = read_photo(photo, min(height, width) * stride, stride)
    if picture.shape[-2:] != (height * stride, width * stride):
        found, wanted = (" x ".join(map(str, s)) for s in (picture.shape[-2:], z.shape[-2:]))
        raise ValueError(
            f"got a photo that gives {found} pixels for noise of {wanted}; pass the photo that the noise was "
            "made from, or one of its proportions"
        )
    if channels == 3 or vae is None:
        return picture, None
    return picture, load_autoencoder(vae, "sd").encode(picture)  # likeness does not depend on its scale


def _find(
    x0: Tensor, matrix: Whitener, method: str, seeds: list[int], iterations: int, temperature: float
) -> Annealed:
    """The noises for x0, one per seed, by either method; a one-shot noise is reported like a search of no
    steps.
    """
    if method == "annealing":
        with progress("annealing", iterations) as advance:
            ends = (max(100.0, temperature), temperature)
            return anneal(
                x0, matrix, iterations, temperature=ends, seed=seeds, on_step=lambda k, _: advance(k)
            )
    z = correlated_noise(x0, matrix, temperature=temperature, seed=seeds)
    start = loss_of(draw(z.shape, seeds), x0.expand_as(z), matrix)
    ratio = loss_of(z, x0.expand_as(z), matrix) / start
    return Annealed(z, z, ratio, start[:, None], torch.ones(len(z)))


def _write_noises(found: Annealed, seeds, matrix: Whitener, autoencoder, name: str, out: Path) -> list[dict]:
    pictures = matrix.dewhiten(found.z)
    if autoencoder is not None:
        pictures = autoencoder.decode(pictures) if autoencoder.has_decoder else None
    shown = to_pixels(pictures) if pictures is not None else [None] * len(seeds)
    rows = []
    for seed, z, ratio, picture in zip(seeds, found.z, found.loss_ratio.tolist(), shown, strict=True):
        facts = dict(seed=seed, whitener=Path(name).stem, space=matrix.space, loss_ratio=ratio)
        files = [save(z[None], out / f"noise-{seed}.safetensors", **facts)]
        if autoencoder is not None:  # the mark that core's LoadLatent needs to take the tensor as it is
            mark = {"latent_tensor": z[None].contiguous(), "latent_format_version_0": torch.tensor([])}
            files.append(write_tensors(mark, out / f"noise-{seed}.latent"))
        if picture is not None:
            files.append(out / f"preview-{seed}.png")
            Image.fromarray(picture).save(files[-1])
        rows.append(dict(seed=seed, loss_ratio=ratio, std=float(z.std()), files=[str(f) for f in files]))
    return rows
