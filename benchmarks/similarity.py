"""`python -m benchmarks similarity`: the similarity that is asked for and the one that previews have, of
pictures drawn from each shipped whitener, by size and value, over 200 seeds.
"""

from __future__ import annotations

import torch
from torch import Tensor

from img2noise import Whitener, correlated_noise, draw, load
from img2noise.files.storage import SHIPPED

from .report import show_table

SIZES = (32, 32), (64, 96), (128, 128)
VALUES = tuple(k / 10 for k in range(1, 10))
NAMES = sorted(file.stem for file in SHIPPED.glob("*.safetensors"))
SEEDS, AT_ONCE, PICTURES = 200, 8, 1000


def run(seeds: int = SEEDS) -> None:
    """Show the largest and the mean distance from each value; the claim is .02."""
    rows = []
    for name in NAMES:
        for size in SIZES:
            whitener = load(name).at_size(*size)
            off = [found - value for value, found in measured(whitener, VALUES, seeds).items()]
            worst = max(off, key=abs)
            rows.append((f"{name} {size[0]} x {size[1]}", f"{worst:+.3f}", f"{sum(off) / len(off):+.3f}"))
    show_table(f"similarity of {seeds} previews, less that asked for, .1 to .9", ("", "worst", "mean"), rows)


def measured(whitener: Whitener, values: tuple[float, ...], seeds: int = SEEDS) -> dict[float, float]:
    """Return the correlation of previews and pictures, all coordinates together, for each value."""
    sums = {value: torch.zeros(3, dtype=torch.float64) for value in values}
    for first in range(0, seeds, AT_ONCE):
        own = list(range(first, min(first + AT_ONCE, seeds)))
        x0 = whitener.dewhiten(draw((len(own), *whitener.shape), [PICTURES + seed for seed in own]))
        a = whitener.analyze(x0)
        for value in values:
            z = correlated_noise(x0, whitener, similarity=value, seed=own)
            sums[value] += _sums(a, whitener.analyze(whitener.dewhiten(z)))
    return {value: float(ab / (aa * bb).sqrt()) for value, (ab, aa, bb) in sums.items()}


def _sums(a: Tensor, b: Tensor) -> Tensor:
    return torch.stack([(x.double() * y).sum() for x, y in ((a, b), (a, a), (b, b))])
