"""The command line's `compare`: pictures and the noise found for them, as words, as JSON and as a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from ..diagnostics import plots
from ..diagnostics.least_squares import compare_whitenings
from ..diagnostics.reports import comparison_figures, comparison_report, set_figures
from ..files.noise_files import read_noises
from .terminal import plain_errors, terminal


def compare_command(
    pictures: Annotated[Path, typer.Argument(help="Latents of pictures (.latent, .safetensors), a batch.")],
    found: Annotated[Path, typer.Argument(help="The noise that inversion found for each, in their order.")],
    noises: Annotated[
        Path | None, typer.Option(help="The noise they were generated from, if they were.")
    ] = None,
    patch: Annotated[int, typer.Option(min=1, help="Side of the patches that matrices are fitted to.")] = 8,
    shrinkage: Annotated[
        float, typer.Option(min=0, max=1, help="Pulls whitenings towards plain noise where pictures are few.")
    ] = 0.01,
    out: Annotated[Path | None, typer.Option(help="A picture (.png) of the comparison to write.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")] = False,
) -> None:
    """Compare pictures with the noise an inversion found for them: which whitening does nearly the same?"""
    with plain_errors():
        x, z = read_noises(pictures).z, read_noises(found).z
        compared = compare_whitenings(x, z, patch=patch, shrinkage=shrinkage)
        figures = set_figures(x, z, None if noises is None else read_noises(noises).z)
        if out is not None:
            Image.fromarray(plots.comparison_chart(compared)).save(out)
    if as_json:
        typer.echo(json.dumps(dict(whitenings=comparison_figures(compared), **figures)))
    else:
        terminal.print(comparison_report(compared, figures), markup=False, soft_wrap=True)
