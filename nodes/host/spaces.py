"""Which latent space a VAE has, asked of the VAE itself.

The host's VAE says how many channels its latents have, not their scale. Among the spaces with as many, the
one under whose shipped whitener photos encoded by the VAE are most likely is its own:

    log p(z) = log N(x; mean, Sigma) + log scale,   x = (z - shift) scale,   in nats per dimension
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import torch

from ...img2noise import load
from ...img2noise.photos.decode import decode
from ...img2noise.whitening import SPACES
from . import latents

PHOTOS, SIZE, TRIES = 4, 256, 32  # photos that are encoded, their short side, files looked at for them


def space_of_vae(vae, files: Sequence[Path]) -> str:
    """Return the name of a VAE's latent space, by photos from these files; ValueError for a VAE of none."""
    names = [
        name
        for name, space in SPACES.items()
        if name != "rgb"
        and space.channels * space.packing**2 == vae.latent_channels
        and space.dims == getattr(vae, "latent_dim", 2)
    ]
    if not names:
        raise ValueError(
            f"got a VAE of {vae.latent_channels}-channel latents, which belong to no latent space that is "
            f"known; expected one of {', '.join(name for name in SPACES if name != 'rgb')}"
        )
    if len(names) == 1:
        return names[0]
    photos = (decode(file, SIZE, SPACES[names[0]].stride).pixels for file in files[:TRIES])
    found = [_scores(vae, names, x) for x in islice((x for x in photos if x is not None), PHOTOS)]
    return max(names, key=lambda name: sum(score[name] for score in found))


def _scores(vae, names: Sequence[str], picture: torch.Tensor) -> dict[str, float]:
    """Return log p(z) of a picture (1, 3, H, W) in [-1, 1] in each space."""
    z = {"samples": latents.encoded(vae, (picture.movedim(1, -1) + 1) / 2)}
    scores = {}
    for name in names:
        scale = torch.as_tensor(SPACES[name].scale_factor).log().mean()
        scores[name] = float(load(name).log_likelihood(latents.picture_samples(z, name)) + scale)
    return scores
