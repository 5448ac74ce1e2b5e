"""A ray tracer for the little world: soft shading, a highlight, hard shadows, textures. No state.

Rays leave a pinhole camera at (0, camera, -5.2); each pixel is the mean of 2 x 2 rays. A second ray toward
the sun finds shadows. Values are display values in [0, 1]: lights multiply them, nothing is linearized.
"""

from __future__ import annotations

import numpy as np

from .scenes import WALL_Z, Object, Scene

RGB = {
    "red": (0.85, 0.13, 0.12), "green": (0.16, 0.62, 0.22), "blue": (0.15, 0.30, 0.85),
    "yellow": (0.95, 0.84, 0.12), "orange": (0.95, 0.52, 0.10), "purple": (0.55, 0.20, 0.66),
    "white": (0.95, 0.95, 0.95), "black": (0.10, 0.10, 0.11),
    "teal": (0.25, 0.55, 0.55), "pink": (0.87, 0.65, 0.70), "mint": (0.66, 0.80, 0.70),
    "navy": (0.16, 0.20, 0.40), "gray": (0.58, 0.58, 0.60), "beige": (0.78, 0.73, 0.62),
}  # fmt: skip
# time of day: color of the sun, color of the ambient light, height of the sun (radians), color of the sky
LIGHTS = {
    "day": ((0.70, 0.69, 0.66), (0.44, 0.45, 0.47), 0.95, (0.62, 0.80, 0.97)),
    "sunset": ((0.80, 0.55, 0.32), (0.48, 0.38, 0.36), 0.55, (1.00, 0.62, 0.30)),
    "night": ((0.26, 0.30, 0.42), (0.28, 0.31, 0.44), 0.85, (0.08, 0.10, 0.26)),
}
CAMERA_Z, FAR = -5.2, 1e9


def render(scene: Scene, size: int = 128) -> np.ndarray:
    """Return the picture of `scene`: (size, size, 3), float32 in [0, 1]."""
    return trace(scene, size)[0]


def masks(scene: Scene, size: int = 128) -> np.ndarray:
    """Return how much of each pixel each object covers: (objects, size, size), float32 in [0, 1]."""
    return trace(scene, size)[1]


