"""NOISE made for images: encoded at the size that a sampler asks for, when it asks.

    x1 = S^(1/2) z(layout, color, detail) + mean,   noise = kept or correlated noise of x1 at the similarity

Rows are numbered: row i is drawn by its own number, around the image of that number; fewer images than rows
take turns. A row is computed by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import comfy.utils
import torch
from torch import Tensor

from ...img2noise import Whitener, checks, correlated_noise, draw
from ...img2noise.noise import Transfer, kept_noise, preview, shared_noise, temperature_for
from ...img2noise.noise.draw import stream
from ...img2noise.noise.gains import gain_at
from . import batches, candidates, folders, gains, guiders, latents
from .noises import like, still

LUMA = 0.299, 0.587, 0.114
LOCKED = 0.99  # the largest similarity under a mask: at 1 the filter never ends
MOST = 1024**2  # pixels of a preview


@dataclass(frozen=True)
class Law:
    """How near a noise is to its image: `similarity` in [0, 1], or a `temperature` above 0 in its place; the
    shares of layout, color and detail, and the lightness (C,) that tells layout from color.
    """

    similarity: float
    temperature: float = 0.0
    layout: float = 1.0
    color: float = 1.0
    detail: float = 1.0
    luma: Tensor | None = field(default=None, compare=False)

    def __post_init__(self):
        for name in ("similarity", "layout", "color", "detail"):
            checks.number(getattr(self, name), name, 0, 1)
        checks.number(self.temperature, "temperature", 0, math.inf)
        if self.luma is None and self.layout != self.color:
            raise ValueError(
                f"got layout {self.layout:g} and color {self.color:g} for a model whose latents do not say "
                "which of them are lightness; set both alike"
            )

    @property
    def whole(self) -> bool:
        return self.layout == self.color == self.detail == 1

    @property
    def plain(self) -> bool:
        """Whether nothing of the image is held."""
        free = not (self.layout or self.color or self.detail)
        return free or (self.temperature == 0 and self.similarity == 0)


class ImageNoise:
    """Noise for images (N, H, W, 3), on request at any size; `colors` brings the colors of other images, and
    `mask` (1 or N, H, W) is 1 where they are kept.
    """

    def __init__(
        self,
        images: Tensor,
        vae,
        whitener: Whitener,
        seed: int,
        law: Law,
        gain: gains.Shares | Transfer | None = None,
        mask: Tensor | None = None,
        colors: Tensor | None = None,
    ):
        self.images, self.colors = pixels_of(images), None if colors is None else pixels_of(colors)
        self.vae, self.whitener, self.law, self.gain = vae, whitener, law, gain
        self.mask = None if mask is None else mask_of(mask)
        checks.whole(seed, "noise_seed", 0, 2**64 - 1)
        self.seed = seed
        self.encode = latents.encoder(vae, whitener.space)
        self._kept: tuple = (None, None)

    def generate_noise(self, input_latent: dict) -> Tensor:
        space, shape = latents.space_of(self.whitener), latents.tensor_of(input_latent).shape[1:]
        asked = latents.numbers_of(input_latent)
        channels, *sides = still(shape)
        if channels != space.channels * space.packing**2 or len(sides) != 2:
            raise ValueError(
                f"got a latent of {' x '.join(map(str, shape))} for noise of {self.whitener.space} latents "
                f"({space.models}), one picture each; sample a latent of the model that the noise is for"
            )
        size = sides[0] * space.packing, sides[1] * space.packing
        return like(latents.as_samples(self.drawn(asked, size), self.whitener), input_latent)

    def drawn(self, asked: Sequence[int], size: tuple[int, int]) -> Tensor:
        """Return noise for pictures of these numbers, as the whitener has them, (N, C, H, W)."""
        fitted, draws = self.whitener.at_size(*size), batches.draws(asked)
        turns = batches.turns(asked, range(len(self.images)))
        x0, others = self.pictures(size)
        rows = []
        for turn, number in zip(turns, draws, strict=True):
            colors = None if others is None else others[[turn % len(others)]]
            rows.append(self._row(fitted, x0[[turn]], colors, number, turn))
        return torch.cat(rows)

    def _row(self, fitted: Whitener, x0: Tensor, colors: Tensor | None, number: int, turn: int) -> Tensor:
        """Return the noise (1, C, H, W) of one picture."""
        law, how = self.law, dict(seed=self.seed, white=self._white(x0, number))
        if law.plain:
            return how["white"].to(x0)
        if not law.whole or colors is not None:
            luma = torch.ones(fitted.shape[0]) if law.luma is None else law.luma
            parts = dict(layout=law.layout, color=law.color, detail=law.detail, colors_of=colors)
            own = [stream(self.seed, number, "shares").initial_seed()]  # not the draw that follows
            x0 = fitted.dewhiten(shared_noise(x0, fitted, luma=luma, seed=own, **parts))
        near = dict(temperature=law.temperature) if law.temperature else dict(similarity=law.similarity)
        how["gain"] = gain = gains.at(self.gain, fitted)
        if self.mask is None:
            return correlated_noise(x0, fitted, **near, **how)
        mask = sized(self.mask[[turn % len(self.mask)]][..., None], fitted.shape[1:], "area")[0, ..., 0]
        if bool((mask < 1).any()):
            power = gain_at(fitted, x0, gain).square()
            heat = law.temperature or temperature_for(power, law.similarity)
            near = dict(temperature=max(heat, temperature_for(power, LOCKED)))
        return kept_noise(x0, fitted, mask.clamp(0, 1), **near, **how)

    def _white(self, x0: Tensor, number: int) -> Tensor:
        """Return core's own noise for a latent of these pictures, which packs them first."""
        space = latents.space_of(self.whitener)
        return space.unpack(draw(space.pack(x0).shape, self.seed, [number]))

    def pictures(self, size: tuple[int, int]) -> tuple[Tensor, Tensor | None]:
        """Return the images in model space at a size of the whitener's, and those that bring the colors; the
        last size is kept, since samplers ask again.
        """
        if self._kept[0] != size:
            found = [None if x is None else self._encoded(x, size) for x in (self.images, self.colors)]
            self._kept = size, found
        return self._kept[1]

    def _encoded(self, images: Tensor, size: tuple[int, int]) -> Tensor:
        stride = latents.space_of(self.whitener).stride
        fitted = sized(images, (size[0] * stride, size[1] * stride), "lanczos")
        x0 = self.encode(fitted.movedim(-1, 1) * 2 - 1)
        if x0.shape[-2:] != size:
            raise ValueError(
                f"got a VAE that makes {x0.shape[-2]} x {x0.shape[-1]} latents of "
                f"{fitted.shape[1]} x {fitted.shape[2]} pixels, where {size[0]} x {size[1]} are needed; "
                "connect the VAE of the model"
            )
        return x0

    def preview(self) -> Tensor:
        """Return what the noise makes of each image at its own size, decoded: (N, H, W, 3)."""
        space = latents.space_of(self.whitener)
        size = own_size(self.images, space.stride * space.packing)
        size = tuple(side // space.stride for side in size)
        report, found = latents.progress(len(self.images)), []
        for number in range(len(self.images)):
            z = self.drawn([number], size)
            x = preview(z, self.whitener, gains.at(self.gain, self.whitener.at_size(*size)))
            samples = latents.picture_latent(x, self.whitener)["samples"]
            found.append(candidates.decoded(self.vae, samples))
            report(number + 1)
        return torch.cat(found)


def pixels_of(images) -> Tensor:
    """Return an IMAGE as (N, H, W, 3) on the CPU; ValueError for what is none."""
    if (
        not isinstance(images, Tensor)
        or images.ndim != 4
        or images.shape[-1] not in (3, 4)
        or not images.numel()
    ):
        got = tuple(images.shape) if isinstance(images, Tensor) else checks.kind(images)
        raise ValueError(f"got an image of {got}; expected (batch, height, width, 3), from Load Image")
    if not bool(torch.isfinite(images).all()):
        raise ValueError("got an image that holds NaN or infinity; check the nodes before this one")
    return images[..., :3].detach().cpu().float()


def mask_of(mask) -> Tensor:
    """Return a MASK as (N, H, W) in [0, 1] on the CPU; ValueError for what is none."""
    if not isinstance(mask, Tensor) or mask.ndim not in (2, 3) or not mask.numel():
        got = tuple(mask.shape) if isinstance(mask, Tensor) else checks.kind(mask)
        raise ValueError(f"got a mask of {got}; expected (batch, height, width)")
    mask = mask.detach().cpu().float()
    if not bool(torch.isfinite(mask).all()) or float(mask.min()) < 0 or float(mask.max()) > 1:
        raise ValueError("got a mask with values outside [0, 1]; expected 1 to keep and 0 to let go")
    return mask if mask.ndim == 3 else mask[None]


def sized(images: Tensor, size: Sequence[int], method: str) -> Tensor:
    """Return images (N, H, W, C) at that height and width: the middle of them, as core's Upscale Image cuts
    it. Images of that size are returned as they are.
    """
    if images.shape[1:3] == tuple(size):
        return images
    found = comfy.utils.common_upscale(images.movedim(-1, 1), size[1], size[0], method, "center")
    return found.movedim(1, -1)


def own_size(images: Tensor, unit: int) -> tuple[int, int]:
    """Return the images' height and width, at most MOST pixels, in multiples of `unit`."""
    height, width = images.shape[1:3]
    less = min(1.0, (MOST / (height * width)) ** 0.5)
    return max(1, int(height * less) // unit) * unit, max(1, int(width * less) // unit) * unit


def whitener_for(model, whitener=None) -> Whitener:
    """Return the given whitener, checked, or the shipped one of the model's latents; ValueError for a model
    without one.
    """
    if whitener is not None:
        latents.check_model(model, latents.whitener_of(whitener))
        return whitener
    name = guiders.space_name(model)
    if name not in folders.shipped_names():
        raise ValueError(
            f"got a model of {name} latents, for which no whitener is shipped; connect one from Fit Image "
            "Profile from Folder"
        )
    return folders.load_whitener(folders.whitener_file(name))


def luma_of(model) -> Tensor | None:
    """Return the share of each latent channel in lightness, (C,) by the host's own colors, None without."""
    factors = getattr(model.get_model_object("latent_format"), "latent_rgb_factors", None)
    if factors is None:
        return None
    return torch.tensor(factors, dtype=torch.float64) @ torch.tensor(LUMA, dtype=torch.float64)
