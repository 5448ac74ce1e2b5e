"""Latents and their units, the models they fit, progress and cancelling, the host's random state.

A LATENT that holds a picture is in the autoencoder's units: model space = samples * scale_factor of the
whitener's space. One that holds noise is of unit variance as it is. Work is done on CPU copies in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import comfy.model_management
import comfy.utils
import torch
from torch import Tensor

from ...img2noise import Whitener, checks
from ...img2noise.whitening import SPACES, Space
from . import models


def plain(samples: Tensor) -> Tensor:
    """Return the samples; ValueError for nested ones."""
    if getattr(samples, "is_nested", False):
        raise ValueError(
            "got a nested latent of a video model with sound; expected a latent of pictures alone"
        )
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
    """Return a copy of the latent's samples, (B, C, H, W) or (B, C, T, H, W), float32 on the CPU; ValueError
    for none or NaN.
    """
    samples = tensor_of(latent)
    if samples.ndim not in (4, 5):
        raise ValueError(
            f"got a latent of shape {tuple(samples.shape)}, which holds no pictures; expected (batch, "
            "channels, height, width), with frames before the height for a video model"
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
    """Return the samples as pictures of that latent space or whitener, (N, C, H, W): each frame of a video by
    itself, packed channels unpacked. ValueError unless they fit.
    """
    space, samples = space_of(of), samples_of(latent)
    name, channels = of if isinstance(of, str) else of.space, space.channels * space.packing**2
    if samples.ndim == 5 and space.dims == 2:
        raise ValueError(
            f"got a latent of shape {tuple(samples.shape)}, of a video model, for {name} ({space.models}); "
            "use the whitener and the VAE of one model"
        )
    if samples.shape[1] != channels:
        raise ValueError(
            f"got a latent of {samples.shape[1]} channels for {name} ({space.models}), which has {channels}; "
            "use the whitener and the VAE of one model"
        )
    return space.unpack(samples.movedim(2, 1).flatten(0, 1) if samples.ndim == 5 else samples)


def picture_samples(latent: dict, of: str | Whitener) -> Tensor:
    """Return pictures as `noise_samples` does, in model space; ValueError for an empty latent."""
    samples = noise_samples(latent, of)
    refuse_empty(samples)
    return space_of(of).to_model(samples)


def still_samples(latent: dict, of: str | Whitener) -> Tensor:
    """Return pictures in model space, one for each row; ValueError for a video."""
    pictures = picture_samples(latent, of)
    if len(pictures) != len(latent["samples"]):
        raise ValueError(
            f"got a video of {latent['samples'].shape[2]} latent frames; expected pictures, since noise for "
            "each frame alone makes a video that flickers"
        )
    return pictures


def as_samples(rows: Tensor, of: str | Whitener, like: dict | None = None) -> Tensor:
    """Return pictures (N, C, H, W) of a latent space as a model takes them: channels packed, and for a video
    model with an axis of frames, as in `like` or one each.
    """
    space = space_of(of)
    samples, before = space.pack(rows), None if like is None else like["samples"]
    if space.dims == 2 or (before is not None and before.ndim == 4):
        return samples
    return samples.unflatten(0, (-1, 1 if before is None else before.shape[2])).movedim(1, 2)


def refuse_empty(samples: Tensor) -> None:
    if not bool(samples.any()):
        raise ValueError("got an empty latent where a picture is needed; connect VAE Encode of your picture")


def to_latent(samples: Tensor, like: dict | None = None) -> dict:
    """Return a LATENT on the host's device, with the other keys of `like`."""
    return {**(like or {}), "samples": samples.to(comfy.model_management.intermediate_device())}


def picture_latent(x: Tensor, whitener: Whitener, like: dict | None = None) -> dict:
    """Return pictures (N, C, H, W) in model space as a LATENT in the autoencoder's units."""
    return to_latent(as_samples(space_of(whitener).from_model(x), whitener, like), like)


def space_of(of: str | Whitener) -> Space:
    """Return the latent space of that name, or of a whitener."""
    if not isinstance(of, str | Whitener):
        raise ValueError(
            f"got {checks.kind(of)} for a whitener; connect Load Image Profile or Fit Image Profile"
        )
    name = of if isinstance(of, str) else of.space
    if name not in SPACES:
        raise ValueError(f"got latent space {name!r}; expected one of {', '.join(SPACES)}")
    return SPACES[name]


def whitener_of(thing) -> Whitener:
    """Return the whitener; ValueError for anything else."""
    if not isinstance(thing, Whitener):
        raise ValueError(
            f"got {checks.kind(thing)} for a whitener; connect Load Image Profile or Fit Image Profile"
        )
    return thing


def check_model(model, whitener: Whitener) -> None:
    """Raise ValueError unless the model scales latents as the whitener's space does."""
    space, found = space_of(whitener), model.get_model_object("latent_format")
    if has_space(model, space):
        return
    raise ValueError(
        f"got a whitener of {whitener.space} latents ({space.models}; {space.channels * space.packing**2} "
        f"channels) and a model of {type(found).__name__} latents ({found.latent_channels} channels), or of "
        "another shift or scale; load the whitener of that model"
    )


def has_space(model, space: Space) -> bool:
    """Return whether the model has as many latent channels as the space, and shifts and scales them as it
    does.
    """
    found = models.format_of(model)
    if (found.channels, found.axes) != (space.channels * space.packing**2, space.dims):
        return False
    zero = torch.zeros(1, space.channels, space.packing, space.packing)
    ends = (space.pack(space.to_model(zero + value)).flatten() for value in (0.0, 1.0))
    ours = found.origin.flatten(), (found.origin + found.scale).flatten()
    return all(map(partial(torch.allclose, atol=1e-5), ours, ends))


def encoded(vae, pixels: Tensor) -> Tensor:
    """Return the latents of pictures (B, H, W, 3) in [0, 1], one for each: a VAE of videos would take a batch
    for one video.
    """
    apart = getattr(vae, "latent_dim", 2) == 3
    rows = [vae.encode(picture) for picture in pixels.split(1)] if apart else [vae.encode(pixels)]
    return torch.cat(rows).to("cpu").float()


def encoder(vae, name: str) -> Callable[[Tensor], Tensor]:
    """Return encode(pictures (B, 3, H, W) in [-1, 1]) -> model space, through a VAE of the host."""
    space = space_of(name)
    channels = space.channels * space.packing**2
    if not callable(getattr(vae, "encode", None)):
        raise ValueError(f"got {checks.kind(vae)} for a VAE; connect the VAE of the model")
    if vae.latent_channels != channels:
        raise ValueError(
            f"got a VAE of {vae.latent_channels}-channel latents for {name} latents, which have "
            f"{channels}; connect a VAE of {space.models}"
        )

    def encode(pictures: Tensor) -> Tensor:
        pixels = ((pictures + 1) / 2).movedim(1, -1)  # (B, H, W, 3)
        return picture_samples({"samples": encoded(vae, pixels)}, name)

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
