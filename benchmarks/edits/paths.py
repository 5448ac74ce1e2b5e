"""Half-way between two pictures of one prompt: does the mixture of their noises still make a sharp picture?

Each pair is a held-out scene and another with the same caption, so that what the classifier should read
half-way is known. `sharpness` is the gradient energy of the picture half-way over the mean of the two ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from torch import Tensor

from img2noise import ddim, lerp, slerp
from world.classifier import right
from world.model import decode
from world.scenes import Scene, random_scene
from world.sheets import HELD_OUT

from .methods import STEPS, correlated, first_step_noise, from_noise, source, white
from .network import Network, grid
from .scenes import Batch, Edit
from .scores import mean

FIRST = HELD_OUT + 900_000


def pairs(count: int) -> list[Edit]:
    """Return pairs of scenes with one caption; camera, light, texture, places and sizes differ."""
    out: list[Edit] = []
    while len(out) < count:
        scene = random_scene(FIRST + len(out))
        out.append(Edit("pair", scene, alike(scene, FIRST + 10_000 + 100 * len(out))))
    return out


def alike(scene: Scene, seed: int) -> Scene:
    """Return the first scene from `seed` on that has room for these objects, with the words of `scene`."""
    while True:
        free = random_scene(seed)
        if [o.place for o in free.objects] == [o.place for o in scene.objects]:
            words = zip(free.objects, scene.objects, strict=True)
            objects = tuple(replace(o, color=like.color, shape=like.shape) for o, like in words)
            fixed = dict(floor=scene.floor, wall=scene.wall, time=scene.time, window=scene.window)
            return replace(free, objects=objects, **fixed)
        seed += 1


def inverted(network: Network, batch: Batch, forward: int) -> Tensor:
    """Return DDIM's noise, in units of variance 1 at the top."""
    levels, denoise = grid(STEPS), source(network, batch)
    more = dict(forward_steps=forward, seed=1, indices=batch.numbers)
    return ddim.invert(denoise, batch.x0, levels, **more) / (1 + levels[0].float() ** 2).sqrt()


def noises() -> dict[str, Callable[[Network, Batch], Tensor]]:
    """Return ways from pictures to noise; plain noise knows nothing of them."""
    found: dict[str, Callable[[Network, Batch], Tensor]] = {"plain noise": lambda _, batch: white(batch)}
    for f in (0, 1, 3):
        found[f"DDIM, forward {f / STEPS:.0%}"] = partial(inverted, forward=f)
    for t in (0.3, 1.0, 5.0):
        found[f"correlated T {t:g}"] = lambda _, batch, t=t: correlated(batch, t)
    return {**found, "first step": first_step_noise}


def half_way(network: Network, count: int) -> list[dict]:
    """Return a row for each kind of noise and of mixture."""
    edits = pairs(count)
    ends = [
        Batch([Edit("end", scene, scene) for scene in scenes], [first + k for k in range(count)])
        for first, scenes in ((0, [e.source for e in edits]), (count, [e.target for e in edits]))
    ]
    scenes, out = [edit.source for edit in edits], []
    for name, noise in noises().items():
        a, b = (noise(network, end) for end in ends)
        made = [sampled(network, ends[0], z) for z in (a, b)]
        sharp = sum(energy(decode(end)) for end in made) / 2
        for how, mix in (("slerp", slerp), ("lerp", lerp)):
            middle = sampled(network, ends[0], mix(a, b, 0.5))
            good = [float(right(x, scenes)["all"].double().mean()) for x in (*made, middle)]
            share = mean((energy(decode(middle)) / sharp).tolist())
            out.append(
                {
                    "noise": name, "mixture": how, "sharpness": share[0], "its standard error": share[1],
                    "all right": good[2], "all right, ends": (good[0] + good[1]) / 2,
                }
            )  # fmt: skip
    return out


def sampled(network: Network, batch: Batch, noise: Tensor) -> Tensor:
    return from_noise(network, batch, noise=lambda *_: noise)


def energy(pictures: Tensor) -> Tensor:
    """Return the mean square of the differences of neighbors, (B,)."""
    across, down = (pictures.diff(dim=dim).square().mean((1, 2, 3)) for dim in (3, 2))
    return across + down
