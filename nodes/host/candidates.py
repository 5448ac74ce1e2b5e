"""Candidates: rows of a noise, what each would make, and where its picture is kept.

Candidate k, from 1, is the row that a NOISE gives a latent of batch index k - 1.

    guider     x0 of one call at the model's first noise level
    whitener   S^(1/2) z + mean, without a model; what a sampler passes of it, for noise made for one
    neither    z itself

A VAE decodes it, else the latent format's own colors do. Pictures lie in ComfyUI's temp folder under a digest
of all that they depend on, so that picking one computes none again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import comfy.latent_formats
import comfy.sample
import folder_paths
import torch
from PIL import Image
from torch import Tensor

from ...img2noise import Whitener
from ...img2noise.noise import preview
from ...img2noise.whitening.spaces import Space
from . import batches, gains, guiders, latents
from .noises import ask

SIDE = 256  # pixels, of a kept picture


class PickedNoise:
    """One row of another noise, asked when a sampler asks; it serves every picture."""

    def __init__(self, noise, number: int):
        self.noise, self.number, self.seed = noise, number, getattr(noise, "seed", None) or 0

    def generate_noise(self, input_latent: dict) -> Tensor:
        samples = latents.tensor_of(input_latent)
        return torch.cat([row(self.noise, one[None], self.number) for one in samples])


class Sight:
    """What a noise would make, as well as the given whitener, VAE and guider can tell."""

    def __init__(self, noise, whitener: Whitener | None = None, vae=None, guider=None):
        own = getattr(noise, "whitener", None)
        self.noise, self.whitener, self.vae, self.guider = noise, whitener or own, vae, guider
        self.gain = getattr(noise, "gain", None)
        if self.whitener is not None:
            latents.whitener_of(self.whitener)

    def fitted(self, latent: dict) -> Tensor:
        """Return the samples of a LATENT; with a guider, as the host's samplers fit empty ones to a model."""
        samples = latents.samples_of(latent)
        if self.guider is None:
            return samples
        ratio = () if latent.get("downscale_ratio_spacial") is None else (latent["downscale_ratio_spacial"],)
        return comfy.sample.fix_empty_latent_channels(self.guider.model_patcher, samples, *ratio)

    def picture(self, z: Tensor, sample: Tensor) -> Tensor:
        """Return the picture (1, H, W, 3) in [0, 1] of one row of noise for one sample, both (1, ...)."""
        x, form = self._clean(z, sample)
        if form is None:  # pixels in [-1, 1]
            return ((x[:, :3].movedim(1, -1) + 1) / 2).clamp(0, 1)
        if self.vae is None:
            return _colors(x, form)
        return decoded(self.vae, form.process_out(x))

    def _clean(self, z: Tensor, sample: Tensor):
        """Return what the noise makes in model space, and the host's format of such latents."""
        if self.guider is not None:
            x0 = _first_step(self.guider, z, sample, self.noise)
            return x0, self.guider.model_patcher.get_model_object("latent_format")
        if self.whitener is None:
            return z, _format(z)
        q = latents.noise_samples({"samples": z}, self.whitener)
        x = preview(q, self.whitener, gains.at(self.gain, self.whitener.at_size_of(q)))
        x = latents.as_samples(x, self.whitener, {"samples": z})
        space = latents.space_of(self.whitener)
        x = x.unsqueeze(2) if space.dims == 3 and x.ndim == 4 else x  # the host's format has frames
        return x, _format(x, space)


def row(noise, sample: Tensor, number: int) -> Tensor:
    """Return the row of a noise (1, ...) for one sample (1, ...) of that batch index."""
    return ask(noise, {"samples": sample, "batch_index": [number]})


def chosen(latent: dict, numbers: Iterable[int]) -> dict:
    """Return the LATENT for candidates of these numbers: its rows in turn, each with its noise mask."""
    samples, numbers = latents.tensor_of(latent), list(numbers)
    turns = [number % len(samples) for number in numbers]
    mask = latent.get("noise_mask")
    masks = {} if mask is None else {"noise_mask": mask[[turn % len(mask) for turn in turns]]}
    return batches.numbered({**latent, **masks, "samples": samples[turns]}, numbers)


