"""Pictures of whiteners: how photos look, how one's own pictures look, and which whitening is nearest."""

from __future__ import annotations

from functools import cache

import torch
from PIL import Image
from skimage import data
from torch import Tensor

from img2noise import Whitener, correlated_noise, ddim, diagnostics, draw, fit, measure
from img2noise.diagnostics import plots
from img2noise.sigmas import ddim_uniform, scaled_linear
from world import model

from .views import Pictures, grains, photo, pixels, preview, statistics, unit, view

SCENES, STEPS = 40, ddim_uniform(scaled_linear(), 10)
NOISE = draw((1, 4, 48, 48), 3)


@cache
def own(shrinkage: float = 0.0005) -> Whitener:
    """Return a whitener of tiles of a picture of stained tissue."""
    x = model.encode(pixels(Image.fromarray(data.immunohistochemistry())))
    corners = range(0, 33, 4)
    tiles = torch.cat([x[..., i : i + 32, j : j + 32] for i in corners for j in corners])
    return fit(measure(tiles, space="sd"), shrinkage=shrinkage)


def yours() -> Pictures:
    return {"of your folder": Image.fromarray(data.immunohistochemistry()).crop((0, 0, 256, 256))}


def fitted() -> Pictures:
    made = {"shipped whitener": preview(NOISE), "yours": preview(NOISE, own())}
    return {**yours(), "one noise": grains(NOISE), **made}


def shrunk() -> Pictures:
    made = {f"shrinkage {s:g}": preview(NOISE, own(s)) for s in (0.0005, 0.5)}
    return {**yours(), "noise": grains(NOISE), **made}


def whitened() -> Pictures:
    cup = photo("coffee")
    steps = {f"strength {s:g}": unit(statistics().whiten(cup, s)) * cup.std() for s in (0.4, 0.7, 1.0)}
    return {"your photo": cup, **steps}


def dewhitened() -> Pictures:
    cup = photo("coffee")
    z = correlated_noise(cup, statistics(), temperature=0.3, seed=1)
    steps = {f"strength {s:g}": unit(statistics().dewhiten(z, s)) * cup.std() for s in (0.4, 0.7, 1.0)}
    return {"noise": grains(z), **steps}


@cache
def inversions() -> tuple[Tensor, Tensor]:
    """Return latents of scenes and the noise that the little world finds behind them, without words."""
    x = torch.cat([view(k).x0 for k in range(SCENES)])
    return x, ddim.invert(model.load().denoiser(""), x, STEPS) / STEPS[0]


@cache
def compared_chart() -> Pictures:
    found = diagnostics.compare_whitenings(*inversions(), patch=4, shrinkage=0.01)
    return {"": Image.fromarray(plots.comparison_chart(found))}


def compared() -> Pictures:
    x, z = inversions()
    return {
        "images": tiled(x),
        "the noise behind them": grains(tiled(z)),
        "whitened": grains(tiled(unit(statistics().whiten(x)))),
        "": compared_chart()[""],
    }


def tiled(x: Tensor) -> Tensor:
    """Return the first nine, three by three, as one."""
    return x[:9].unflatten(0, (3, 3)).permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)[None]
