"""Edits of scenes that were never trained on, their rendered truth, and the part of a picture each changes.

An edit is a scene and the same scene with one attribute changed; both captions are its prompts. The source's
latent is TAESD's of its render. The region is where the two renders differ by more than `VISIBLE`: object and
shadow, or the floor. It is compared in decoded pictures: a latent's pixel is 8 x 8 of them, and a ball covers
five.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from world.model import decode, encode
from world.render import render
from world.scenes import COLORS, FLOORS, PLACES, SHAPES, TIMES, WALLS, Scene, caption, edited, random_scene
from world.sheets import HELD_OUT

KINDS = ("color", "shape", "floor", "wall", "time", "window", "add", "remove", "move")
WORDS = dict(color=COLORS, shape=SHAPES, floor=FLOORS, wall=WALLS, time=TIMES)
VISIBLE = 4 / 255  # in any channel
MARGIN = 4  # pixels around the region that count as neither part: the autoencoder blurs that far
LEAST = 0.02  # share of a picture that a part needs to be measured


@dataclass(frozen=True)
class Edit:
    kind: str
    source: Scene
    target: Scene

    @property
    def prompts(self) -> tuple[str, str]:
        return caption(self.source), caption(self.target)


def held_out(count: int) -> list[Edit]:
    """Return `count` edits of as many scenes, the kinds in turn; the first are the same for any count."""
    edits: list[Edit] = []
    seed = HELD_OUT
    while len(edits) < count:
        kind, scene = KINDS[len(edits) % len(KINDS)], random_scene(seed)
        if fits(kind, scene):
            edits.append(Edit(kind, scene, changed(scene, kind, np.random.default_rng([seed, 1]))))
        seed += 1
    return edits


def fits(kind: str, scene: Scene) -> bool:
    """Return whether the scene has what the edit needs: two objects, one, or one with a free side."""
    alone = len(scene.objects) == 1
    aside = alone and scene.objects[0].place != "middle"
    return {"add": aside, "move": alone, "remove": not alone}.get(kind, True)


def changed(scene: Scene, kind: str, rng: np.random.Generator) -> Scene:
    """Return the scene with one attribute of `kind` at another value."""

    def other(words: tuple[str, ...], now: str) -> str:
        left = [word for word in words if word != now]
        return left[rng.integers(len(left))]

    if kind in ("color", "shape"):
        which = int(rng.integers(len(scene.objects)))
        return edited(scene, which, **{kind: other(WORDS[kind], getattr(scene.objects[which], kind))})
    if kind == "add":
        return edited(scene, second=(other(COLORS, scene.objects[0].color), other(SHAPES, "")))
    if kind == "remove":
        return edited(scene, second=None)
    if kind == "move":
        return edited(scene, place=other(PLACES, scene.objects[0].place))
    if kind == "window":
        return edited(scene, window=not scene.window)
    return edited(scene, **{kind: other(WORDS[kind], getattr(scene, kind))})


class Batch:
    """Edits with their pictures (B, 3, 128, 128) and latents (B, 4, 16, 16)."""

    def __init__(self, edits: list[Edit], numbers: list[int]):
        self.edits, self.numbers = edits, numbers  # numbers: rows of the whole set, which choose the noise
        self.source, self.target = (
            pictures([getattr(edit, side) for edit in edits]) for side in ("source", "target")
        )
        self.x0, self.truth = encode(self.source), encode(self.target)

    @property
    def prompts(self) -> tuple[list[str], list[str]]:
        """Source prompts and target prompts."""
        one, other = zip(*(edit.prompts for edit in self.edits), strict=True)
        return list(one), list(other)

    @cached_property
    def kept(self) -> Tensor:
        """The source through the autoencoder: what doing nothing gives."""
        return decode(self.x0)

    @cached_property
    def inside(self) -> Tensor:
        """Where the truth differs from the source: (B, 1, H, W), bool."""
        return ((self.target - self.source).abs() > VISIBLE).any(1, keepdim=True)

    @cached_property
    def outside(self) -> Tensor:
        """What the edit must keep; nowhere in pictures with less than `LEAST` of it."""
        near = max_pool2d(self.inside.float(), 2 * MARGIN + 1, 1, MARGIN) > 0
        return ~near & ((~near).float().mean((1, 2, 3), keepdim=True) >= LEAST)


def pictures(scenes: list[Scene]) -> Tensor:
    """Return the renders of scenes: (B, 3, 128, 128) in [0, 1]."""
    return torch.from_numpy(np.stack([render(scene) for scene in scenes])).permute(0, 3, 1, 2).contiguous()
