"""Algorithm 1 on 4 x 64 x 64 latents: the textbook loop over a dense matrix against the search in the
eigenbasis.

The textbook draws one proposal, de-whitens it with a dense 16384 x 16384 float32 matrix and compares: 1 GiB
read per step. It is timed on enough steps to extrapolate. Both search with the same whitener, temperature and
step size.
"""

from __future__ import annotations

import math
import time

import torch
from torch import Tensor

from img2noise import anneal, draw, load
from img2noise.noise.annealing import BLOCK
from img2noise.whitening.whitener import Whitener

from .report import best_of, show

ITERATIONS, TEXTBOOK_STEPS, PICTURE = 10_000, 100, 1000


def run() -> None:
    """Time both, the normals alone, and four times the pixels."""
    whitener = load("sd").at_size(64, 64)
    x0 = whitener.dewhiten(draw((1, *whitener.shape), PICTURE))
    ours = best_of(3, lambda: anneal(x0, whitener, ITERATIONS, seed=0))
    normals = best_of(3, lambda: _normals(x0.numel()))
    textbook = _textbook(x0, whitener, TEXTBOOK_STEPS) * ITERATIONS
    large = load("sd").at_size(128, 128)
    x0_large = large.dewhiten(draw((1, *large.shape), PICTURE))
    anneal(x0_large, large, BLOCK, seed=0)
    grown = best_of(3, lambda: anneal(x0_large, large, ITERATIONS, seed=0))
    rows = [
        (
            f"textbook, dense, {ITERATIONS} steps (extrapolated from {TEXTBOOK_STEPS})",
            f"{textbook:.1f} s",
            "",
        ),
        (f"img2noise, {ITERATIONS} steps", f"{ours:.2f} s", ""),
        ("textbook / img2noise", f"{textbook / ours:.0f} x", ">= 400 x"),
        (
            f"the same number of normals alone ({normals:.2f} s): img2noise /",
            f"{ours / normals:.2f} x",
            "<= 2.5 x",
        ),
        (f"4 x 128 x 128 ({grown:.2f} s) / 4 x 64 x 64", f"{grown / ours:.2f} x", "<= 4.6 x"),
    ]
    show("annealing", rows)


def _textbook(x0: Tensor, whitener: Whitener, steps: int, alpha: float = 0.97) -> float:
    """Seconds per step of Algorithm 1 as printed, forward loss, temperatures in mean eigenvalues."""
    matrix, target = _dense(whitener), whitener.center(x0).flatten()
    generator = torch.Generator().manual_seed(0)
    s, c = math.sin(math.pi * alpha / 2), math.cos(math.pi * alpha / 2)
    unit = float(whitener.eigenvalues(x0).mean())
    z = torch.randn(len(target), generator=generator)
    current = float((matrix @ z - target).square().sum())
    start = time.perf_counter()
    for k in range(1, steps + 1):
        temperature = unit * (100 + (5 - 100) * k / steps)
        proposal = s * z + c * torch.randn(len(target), generator=generator)
        loss = float((matrix @ proposal - target).square().sum())
        if loss < current or float(torch.rand((), generator=generator)) < math.exp(
            (current - loss) / temperature
        ):
            z, current = proposal, loss
    return (time.perf_counter() - start) / steps


def _dense(whitener: Whitener) -> Tensor:
    """W^-1 as a D x D matrix, column by column."""
    size = math.prod(whitener.shape)
    mean = whitener.dewhiten(torch.zeros(1, *whitener.shape))
    columns = [whitener.dewhiten(e.unflatten(1, whitener.shape)) - mean for e in torch.eye(size).split(256)]
    return torch.cat(columns).flatten(1).T.contiguous()


def _normals(size: int) -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(0, ITERATIONS, BLOCK):
        torch.randn(BLOCK, size, generator=generator)
