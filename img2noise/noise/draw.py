"""Seeded white noise that does not depend on batch size, and mixtures of two noises that keep their variance.

    slerp(a, b, w) = sin((1 - w) theta) / sin(theta) a + sin(w theta) / sin(theta) b,   theta = angle(a, b)

One angle per sample, over the whole tensor (Staniszewski et al. 2024, Eq. 6; Shoemake 1985). Shapes (B, C, H,
W); weights in [0, 1].
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

from .. import checks, sums


def draw(shape: Sequence[int], seed: int | Sequence[int], indices: Sequence[int] | None = None) -> Tensor:
    """N(0, I) as float32 on the CPU; row b is the `indices[b]`-th (default b-th) draw of the generator seeded
    with `seed`.

    Each row is a function of (seed, index) alone. ComfyUI's RandomNoise draws the same for a latent with a
    batch_index and for a batch of one; it draws a plain batch in one piece, which gives the same rows only
    where C H W is a multiple of 16. A sequence of seeds gives row b the first draw of seed[b]. Seeds are
    integers in [0, 2^64). The global generator is left alone. Raises ValueError where seeds or indices are
    not one per row, or out of range.
    """
    shape = _sides(shape)
    rows = shape[0]
    pairs = noise_rows(rows, seed, indices)
    out = torch.empty(shape)
    for one_seed in dict.fromkeys(s for s, _ in pairs):
        wanted: dict[int, list[int]] = {}
        for row, (s, index) in enumerate(pairs):
            if s == one_seed:
                wanted.setdefault(index, []).append(row)
        generator = torch.Generator().manual_seed(one_seed)
        for index in range(max(wanted) + 1):
            noise = torch.randn((1, *shape[1:]), generator=generator)
            for row in wanted.get(index, ()):
                out[row] = noise[0]
    return out


def noise_rows(
    rows: int, seed: int | Sequence[int], indices: Sequence[int] | None = None
) -> list[tuple[int, int]]:
    """The (seed, index) of each of `rows` rows, checked: (seed, 0..), (seed, indices[b]), or (seed[b], 0)."""
    seeds = _whole_or_list(seed, "seed")
    if isinstance(seeds, int):
        numbers = range(rows) if indices is None else _whole_or_list(indices, "indices")
        pairs = [(seeds, i) for i in ([numbers] if isinstance(numbers, int) else numbers)]
    else:
        if indices is not None:
            raise ValueError(
                "got both a list of seeds and indices; give one seed with indices, or one seed per row alone"
            )
        pairs = [(s, 0) for s in seeds]
    if len(pairs) != rows:
        raise ValueError(f"got {len(pairs)} seeds or indices for {rows} rows; give one per row")
    for s, i in pairs:
        if not (0 <= s < 2**64 and i >= 0):
            raise ValueError(f"got seed {s}, index {i}; seeds lie in [0, 2^64) and indices are not negative")
    return pairs


def stream(seed: int, index: int, purpose: str) -> torch.Generator:
    """A generator of its own for each (seed, index, purpose), independent of what `draw` gives for the same
    seed.
    """
    mixed = np.random.SeedSequence([seed, index, crc32(purpose.encode())]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(mixed[0]))


def rows_for(x0: Tensor, seed: int | Sequence[int]) -> Tensor:
    """x0 (B, C, H, W), or its one row repeated (as a view) for each of a list of seeds."""
    seed = _whole_or_list(seed, "seed")
    return x0.expand(len(seed), *x0.shape[1:]) if isinstance(seed, list) and len(x0) == 1 else x0


def _sides(shape: Sequence[int]) -> tuple[int, ...]:
    sides = _whole_or_list(shape, "shape")
    if not isinstance(sides, list) or not sides or min(sides) < 1:
        raise ValueError(f"got the shape {shape}; expected (B, C, H, W), each of at least 1")
    return tuple(sides)


def _whole_or_list(x: Any, name: str) -> int | list[int]:
    """An int, or a list of them; no number is rounded to one."""
    many = isinstance(x, Iterable) and not isinstance(x, str | bytes) and bool(getattr(x, "ndim", 1))
    try:
        if any(isinstance(part, bool) for part in (x if many else [x])):
            raise TypeError
        return [operator.index(part) for part in x] if many else operator.index(x)
    except TypeError:
        got = checks.kind(x) if not many else f"{x}"[:60]
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
        raise ValueError(
            "got two opposite noises; between them no shortest arc exists, so change one of the two"
        )
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
    """cos of the angle between a and b, and the weight, per sample in float64: both (B,)."""
    checks.finite(a, "the first noise")
    checks.finite(b, "the second noise")
    if a.shape != b.shape:
        raise ValueError(f"got noises of shapes {tuple(a.shape)} and {tuple(b.shape)}; they must be equal")
    x, y = (t.detach().cpu().double() for t in (a, b))
    norms = (sums.row_dots(x, x) * sums.row_dots(y, y)).sqrt()
    cos = sums.row_dots(x, y) / norms.clamp_min(math.ulp(0.0))
    if isinstance(weight, Tensor):
        weight = weight.detach().cpu().double()
    else:
        checks.number(weight, "weight", most=math.inf)
        weight = torch.tensor(weight, dtype=torch.float64)
    if weight.shape not in ((), (1,), (len(a),)) or not bool(((weight >= 0) & (weight <= 1)).all()):
        raise ValueError(f"got weight {weight.tolist()}; it must lie in [0, 1], one for all or for each")
    weight = weight.expand(len(a))
    return cos, weight


def _combine(a: Tensor, b: Tensor, from_a: Tensor, from_b: Tensor) -> Tensor:
    from_a, from_b = (share.view(-1, *[1] * (a.ndim - 1)) for share in (from_a, from_b))
    mixed = from_a * a.cpu().double() + from_b * b.cpu().double()  # not every device has float64
    return mixed.to(a.dtype).to(a.device)
