"""The command line's `fit` and `merge`: photos measured here or on a cluster, and moments added."""

from __future__ import annotations

import json
import time
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ..diagnostics.whiteness import whiteness
from ..files.storage import save
from ..photos.autoencoders import encoder
from ..photos.checkpoints import checksum, load_survey, merge, refuse_unlike, save_survey, unseen
from ..photos.sources import Source, photo_places
from ..photos.surveys import HeldOut, PhotoStats, survey_photos, usable
from ..whitening import SPACES
from ..whitening.moments import STRUCTURES
from ..whitening.structures import fit
from ..whitening.whitener import METHODS
from .terminal import plain_errors, progress, terminal

Structure = Enum("Structure", {s: s for s in STRUCTURES}, type=str)
Method = Enum("Method", {m: m for m in METHODS}, type=str)
Engine = Enum("Engine", {"local": "local", "ray": "ray"}, type=str)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")]


def fit_command(
    out: Annotated[Path, typer.Option(help="The whitener to write (.safetensors).")],
    photos: Annotated[
        list[str] | None,
        typer.Argument(
            help="Photos, globs, folders (searched to any depth), tars of photos, parquet tables."
        ),
    ] = None,
    vae: Annotated[
        Path | None,
        typer.Option(
            help="Autoencoder, checkpoint or TAESD encoder (.safetensors) for latents; without one: pixels."
        ),
    ] = None,
    space: Annotated[
        str, typer.Option(help="Whose latents --vae makes: sd (SD 1.x, 2.x, Turbo) or sdxl.")
    ] = "",
    size: Annotated[
        int, typer.Option(min=16, help="Photos are scaled down to this short side, never up.")
    ] = 512,
    structure: Annotated[Structure, typer.Option(help="stationary fits every picture size.")] = "stationary",
    method: Annotated[
        Method, typer.Option(help="Which whitening; zca keeps the noise closest to the photo.")
    ] = "zca",
    shrinkage: Annotated[
        float, typer.Option(min=0, max=1, help="Pull towards plain noise where photos are few.")
    ] = 0.0,
    patch: Annotated[
        int, typer.Option(min=0, help="Side of the patches of a dense whitener; 0 for none.")
    ] = 0,
    source: Annotated[str, typer.Option(help="What the photos are, kept in the file.")] = "",
    engine: Annotated[
        Engine, typer.Option(help="ray measures on a cluster, that of RAY_ADDRESS or one on this machine.")
    ] = "local",
    moments: Annotated[
        Path | None, typer.Option(help="Keep what was measured in this file, to go on from or to merge.")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Write --moments after so many photos.")] = 500,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from --moments, if it is there.")] = False,
    as_json: Json = False,
) -> None:
    """Measure photos and write the whitener that turns pictures like them into noise."""
    with plain_errors():
        space = space or ("" if vae else "rgb")
        if space not in SPACES or (space == "rgb") != (vae is None):
            raise ValueError(
                f"got space {space!r} {'with' if vae else 'without'} --vae; say --space sd or sdxl with one"
            )
        if moments is not None and moments.resolve() == out.resolve():
            raise ValueError(f"got {out} for --out and for --moments; a file holds one of them")
        start = time.perf_counter()
        how = dict(structure=structure.value, size=size, space=space, patch=patch or None)
        survey = _measured(photos or [], vae, how, engine.value, moments, every, resume)
        whitener = fit(survey.moments, method.value, shrinkage)
        seconds = time.perf_counter() - start
        save(whitener, out, source=source or ", ".join(photos or [str(moments)]))
        quality = whiteness(whitener, survey.held_out) if survey.held_out else None
    report = dict(
        out=str(out), photos=whitener.count, left_out=len(survey.left_out), seconds=round(seconds, 1)
    )
    if as_json:
        reasons = {str(place): reason for place, reason in survey.left_out}
        typer.echo(json.dumps(report | dict(held_out=quality and quality._asdict(), reasons=reasons)))
        return
    _name_left_out(survey)
    terminal.print("{out}: {photos} photos measured, {left_out} left out, {seconds} s".format(**report))
    if quality:
        channels = ", ".join(f"{s:.3f}" for s in quality.std)
        terminal.print(
            f"{quality.count} photos held out, whitened: std per channel {channels}; "
            f"neighbor correlation {quality.before:.3f} before, {quality.after:.3f} after"
        )


