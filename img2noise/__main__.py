"""The command line: `img2noise`, or `python -m img2noise` in a clone."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; exit with one sentence where typer or rich is not installed."""
    try:
        from .cli.app import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("rich", "typer"):
            raise
        sys.exit("the command line needs the packages typer and rich; install them")
    app()


if __name__ == "__main__":
    main()
