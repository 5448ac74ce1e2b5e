"""What a model is, asked of the model itself: its noise levels and its latents.

    x = a x0 + b n:   noise_scaling(told, 1, 0) = b, noise_scaling(told, 0, 1) = a,
                      calculate_input(told, 1) = 1 / m
    model space = origin + scale * latent, for each channel:   process_latent_in of 0 and of 1

Both are affine in every class that is taken here; a class whose answers are not is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...img2noise.sigmas import Levels

PROBED = (0.25, 0.5, 0.75)  # levels that every kind of model has
EXPECTED = "expected a model like SD, SDXL, SD3, Flux, Z-Image, Qwen-Image or Wan"


@dataclass(frozen=True, eq=False)
class Format:
    """The latents of a model: `channels`, `axes` after them (2 of a picture, 3 with frames), the pixels of a
    latent pixel's side, and model space = origin + scale * latent, both (1, C, 1, 1) or (1, C, 1, 1, 1).
    """

    name: str
    channels: int
    axes: int
    stride: int
    origin: Tensor
    scale: Tensor

    @property
    def shape(self) -> str:
        """The shape of its latents in words."""
        return f"(batch, {self.channels}, {'frames, ' if self.axes == 3 else ''}height, width)"

    def framed(self, samples: Tensor) -> Tensor:
        """Return samples with the axis of frames that the host gives a picture of these latents."""
        return samples.unsqueeze(2) if self.axes == 3 and samples.ndim == 4 else samples

    def into(self, samples: Tensor) -> Tensor:
        """Return latents in model space; ones with the axis of frames missing get it and lose it again."""
        framed = self.framed(samples)
        return (self.origin.to(framed) + self.scale.to(framed) * framed).view_as(samples)

    def equals(self, other: Format) -> bool:
        """Return whether two models' latents mean the same."""
        same = self.axes == other.axes and self.channels == other.channels
        return same and all(map(torch.allclose, (self.origin, self.scale), (other.origin, other.scale)))


def format_of(model) -> Format:
    """Return the latents of a model; ValueError for those of sound, or without a scale and shift."""
    found = model.get_model_object("latent_format")
    name, axes = type(found).__name__, int(getattr(found, "latent_dimensions", 2))
    channels, stride = int(found.latent_channels), int(getattr(found, "spacial_downscale_ratio", 8))
    process_in = model.get_model_object("process_latent_in")
    if axes not in (2, 3):
        raise ValueError(
            f"got a model of {name} latents, which are not pictures; expected an image or video model"
        )
    zero = torch.zeros(1, channels, *[1] * axes, dtype=torch.float64)
    try:
        origin, one, two = (process_in(zero + value).clone() for value in (0.0, 1.0, 2.0))
    except RuntimeError:
        origin = one = two = zero.new_zeros(0)
    if origin.shape != zero.shape or not torch.allclose(two - one, one - origin, atol=1e-5):
        raise ValueError(
            f"got a model of {name} latents, which are no scaled and shifted channels; expected an "
            "image model"
        )
    return Format(name, channels, axes, stride, origin.float(), (one - origin).float())


def levels_of(model, told: Tensor) -> Levels:
    """Return a model's noise levels at these sigmas, as schedulers give them; ValueError for a model that
    does not mix picture and noise as SD or flow models do.
    """
    sampling, told = model.get_model_object("model_sampling"), told.detach().cpu().double()
    got = f"got a model whose noise levels are those of {_kinds(sampling)}"
    if getattr(sampling, "audio_shift", None) is not None:
        raise ValueError(f"{got}, with a second schedule for sound; expected an image model")
    at = torch.tensor(PROBED, dtype=torch.float64)
    try:
        a, b, m = _probed(sampling, at)
    except (AttributeError, TypeError, RuntimeError):
        a = b = m = torch.full_like(at, math.nan)
    if bool((b == 0).all()):
        raise ValueError(
            f"{got}, which starts from a picture without noise; expected one that starts from noise"
        )
    plain, scale = torch.allclose(a, torch.ones_like(a)) and torch.allclose(b, at), b / at
    flow = (
        torch.allclose(a, 1 - at)
        and torch.allclose(scale, scale.mean())
        and torch.allclose(m, m.new_ones(()))
    )
    if not flow and not (plain and bool((m > 1).all())):
        raise ValueError(f"{got}, which mixes picture and noise in another way; {EXPECTED}")
    return Levels(*_probed(sampling, told), told)


def _probed(sampling, told: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return a, b and m at levels (n,); NaN where picture and noise do not add up."""
    zero, one = torch.zeros_like(told), torch.ones_like(told)
    a, b, both = (
        sampling.noise_scaling(told, noise.clone(), picture.clone(), False).clone()
        for noise, picture in ((zero, one), (one, zero), (2 * one, one))
    )
    affine = torch.isclose(both, a + 2 * b)
    return a, torch.where(affine, b, math.nan), 1 / sampling.calculate_input(told, one.clone())


def _kinds(sampling) -> str:
    """Return the names of the classes that make up a model's sampling."""
    named = [kind for kind in type(sampling).__mro__ if kind.__module__.startswith("comfy.model_sampling")]
    return (
        " and ".join(kind.__name__ for kind in type(sampling).__bases__ if kind in named)
        or type(sampling).__name__
    )


def level_at(model, sigma: float) -> Levels:
    """Return the level of a model where noise is `sigma` times the picture: sigma for SD, t = sigma /
    (scale + sigma) for flow.
    """
    half = levels_of(model, torch.tensor([0.5]))
    a, b = float(half.a), float(half.b)
    told = sigma if a == 1 else sigma / (2 * b + sigma)
    return levels_of(model, torch.tensor([told], dtype=torch.float64))


def start(model, sigma: float) -> tuple[float, float]:
    """Return b and a of x = b n + a l, how the host's samplers start at this sigma from a noise n and a
    latent l; b is more than the level's at the top of SD's schedules.
    """
    sampling = model.get_model_object("model_sampling")
    top = float(sampling.sigma_max)
    full = sigma > top or math.isclose(sigma, top, rel_tol=1e-5)  # the host's rule
    zero, one = torch.zeros(1), torch.ones(1)
    pairs = (one.clone(), zero.clone()), (zero, one)
    at = torch.tensor([sigma])
    b, a = (float(sampling.noise_scaling(at, *pair, full)) for pair in pairs)
    return b, a
