"""`python -m tests.wheel`: build the wheel from what git tracks, install it into an empty folder, use it.

The library is used before the extra of the command line is installed, so that no dependency is there by
chance. PyTorch is the one that requirements-dev.txt names.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from .archive import ROOT, tracked

LIBRARY = """
import importlib.util, img2noise
print(img2noise.__version__, img2noise.load("sd"))
assert importlib.util.find_spec("typer") is None, "an extra is there already"
assert not any(map(importlib.util.find_spec, ("nodes", "tests", "zca_matrices"))), "a folder leaked"
"""


def main() -> None:
    """Run every step in a temporary folder; the first that fails ends it."""
    if not tracked():
        sys.exit("found no files that git tracks; run this in a git clone")
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder)
        wheel = build(there)
        run(there, sys.executable, "-m", "venv", "venv")
        scripts = there / "venv" / ("Scripts" if os.name == "nt" else "bin")
        python = scripts / "python"
        pip = python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"
        torch = re.search(r"^torch==\S+", (ROOT / "requirements-dev.txt").read_text("utf-8"), re.M).group()
        run(there, *pip, torch, wheel)
        print(run(there, python, "-c", LIBRARY), end="")
        run(there, *pip, f"{wheel}[cli]")
        search(there, scripts / "img2noise")


def build(there: Path) -> Path:
    """The wheel, with nothing at its top level but the package and its metadata."""
    for name in tracked():
        (there / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, there / "source" / name)
    pip = sys.executable, "-m", "pip", "--disable-pip-version-check"
    run(there, *pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", ".", "./source")
    [wheel] = there.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
    top = sorted({name.split("/")[0] for name in names})
    print(f"{wheel.name}: {len(names)} files in {', '.join(top)}")
    assert len(top) == 2 and top[0] == "img2noise" and top[1].endswith(".dist-info"), top
    assert {"img2noise/py.typed", "img2noise/zca_matrices/sd.safetensors"} <= set(names)
    return wheel


def search(there: Path, command: Path) -> None:
    """Find noise for a photo of two slopes by the console command."""
    assert "search" in run(there, command, "--help")
    rows, columns = np.mgrid[0:64, 0:96]
    pixels = np.stack([rows * 3, columns * 2, 128 + 0 * rows], axis=-1).astype(np.uint8)
    Image.fromarray(pixels).save(there / "photo.png")
    found = json.loads(run(there, command, "search", "photo.png", "--method", "one-shot", "--json"))
    [noise] = found["noises"]
    print(f"{command.name} search: std {noise['std']:.3f}, loss ratio {noise['loss_ratio']:.3f}")
    assert 0.8 < noise["std"] < 1.2 and noise["loss_ratio"] < 0.9 and list((there / "out/search").iterdir())


def run(there: Path, *command: str | Path) -> str:
    """What a command prints, run in a folder without the clone on its path."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([str(c) for c in command], cwd=there, env=env, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(str(c) for c in command)} ended with {done.returncode}\n{done.stdout}")
    return done.stdout


if __name__ == "__main__":
    main()
