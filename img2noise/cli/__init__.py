"""What the commands share: options, checks of paths, errors, tables and progress, all on standard error."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

terminal = Console(stderr=True)
NO_FILE = "found no file"  # in every sentence about a path that is not there

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")]
Vae = Annotated[
    Path | None,
    typer.Option(help="Read an autoencoder, checkpoint or TAESD encoder (.safetensors). Without: pixels."),
]


def check_paths(*files: Path | None, out: Path | None = None) -> None:
    """Raise FileNotFoundError for a file that is not there, or a folder to write `out` to."""
    for file in files:
        if file is not None and not file.is_file():
            raise FileNotFoundError(f"{NO_FILE} {file}")
    if out is not None and not out.parent.is_dir():
        raise FileNotFoundError(f"found no folder {out.parent} to write {out.name} to")


def outputs(files: Sequence[Path], one: Path, many: Callable[[str], Path]) -> list[Path]:
    """Return where the results of each file go: to `one`, or to `many` by stem if there are several."""
    stems = [file.stem for file in files]
    if len(set(stems)) < len(stems):
        raise ValueError(f"got files of one name ({', '.join(map(str, files))}); process them one by one")
    return [one] if len(files) == 1 else [many(stem) for stem in stems]


@contextmanager
def plain_errors() -> Iterator[None]:
    """Print errors that a user can fix as one sentence and exit with 2; others keep their traceback."""
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        terminal.print(f"[red]error:[/] {escape(str(error))}")
        sys.exit(2)


def show_table(rows: Sequence[dict[str, str]], **how) -> None:
    """Print rows under the headings that any of them has; text is folded, numbers are not."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), **how)
    names = list({name: None for row in rows for name in row})
    for name in names:
        number = all(re.fullmatch(r"[-+\d.einf]*", row.get(name, "")) for row in rows)
        shape = dict(justify="right", no_wrap=True) if number else dict(overflow="fold")
        table.add_column(name.replace(" ", "\n") if number else name, **shape)
    for row in rows:
        table.add_row(*(Text(row.get(name, "")) for name in names))
    terminal.print(table)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable]:
    """Show a bar; yield advance(done=None, total=None), which adds one, or sets how many are done."""
    columns = TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=terminal) as bar:
        task = bar.add_task(what, total=total)

        def advance(done: int | None = None, total: int | None = None) -> None:
            bar.update(task, completed=done, total=total, advance=1 if done is None else None)

        yield advance
