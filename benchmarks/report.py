"""Measure time and memory, and print tables, for all benchmarks."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table


def best_of(repeats: int, work: Callable[[], object]) -> float:
    """Seconds of the fastest of some runs: on a shared machine the one that was disturbed least."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def alone(work: Callable, *arguments):
    """Return work(*arguments) from a new process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def peak(anew: bool = False) -> float:
    """Return peak resident memory in MB: on Linux since the last `anew` call, elsewhere since the start."""
    status = Path("/proc/self/status")
    if not status.is_file():
        import resource  # which Windows lacks

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
            2**20 if sys.platform == "darwin" else 2**10
        )
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**10


def show(title: str, rows: list[tuple[str, str, str]]) -> None:
    """Print what was measured, its figure, and the bound it is held against."""
    show_table(title, ("measured", "figure", "claim"), rows)


def show_table(title: str, headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print rows under headings, the first column on the left, with the machine in the title."""
    table = Table(title=f"{title} ({torch.get_num_threads()} threads, torch {torch.__version__})")
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index else "left")
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)
