"""Scenes of the little world: one or two objects on a floor before a wall, their captions and their edits.

A scene is data; `world.render` makes the picture. All of it follows from its seed. The truth of an edit is
the same scene with one attribute changed: same camera, light, texture and places.

Units: x to the right, y up, z away from the camera; the floor is y = 0 and the wall stands at z = `WALL_Z`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

COLORS = ("red", "green", "blue", "yellow", "orange", "purple", "white", "black")
SHAPES = ("ball", "cube", "cylinder", "cone")
FLOORS = ("wooden", "checkered", "stone", "grassy")
WALLS = ("teal", "pink", "mint", "navy", "gray", "beige")
TIMES = ("day", "sunset", "night")
PLACES = ("left", "middle", "right")
WALL_Z = 2.6
EDGE = 0.42  # an object farther than this from the middle is "on the left" or "on the right"


@dataclass(frozen=True)
class Object:
    color: str
    shape: str
    x: float
    z: float
    size: float  # radius of a ball, half the edge of a cube
    angle: float  # about the vertical, radians

    @property
    def place(self) -> str:
        return "left" if self.x < -EDGE else "right" if self.x > EDGE else "middle"


@dataclass(frozen=True)
class Scene:
    """What `render` draws: objects from left to right, attributes by word, and free parameters."""

    objects: tuple[Object, ...]
    floor: str
    wall: str
    time: str = "day"
    window: bool = False
    camera: float = 2.0  # height of the camera above the floor
    light: float = 0.7  # where the sun stands, radians from straight behind the camera
    window_x: float = 0.0
    texture: int = 0

    def __post_init__(self):
        words = [(self.floor, FLOORS, "floor"), (self.wall, WALLS, "wall"), (self.time, TIMES, "time")]
        for o in self.objects:
            words += [(o.color, COLORS, "color"), (o.shape, SHAPES, "shape")]
        for got, known, name in words:
            if got not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {got!r}")
        if len(self.objects) not in (1, 2):
            raise ValueError(f"a scene has one or two objects, got {len(self.objects)}")


SAMPLES = {  # scenes to start from, by name
    "red ball": Scene((Object("red", "ball", 0.0, 0.1, 0.72, 0.3),), "wooden", "teal", light=-0.5, texture=1),
    "two objects": Scene(
        (Object("blue", "cube", -0.8, 0.3, 0.55, 0.6), Object("yellow", "cone", 0.85, 0.0, 0.6, 0.3)),
        "stone",
        "beige",
        light=0.4,
        texture=2,
    ),
    "sunset with window": Scene(
        (Object("green", "cone", -0.75, 0.2, 0.75, 0.3),),
        "checkered",
        "pink",
        time="sunset",
        window=True,
        window_x=0.75,
        light=0.6,
        texture=3,
    ),
    "night": Scene(
        (Object("orange", "cylinder", 0.75, 0.1, 0.65, 0.3),),
        "stone",
        "navy",
        time="night",
        light=0.3,
        texture=4,
    ),
    "on grass": Scene(
        (Object("white", "ball", -0.8, 0.1, 0.6, 0.3), Object("purple", "cube", 0.75, 0.4, 0.55, 0.9)),
        "grassy",
        "mint",
        light=0.2,
        texture=5,
    ),
}


def random_scene(seed: int) -> Scene:
    """Return the scene of `seed`: 30 % have two objects, 20 % a window, 15 % are at sunset, 15 % at night."""
    rng = np.random.default_rng([20_240, seed])

    def pick(words):
        return words[rng.integers(len(words))]

    two = rng.random() < 0.3
    spans = ((-1.2, -0.55), (0.55, 1.2)) if two else (pick(((-1.15, -0.55), (-0.28, 0.28), (0.55, 1.15))),)
    objects = []
    for low, high in spans:
        size = rng.uniform(0.42, 0.62) if two else rng.uniform(0.45, 0.85)
        objects.append(
            Object(
                pick(COLORS),
                pick(SHAPES),
                rng.uniform(low, high),
                rng.uniform(-0.5, 0.9),
                size,
                rng.uniform(0, 2),
            )
        )
    return Scene(
        tuple(objects),
        floor=pick(FLOORS),
        wall=pick(WALLS),
        time=TIMES[int(np.searchsorted((0.7, 0.85), rng.random()))],
        window=bool(rng.random() < 0.2),
        camera=rng.uniform(1.5, 2.6),
        light=rng.uniform(-1.0, 1.0),
        window_x=rng.uniform(-1.4, 1.4),
        texture=int(rng.integers(1 << 31)),
    )


def edited(scene: Scene, which: int = 0, **change) -> Scene:
    """Return `scene` with one attribute changed: the truth of an edit.

    color, shape: of the object number `which` (0 is the left one). place: of an object alone.
    floor, wall, time, window: of the scene.
    second: (color, shape) of an object to add on the free side, or None to remove the right one.
    """
    if len(change) != 1:
        raise ValueError(f"change one attribute at a time, got {', '.join(change) or 'none'}")
    ((name, value),) = change.items()
    objects = list(scene.objects)
    if name in ("color", "shape"):
        objects[which] = replace(objects[which], **{name: value})
    elif name == "place":
        if len(objects) == 2 or value not in PLACES:
            raise ValueError(
                f"place must be one of {', '.join(PLACES)} in a scene of one object, got {value!r}"
            )
        objects[0] = replace(objects[0], x={"left": -0.95, "middle": 0.0, "right": 0.95}[value])
    elif name == "second" and value is None:
        objects = objects[:1]
    elif name == "second":
        first = objects[0]
        if len(objects) == 2 or first.place == "middle":
            raise ValueError("a second object needs a free side; got two objects, or one in the middle")
        side = -1.0 if first.x > 0 else 1.0
        objects = [first, Object(*value, x=side * 0.95, z=first.z, size=min(first.size, 0.6), angle=0.6)]
        objects.sort(key=lambda o: o.x)
    elif name in ("floor", "wall", "time", "window"):
        return replace(scene, **{name: value})
    else:
        raise ValueError(
            f"attribute must be color, shape, place, second, floor, wall, time or window, got {name!r}"
        )
    return replace(scene, objects=tuple(objects))


def caption(scene: Scene, place: bool = True) -> str:
    """Return the scene's prompt: "a red ball on the left of a wooden floor, teal wall, at night"."""
    one, *two = (f"{'an' if o.color[0] == 'o' else 'a'} {o.color} {o.shape}" for o in scene.objects)
    where = {"left": "on the left of", "middle": "in the middle of", "right": "on the right of"}
    what = (
        f"{one} left of {two[0]} on" if two else f"{one} {where[scene.objects[0].place] if place else 'on'}"
    )
    time = {"day": "", "sunset": ", at sunset", "night": ", at night"}[scene.time]
    return f"{what} a {scene.floor} floor, {scene.wall} wall{time}{', with a window' if scene.window else ''}"


