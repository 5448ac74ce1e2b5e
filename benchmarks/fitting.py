"""Fitting a stationary whitener to 900 latents 4 x 64 x 64 in memory: time and extra memory, in a process of
its own.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from pathlib import Path

import torch

from .report import show

COUNT = 900


def run() -> None:
    """Time `measure` and `fit`, and the growth of the process's peak memory while they run."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        seconds, megabytes = pool.apply(_measured)
    rows = [
        (f"measure and fit {COUNT} latents", f"{seconds:.2f} s", "< 2 s"),
        ("peak memory above that of the latents", f"{megabytes:.0f} MB", "< 100 MB"),
    ]
    show("fit", rows)


def _measured() -> tuple[float, float]:
    from img2noise import draw, fit, load, measure

    whitener = load("sd").at(64, 64)
    latents = torch.empty(COUNT, *whitener.shape)
    for seed, row in enumerate(latents):  # one at a time: making them must not raise the peak measured below
        row.copy_(whitener.dewhiten(draw((1, *whitener.shape), seed))[0])
    before = _peak(anew=True)
    start = time.perf_counter()
    fit(measure(latents))
    return time.perf_counter() - start, _peak() - before


def _peak(anew: bool = False) -> float:
    """Peak resident memory in MB: on Linux since last counted `anew`, elsewhere since the process began."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
            2**20 if sys.platform == "darwin" else 2**10
        )
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**10
