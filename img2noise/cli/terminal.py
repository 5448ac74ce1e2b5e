"""The terminal: progress and errors in human words, all on standard error."""

from __future__ import annotations

import sys
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

terminal = Console(stderr=True)


@contextmanager
def plain_errors():
    """Errors a user can mend end the command with one sentence and status 2; others are ours and keep their
    traceback.
    """
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        terminal.print(f"[red]error:[/] {escape(str(error))}")
        sys.exit(2)


@contextmanager
def progress(what: str, total: int):
    """A bar on the terminal; yields advance(done=None, total=None): one more, or so many of so many."""
    columns = TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=terminal) as bar:
        task = bar.add_task(what, total=total)

        def advance(done: int | None = None, total: int | None = None) -> None:
            if total is not None:
                bar.update(task, total=total)
            if done is None:
                bar.advance(task)
            else:
                bar.update(task, completed=done)

        yield advance
