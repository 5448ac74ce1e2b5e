"""What touches ComfyUI: latents and their units, models, progress and cancelling, random state, folders.

A LATENT that holds a picture is in the autoencoder's units: model space = samples * scale_factor of the
whitener's space. One that holds noise is of unit variance as it is. Work is done on CPU copies in float32.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

import comfy.model_management
import comfy.utils
import folder_paths
import torch
from PIL import Image
from torch import Tensor

from ...img2noise import NoiseMaps, Whitener, checks, load
from ...img2noise.files import storage
from ...img2noise.files.file_names import inside, new_file
from ...img2noise.whitening import SPACES, Space

FOLDER, SUFFIX = "img2noise", ".safetensors"
MOST_ENTRIES = 20_000  # files and folders that are looked at whenever a graph is queued
folder_paths.add_model_folder_path(FOLDER, str(Path(folder_paths.models_dir, FOLDER)))
folder_paths.folder_names_and_paths[FOLDER] = (folder_paths.get_folder_paths(FOLDER), {SUFFIX})


def plain(samples: Tensor) -> Tensor:
    """The samples themselves, unless they are nested."""
    if getattr(samples, "is_nested", False):
        raise ValueError("got a nested latent, of a model of video with sound; expected one of SD or SDXL")
    return samples


def tensor_of(latent: dict) -> Tensor:
    """The tensor that a LATENT holds, whatever its axes; ValueError where it holds none."""
    samples = plain(latent.get("samples") if isinstance(latent, dict) else None)
    if not isinstance(samples, Tensor):
        raise ValueError(
            "got a latent that holds no samples; wire one from VAE Encode or from another node that makes "
            "latents"
        )
    return samples


def samples_of(latent: dict) -> Tensor:
    """A copy of the latent's samples (B, C, H, W), of which there is at least one."""
    samples = tensor_of(latent)
    if samples.ndim != 4:
        raise ValueError(
            f"got a latent of shape {tuple(samples.shape)}, of a video or sound model; "
            "expected (batch, channels, height, width), as SD and SDXL make them"
        )
    if not samples.numel():
        raise ValueError(
            f"got a latent of shape {tuple(samples.shape)}, a batch of nothing; expected at least one"
        )
    if not bool(torch.isfinite(samples).all()):
        raise ValueError("got a latent that holds NaN or infinity; look for the node that made it so")
    return samples.to("cpu", copy=True).float()


def numbers_of(latent: dict) -> list[int]:
    """The number of each of a latent's pictures; ValueError unless each has one."""
    samples, indices = tensor_of(latent), latent.get("batch_index")
    indices = list(range(len(samples)) if indices is None else map(int, indices))
    if len(indices) != len(samples):
        raise ValueError(
            f"got {len(indices)} batch indices for {len(samples)} latents; expected one for each"
        )
    return indices


def noise_samples(latent: dict, of: str | Whitener) -> Tensor:
    """The samples, after a check that they can belong to the latent space of that name or whitener."""
    space, samples = space_of(of), samples_of(latent)
    name = of if isinstance(of, str) else of.space
    if samples.shape[1] != space.channels:
        raise ValueError(
            f"got a latent of {samples.shape[1]} channels for {name} ({space.models}), which has "
            f"{space.channels}; use the whitener and the VAE of one model"
        )
    return samples


def picture_samples(latent: dict, of: str | Whitener) -> Tensor:
    """A picture's samples in model space; an empty latent is refused."""
    samples = noise_samples(latent, of)
    refuse_empty(samples)
    return samples * space_of(of).scale_factor


def refuse_empty(samples: Tensor) -> None:
    if not bool(samples.any()):
        raise ValueError("got an empty latent where a picture is needed; wire a VAE Encode of your picture")


def to_latent(samples: Tensor, like: dict | None = None) -> dict:
    """A LATENT where the host keeps them, with the other keys of one that has the same rows and size."""
    return {**(like or {}), "samples": samples.to(comfy.model_management.intermediate_device())}


def picture_latent(x: Tensor, whitener: Whitener, like: dict | None = None) -> dict:
    """A picture in model space as a LATENT in the autoencoder's units."""
    return to_latent(x / space_of(whitener).scale_factor, like)


def space_of(of: str | Whitener) -> Space:
    """The latent space of that name, or of a whitener."""
    if not isinstance(of, str | Whitener):
        raise ValueError(f"got {checks.kind(of)} for a whitener; wire Load Whitener or Fit Whitener")
    name = of if isinstance(of, str) else of.space
    if name not in SPACES:
        raise ValueError(f"got the unknown latent space {name!r}; expected one of {', '.join(SPACES)}")
    return SPACES[name]


def whitener_of(thing) -> Whitener:
    """The thing itself; ValueError for what is no whitener."""
    if not isinstance(thing, Whitener):
        raise ValueError(f"got {checks.kind(thing)} for a whitener; wire Load Whitener or Fit Whitener")
    return thing


def check_model(model, whitener: Whitener) -> None:
    """Raises ValueError unless the model scales latents as the whitener's space does."""
    space, found = space_of(whitener), model.get_model_object("latent_format")
    if has_space(model, space):
        return
    raise ValueError(
        f"got a whitener of {whitener.space} latents ({space.models}; {space.channels} channels, scale "
        f"{space.scale_factor}) and a model of {type(found).__name__} latents ({found.latent_channels} "
        f"channels, scale {found.scale_factor}); load the whitener that belongs to the model"
    )


