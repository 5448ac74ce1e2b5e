"""Pictures of edits by noise maps: other words, moved, mirrored, recolored, in four steps."""

from __future__ import annotations

from functools import cache

import torch

from img2noise import NoiseMaps, edit_friendly, extract, replay
from img2noise.inversion.edit_friendly import turbo_sigmas
from img2noise.inversion.noise_maps import LAST_NORM, flip, recolor, shift
from img2noise.sigmas import scaled_linear
from world import model
from world.render import RGB, masks

from .views import STEPS, Pictures, View, grains, unit, view

FEW = torch.cat([scaled_linear()[[799, 599, 399, 199]], torch.zeros(1)])
HALF = 12  # of 25 steps


def box() -> View:
    """A red cube on wood before a navy wall, which is to be green."""
    return view(26, color="green")


@cache
def kept_maps(skip: int = HALF) -> NoiseMaps:
    return extract(box().source(), box().x0, STEPS, skip=skip, seed=1)


@cache
def replayed() -> Pictures:
    maps, world, other = kept_maps(), box().source(), box().target()
    turned = {"mirrored, green": replay(other, flip(maps))}
    return (
        one_map(HALF // 2)
        | {"its own words": replay(world, maps), "green cube": replay(other, maps)}
        | turned
    )


def moved(*names: str) -> Pictures:
    """A scene's maps changed and played under its own words, which do not say where the object is."""
    ways = {
        "right": lambda maps: shift(maps, right=5),
        "down": lambda maps: shift(maps, down=2),
        "up and right": lambda maps: shift(maps, down=-2, right=3),
        "mirrored": flip,
        "upside down": lambda maps: flip(maps, horizontal=False, vertical=True),
    }
    scene = view(65)
    world = scene.source(place=False)
    maps = extract(world, scene.x0, STEPS, skip=2, seed=1)
    return {"your image": scene.x0} | {name: replay(world, ways[name](maps)) for name in names}


@cache
def recolored() -> Pictures:
    scene = view(71)
    mask = torch.nn.functional.avg_pool2d(torch.from_numpy(masks(scene.scene))[None], 8)
    maps = extract(scene.source(), scene.x0, STEPS, skip=2, seed=1)
    blue = model.encode(torch.tensor(RGB["blue"]).view(1, 3, 1, 1).expand(1, 3, 128, 128))
    ways = {"your image": scene.x0, "what is painted": grains(mask.expand(1, 3, -1, -1) * 2 - 1, 1.0)}
    for strength in (0.05, 0.2):
        pulled = recolor(scene.source(), maps, blue, mask, strength=strength)
        ways[f"blue, strength {strength}"] = replay(scene.source(), pulled)
    return ways


@cache
def few_steps() -> Pictures:
    """Edits in four steps at three weights."""
    pair, remedy = (box().source(), box().target(1.0)), dict(noise_sigmas=turbo_sigmas(FEW), bound=LAST_NORM)
    made = {w: edit_friendly.edit(*pair, box().x0, FEW, seed=1, weight=w, **remedy) for w in (1.0, 1.5, 2.0)}
    return {"your image": box().x0} | {f"4 steps, weight {w:g}": x for w, x in made.items()}


def one_map(index: int) -> Pictures:
    """A map at its own loudness."""
    maps = kept_maps().residuals
    return {f"map {index + 1} of {len(maps)}": grains(unit(maps[index]))}


def taken_apart() -> Pictures:
    return {"your image": box().x0} | one_map(0) | one_map(HALF // 2) | one_map(HALF)
