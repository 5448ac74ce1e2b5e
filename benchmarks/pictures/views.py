"""What is shown: scenes of the little world with their prompts and their truth, photos, and noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from img2noise import Whitener, ddim, load
from img2noise.denoisers import Denoiser
from img2noise.photos.decode import read_photo, to_pixels
from img2noise.sigmas import ddim_uniform, scaled_linear
from world import demo, model, scenes
from world.sheets import HELD_OUT

STEPS, GUIDANCE = ddim_uniform(scaled_linear(), 25), 3.0

Pictures = dict[str, Image.Image | Tensor]  # by caption; a tensor is a latent, yet to be decoded


@dataclass(frozen=True, eq=False)
class View:
    """A scene never trained on, and the same with one change: their latents x0 and `truth`."""

    scene: scenes.Scene
    changed: scenes.Scene
    x0: Tensor
    truth: Tensor

    def source(self, guidance: float = 1.0, place: bool = True) -> Denoiser:
        """Return the little world under the scene's words; without `place`, not where the object is."""
        return model.load().denoiser(scenes.caption(self.scene, place), guidance)

    def target(self, guidance: float = GUIDANCE) -> Denoiser:
        return model.load().denoiser(scenes.caption(self.changed), guidance)


@cache
def view(number: int, **change) -> View:
    scene = scenes.random_scene(HELD_OUT + number)
    changed = scenes.edited(scene, **change) if change else scene
    return View(scene, changed, demo.latent_of(scene), demo.latent_of(changed))


@cache
def photo(name: str) -> Tensor:
    """Return the latent of one of scikit-image's photos, (1, 4, 48, 48)."""
    return model.encode(read_photo(demo.sample_photo(name), demo.PHOTO, square=True) / 2 + 0.5)


def pixels(image: Image.Image) -> Tensor:
    """Return a picture as (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255


@cache
def statistics() -> Whitener:
    return load("sd")


def preview(noise: Tensor, whitener: Whitener | None = None) -> Tensor:
    """Return what the node's preview shows of a noise."""
    return (whitener or statistics()).dewhiten(noise)


def sample(denoise: Denoiser, noise: Tensor) -> Tensor:
    """Return the latent that white noise becomes."""
    return ddim.sample(denoise, noise * (1 + STEPS[0] ** 2).sqrt(), STEPS)


def shown(latent: Tensor) -> Image.Image:
    """Return a latent as a picture."""
    return Image.fromarray(next(to_pixels(model.decode(latent) * 2 - 1)))


def grains(z: Tensor, loud: float = 3.0) -> Image.Image:
    """Return a noise as a picture of its first three channels; `loud` deviations are white."""
    return Image.fromarray(next(to_pixels(z[:, :3] / loud)))


def unit(x: Tensor) -> Tensor:
    """Return x at mean 0 and standard deviation 1."""
    return (x - x.mean()) / x.std()