def loose_caption(scene: Scene, rng: np.random.Generator) -> str:
    """Return one of the scene's prompts: parts may be left out, and two objects named from either side."""
    text = caption(scene, place=bool(rng.random() < 0.5))
    if len(scene.objects) == 2 and rng.random() < 0.5:
        text = re.sub(r"^(an? \w+ \w+) left of (an? \w+ \w+)", r"\2 right of \1", text)
    if rng.random() < 0.08:
        text = re.sub(r" (on|in the middle of|on the \w+ of) a \w+ floor", "", text)
    if rng.random() < 0.08:
        text = re.sub(r", \w+ wall", "", text)
    if scene.time == "day" and rng.random() < 0.3:
        text += ", at noon"
    return text


def attributes(scene: Scene) -> dict[str, int]:
    """Return each attribute as a class number, -1 where a scene of one or of two objects has none."""
    first, second = scene.objects[0], scene.objects[1] if len(scene.objects) == 2 else None
    return {
        "color": COLORS.index(first.color),
        "shape": SHAPES.index(first.shape),
        "second_color": COLORS.index(second.color) if second else -1,
        "second_shape": SHAPES.index(second.shape) if second else -1,
        "count": len(scene.objects) - 1,
        "place": PLACES.index(first.place) if not second else -1,
        "floor": FLOORS.index(scene.floor),
        "wall": WALLS.index(scene.wall),
        "time": TIMES.index(scene.time),
        "window": int(scene.window),
    }
