"""One-shot noise at 4 x 128 x 128, and its loss beside 5,000 annealing steps to the same temperature at 4 x
64 x 64.
"""

from __future__ import annotations

import torch

from img2noise import anneal, correlated_noise, draw, load
from img2noise.noise import loss_of

from .report import best_of, show

SEEDS, PICTURE = (
    list(range(8)),
    1000,
)  # another seed than the noises', or one of them would be the picture's own


def run() -> None:
    """Time one noise; compare loss ratio and standard deviation over eight seeds."""
    large = load("sd").at_size(128, 128)
    x0 = large.dewhiten(draw((1, *large.shape), PICTURE))
    correlated_noise(x0, large, seed=0)  # the first call converts the decomposition to float32
    seconds = best_of(20, lambda: correlated_noise(x0, large, seed=0))

    whitener = load("sd").at_size(64, 64)
    photos = whitener.dewhiten(draw((1, *whitener.shape), PICTURE)).expand(len(SEEDS), *whitener.shape)
    z = correlated_noise(photos, whitener, temperature=5.0, seed=SEEDS)
    ratio = (loss_of(z, photos, whitener) / loss_of(draw(photos.shape, SEEDS), photos, whitener)).mean()
    found = anneal(photos, whitener, 5000, temperature=(100.0, 5.0), seed=SEEDS)
    spread = torch.stack([z.std() for z in z]).mean()
    rows = [
        ("seconds per noise, 4 x 128 x 128", f"{seconds * 1e3:.2f} ms", "< 5 ms"),
        ("loss ratio at T = 5, one shot", f"{float(ratio):.3f}", "no more than below"),
        ("loss ratio after 5000 annealing steps", f"{float(found.loss_ratio.mean()):.3f}", ""),
        ("standard deviation of the one-shot noise", f"{float(spread):.4f}", "1 within 1 %"),
    ]
    show("one shot", rows)
