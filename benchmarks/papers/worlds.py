"""A model, the noises it starts from and the pictures it makes: what every experiment is given.

Pictures are (N, 3, 32, 32) in [-1, 1]. Latents and noises are in variance-preserving units, x_T = y /
sqrt(1 + sigma^2), so that white noise has unit variance; the model is called in variance-exploding ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from img2noise import GaussianDenoiser, Whitener, draw, fit, measure
from img2noise.denoisers import Denoiser
from img2noise.inversion import ddim
from img2noise.sigmas import ddim_uniform, scaled_linear

from ..stored_network import load_network
from ..train_photo32 import SHORT_SIDE, crop, pictures_of

NETWORK = Path(__file__).parent.parent / "photo32.safetensors"
SHAPE, ROWS, SHOWN = (3, 32, 32), 64, 6


@dataclass(frozen=True)
class Scale:
    """How much of everything: generations, pictures inverted, first-step pictures and iterations, those
    solved, photos, pairs to go between, pictures with noise maps.
    """

    generations: int = 1000
    inverted: int = 128
    first_step: int = 384
    iterations: int = 100
    solved: int = 32
    photos: int = 48
    pairs: int = 96
    maps: int = 24


QUICK = Scale(64, 16, 48, 50, 4, 8, 8, 3)


class Counted:
    """A denoiser in calls of at most ROWS rows, which says how many rows it has done."""

    def __init__(self, denoise: Denoiser, advance: Callable[[int], object]):
        self.denoise, self.advance = denoise, advance

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        sigma = torch.as_tensor(sigma, dtype=x.dtype).expand(len(x))
        done = []
        for rows, levels in zip(x.split(ROWS), sigma.split(ROWS), strict=True):
            done.append(self.denoise(rows, levels))
            self.advance(len(rows))
        return torch.cat(done)


@dataclass
class World:
    """A model by name, with the pictures it makes of white noise, made when first asked for."""

    name: str
    denoise: Denoiser
    scale: Scale
    photos: Tensor
    sigmas: Tensor = field(default_factory=lambda: ddim_uniform(scaled_linear(), 50))

    @property
    def top(self) -> float:
        """sqrt(1 + sigma^2) at the first sigma: what a unit-variance latent is multiplied by."""
        return float((1 + self.sigmas[0] ** 2).sqrt())

    @cached_property
    def noises(self) -> Tensor:
        """(N, 3, 32, 32), white."""
        return draw((self.scale.generations, *SHAPE), seed=1)

    @cached_property
    def pictures(self) -> Tensor:
        """What the noises become in 50 DDIM steps."""
        return self.generate(self.noises)

    @cached_property
    def whitener(self) -> Whitener:
        """Of the pictures: stationary, lightly shrunk, so that a hundred pictures do."""
        return fit(measure(self.pictures, "stationary"), shrinkage=0.01)

    @property
    def eigenvalues(self) -> Tensor:
        """Of the whitener, per coordinate of a picture, float64 (3072,)."""
        return self.whitener.eigenvalues(self.noises).double()

    def generate(self, latents: Tensor, steps: int = 50) -> Tensor:
        """Pictures of unit-variance latents by DDIM."""
        return ddim.sample(self.denoise, latents * self.top, self.grid(steps))

    def grid(self, steps: int) -> Tensor:
        """DDIM's sigmas, from the level that `sigmas` starts at."""
        return torch.cat([self.sigmas[:1], ddim_uniform(scaled_linear(), steps)[1:]])


def trained(scale: Scale, photos: Tensor, advance: Callable[[int], object], network: Path = NETWORK) -> World:
    """The shipped network's world."""
    return World("network", Counted(load_network(network), advance), scale, photos)


@dataclass
class Twin(World):
    """The Gaussian of another world's pictures, whose whitener is therefore known."""

    known: Whitener | None = None

    @property
    def whitener(self) -> Whitener:
        return self.known


def twin_of(world: World, advance: Callable[[int], object]) -> World:
    """The Gaussian of a world's pictures, with its exact denoiser."""
    denoise = Counted(GaussianDenoiser(world.whitener), advance)
    return Twin("twin", denoise, world.scale, world.photos, known=world.whitener)


def crops(paths: list[Path], count: int) -> Tensor:
    """Square crops of photos as the network knows them, (count, 3, 32, 32): the same places whoever asks.

    The first SHOWN, which pictures may show, are of scikit-image's photos, and so are all without paths; the
    others are of the photos in them that training holds out.
    """
    free, generator = [_scaled(photo) for photo in _sample_photos()], torch.Generator().manual_seed(3)
    others = pictures_of(paths)[1] if paths else free
    return torch.stack([crop(free if i < SHOWN else others, generator) for i in range(count)])


def _sample_photos() -> list[np.ndarray]:
    from skimage import data

    return [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]


def _scaled(photo: np.ndarray) -> Tensor:
    """A photo (H, W, 3), uint8, as `read_photo` would give it."""
    image = Image.fromarray(photo)
    size = [max(SHORT_SIDE, round(n * SHORT_SIDE / min(image.size))) for n in image.size]
    small = np.asarray(image.resize(size, Image.Resampling.LANCZOS), dtype=np.float32)
    return torch.from_numpy(small / 127.5 - 1).permute(2, 0, 1).contiguous()
