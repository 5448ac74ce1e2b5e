"""Pages of the newest and the oldest ComfyUI found, each with the frontend it pins, in both renderers."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from ..host import hosts
from .screen import SHOTS, Screen

FOUND = hosts.found()
HOSTS = list(dict.fromkeys([*FOUND[:1], *FOUND[-1:]]))
PIN = re.compile(r"^comfyui-frontend-package==([\d.]+)$", re.M)
EACH_HOST = dict(params=HOSTS or [None], ids=lambda comfy: comfy.version if comfy else "none")
BOTH = dict(params=[False, True], ids=["classic", "nodes-2"])


def furnished(comfy: hosts.Comfy, folder) -> str:
    """A folder with the frontend that this ComfyUI pins, for a Python that has another."""
    asked = PIN.search((comfy.folder / "requirements.txt").read_text("utf-8")).group(1)
    script = "import importlib.metadata as m; print(m.version('comfyui-frontend-package'))"
    has = subprocess.run([comfy.python, "-c", script], capture_output=True, text=True).stdout.strip()
    if has != asked:
        package = f"comfyui-frontend-package=={asked}"
        command = [comfy.python, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, package]
        if subprocess.run([str(part) for part in command], stdout=sys.stderr).returncode:
            pytest.skip(f"{package} cannot be installed")
    return str(folder)


def opened(browser, server, vue: bool) -> Screen:
    """A fresh page: the classic canvas, or Nodes 2.0."""
    screen = Screen(browser, server.port, SHOTS)
    for _ in range(2):  # what is set counts from the next load
        screen.open()
        screen.page.evaluate(
            """async (vue) => {
              await app.extensionManager.setting.set('Comfy.TutorialCompleted', true);
              await app.extensionManager.setting.set('Comfy.VueNodes.Enabled', vue);
            }""",
            vue,
        )
        screen.page.keyboard.press("Escape")
    return screen


def shown(browser, server, vue: bool):
    """A page that stays open through a file's tests, and has said nothing that an empty page does not say."""
    screen = opened(browser, server, vue)
    yield screen
    assert not screen.complaints
    screen.close()