def has_space(model, space: Space) -> bool:
    """Whether the model has as many latent channels as the space, and scales them as it does."""
    if model.get_model_object("latent_format").latent_channels != space.channels:
        return False
    probe = torch.linspace(-1, 1, space.channels).view(1, -1, 1, 1)
    return torch.allclose(model.get_model_object("process_latent_in")(probe), probe * space.scale_factor)


def encoder(vae, name: str) -> Callable[[Tensor], Tensor]:
    """encode(pictures (B, 3, H, W) in [-1, 1]) -> model space, through a VAE of the host."""
    space = space_of(name)
    if vae.latent_channels != space.channels:
        raise ValueError(
            f"got a VAE of {vae.latent_channels}-channel latents for {name} latents, which have "
            f"{space.channels}; wire a VAE of {space.models}"
        )

    def encode(pictures: Tensor) -> Tensor:
        pixels = ((pictures + 1) / 2).movedim(1, -1)  # (B, H, W, 3)
        return vae.encode(pixels).to("cpu").float() * space.scale_factor

    return encode


def progress(total: int) -> Callable[[int], None]:
    """report(done): moves the host's progress bar, and raises its exception once the user has cancelled."""
    bar = comfy.utils.ProgressBar(max(1, total))

    def report(done: int) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        bar.update_absolute(done)

    return report


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Restore the global generators of the CPU and of every device in use at the end."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    kept = [(restore, state()) for state, restore in _generators()]
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        for restore, state in kept:
            restore(state)


def _generators() -> list[tuple[Callable, Callable]]:
    """Functions that get and set the generators of devices other than the CPU and CUDA."""
    found, xpu = [], getattr(torch, "xpu", None)
    if torch.backends.mps.is_available():
        found.append((torch.mps.get_rng_state, torch.mps.set_rng_state))
    if xpu is not None and xpu.is_available() and xpu.is_initialized():
        found.append((xpu.get_rng_state_all, xpu.set_rng_state_all))
    return found


def whitener_names() -> list[str]:
    """The shipped whiteners, then the files of the model folder."""
    return [name for name in SPACES if _shipped(name).is_file()] + folder_paths.get_filename_list(FOLDER)


def whitener_file(name: str) -> Path:
    """The file behind one of `whitener_names`."""
    return _shipped(name) if name in SPACES else Path(folder_paths.get_full_path_or_raise(FOLDER, name))


def load_whitener(path: Path) -> Whitener:
    whitener = load(path)
    if not isinstance(whitener, Whitener):
        raise ValueError(f"{path} holds a {type(whitener).__name__} and no whitener; choose another file")
    return whitener


def new_whitener_file(filename: str) -> Path:
    """Where a whitener of that name is written, inside models/img2noise."""
    return new_file(Path(folder_paths.models_dir, FOLDER), filename, SUFFIX, "my_whitener")


def noise_maps_names() -> list[str]:
    """The files that Save Noise Maps has written, by their names in output/img2noise."""
    files = _noise_maps_folder().rglob(f"*{SUFFIX}")
    return sorted(file.relative_to(_noise_maps_folder()).as_posix() for file in files)


def noise_maps_file(name: str) -> Path:
    """The file behind one of `noise_maps_names`."""
    return inside(_noise_maps_folder(), name)


def load_noise_maps(path: Path) -> NoiseMaps:
    maps = load(path)
    if not isinstance(maps, NoiseMaps):
        raise ValueError(f"{path} holds a {type(maps).__name__} and no noise maps; choose another file")
    return maps


def new_noise_maps_file(filename: str) -> Path:
    """Where noise maps of that name are written, inside output/img2noise."""
    return new_file(_noise_maps_folder(), filename, SUFFIX, "noise_maps")


def input_folder(name: str) -> Path:
    """A folder of ComfyUI's input directory."""
    return inside(Path(folder_paths.get_input_directory()), name)


def stamp(files: Iterable[Path]) -> str:
    """A digest that changes whenever one of the files does, by its time or size."""
    return _digest((str(file), s.st_mtime_ns, s.st_size) for file in files for s in [file.stat()])


def folder_stamp(folder: Path) -> str:
    """A digest that changes whenever a photo in a folder or below does: its name, time or size. Looks at no
    more than the first MOST_ENTRIES files and folders; what lies beyond them is not noticed.
    """
    kinds, found = Image.registered_extensions(), []
    for entry in islice(_entries(folder), MOST_ENTRIES):
        if Path(entry.name).suffix.lower() in kinds:
            with suppress(OSError):  # a link to nothing
                about = entry.stat()
                found.append((entry.path, about.st_mtime_ns, about.st_size))
    return _digest(sorted(found))


def _entries(folder: Path) -> Iterator[os.DirEntry]:
    """What lies in a folder and, folder by folder, below it; one that cannot be opened is passed over."""
    folders = [folder]
    while folders:
        with suppress(OSError), os.scandir(folders.pop(0)) as inside_it:
            for entry in inside_it:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)


def _digest(facts: Iterable[tuple]) -> str:
    return hashlib.sha256(repr(list(facts)).encode("utf-8", "surrogateescape")).hexdigest()


def _noise_maps_folder() -> Path:
    return Path(folder_paths.get_output_directory(), FOLDER).resolve()


def _shipped(name: str) -> Path:
    return storage.SHIPPED / f"{name}{SUFFIX}"
