"""Timing and tables shared by the benchmarks."""

from __future__ import annotations

import time
from collections.abc import Callable

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


def show(title: str, rows: list[tuple[str, str, str]]) -> None:
    """Print what was measured, its figure, and the bound it is held against."""
    table = Table(title=f"{title} ({torch.get_num_threads()} threads, torch {torch.__version__})")
    for heading in ("measured", "figure", "claim"):
        table.add_column(heading, justify="left" if heading == "measured" else "right")
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)
