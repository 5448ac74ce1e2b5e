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
    show_table(title, ("measured", "figure", "claim"), rows)


def show_table(title: str, headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print rows under headings, the first column on the left, with the machine in the title."""
    table = Table(title=f"{title} ({torch.get_num_threads()} threads, torch {torch.__version__})")
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index else "left")
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)
