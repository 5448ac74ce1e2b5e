"""What the registry gets: all that runs in ComfyUI and nothing else, nothing that its scan dislikes, and the
facts it asks for.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import PurePosixPath

import pytest
from PIL import Image

from . import archive
from .archive import ROOT
from .each import each

SHIPPED = archive.shipped()
FACTS = (ROOT / "pyproject.toml").read_text("utf-8")
HOST = {"comfy", "comfy_api", "comfy_execution", "comfy_extras", "folder_paths", "latent_preview", "nodes"}
BROUGHT = {"torch", "numpy", "safetensors", "PIL", "einops", "scipy"}  # by ComfyUI's own requirements
# What no node needs, in folders of which nodes need other files: fits that go on, or run on a cluster.
ALONG = {
    f"img2noise/{name}.py"
    for name in ("__main__", "photos/autoencoders", "photos/checkpoints", "photos/ray_engine", "photos/tiny")
}
# The registry refuses a version in silence when it finds code that runs, fetches or installs other code.
DISLIKED = (
    r"\b(eval|exec)\s*\(|subprocess|urllib|\brequests\b|\bsocket\b|torch\.load|pickle|\bpip\b|os\.system"
)

pytestmark = pytest.mark.skipif(not SHIPPED, reason="only a git clone knows which files are the pack's")


def test_these_files_and_folders_are_shipped():
    assert {name.split("/")[0] for name in SHIPPED} == {
        *("__init__.py", "pyproject.toml", "requirements.txt", "LICENSE", "README.md", "CHANGELOG.md"),
        *("img2noise", "nodes", "web", "locales", "workflows", "subgraphs"),
        *("samples", "world", "zca_matrices"),
    }


def test_the_archive_stays_small():
    sizes = {name: (ROOT / name).stat().st_size for name in SHIPPED}
    world = sum(size for name, size in sizes.items() if name.startswith("world/"))
    assert sum(sizes.values()) - world < 8_000_000 and world < 17_000_000


def test_modules_are_shipped_if_and_only_if_the_nodes_need_them():
    modules = archive.loaded_with("__init__.py", late=True)
    shipped = {name for name in SHIPPED if name.endswith(".py")}
    lacking = sorted(modules - shipped)
    assert not lacking, f"the nodes import {lacking}; have git track them, and .comfyignore not name them"
    idle = sorted(shipped - modules - ALONG)
    assert not idle, f"no node imports {idle}; name their folder in .comfyignore"


@each("name", [name for name in SHIPPED if name.endswith(".py")])
def test_a_shipped_module_imports_at_load_only_what_comfyui_brings(name):
    roots = set()
    for node in ast.parse((ROOT / name).read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            roots.add(node.module.split(".")[0])
    assert not roots - HOST - BROUGHT - sys.stdlib_module_names


def test_nothing_shipped_looks_like_code_that_runs_or_fetches_other_code():
    text = [n for n in SHIPPED if PurePosixPath(n).suffix in (".py", ".json", ".md", ".toml", ".txt")]
    lines = [
        f"{name}:{number}: {line}"
        for name in text
        if name != "README.md"  # which says how to install
        for number, line in enumerate((ROOT / name).read_text("utf-8").splitlines(), 1)
        if re.search(DISLIKED, line)
    ]
    assert len(text) > 50 and not lines


def test_the_requirements_are_what_the_library_needs_and_comfyui_does_not_bring():
    needed = re.search(r"^dependencies = \[(.*?)\]", FACTS, re.M | re.S).group(1)
    brought = {name.lower().replace("pil", "pillow") for name in BROUGHT}
    lacking = [name for name in re.findall(r'"(.+?)"', needed) if name not in brought]
    assert lacking == (ROOT / "requirements.txt").read_text("utf-8").split()


@each("key, ratio, widest", [("Icon", 1, 400), ("Banner", 21 / 9, 2100)])
def test_its_pictures_are_in_the_repository_in_the_shape_it_asks_for(key, ratio, widest):
    owner_and_name = fact("Repository").removeprefix("https://github.com/")
    start = f"https://raw.githubusercontent.com/{owner_and_name}/main/"
    assert fact(key).startswith(start)
    name = fact(key).removeprefix(start)
    assert name in archive.tracked()
    width, height = Image.open(ROOT / name).size
    assert abs(width / height - ratio) < 0.01 and width <= widest


def fact(key: str) -> str:
    return re.search(rf'^{key} = "(.+?)"', FACTS, re.M).group(1)