def trace(scene: Scene, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """Return picture and masks at once."""
    if size < 8:
        raise ValueError(f"size must be at least 8 pixels, got {size}")
    eye = np.array([0.0, scene.camera, CAMERA_Z], np.float32)
    ray = rays(scene.camera, 2 * size)  # (3, N), N = 4 size^2
    sun_color, ambient, height, _ = LIGHTS[scene.time]
    toward = (np.cos(height) * np.sin(scene.light), np.sin(height), -np.cos(height) * np.cos(scene.light))
    sun = np.asarray(toward, np.float32)

    floor_t = np.where(ray[1] < -1e-6, -eye[1] / np.minimum(ray[1], -1e-6), FAR)
    wall_t = (WALL_Z - eye[2]) / ray[2]
    nearest, owner = np.minimum(floor_t, wall_t), np.where(floor_t < wall_t, 0, 1)
    normal = np.where(
        owner == 0, np.array([[0], [1], [0]], np.float32), np.array([[0], [0], [-1]], np.float32)
    )
    for k, o in enumerate(scene.objects):
        t, n = hit(o, eye[:, None], ray)
        closer = t < nearest
        nearest, owner = np.where(closer, t, nearest), np.where(closer, 2 + k, owner)
        normal = np.where(closer, n, normal)
    point = eye[:, None] + nearest * ray  # (3, N)

    lit = np.maximum(sun @ normal, 0)
    start = point + 1e-3 * normal
    for o in scene.objects:
        blocked = np.flatnonzero(near_shadow(o, start, sun) & (lit > 0))
        lit[blocked[hit(o, start[:, blocked], sun[:, None])[0] < FAR]] = 0
    glossy = np.maximum(np.sum((sun[:, None] - ray) * normal, 0), 0) / np.linalg.norm(
        sun[:, None] - ray, axis=0
    )
    albedo, own_light = surfaces(scene, point, owner)
    shade = np.asarray(ambient, np.float32)[:, None] + np.asarray(sun_color, np.float32)[:, None] * lit
    shine = 0.45 * glossy**40 * (owner >= 2) * (lit > 0)
    color = np.where(own_light, albedo, albedo * shade + np.asarray(sun_color, np.float32)[:, None] * shine)
    picture = np.clip(color, 0, 1).reshape(3, size, 2, size, 2).mean((2, 4)).transpose(1, 2, 0)
    cover = [(owner == 2 + k).reshape(size, 2, size, 2).mean((1, 3)) for k in range(len(scene.objects))]
    return np.ascontiguousarray(picture, np.float32), np.asarray(cover, np.float32)


def rays(camera: float, n: int) -> np.ndarray:
    """Return unit directions through the n x n points of the image plane, to (0, .75, 0): (3, n^2)."""
    pitch = np.arctan2(camera - 0.75, -CAMERA_Z)
    u = ((np.arange(n) + 0.5) / n * 2 - 1).astype(np.float32) * 0.40
    x, y = np.meshgrid(u, -u)
    direction = np.stack([x, y * np.cos(pitch) - np.sin(pitch), y * np.sin(pitch) + np.cos(pitch)]).reshape(
        3, -1
    )
    return (direction / np.linalg.norm(direction, axis=0)).astype(np.float32)


# --- objects: nearest hit of rays with a shape that stands on the floor
def hit(o: Object, start: np.ndarray, ray: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return distance (FAR where missed) and normal of the first hit; start (3, N or 1), ray (3, N or 1)."""
    start, ray = np.broadcast_arrays(start - np.array([[o.x], [0], [o.z]], np.float32), ray)
    return {"ball": ball, "cube": cube, "cylinder": cylinder, "cone": cone}[o.shape](o, start, ray)


def near_shadow(o: Object, start: np.ndarray, sun: np.ndarray) -> np.ndarray:
    """Return where a ray from `start` toward the sun passes the ball around `o`: the points worth a test."""
    offset = np.array([[o.x], [o.size], [o.z]], np.float32) - start
    along = sun @ offset
    return (along > -2 * o.size) & (np.sum(offset**2, 0) - along**2 < 3.2 * o.size**2)


def roots(a, b, c):
    """Return both solutions of a t^2 + 2 b t + c = 0, FAR where there is none or a is 0."""
    disc = b * b - a * c
    ok = (disc > 0) & (np.abs(a) > 1e-9)
    root, a = np.sqrt(np.maximum(disc, 0)), np.where(ok, a, 1)
    return np.where(ok, (-b - root) / a, FAR), np.where(ok, (-b + root) / a, FAR)


def first(candidates):
    """Return the smallest positive distance and its normal among (valid, distance, normal)."""
    best, normal = np.full(candidates[0][1].shape, FAR, np.float32), np.zeros_like(candidates[0][2])
    for valid, t, n in candidates:
        closer = valid & (t > 1e-4) & (t < best)
        best, normal = np.where(closer, t, best), np.where(closer, n, normal)
    return best, normal


def ball(o, p, d):
    p = p - np.array([[0], [o.size], [0]], np.float32)
    t, _ = roots(np.sum(d * d, 0), np.sum(p * d, 0), np.sum(p * p, 0) - o.size**2)
    return first([(t < FAR, t, (p + t * d) / o.size)])


def cube(o, p, d):
    c, s = np.cos(o.angle), np.sin(o.angle)
    turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32)
    p, d = turn @ p - np.array([[0], [o.size], [0]], np.float32), turn @ d
    d = np.where(np.abs(d) < 1e-9, 1e-9, d)
    near, far = np.sort(np.stack([(-o.size - p) / d, (o.size - p) / d]), axis=0)
    axis = np.argmax(near, 0)
    t = np.max(near, 0)
    normal = -np.sign(np.take_along_axis(d, axis[None], 0)) * (np.arange(3)[:, None] == axis)
    return first([(t < np.min(far, 0), t, (turn.T @ normal).astype(np.float32))])


def cylinder(o, p, d):
    r, h = 0.85 * o.size, 2 * o.size
    sides = []
    for t in roots(d[0] ** 2 + d[2] ** 2, p[0] * d[0] + p[2] * d[2], p[0] ** 2 + p[2] ** 2 - r**2):
        at = p + t * d
        sides.append(
            ((at[1] > 0) & (at[1] < h) & (t < FAR), t, at * np.array([[1], [0], [1]], np.float32) / r)
        )
    return first([*sides, lid(p, d, h, r)])


def lid(p, d, h, r):
    t = (h - p[1]) / np.where(np.abs(d[1]) < 1e-9, 1e-9, d[1])
    at = p + t * d
    up = np.broadcast_to(np.array([[0], [1], [0]], np.float32), at.shape)
    return at[0] ** 2 + at[2] ** 2 < r**2, t, up


def cone(o, p, d):
    r, h = 1.1 * o.size, 2.3 * o.size
    k = (r / h) ** 2
    y = p[1] - h
    hits = []
    pair = roots(
        d[0] ** 2 + d[2] ** 2 - k * d[1] ** 2,
        p[0] * d[0] + p[2] * d[2] - k * y * d[1],
        p[0] ** 2 + p[2] ** 2 - k * y**2,
    )
    for t in pair:
        at = p + t * d
        n = np.stack([at[0], k * (h - at[1]), at[2]])
        n = n / np.maximum(np.linalg.norm(n, axis=0), 1e-6)
        hits.append(((at[1] > 0) & (at[1] < h) & (t < FAR), t, n.astype(np.float32)))
    return first(hits)


# --- surfaces
def surfaces(scene: Scene, point: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the color of each point (3, N) and where it shines by itself (a window)."""
    rng = np.random.default_rng(scene.texture)
    albedo = np.empty_like(point)
    on_floor, on_wall = owner == 0, owner == 1
    albedo[:, on_floor] = floor_color(scene.floor, point[0, on_floor], point[2, on_floor], rng)
    x, y = point[0, on_wall], point[1, on_wall]
    rough = noise(rng, x * 1.5, y * 1.5)
    albedo[:, on_wall] = np.asarray(RGB[scene.wall], np.float32)[:, None] * (1 + 0.07 * rough)
    for k, o in enumerate(scene.objects):
        albedo[:, owner == 2 + k] = np.asarray(RGB[o.color], np.float32)[:, None]
    shines = np.zeros(owner.shape, bool)
    if scene.window:
        color, glass, inside = window(scene, x, y)
        index = np.flatnonzero(on_wall)
        albedo[:, index[inside]] = color[:, inside]
        shines[index[glass]] = True
    return albedo, shines


def floor_color(kind: str, x: np.ndarray, z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if kind == "checkered":
        dx, dz = rng.uniform(0, 1.6, 2)
        odd = (np.floor((x + dx) / 0.8) + np.floor((z + dz) / 0.8)) % 2
        return np.where(odd > 0, 0.93, 0.16).astype(np.float32) * np.ones((3, 1), np.float32)
    if kind == "wooden":
        plank = np.floor(z / 0.55)
        tone = 0.16 * (np.modf(np.sin(plank * 12.9898 + rng.uniform(0, 9)) * 437.5)[0]) + 0.22 * noise(
            rng, x * 0.7, z * 9
        )
        seam = np.where(np.abs(z / 0.55 - plank - 0.5) > 0.46, 0.78, 1.0)
        return np.array([[0.64], [0.42], [0.23]], np.float32) * ((1 + tone) * seam).astype(np.float32)
    rough = 0.6 * noise(rng, x * 1.6, z * 1.6) + 0.4 * noise(rng, x * 6, z * 6)
    if kind == "stone":
        return np.array([[0.62], [0.62], [0.61]], np.float32) * (1 + 0.35 * rough)
    blades = noise(rng, x * 14, z * 9)
    return np.array([[0.33], [0.60], [0.20]], np.float32) * (1 + 0.25 * rough + 0.22 * blades)


def window(scene: Scene, x: np.ndarray, y: np.ndarray):
    """Return color, where the glass is and where frame or glass are, for points of the wall."""
    u, v = np.abs(x - scene.window_x), np.abs(y - 2.1)
    inside = (u < 0.62) & (v < 0.72)
    glass = inside & (u < 0.52) & (v < 0.62) & (u > 0.05) & (v > 0.05)
    sky = np.asarray(LIGHTS[scene.time][3], np.float32)[:, None] * (1 - 0.12 * (y - 2.1))
    return np.where(glass, sky, np.float32(0.92)), glass, inside


def noise(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return smooth value noise in about [-1, 1]: a random 64 x 64 grid, repeated, smooth steps between."""
    grid = rng.uniform(-1, 1, (64, 64)).astype(np.float32)
    i, j = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    fx, fy = x - i, y - j
    fx, fy = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)
    i, j, i1, j1 = i & 63, j & 63, (i + 1) & 63, (j + 1) & 63
    low = grid[i, j] * (1 - fx) + grid[i1, j] * fx
    high = grid[i, j1] * (1 - fx) + grid[i1, j1] * fx
    return low * (1 - fy) + high * fy
