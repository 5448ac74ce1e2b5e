"""Seeded white noise that does not depend on batch size, and mixtures of two noises that keep their variance.

    slerp(a, b, w) = sin((1 - w) theta) / sin(theta) a + sin(w theta) / sin(theta) b,   theta = angle(a, b)

One angle per sample, over the whole tensor (Staniszewski et al. 2024, Eq. 6; Shoemake 1985). Shapes (B, C, H,
W); weights in [0, 1].

A `Seed` is an integer in [0, 2^64), whose draws the rows share out; a list of them, one per row; or a
torch.Generator on the CPU, which is advanced: it gives each row a seed.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from .. import checks
from .sums import row_dots

Seed = int | Sequence[int] | torch.Generator


def draw(shape: Sequence[int], seed: Seed, indices: Sequence[int] | None = None) -> Tensor:
    """Return N(0, I) as float32 on the CPU; row b is the `indices[b]`-th (default b-th) draw of the generator
    seeded with `seed`, so a function of (seed, index) alone.

    ComfyUI's RandomNoise draws the same for a latent with a batch_index and for a batch of one; it draws a
    plain batch in one piece, which gives the same rows only where C H W is a multiple of 16. With a list of
    seeds or a generator, row b is the first draw of its own seed. The global generator is left alone. Raises
    ValueError where seeds or indices are not one per row, or out of range.
    """
    sides = _integers(shape, "shape")
    if not isinstance(sides, list) or not sides or min(sides) < 1:
        raise ValueError(f"got the shape {shape}; expected (B, C, H, W), each of at least 1")
    return draw_rows(sides[1:], noise_rows(sides[0], seed, indices))


def draw_rows(shape: Sequence[int], rows: list[tuple[int, int]]) -> Tensor:
    """Return the draw (C, H, W) of each (seed, index): float32 (B, C, H, W)."""
    out = torch.empty(len(rows), *shape)
    for seed in dict.fromkeys(s for s, _ in rows):
        wanted: dict[int, list[int]] = {}
        for row, (s, index) in enumerate(rows):
            if s == seed:
                wanted.setdefault(index, []).append(row)
        generator = torch.Generator().manual_seed(seed)
        for index in range(max(wanted) + 1):
            noise = torch.randn((1, *shape), generator=generator)
            out[wanted.get(index, [])] = noise
    return out


def noise_rows(rows: int, seed: Seed, indices: Sequence[int] | None = None) -> list[tuple[int, int]]:
    """Return the (seed, index) of each row, checked: (seed, 0..), (seed, indices[b]), or (seed[b], 0)."""
    if isinstance(seed, torch.Generator):
        if seed.device.type != "cpu":
            raise ValueError(f"got a generator on {seed.device} for the seed; expected one on the CPU")
        seed = torch.randint(2**63 - 1, (rows,), generator=seed).tolist()
    seeds = _integers(seed, "seed")
    if isinstance(seeds, int):
        chosen = range(rows) if indices is None else _integers(indices, "indices")
        pairs = [(seeds, i) for i in ([chosen] if isinstance(chosen, int) else chosen)]
    elif indices is not None:
        raise ValueError("got both a list of seeds and indices; give indices with one integer seed only")
    else:
        pairs = [(s, 0) for s in seeds]
    if len(pairs) != rows:
        raise ValueError(f"got {len(pairs)} seeds or indices for {rows} rows; give one per row")
    for s, i in pairs:
        if not (0 <= s < 2**64 and i >= 0):
            raise ValueError(f"got seed {s}, index {i}; seeds lie in [0, 2^64) and indices are not negative")
    return pairs


def stream(seed: int, index: int, purpose: str) -> torch.Generator:
    """Return a generator for (seed, index, purpose), independent of what `draw` gives for the same seed."""
    mixed = np.random.SeedSequence([seed, index, crc32(purpose.encode())]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(mixed[0]))


def rows_for(x0: Tensor, seed: Seed) -> Tensor:
    """Return x0 (B, ...), or its one row repeated (as a view) for each of a list of seeds."""
    if isinstance(seed, torch.Generator):
        return x0
    seeds = _integers(seed, "seed")
    return x0.expand(len(seeds), *x0.shape[1:]) if isinstance(seeds, list) and len(x0) == 1 else x0


def _integers(x: Any, name: str) -> int | list[int]:
    """Return an int, or a list of them; no number is rounded to one."""
    many = isinstance(x, Iterable) and not isinstance(x, str | bytes) and getattr(x, "ndim", True)
    try:
        if any(isinstance(part, bool) for part in (x if many else [x])):
            raise TypeError
        return [operator.index(part) for part in x] if many else operator.index(x)
    except TypeError:
        got = f"{x}"[:60] if many else checks.kind(x)
        raise TypeError(
            f"got {got} for the {name}; expected a whole number or a list of whole numbers"
        ) from None


def slerp(a: Tensor, b: Tensor, weight: float | Tensor) -> Tensor:
    """Return the point at `weight` on the great arc from a to b, one arc per sample; a at 0, b at 1; in a's
    dtype and on its device.

    `weight` is a number or one per sample (B,). Nearly parallel samples are mixed linearly (their arc is a
    line to float precision). Raises ValueError for shapes that differ, and for opposite samples, between
    which no arc is shortest.
    """
    cos, weight = _angle_and_weight(a, b, weight)
    if bool((cos < -1 + 1e-6).any()):
        raise ValueError("got two opposite noises, between which no arc is shortest; change one of the two")
    theta = cos.clamp(-1, 1).acos()
    sin = theta.sin()
    parallel = sin < 1e-4
    safe = sin.masked_fill(parallel, 1.0)
    from_a = torch.where(parallel, 1 - weight, ((1 - weight) * theta).sin() / safe)
    from_b = torch.where(parallel, weight, (weight * theta).sin() / safe)
    return _combine(a, b, from_a, from_b)


def lerp(a: Tensor, b: Tensor, weight: float | Tensor) -> Tensor:
    """Return ((1 - w) a + w b) / sqrt((1 - w)^2 + w^2), a straight mixture that keeps independent noises at
    unit variance; in a's dtype and on its device.
    """
    _, weight = _angle_and_weight(a, b, weight)
    norm = ((1 - weight) ** 2 + weight**2).sqrt()
    return _combine(a, b, (1 - weight) / norm, weight / norm)


def _angle_and_weight(a: Tensor, b: Tensor, weight: float | Tensor) -> tuple[Tensor, Tensor]:
    """Return the cosine of the angle between a and b, and the weight, per sample in float64: both (B,)."""
    checks.finite(a, "the first noise")
    checks.finite(b, "the second noise")
    if a.shape != b.shape:
        raise ValueError(f"got noises of shapes {tuple(a.shape)} and {tuple(b.shape)}; they must be equal")
    norms = (row_dots(a, a) * row_dots(b, b)).sqrt()  # float64
    cos = row_dots(a, b) / norms.clamp_min(math.ulp(0.0))
    if not isinstance(weight, Tensor):
        checks.number(weight, "weight", 0, 1)
        weight = torch.tensor(weight, dtype=torch.float64)
    weight = weight.detach().cpu().double()
    if weight.shape not in ((), (1,), (len(a),)) or not bool(((weight >= 0) & (weight <= 1)).all()):
        raise ValueError(f"got weight {weight.tolist()}; it must lie in [0, 1], one for all or for each")
    return cos, weight.expand(len(a))


def _combine(a: Tensor, b: Tensor, from_a: Tensor, from_b: Tensor) -> Tensor:
    from_a, from_b = (share.view(-1, *[1] * (a.ndim - 1)) for share in (from_a, from_b))
    mixed = from_a * a.cpu().double() + from_b * b.cpu().double()  # not every device has float64
    return mixed.to(a.dtype).to(a.device)
