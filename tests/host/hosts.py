"""Which ComfyUI folders the host tests run on, and the Python that runs each.

COMFYUI_DIR names the folders (several with the path separator between them), else ~/comfy/ComfyUI and
~/comfy/ComfyUI-* are taken. COMFYUI_PYTHON names the Python, else a folder's own virtual environment is used,
else that of the first folder that has one, else the running Python.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HOW = (
    "set COMFYUI_DIR to a ComfyUI folder (or install one at ~/comfy/ComfyUI), and COMFYUI_PYTHON to the "
    "Python that runs it if it has no .venv of its own"
)
_PYTHONS = [f"{env}/{python}" for env in (".venv", "venv") for python in ("bin/python", "Scripts/python.exe")]


@dataclass(frozen=True)
class Comfy:
    """One ComfyUI: its folder, its version, and the Python that runs it."""

    folder: Path
    version: str
    python: str


def found() -> list[Comfy]:
    """Every ComfyUI there is to test on, the newest first."""
    folders = [folder for folder in _named() if (folder / "comfyui_version.py").is_file()]
    owned = [python for folder in folders for python in [_own_python(folder)] if python]
    fallback = owned[0] if owned else sys.executable
    given = os.environ.get("COMFYUI_PYTHON")
    hosts = [Comfy(f, _version(f), given or _own_python(f) or fallback) for f in folders]
    return sorted(hosts, key=lambda host: [int(n) for n in re.findall(r"\d+", host.version)], reverse=True)


def header(hosts: list[Comfy]) -> str:
    """One line for pytest's header: what was found, or how to have something found."""
    if not hosts:
        return f"ComfyUI: none found, so the host tests skip; {HOW}"
    return "ComfyUI: " + ", ".join(f"{host.version} at {host.folder}" for host in hosts)


def run(comfy: Comfy, site: Path, *command: Path) -> None:
    """Run a script by a ComfyUI's Python in its folder; `site` holds what that Python lacks."""
    env = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    words = [comfy.python, *map(str, command)]
    ran = subprocess.run(words, cwd=comfy.folder, env=env, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-3000:]


def _named() -> list[Path]:
    named = os.environ.get("COMFYUI_DIR")
    if named:
        return [Path(part).expanduser().resolve() for part in named.split(os.pathsep) if part]
    home = Path.home() / "comfy"
    return [home / "ComfyUI", *sorted(home.glob("ComfyUI-*"))]


def _own_python(folder: Path) -> str | None:
    return next((str(folder / python) for python in _PYTHONS if (folder / python).is_file()), None)


def _version(folder: Path) -> str:
    text = (folder / "comfyui_version.py").read_text(encoding="utf-8")
    return re.search(r"__version__\s*=\s*[\"']([^\"']+)", text).group(1)