def decoded(vae, samples: Tensor) -> Tensor:
    """Return pictures (B, H, W, 3) of latents in VAE units; the first frame of a video."""
    if vae.latent_channels != samples.shape[1]:
        raise ValueError(
            f"got a VAE of {vae.latent_channels}-channel latents for noise of {samples.shape[1]} channels; "
            "connect the VAE of the model"
        )
    pictures = vae.decode(samples).cpu().float()
    return (pictures[:, 0] if pictures.ndim == 5 else pictures)[..., :3]


def fingerprint(prompt: dict, node: str, *free: str) -> list:
    """Return all that a node of a prompt depends on, but for its inputs named in `free`: each node before it,
    numbered as they are met, by its type and inputs. The page makes the same of its graph to compare.
    """
    places: dict[str, int] = {}
    found: list = []

    def visit(key: str, leave: tuple[str, ...] = ()) -> int:
        if key not in places:
            places[key] = len(found)
            found.append([prompt[key]["class_type"], inputs := {}])
            for name, value in sorted(prompt[key]["inputs"].items()):
                if name not in leave:
                    inputs[name] = {"node": visit(value[0]), "output": value[1]} if _link(value) else value
        return places[key]

    if node in prompt:
        visit(node, free)
    return found


def digest(*parts) -> str:
    """Return a name for tensors and values that JSON can hold, another where any of them differs."""
    total = hashlib.sha256()
    for part in parts:
        data = part.cpu().contiguous().numpy().tobytes() if isinstance(part, Tensor) else None
        total.update(json.dumps(part).encode() if data is None else data)
    return total.hexdigest()[:20]


def place(name: str, number: int) -> Path:
    """Return the file of a candidate's picture in the temp folder."""
    return Path(folder_paths.get_temp_directory()) / f"img2noise_pick_{name}_{number + 1}.png"


def keep(picture: Tensor, file: Path) -> None:
    """Write a picture (1, H, W, 3), small."""
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray((picture[0] * 255).round().clamp(0, 255).byte().numpy())
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    image.save(file, compress_level=1)


def _link(value) -> bool:
    """Return whether an input of a prompt is a wire."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def _first_step(guider, z: Tensor, sample: Tensor, noise) -> Tensor:
    """Return E[x0 | x] at the model's first noise level, in model space."""
    sampling = guider.model_patcher.get_model_object("model_sampling")
    sigma = sampling.sigma_max.detach().float().reshape(1).cpu()

    def work(ready: guiders.Ready) -> Tensor:
        level = sigma.to(ready.x0)
        x = sampling.noise_scaling(level, z.to(ready.x0), ready.x0.clone(), True)
        return ready(x, level)

    seed, sigmas = getattr(noise, "seed", None) or 0, torch.cat([sigma, sigma * 0])
    return guiders.run(guider, sample, sigmas, work, seed).cpu().float()


def _format(z: Tensor, space: Space | None = None):
    """Return the host's format of latents like these, for its colors; None for pixels."""
    kinds = [k for k in vars(comfy.latent_formats).values() if isinstance(k, type)]
    kinds = [k for k in kinds if issubclass(k, comfy.latent_formats.LatentFormat)]
    like = [k() for k in kinds if (k.latent_channels, k.latent_dimensions) == (z.shape[1], z.ndim - 2)]
    colored = [form for form in like if form.latent_rgb_factors is not None]
    if space is not None:
        one = torch.ones(1, space.channels, space.packing, space.packing)
        scaled = space.pack(space.to_model(one)).view(1, -1, *[1] * (z.ndim - 2))
        same = [
            form for form in colored if torch.allclose(form.process_in(one.new_ones(scaled.shape)), scaled)
        ]
        colored = same or colored
    return next(iter(colored), None)


def _colors(x: Tensor, form) -> Tensor:
    """Return latents in model space as pictures (B, H, W, 3), by the format's own colors."""
    x = form.latent_rgb_factors_reshape(x) if form.latent_rgb_factors_reshape is not None else x
    x = (x[:, :, 0] if x.ndim == 5 else x).movedim(1, -1)  # (B, H, W, C)
    bias = torch.tensor(form.latent_rgb_factors_bias or [0.0, 0.0, 0.0])
    return ((x @ torch.tensor(form.latent_rgb_factors) + bias + 1) / 2).clamp(0, 1)
