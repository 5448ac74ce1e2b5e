"""The archive that the registry makes of a version: what git tracks without what .comfyignore names."""

from __future__ import annotations

import ast
import shutil
import subprocess
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]


def tracked() -> list[str]:
    """The files that git tracks and that are there; none where this is no clone."""
    return [name for name in _listed("--cached") if (ROOT / name).is_file()]


def shipped() -> list[str]:
    """Those of them that the registry ships."""
    left_out = set(_listed("--cached", "--ignored", "--exclude-from=.comfyignore"))
    return [name for name in tracked() if name not in left_out]


def loaded_with(start: str, late: bool = False) -> set[str]:
    """The pack's files that are loaded with one of them; with `late`, those that functions import too."""
    found, left = set(), [start]
    while left:
        if (name := left.pop()) in found or not (ROOT / name).is_file():
            continue
        found.add(name)
        tree = ast.parse((ROOT / name).read_text("utf-8"))
        for node in ast.walk(tree) if late else tree.body:
            if isinstance(node, ast.ImportFrom) and node.level:
                base = PurePosixPath(name).parents[node.level - 1].joinpath(*(node.module or "").split("."))
                for place in [base, *(base / alias.name for alias in node.names)]:
                    packages = (folder / "__init__.py" for folder in [place, *place.parents])
                    left += [f"{place}.py", *map(str, packages)]
    return found - {"__init__.py"} | {start}


def unpack(folder: Path) -> Path:
    """The folder with the archive's files in it."""
    for name in shipped():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def _listed(*how: str) -> list[str]:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        return []
    done = subprocess.run(
        ["git", "ls-files", "-z", *how], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in done.stdout.split("\0") if name]
