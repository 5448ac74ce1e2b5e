"""Edits made on noise maps alone, without another prompt: the picture shifted, an object recolored.

shift    RMS(edit - the source moved) / RMS(source - the source moved), over the columns that moved in
recolor  scored as edits of the prompt are: the truth is the object rendered in the new color
"""

from __future__ import annotations

import torch
from torch.nn.functional import interpolate

from img2noise import NoiseMaps, extract, replay
from img2noise.inversion import noise_maps
from world.model import decode, encode
from world.render import RGB, masks

from .methods import SEED, STEPS, source
from .network import Network, grid
from .scenes import Batch
from .scores import NAMES, mean, rms, score

SHIFTS, SKIPS, STRENGTHS = (1, 2, 4), (0, 12), (0.05, 0.1, 0.2)


def maps_of(network: Network, batch: Batch, skip: int) -> NoiseMaps:
    return extract(source(network, batch), batch.x0, grid(STEPS), seed=SEED, indices=batch.numbers, skip=skip)


def shifts(network: Network, batch: Batch) -> list[dict]:
    """Return a row for each skip and number of latent pixels to the right."""
    out = []
    for skip in SKIPS:
        maps = maps_of(network, batch, skip)
        for right in SHIFTS:
            made = decode(replay(source(network, batch), noise_maps.shift(maps, right=right)))
            by = 8 * right  # pixels
            moved, valid = batch.source.roll(by, 3), torch.ones_like(made[:, :1], dtype=torch.bool)
            valid[..., :by] = False
            error = rms(made - moved, valid) / rms(batch.kept - moved, valid)
            figures = dict(zip(("error", "its standard error"), mean(error.tolist()), strict=True))
            out.append({"skip": skip, "pixels": by, **figures})
    return out


def recolors(network: Network, batch: Batch, strengths=STRENGTHS, skips=SKIPS) -> list[dict]:
    """Return a row for each skip and strength; the edits of `batch` are of color."""
    which = [
        next(k for k, (a, b) in enumerate(zip(e.source.objects, e.target.objects, strict=True)) if a != b)
        for e in batch.edits
    ]
    colors = [RGB[edit.target.objects[k].color] for edit, k in zip(batch.edits, which, strict=True)]
    flat = torch.tensor(colors).view(-1, 3, 1, 1).expand_as(batch.source)
    cover = [masks(edit.source)[k] for edit, k in zip(batch.edits, which, strict=True)]
    mask = interpolate(
        torch.stack([torch.from_numpy(m) for m in cover])[:, None], batch.x0.shape[-2:], mode="area"
    )
    color, out = encode(flat.contiguous()), []
    for skip in skips:
        maps = maps_of(network, batch, skip)
        for strength in strengths:
            denoise = source(network, batch)
            changed = noise_maps.recolor(denoise, maps, color, mask, strength=strength)
            found = score(batch, replay(denoise, changed))
            out.append({"skip": skip, "strength": strength, **{name: mean(found[name])[0] for name in NAMES}})
    return out
