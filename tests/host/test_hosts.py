"""How a ComfyUI is found, and what is said of it."""

from __future__ import annotations

import os
import sys

import pytest

from . import hosts


@pytest.fixture
def comfy(tmp_path, monkeypatch):
    """comfy(name, version, python=False) -> a folder that looks like a ComfyUI, perhaps with a Python."""
    monkeypatch.delenv("COMFYUI_DIR", raising=False)
    monkeypatch.delenv("COMFYUI_PYTHON", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))

    def make(name, version, python=False):
        folder = tmp_path / "comfy" / name
        folder.mkdir(parents=True)
        (folder / "comfyui_version.py").write_text(f'__version__ = "{version}"\n')
        if python:
            (folder / ".venv/bin").mkdir(parents=True)
            (folder / ".venv/bin/python").touch()
        return folder

    return make


def test_the_usual_places_are_searched_and_the_newest_version_comes_first(comfy):
    comfy("ComfyUI-0.9.1", "0.9.1")
    comfy("ComfyUI", "0.14.0")
    comfy("ComfyUI-0.33.0", "0.33.0")
    assert [host.version for host in hosts.found()] == ["0.33.0", "0.14.0", "0.9.1"]
    assert "0.33.0" in hosts.header(hosts.found())


def test_named_folders_are_taken_instead(comfy, monkeypatch, tmp_path):
    named = [comfy("one", "0.20.0"), comfy("two", "0.21.0")]
    comfy("ComfyUI", "0.33.0")
    monkeypatch.setenv("COMFYUI_DIR", os.pathsep.join([*map(str, named), str(tmp_path / "nothing")]))
    assert [host.folder for host in hosts.found()] == [named[1], named[0]]


def test_a_folder_without_a_python_borrows_a_neighbors_else_the_running_one(comfy, monkeypatch):
    comfy("ComfyUI", "0.33.0")
    assert [host.python for host in hosts.found()] == [sys.executable]
    own = str(comfy("ComfyUI-0.14.0", "0.14.0", python=True) / ".venv/bin/python")
    assert [host.python for host in hosts.found()] == [own, own]
    monkeypatch.setenv("COMFYUI_PYTHON", "/some/python")
    assert [host.python for host in hosts.found()] == ["/some/python"] * 2
