"""One-shot noise at 4 and 16 x 128 x 128, by temperature, by similarity and under a mask, beside a draw; its
loss beside 5,000 annealing steps to the same temperature at 4 x 64 x 64.
"""

from __future__ import annotations

from itertools import cycle

import torch

from img2noise import anneal, correlated_noise, draw, load
from img2noise.noise import kept_noise, loss_of

from .report import best_of, show

SEEDS, PICTURE = (
    list(range(8)),
    1000,
)  # another seed than the noises', or one of them would be the picture's own


def run() -> None:
    """Time one noise; compare loss ratio and standard deviation over eight seeds."""
    times = timed("sd", 5) + timed("flux", 15)
    whitener = load("sd").at_size(64, 64)
    photos = whitener.dewhiten(draw((1, *whitener.shape), PICTURE)).expand(len(SEEDS), *whitener.shape)
    z = correlated_noise(photos, whitener, temperature=5.0, seed=SEEDS)
    ratio = (loss_of(z, photos, whitener) / loss_of(draw(photos.shape, SEEDS), photos, whitener)).mean()
    found = anneal(photos, whitener, 5000, temperature=(100.0, 5.0), seed=SEEDS)
    spread = torch.stack([z.std() for z in z]).mean()
    rows = [
        *times,
        ("loss ratio at T = 5, one shot", f"{float(ratio):.3f}", "no more than below"),
        ("loss ratio after 5000 annealing steps", f"{float(found.loss_ratio.mean()):.3f}", ""),
        ("standard deviation of the one-shot noise", f"{float(spread):.4f}", "1 within 1 %"),
    ]
    show("one shot", rows)


def timed(name: str, most: int) -> list[tuple[str, str, str]]:
    """Return rows of times for a whitener at 128 x 128, each also as a ratio to a plain draw."""
    whitener = load(name).at_size(128, 128)
    x0 = whitener.dewhiten(draw((1, *whitener.shape), PICTURE))
    half = torch.zeros(whitener.shape[1:])
    half[:, :64] = 1
    others = cycle([0.3, 0.4, 0.5, 0.6, 0.7])
    ways = {
        "at a temperature": (20, f"< {most} ms", lambda: correlated_noise(x0, whitener, seed=0)),
        "at a similarity": (
            20,
            f"< {most} ms",
            lambda: correlated_noise(x0, whitener, similarity=0.7, seed=0),
        ),
        "at another similarity each time": (
            20,
            "",
            lambda: correlated_noise(x0, whitener, similarity=next(others), seed=0),
        ),
        "half masked, similarity .5": (
            3,
            "< 500 ms",
            lambda: kept_noise(x0, whitener, half, similarity=0.5, seed=0),
        ),
    }
    plain, rows = best_of(20, lambda: draw(x0.shape, 0)), []
    for way, (repeats, claim, work) in ways.items():
        work()  # the first call converts the decomposition to float32
        seconds = best_of(repeats, work)
        figure = f"{seconds * 1e3:.1f} ms, {seconds / plain:.0f} x a draw"
        rows.append((f"one noise {way}, {' x '.join(map(str, whitener.shape))}", figure, claim))
    return rows
