"""What the pack's requirements.txt asks for and a ComfyUI's Python lacks, in a folder beside it.

A user's ComfyUI gets these from ComfyUI-Manager. A test must not install into someone's ComfyUI, so they go
into a folder of the session, which its Python finds through PYTHONPATH.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

_LACKING = """
import importlib.metadata, sys
names = {d.metadata["Name"].lower() for d in importlib.metadata.distributions() if d.metadata["Name"]}
print(*(n for n in sys.argv[1:] if n.lower() not in names))
"""


def install_lacking(python: str, requirements: Path, folder: Path) -> None:
    """Put into `folder` what `python` lacks of `requirements`, and nothing that it has already.

    RuntimeError, with pip's own words, where that cannot be had.
    """
    lines = [line.split("#")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines()]
    lacking = _run(python, "-c", _LACKING, *(line for line in lines if line)).split()
    if not lacking:
        return
    pip = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    report = json.loads(_run(python, *pip, "--dry-run", "--report", "-", *lacking))
    pinned = [f"{p['metadata']['name']}=={p['metadata']['version']}" for p in report["install"]]
    if pinned:
        _run(python, *pip, "--no-deps", "--target", str(folder), *pinned)


def _run(python: str, *arguments: str) -> str:
    done = subprocess.run([python, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{python} could not be given the pack's requirements.txt: {done.stderr[-2000:]}")
    return done.stdout
