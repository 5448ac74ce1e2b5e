"""Latents and their units, the models they fit, progress and cancelling, the host's random state.

A LATENT that holds a picture is in the autoencoder's units: model space = samples * scale_factor of the
whitener's space. One that holds noise is of unit variance as it is. Work is done on CPU copies in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import comfy.model_management
import comfy.utils
import torch
from torch import Tensor

from ...img2noise import Whitener, checks
from ...img2noise.whitening import SPACES, Space


def plain(samples: Tensor) -> Tensor:
    """Return the samples; ValueError for nested ones."""
    if getattr(samples, "is_nested", False):
        raise ValueError("got a nested latent of a video model with sound; expected a latent of SD or SDXL")
    return samples


def tensor_of(latent: dict) -> Tensor:
    """Return the tensor of a LATENT, whatever its axes; ValueError where it holds none."""
    samples = plain(latent.get("samples") if isinstance(latent, dict) else None)
    if not isinstance(samples, Tensor):
        raise ValueError(
            "got a latent that holds no samples; connect VAE Encode or another node that makes latents"
        )
    return samples


def samples_of(latent: dict) -> Tensor:
    """Return a copy of the latent's samples (B, C, H, W), float32 on the CPU; ValueError for none or NaN."""
    samples = tensor_of(latent)
    if samples.ndim != 4:
        raise ValueError(
            f"got a latent of shape {tuple(samples.shape)}, of a video or sound model; "
            "expected (batch, channels, height, width), from SD or SDXL"
        )
    if not samples.numel():
        raise ValueError(
            f"got a latent of shape {tuple(samples.shape)}, an empty batch; expected at least one"
        )
    if not bool(torch.isfinite(samples).all()):
        raise ValueError("got a latent that holds NaN or infinity; check the nodes before this one")
    return samples.to("cpu", copy=True).float()


def numbers_of(latent: dict) -> list[int]:
    """Return the number of each picture in a latent; ValueError unless each has one."""
    samples, indices = tensor_of(latent), latent.get("batch_index")
    indices = list(range(len(samples)) if indices is None else map(int, indices))
    if len(indices) != len(samples):
        raise ValueError(
            f"got {len(indices)} batch indices for {len(samples)} latents; expected one for each"
        )
    return indices


def noise_samples(latent: dict, of: str | Whitener) -> Tensor:
    """Return the samples; ValueError unless they fit the latent space of that name or whitener."""
    space, samples = space_of(of), samples_of(latent)
    name = of if isinstance(of, str) else of.space
    if samples.shape[1] != space.channels:
        raise ValueError(
            f"got a latent of {samples.shape[1]} channels for {name} ({space.models}), which has "
            f"{space.channels}; use the whitener and the VAE of one model"
        )
    return samples


def picture_samples(latent: dict, of: str | Whitener) -> Tensor:
    """Return a picture's samples in model space; ValueError for an empty latent."""
    samples = noise_samples(latent, of)
    refuse_empty(samples)
    return samples * space_of(of).scale_factor


def refuse_empty(samples: Tensor) -> None:
    if not bool(samples.any()):
        raise ValueError("got an empty latent where a picture is needed; connect VAE Encode of your picture")


def to_latent(samples: Tensor, like: dict | None = None) -> dict:
    """Return a LATENT on the host's device, with the other keys of `like`."""
    return {**(like or {}), "samples": samples.to(comfy.model_management.intermediate_device())}


def picture_latent(x: Tensor, whitener: Whitener, like: dict | None = None) -> dict:
    """Return a picture in model space as a LATENT in the autoencoder's units."""
    return to_latent(x / space_of(whitener).scale_factor, like)


def space_of(of: str | Whitener) -> Space:
    """Return the latent space of that name, or of a whitener."""
    if not isinstance(of, str | Whitener):
        raise ValueError(f"got {checks.kind(of)} for a whitener; connect Load Whitener or Fit Whitener")
    name = of if isinstance(of, str) else of.space
    if name not in SPACES:
        raise ValueError(f"got latent space {name!r}; expected one of {', '.join(SPACES)}")
    return SPACES[name]


def whitener_of(thing) -> Whitener:
    """Return the whitener; ValueError for anything else."""
    if not isinstance(thing, Whitener):
        raise ValueError(f"got {checks.kind(thing)} for a whitener; connect Load Whitener or Fit Whitener")
    return thing


def check_model(model, whitener: Whitener) -> None:
    """Raise ValueError unless the model scales latents as the whitener's space does."""
    space, found = space_of(whitener), model.get_model_object("latent_format")
    if has_space(model, space):
        return
    raise ValueError(
        f"got a whitener of {whitener.space} latents ({space.models}; {space.channels} channels, scale "
        f"{space.scale_factor}) and a model of {type(found).__name__} latents ({found.latent_channels} "
        f"channels, scale {found.scale_factor}); load the whitener of that model"
    )


def has_space(model, space: Space) -> bool:
    """Return whether the model has as many latent channels as the space, and scales them as it does."""
    if model.get_model_object("latent_format").latent_channels != space.channels:
        return False
    probe = torch.linspace(-1, 1, space.channels).view(1, -1, 1, 1)
    return torch.allclose(model.get_model_object("process_latent_in")(probe), probe * space.scale_factor)


def encoder(vae, name: str) -> Callable[[Tensor], Tensor]:
    """Return encode(pictures (B, 3, H, W) in [-1, 1]) -> model space, through a VAE of the host."""
    space = space_of(name)
    if vae.latent_channels != space.channels:
        raise ValueError(
            f"got a VAE of {vae.latent_channels}-channel latents for {name} latents, which have "
            f"{space.channels}; connect a VAE of {space.models}"
        )

    def encode(pictures: Tensor) -> Tensor:
        pixels = ((pictures + 1) / 2).movedim(1, -1)  # (B, H, W, 3)
        return vae.encode(pixels).to("cpu").float() * space.scale_factor

    return encode


def progress(total: int) -> Callable[[int], None]:
    """Return report(done), which moves the host's progress bar and raises its exception after a cancel."""
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
    """Return functions that get and set the generators of devices other than the CPU and CUDA."""
    found, xpu = [], getattr(torch, "xpu", None)
    if torch.backends.mps.is_available():
        found.append((torch.mps.get_rng_state, torch.mps.set_rng_state))
    if xpu is not None and xpu.is_available() and xpu.is_initialized():
        found.append((xpu.get_rng_state_all, xpu.set_rng_state_all))
    return found
