"""ComfyUIs and one Chromium for the browser tests; without either they skip and say what is lacking."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from ..host import hosts
from ..host.conftest import site  # noqa: F401 (a fixture)
from ..host.server import Server, link
from . import models
from .renderers import EACH_HOST, furnished
from .screen import FLAGS, HOW, SHOTS, Screen, chromium

FOUND = hosts.found()
ASKED_FOR = "v1-5-pruned-emaonly-fp16", "sd_turbo"  # by the templates


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium."""
    found = chromium()
    if found is None:
        pytest.skip(f"no Chromium found; {HOW}")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=found, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def comfy(browser, site, tmp_path_factory):  # noqa: F811
    """The newest ComfyUI found, with a tiny checkpoint under each name that a template asks for."""
    if not FOUND:
        pytest.skip(f"no ComfyUI found; {hosts.HOW}")
    if subprocess.run([FOUND[0].python, "-c", "import comfyui_frontend_package"]).returncode:
        pytest.skip(f"the ComfyUI at {FOUND[0].folder} has no frontend; install its requirements.txt")
    server = Server(FOUND[0], tmp_path_factory.mktemp("comfyui-browser"), site(FOUND[0].python))
    tiny = models.write(server.models / "checkpoints")
    for name in ASKED_FOR:
        link(tiny, tiny.with_name(f"{name}.safetensors"))
    yield server
    server.stop()
    shutil.rmtree(server.models)


@pytest.fixture(scope="session", **EACH_HOST)
def server(request, browser, site, tmp_path_factory):  # noqa: F811
    """The newest and the oldest ComfyUI found, each with the frontend that it pins."""
    if request.param is None:
        pytest.skip(f"no ComfyUI found; {hosts.HOW}")
    front = furnished(request.param, tmp_path_factory.mktemp("frontend"))
    paths = os.pathsep.join([front, str(site(request.param.python))])
    started = Server(request.param, tmp_path_factory.mktemp(f"pages-{request.param.version}"), paths)
    yield started
    started.stop()


@pytest.fixture
def windows(browser, comfy):
    """windows() -> a fresh window on it."""
    opened = []

    def window():
        opened.append(Screen(browser, comfy.port, SHOTS))
        return opened[-1]

    yield window
    for screen in opened:
        screen.close()


@pytest.fixture
def screen(windows):
    """One fresh window."""
    return windows()
