"""Folders of whiteners, noise maps and photos: their files, names for new ones, and what has changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import folder_paths
from PIL import Image

from ...img2noise import NoiseMaps, Whitener, checks, load
from ...img2noise.files import storage
from ...img2noise.whitening import SPACES

FOLDER, SUFFIX = "img2noise", ".safetensors"
MOST_ENTRIES = 20_000  # files and folders that are looked at whenever a graph is queued
folder_paths.add_model_folder_path(FOLDER, str(Path(folder_paths.models_dir, FOLDER)))
folder_paths.folder_names_and_paths[FOLDER] = (folder_paths.get_folder_paths(FOLDER), {SUFFIX})


def whitener_folder() -> Path:
    """Return models/img2noise, where Save Image Profile writes."""
    return Path(folder_paths.models_dir, FOLDER).resolve()


def noise_maps_folder() -> Path:
    """Return output/img2noise, where Save Noise Maps writes."""
    return Path(folder_paths.get_output_directory(), FOLDER).resolve()


def whitener_names() -> list[str]:
    """Return the names of the shipped whiteners, then the files of the model folder."""
    return shipped_names() + folder_paths.get_filename_list(FOLDER)


def shipped_names() -> list[str]:
    """Return the latent spaces whose whiteners are shipped."""
    return [name for name in SPACES if _shipped(name).is_file()]


def whitener_file(name: str) -> Path:
    """Return the file of one of `whitener_names`."""
    return _shipped(name) if name in SPACES else Path(folder_paths.get_full_path_or_raise(FOLDER, name))


def load_whitener(path: Path) -> Whitener:
    whitener = load(path)
    if not isinstance(whitener, Whitener):
        raise ValueError(
            f"{path} holds a {type(whitener).__name__} instead of a whitener; choose another file"
        )
    return whitener


def noise_maps_names() -> list[str]:
    """Return the names of the files in output/img2noise."""
    files = noise_maps_folder().rglob(f"*{SUFFIX}")
    return sorted(file.relative_to(noise_maps_folder()).as_posix() for file in files)


def noise_maps_file(name: str) -> Path:
    """Return the file of one of `noise_maps_names`."""
    return inside(noise_maps_folder(), name)


def load_noise_maps(path: Path) -> NoiseMaps:
    maps = load(path)
    if not isinstance(maps, NoiseMaps):
        raise ValueError(f"{path} holds a {type(maps).__name__} instead of noise maps; choose another file")
    return maps


def new_file(folder: Path, filename_prefix: str) -> Path:
    """Return the path of a new file in a folder, named and numbered as the host names its outputs. Raise
    ValueError for a prefix that leaves the folder.
    """
    inside(folder, filename_prefix)
    prefix = os.path.normpath(filename_prefix)  # the host counts from 1 again after a slash at the end
    place, name, counter, *_ = folder_paths.get_save_image_path(prefix, str(folder))
    return inside(folder, os.path.join(place, f"{name}_{counter:05}_{SUFFIX}"))


def inside(folder: Path, name: str) -> Path:
    """Return folder / name with every link followed; ValueError where that is not in the folder."""
    checks.instance(name, "the file name", str)
    try:
        root, path = folder.resolve(), Path(folder, name).resolve()
        with suppress(FileNotFoundError):
            path.lstat()
    except (OSError, RuntimeError, ValueError) as error:  # a NUL, a name too long, links in a circle
        raise ValueError(f"got {name[:100]!r}, which is no file name ({error}); choose another") from error
    if path != root and root not in path.parents:
        raise ValueError(f"got {name[:100]!r}, which lies outside {root}; expected a name inside")
    return path


def input_folder(name: str) -> Path:
    """Return a folder of ComfyUI's input directory."""
    return inside(Path(folder_paths.get_input_directory()), name)


def stamp(files: Iterable[Path]) -> str:
    """Return a digest that changes when the time or size of a file does."""
    return _digest((str(file), s.st_mtime_ns, s.st_size) for file in files for s in [file.stat()])


def folder_stamp(folder: Path) -> str:
    """Return a digest that changes when the name, time or size of a photo in a folder or below it does. Only
    the first MOST_ENTRIES files and folders count.
    """
    kinds, found = Image.registered_extensions(), []
    for entry in islice(_entries(folder), MOST_ENTRIES):
        if Path(entry.name).suffix.lower() in kinds:
            with suppress(OSError):  # a link to nothing
                about = entry.stat()
                found.append((entry.path, about.st_mtime_ns, about.st_size))
    return _digest(sorted(found))


def _entries(folder: Path) -> Iterator[os.DirEntry]:
    """Yield the entries of a folder and of those below it, without those that cannot be opened."""
    folders = [folder]
    while folders:
        with suppress(OSError), os.scandir(folders.pop(0)) as inside_it:
            for entry in inside_it:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)


def _digest(facts: Iterable[tuple]) -> str:
    return hashlib.sha256(repr(list(facts)).encode("utf-8", "surrogateescape")).hexdigest()


def _shipped(name: str) -> Path:
    return storage.SHIPPED / f"{name}{SUFFIX}"
