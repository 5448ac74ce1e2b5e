"""Pictures of inversions: a scene's noise, and what another prompt or another scene makes of it."""

from __future__ import annotations

from functools import cache

import torch
from PIL import Image
from torch import Tensor

from img2noise import ddim, diagnostics, first_step
from img2noise.diagnostics import plots
from img2noise.sigmas import scaled_linear
from world import model

from .views import GUIDANCE, STEPS, Pictures, grains, sample, statistics, unit, view

CONE = 38  # a green cone in the middle of a stone floor, navy wall
FIRST = float(scaled_linear()[980])


@cache
def inverse(forward: int) -> Tensor:
    """Return x at the first sigma, with that many first steps replaced."""
    return ddim.invert(view(CONE).source(), view(CONE).x0, STEPS, forward_steps=forward, seed=1)


def noises() -> Pictures:
    names = "its noise", "first step replaced"
    return {name: grains(inverse(k) / STEPS[0]) for k, name in enumerate(names)}


def there_and_back() -> Pictures:
    back = ddim.sample(view(CONE).source(), inverse(1), STEPS)
    return {"your image": view(CONE).x0, **noises(), "and back": back}


def inspected_chart() -> Pictures:
    z = torch.cat([inverse(k) for k in (0, 1)]) / STEPS[0]
    found = diagnostics.inspect(z, view(CONE).x0.expand(2, -1, -1, -1))
    names = ["inverted plainly", "first step replaced"]
    return {"": Image.fromarray(plots.inspection_sheet(found, names))}


@cache
def step_and_all() -> tuple[Tensor, Tensor]:
    """Return noise whose first step, without words, shows the scene, and whitened noise; what both become."""
    found = first_step.invert(model.load().denoiser(""), view(CONE).x0, FIRST, iterations=100).z
    z = torch.cat([unit(found), unit(statistics().whiten(view(CONE).x0))])
    return z, sample(view(CONE).source(GUIDANCE), z)


def first() -> Pictures:
    (z, _), (made, _) = (pair.split(1) for pair in step_and_all())
    step = model.load().denoiser("")(FIRST * z, torch.tensor([FIRST]))
    return {"your image": view(CONE).x0, "its noise": grains(z), "its first step": step, "all steps": made}
