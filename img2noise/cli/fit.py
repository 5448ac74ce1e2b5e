"""The commands `fit` and `merge`: measure photos here or on a cluster, and add measurements."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ..diagnostics.whiteness import Whiteness, whiteness
from ..files.storage import save
from ..photos.autoencoders import LATENTS, encoder
from ..photos.checkpoints import checksum, load_survey, merge, refuse_unlike, save_survey, unseen
from ..photos.sources import Source, photo_places
from ..photos.surveys import HeldOut, PhotoStats, survey_photos, usable
from ..whitening import SPACES
from ..whitening.moments import STRUCTURES
from ..whitening.structures import fit
from ..whitening.whitener import METHODS
from . import Json, Vae, check_paths, plain_errors, progress, terminal

# The next two ignores: mypy knows the members of an Enum only where they are literals.
Structure = Enum("Structure", {s: s for s in STRUCTURES}, type=str)  # type: ignore[misc]
Method = Enum("Method", {m: m for m in METHODS}, type=str)  # type: ignore[misc]
COSINE, ZCA = Structure("cosine"), Method("zca")
Engine = Enum("Engine", {"local": "local", "ray": "ray"}, type=str)


def fit_command(
    out: Annotated[Path, typer.Option(help="Write the whitener to this file (.safetensors).")],
    photos: Annotated[
        list[str] | None, typer.Argument(help="Measure photos, globs, folders, tars, parquet tables.")
    ] = None,
    vae: Vae = None,
    space: Annotated[str, typer.Option(help="Name the latents of --vae: sd, sdxl, sd3, flux, flux2.")] = "",
    size: Annotated[int, typer.Option(min=16, help="Scale photos down to this short side, never up.")] = 512,
    structure: Annotated[Structure, typer.Option(help="Use cosine for every image size.")] = COSINE,
    method: Annotated[Method, typer.Option(help="Use zca to keep the noise closest to the photo.")] = ZCA,
    shrinkage: Annotated[float, typer.Option(min=0, max=1, help="Pull towards white noise.")] = 0.0,
    patch: Annotated[int, typer.Option(min=0, help="Set the side of patches of a dense whitener.")] = 0,
    source: Annotated[str, typer.Option(help="Keep this description of the photos in the file.")] = "",
    engine: Annotated[Engine, typer.Option(help="Measure here, or with ray on a cluster.")] = Engine.local,
    moments: Annotated[Path | None, typer.Option(help="Keep moments here, to resume or to merge.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Write --moments after this many photos.")] = 500,
    resume: Annotated[bool, typer.Option("--resume", help="Resume from --moments if it exists.")] = False,
    as_json: Json = False,
) -> None:
    """Measure photos and write a whitener that turns pictures like them into noise."""
    with plain_errors():
        check_paths(vae, out=out)
        check_paths(out=moments)
        space = space or ("" if vae else "rgb")
        _check_options(photos or [], vae, space, moments, out, resume)
        start = time.perf_counter()
        how = dict(structure=structure.value, size=size, space=space, patch=patch or None)
        survey = _measured(photos or [], vae, how, engine.value, moments, every)
        assert survey.moments is not None  # usable() has checked
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
    else:
        _show_fit(report, survey, quality)


def merge_command(
    files: Annotated[list[Path], typer.Argument(help="Add up these files that fit --moments wrote.")],
    out: Annotated[Path, typer.Option(help="Write the moments here (.safetensors), for fit --resume.")],
    repeats: Annotated[bool, typer.Option("--repeats", help="Count photos in several files again.")] = False,
    as_json: Json = False,
) -> None:
    """Add up moments of different photos, measured perhaps on different machines."""
    with plain_errors():
        check_paths(*files, out=out)
        survey, metadata = merge(files, repeats)
        save_survey(survey, out, **metadata)
    assert survey.moments is not None
    report = dict(out=str(out), files=len(files), photos=survey.moments.count, left_out=len(survey.left_out))
    if as_json:
        typer.echo(json.dumps(report))
    else:
        terminal.print("{out}: {photos} photos of {files} files, {left_out} left out".format(**report))


def _check_options(
    photos: list[str], vae: Path | None, space: str, kept: Path | None, out: Path, resume: bool
) -> None:
    """Raise ValueError for options that exclude or need each other."""
    if space not in (LATENTS if vae else ("rgb",)):
        given = "with" if vae else "without"
        latents = ", ".join(LATENTS)
        raise ValueError(f"got space {space!r} {given} --vae; pass --space with --vae, one of {latents}")
    if kept is not None and kept.resolve() == out.resolve():
        raise ValueError(f"got {out} for --out and for --moments; pass two different files")
    if resume and kept is None:
        raise ValueError("got --resume without --moments FILE; pass the file to resume from")
    if not photos and not (resume and kept is not None and kept.is_file()):
        raise ValueError("got no photos; pass some, or moments with --moments FILE --resume")
    if kept is not None and kept.exists() and not resume:
        raise ValueError(f"got {kept}, which exists; pass --resume to resume from it, or another file")


def _measured(
    photos: list[str], vae: Path | None, how: dict, engine: str, kept: Path | None, every: int
) -> PhotoStats:
    """Return the statistics of the photos, added to those in the file of moments if there is one."""
    places = photo_places(photos) if photos else []
    metadata = dict(size=how["size"], patch=how["patch"] or 0, autoencoder=checksum(vae) if kept else "")
    survey, left = PhotoStats(), places
    if kept is not None and kept.exists():
        survey, header = load_survey(kept)
        if places:
            _refuse_other_run(header, kept, how, metadata)
            left = unseen(places, survey, kept)
        terminal.print(f"{kept}: {len(survey.seen)} photos measured before, {len(left)} left")
    keep = None if kept is None else partial(_keep, path=kept, metadata=metadata)
    how = how | dict(stride=SPACES[how["space"]].stride, survey=survey, keep=keep, every=every)
    survey = _survey(left, partial(encoder, vae, how["space"]), engine, how)
    if keep is not None and left:
        keep(usable(survey))
    given = set(map(str, places))  # no other file is read, whatever the moments name
    here = [p for p in survey.held_out.places if str(p) in given]
    survey.held_out = HeldOut(here, survey.held_out.read, survey.held_out.encode)
    return usable(survey)


def _survey(places: list[Path | Source], load: Callable, engine: str, how: dict) -> PhotoStats:
    with progress("measuring photos", len(places)) as advance:
        if engine == "local":
            return survey_photos(places, load(), on_photo=lambda _: advance(), **how)
        from ..photos.ray_engine import survey_on_ray  # the only part that needs Ray

        return survey_on_ray(places, load, on_photo=lambda _: advance(), **how)


def _show_fit(report: dict, survey: PhotoStats, quality: Whiteness | None) -> None:
    for place, reason in survey.left_out:
        said = reason if str(place) in reason else f"{place}: {reason}"
        terminal.print(f"left out {said}", markup=False, soft_wrap=True)
    terminal.print("{out}: {photos} photos measured, {left_out} left out, {seconds} s".format(**report))
    if quality:
        channels = ", ".join(f"{s:.3f}" for s in quality.std)
        terminal.print(
            f"{quality.count} photos held out, whitened: std per channel {channels}; "
            f"neighbor correlation {quality.before:.3f} before, {quality.after:.3f} after"
        )


def _refuse_other_run(header: dict[str, str], kept: Path, how: dict, metadata: dict) -> None:
    """Raise ValueError unless this run's moments can be added to those kept; grids follow from the size."""
    now = {"structure": how["structure"], "space": how["space"], **{k: str(v) for k, v in metadata.items()}}
    shared = {name: header[name] for name in ("shape", "scale_factor") if name in header}
    refuse_unlike(header, shared | now, (kept, "this run"))


def _keep(survey: PhotoStats, path: Path, metadata: dict) -> None:
    if survey.moments is not None:
        save_survey(survey, path, **metadata)
