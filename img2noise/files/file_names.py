"""File names that come with a graph, which anyone may have written: they stay inside their folder, or are
refused in one sentence.

New names are held to what every system can store, so that a file made on one opens on another: Windows knows
no < > : " | ? *, no trailing dots or spaces, and no file called CON or aux.txt.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

LONGEST = 255  # bytes, which file systems give a name
RESERVED = re.compile(
    r"(con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3]) *(\..*)?", re.I
)


def inside(base: Path, name: str) -> Path:
    """base / name, with every link followed. Raises ValueError where that leaves `base` or is no path."""
    _refuse_unwritable(name)
    try:
        root, path = base.resolve(), Path(base, name).resolve()
        path.is_file()  # which some systems answer with an error of their own
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, for one
        raise ValueError(f"got {name!r}, which leads nowhere ({error}); expected a name inside") from error
    if path != root and root not in path.parents:
        raise ValueError(f"got {name!r}, which lies outside {root}; expected a name inside")
    return path


def new_file(base: Path, name: str, suffix: str, example: str) -> Path:
    """base / name with the suffix, its folder made. Raises ValueError for a name that leaves `base`, or that
    not every system can store.
    """
    expected = f"expected a name such as {example}"
    inside(base, name)
    parts = re.split(r"[/\\]", name.removesuffix(suffix))
    if re.search(r'[<>:"|?*]', name) or (os.sep == "/" and "\\" in name):
        raise ValueError(f'got the file name {name!r}, which holds one of < > : " | ? * \\; {expected}')
    if any(part != part.strip() or part.endswith(".") or not part for part in parts):
        raise ValueError(
            f"got the file name {name!r}, in which a part is empty or begins or ends with a space or dot; "
            f"{expected}"
        )
    if any(part.startswith(".") for part in parts):
        raise ValueError(f"got the file name {name!r}, which begins with a dot and so is hidden; {expected}")
    if taken := [part for part in parts if RESERVED.fullmatch(part)]:
        raise ValueError(
            f"got the file name {name!r}; Windows keeps {taken[0]!r} for a device, so {expected}"
        )
    path = inside(base, name.removesuffix(suffix) + suffix)
    if path.is_dir() or not _made(path.parent):
        raise ValueError(f"got the file name {name!r}, where there is a file or folder already; {expected}")
    return path


def _refuse_unwritable(name: str) -> None:
    if not isinstance(name, str):
        raise ValueError(f"got {name!r} for a file name; expected a text")
    # Control characters, and halves of characters, which no file system takes.
    if any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in name):
        raise ValueError(f"got the file name {name!r}, which holds control characters; leave those out")
    length = len(name.encode())
    if length > LONGEST:
        raise ValueError(f"got a file name of {length} bytes, {name[:20]!r}...; expected at most {LONGEST}")


def _made(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        return False
    return True
