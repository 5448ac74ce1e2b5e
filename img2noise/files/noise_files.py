"""Noise from files of three kinds, as one batch with a name for each row.

noise          (.safetensors) the tensor as it is
noise maps     (.safetensors) the start over sqrt(a^2 + b^2), then z = r / s of each step that has noise
ComfyUI's      (.latent) the samples as core's LoadLatent reads them: those without the mark of version 0 are
               divided by 0.18215

Rows are (1, C, H, W) in float32 or as stored.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from .. import checks
from ..inversion.noise_maps import NoiseMaps, statistics
from .storage import load

OLD_SCALE = 0.18215  # of .latent files from before they were marked


@dataclass(frozen=True, eq=False)
class Noises:
    """Rows z (B, C, H, W) and their `names`; `maps` where the file holds noise maps."""

    z: Tensor
    names: list[str]
    maps: NoiseMaps | None = None


def read_noises(path: str | os.PathLike) -> Noises:
    """Return the noises in a file. Raises FileNotFoundError, and ValueError for a file that holds none."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"found no file {path}")
    found = _read_latent(path) if path.suffix == ".latent" else load(path)
    if isinstance(found, NoiseMaps):
        return noises_of_maps(found)
    if not isinstance(found, Tensor):
        raise ValueError(f"{path} holds a {type(found).__name__}; expected noise, noise maps or a latent")
    return Noises(found, [f"noise {row + 1}" for row in range(len(found))])


def noises_of_maps(maps: NoiseMaps) -> Noises:
    """Return start and maps as rows, sample by sample within each step."""
    top = maps.levels[0]
    starts = maps.start / float((top.a**2 + top.b**2).sqrt())
    stacks, steps = [starts], ["start"]
    for k, (residual, step) in enumerate(zip(maps.residuals, maps.levels.steps(maps.eta), strict=True)):
        if step.s > 0:
            stacks.append(residual / step.s)
            steps.append(f"map {maps.skip + k + 1}")
    samples = [f" of picture {i + 1}" for i in range(len(starts))] if len(starts) > 1 else [""]
    return Noises(torch.cat(stacks), [step + sample for step in steps for sample in samples], maps)


def map_figures(maps: NoiseMaps) -> dict[str, list[float]]:
    """Return std of the maps, and the correlation of each with the next: native noise has 1 and 0."""
    std, following = statistics(maps)
    return dict(std=std.tolist(), correlation_with_next=following.tolist())


def _read_latent(path: Path) -> Tensor:
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise ValueError(
            f"{path} is no readable .latent file, perhaps truncated: {str(error)[:300]}"
        ) from error
    if "latent_tensor" not in tensors:
        names = ", ".join(tensors)[:300] or "nothing"
        raise ValueError(f"{path} holds {names}; a .latent file has latent_tensor")
    scale = 1.0 if "latent_format_version_0" in tensors else 1 / OLD_SCALE
    try:
        checks.finite(tensors["latent_tensor"], "latent_tensor", 4)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is no sound .latent file: {error}") from error
    return tensors["latent_tensor"].float() * scale