def merge_command(
    files: Annotated[list[Path], typer.Argument(help="Files that fit --moments wrote.")],
    out: Annotated[Path, typer.Option(help="The moments to write (.safetensors); fit --resume reads them.")],
    repeats: Annotated[
        bool, typer.Option("--repeats", help="Photos that are in two of the files count twice.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Add moments that were measured on different photos, by different machines perhaps."""
    with plain_errors():
        survey, facts = merge(files, repeats)
        save_survey(survey, out, **facts)
    report = dict(out=str(out), files=len(files), photos=survey.moments.count, left_out=len(survey.left_out))
    if as_json:
        typer.echo(json.dumps(report))
    else:
        terminal.print("{out}: {photos} photos of {files} files, {left_out} left out".format(**report))


def _measured(
    photos: list[str], vae: Path | None, how: dict, engine: str, kept: Path | None, every: int, resume: bool
) -> PhotoStats:
    """The survey of all the photos, and of those in the file of moments where it goes on from one."""
    if resume and kept is None:
        raise ValueError("got --resume without --moments FILE; say which file to go on from")
    if not photos and not (resume and kept.is_file()):
        raise ValueError("got no photos; name some, or moments to fit to with --moments FILE --resume")
    if kept is not None and kept.exists() and not resume:
        raise ValueError(
            f"got {kept}, which is there already; pass --resume to go on from it, or another name"
        )
    places = photo_places(photos) if photos else []
    facts = dict(size=how["size"], patch=how["patch"] or 0, autoencoder=checksum(vae) if kept else "")
    survey, left = PhotoStats(), places
    if kept is not None and kept.exists():
        survey, header = load_survey(kept)
        if places:
            _refuse_other_run(header, kept, how, facts)
            left = unseen(places, survey, kept)
        terminal.print(f"{kept}: {len(survey.seen)} photos were looked at before, {len(left)} are left")
    keep = None if kept is None else partial(_keep, path=kept, facts=facts)
    survey = _look_through(left, vae, how, engine, survey, keep, every)
    if keep is not None and left:
        keep(usable(survey))
    given = set(map(str, places))  # no other file is read, whatever the moments name
    here = [p for p in survey.held_out.places if str(p) in given]
    survey.held_out = HeldOut(here, survey.held_out.read, survey.held_out.encode)
    return usable(survey)


def _look_through(
    places: list[Path | Source],
    vae: Path | None,
    how: dict,
    engine: str,
    survey: PhotoStats,
    keep,
    every: int,
) -> PhotoStats:
    how = how | dict(stride=SPACES[how["space"]].stride, survey=survey, keep=keep, every=every)
    load = partial(encoder, vae, how["space"])
    with progress("measuring photos", len(places)) as advance:
        if engine == "local":
            return survey_photos(places, load(), on_photo=lambda _: advance(), **how)
        from ..photos.ray_engine import survey_on_ray  # which alone needs Ray

        return survey_on_ray(places, load, on_photo=lambda _: advance(), **how)


def _refuse_other_run(header: dict[str, str], kept: Path, how: dict, facts: dict) -> None:
    """The moments that would be made now must add up with those that are kept; grids follow from the size."""
    now = {"structure": how["structure"], "space": how["space"], **{k: str(v) for k, v in facts.items()}}
    shared = {name: header[name] for name in ("shape", "scale_factor") if name in header}
    refuse_unlike(header, shared | now, (kept, "this run"))


def _keep(survey: PhotoStats, path: Path, facts: dict) -> None:
    if survey.moments is not None:
        save_survey(survey, path, **facts)


def _name_left_out(survey: PhotoStats) -> None:
    for place, reason in survey.left_out:
        said = reason if str(place) in reason else f"{place}: {reason}"
        terminal.print(f"left out {said}", markup=False, soft_wrap=True)
