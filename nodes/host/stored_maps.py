"""Noise maps on their way to a sampler: the rows that are asked for, their model and their pixels."""

from __future__ import annotations

from dataclasses import replace

import comfy.latent_formats
import torch
from torch import Tensor

from ...img2noise import NoiseMaps, checks
from ...img2noise.whitening import SPACES
from . import batches, guiders, latents, models


def asked(maps: NoiseMaps, guider, latent: dict | None = None) -> tuple[NoiseMaps, guiders.Picture]:
    """Return the maps of the pictures of a LATENT, all of them without one, and those pictures, empty without
    one; ValueError unless guider, maps and LATENT fit.
    """
    checks.instance(maps, "the noise maps", NoiseMaps)
    check_space(guider, maps)
    guiders.check(guider, maps.start)
    if latent is None:
        empty = torch.zeros_like(maps.start, device="cpu")
        made = batches.numbered({"samples": empty}, numbers_of_maps(maps))
        return maps, guiders.Picture(empty, numbers_of_maps(maps), made)
    samples = models.format_of(guider.model_patcher).framed(latents.samples_of(latent))
    guiders.check(guider, samples)
    if latent.get("noise_mask") is not None and not bool(samples.any()):
        raise ValueError("got a noise mask on an empty latent; connect the picture that the mask belongs to")
    numbers = latents.numbers_of(latent)
    rows = batches.places(numbers, numbers_of_maps(maps))
    if rows is None or samples.shape[1:] != maps.start.shape[1:]:
        ours, theirs = (" x ".join(map(str, x.shape)) for x in (maps.start, samples))
        raise ValueError(
            f"got a latent of {theirs} for noise maps of {ours} (batch, channels, height, width, or frames "
            "before the height); connect the picture that they were made of, or nothing"
        )
    return picked(maps, rows), guiders.Picture(samples, numbers, latent)


def picked(maps: NoiseMaps, rows: list[int]) -> NoiseMaps:
    """Return the maps of those rows, in that order."""
    if rows == list(range(len(maps.start))):
        return maps
    numbers = tuple(numbers_of_maps(maps)[row] for row in rows)
    states = None if maps.states is None else maps.states[:, rows]
    chosen = dict(start=maps.start[rows], residuals=maps.residuals[:, rows], states=states)
    return replace(maps, **chosen, numbers=numbers)


def numbers_of_maps(maps: NoiseMaps) -> list[int]:
    """Return the number of each picture that the maps were made of."""
    return list(maps.numbers or range(len(maps.start)))


def stride(maps: NoiseMaps) -> int:
    """Return the pixels of a latent pixel's side, 8 where the host does not know the latents."""
    space = SPACES.get(maps.space)
    if space is not None:
        return space.stride * space.packing
    return getattr(getattr(comfy.latent_formats, maps.space, None), "spacial_downscale_ratio", 8)


def moved(maps: NoiseMaps, like: Tensor | str) -> NoiseMaps:
    """Return the maps on the device of a tensor, or on the named device."""
    device = like if isinstance(like, str) else like.device
    states = None if maps.states is None else maps.states.to(device)
    return replace(maps, start=maps.start.to(device), residuals=maps.residuals.to(device), states=states)


def check_space(guider, maps: NoiseMaps) -> None:
    """Raise ValueError for maps of another latent space than the model's, or of other noise levels."""
    model = guider.model_patcher
    name, levels = guiders.space_name(model), models.levels_of(model, maps.levels.told)
    if not torch.allclose(levels.b, maps.levels.b) or not torch.allclose(levels.a, maps.levels.a):
        kinds = (
            "a flow model" if kind == "flow" else "a model like SD"
            for kind in (maps.levels.kind, levels.kind)
        )
        raise ValueError("got noise maps of {} for {}; use the model they were made with".format(*kinds))
    if name != maps.space:
        ours, theirs = (space or "unknown" for space in (maps.space, name))
        raise ValueError(
            f"got noise maps of {ours} latents for a model of {theirs} latents; use a model of the "
            "family they were made with"
        )
