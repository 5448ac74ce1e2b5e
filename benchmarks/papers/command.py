"""`python -m benchmarks papers`: every experiment, and the report of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import torch
import typer
from PIL import Image
from rich.progress import Progress

from . import dewhitening, first_steps, inversion_errors, inversions, maps, text_edits
from .claims import Claim, Section, claims_table
from .worlds import QUICK, Scale, crops, trained, twin_of


def run(
    photos: Annotated[
        list[Path] | None, typer.Argument(help="Photos, or folders of them; scikit-image's without.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A tenth of everything.")] = False,
    out: Annotated[Path, typer.Option(help="The folder of the report.")] = Path("out/papers"),
) -> None:
    """What the papers claim, measured on a small trained network and on its Gaussian twin."""
    scale, start = QUICK if quick else Scale(), time.monotonic()
    with Progress() as bar:
        task = bar.add_task("papers", total=_calls(scale))
        sections = experiments(scale, list(photos or ()), lambda rows: bar.advance(task, rows), bar.print)
        bar.update(task, completed=_calls(scale))
    minutes = (time.monotonic() - start) / 60, time.process_time() / 60
    report = write(sections, out, _preamble(scale, bool(photos), minutes))
    typer.echo(
        f"wrote {report} and {sum(len(s.pictures) for s in sections)} pictures in {minutes[0]:.1f} minutes"
    )


def experiments(scale: Scale, photos: list[Path], advance, say) -> list[Section]:
    """Every section, in the papers' order."""
    network = trained(scale, crops(photos, scale.photos), advance)
    twin = twin_of(network, lambda rows: None)
    done = []

    def add(section: Section) -> None:
        done.append(section)
        for claim in section.claims:
            say(f"{claim.paper} {claim.where}: {claim.text}: {claim.verdict} ({claim.ours})")

    add(dewhitening.correlation(network, twin))
    found = first_steps.iterates(network, network.pictures[: scale.first_step])
    add(first_steps.fits(network, found))
    add(first_steps.end_point(network, found))
    noises = dewhitening.search(network)
    add(dewhitening.losses(network, noises))
    add(dewhitening.sdedit(network, noises))
    inverted = inversions.invert(network)
    add(inversions.replaced(network, twin, inverted, inversions.invert(twin)))
    add(inversion_errors.steps(network))
    add(inversion_errors.paths(network, inverted))
    add(maps.compare(network, twin))
    add(text_edits.section())
    return done


def write(sections: list[Section], out: Path, preamble: str) -> Path:
    """report.md and its pictures in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    claims: list[Claim] = [claim for section in sections for claim in section.claims]
    parts = ["# The papers' claims, measured", preamble, "## Claims", claims_table(claims)]
    for section in sections:
        parts += [f"## {section.title}", *section.text]
        for name, picture in section.pictures.items():
            Image.fromarray(picture).quantize(128).save(out / f"{name}.png", optimize=True)
    path = out / "report.md"
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


def _preamble(scale: Scale, given: bool, minutes: tuple[float, float]) -> str:
    source = "scikit-image's samples" + (", and photos held out of the training" if given else "")
    return (
        "Written by `python -m benchmarks papers`"
        + (" with `--quick`" if scale == QUICK else "")
        + f" in {minutes[0]:.0f} minutes ({minutes[1]:.0f} of processor time) on "
        f"{torch.get_num_threads()} threads, "
        f"torch {torch.__version__}. "
        "The network is a UNet of 2.7 million "
        "parameters for 32 x 32 pixels, unconditional; its twin is the stationary Gaussian of the pictures "
        "it makes, with its exact "
        f"denoiser. Photos are {source}. A claim about a large text-to-image model may fail on so small a "
        "network and hold there, and the "
        "other way round; the rule by which each was decided stands in the code beside it. Figures of the "
        "papers are quoted as printed."
    )


def _calls(scale: Scale) -> int:
    """Rows that the network will be given, for the progress bar."""
    generated = 50 * scale.generations
    inverted = (sum(100 - f for f in inversions.REPLACED) + 100) * scale.inverted
    first = scale.first_step * scale.iterations + scale.solved * first_steps.CALLS
    noised = 2 * sum(round(50 * level) for level in dewhitening.LEVELS)
    photos = (5 * dewhitening.GENERATING + noised) * scale.photos
    paths = 3 * 4 * inversion_errors.GENERATING * min(scale.pairs, scale.inverted // 2)
    return (
        generated + inverted + first + photos + paths + (3 + 2 * len(maps.SHIFTS)) * maps.STEPS * scale.maps
    )
