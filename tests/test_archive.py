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
HOST = {"comfy", "comfy_api", "comfy_extras", "folder_paths", "latent_preview", "nodes"}
BROUGHT = {"torch", "numpy", "safetensors", "PIL", "einops", "scipy"}  # by ComfyUI's own requirements
# What no node needs, in folders of which nodes need other files: fits that go on, or run on a cluster.
ALONG = {
    f"img2noise/{name}.py"
    for name in ("__main__", "photos/autoencoders", "photos/checkpoints", "photos/ray_engine")
}
# The registry refuses a version in silence when it finds code that runs, fetches or installs other code.
DISLIKED = (
    r"\b(eval|exec)\s*\(|subprocess|urllib|\brequests\b|\bsocket\b|torch\.load|pickle|\bpip\b|os\.system"
)

pytestmark = pytest.mark.skipif(not SHIPPED, reason="only a git clone knows which files are the pack's")


def test_these_files_and_folders_are_shipped():
    assert {name.split("/")[0] for name in SHIPPED} == {
        *("__init__.py", "pyproject.toml", "requirements.txt", "LICENSE", "README.md", "CHANGELOG.md"),
        *("img2noise", "nodes", "web", "locales", "workflows", "subgraphs", "zca_matrices"),
    }


def test_the_archive_stays_small():
    sizes = {name: (ROOT / name).stat().st_size for name in SHIPPED}
    assert sum(sizes.values()) < 6_000_000 and max(sizes.values()) < 2_000_000


def test_modules_are_shipped_if_and_only_if_the_nodes_need_them():
    modules, left = set(), ["__init__.py"]
    while left:
        name = left.pop()
        if name not in modules:
            modules.add(name)
            left += imported_files(name)
    shipped = {name for name in SHIPPED if name.endswith(".py")}
    lacking = sorted(modules - shipped)
    assert not lacking, f"the nodes import {lacking}; have git track them, and .comfyignore not name them"
    idle = sorted(shipped - modules - ALONG)
    assert not idle, f"no node imports {idle}; name their folder in .comfyignore"


def test_only_folders_are_left_out_of_the_package():
    named = [line for line in (ROOT / ".comfyignore").read_text("utf-8").splitlines() if "img2noise" in line]
    assert named == ["/img2noise/cli/"]


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


@each("line", ["eval(x)", "import urllib.request", "os.system('ls')", "pip install x"])
def test_the_scan_finds(line):
    assert re.search(DISLIKED, line)


def test_the_requirements_are_what_the_library_needs_and_comfyui_does_not_bring():
    needed = re.search(r"^dependencies = \[(.*?)\]", FACTS, re.M | re.S).group(1)
    brought = {name.lower().replace("pil", "pillow") for name in BROUGHT}
    lacking = [name for name in re.findall(r'"(.+?)"', needed) if name not in brought]
    assert lacking == (ROOT / "requirements.txt").read_text("utf-8").split()


def test_the_registry_is_told_what_it_asks_for():
    assert re.fullmatch(r"(?![\d.-])[a-z0-9-]{1,99}", fact("name")) and "comfyui" not in fact("name")
    assert re.fullmatch(r"\d+\.\d+\.\d+", fact("version"))
    assert f"\n## {fact('version')}\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert fact("PublisherId") and fact("DisplayName")
    assert fact("Repository").startswith("https://github.com/")
    assert '"Operating System :: OS Independent"' in FACTS


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


def imported_files(name: str) -> list[str]:
    """The pack's files that a module of it imports anywhere, and the packages that they lie in."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / name).read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = PurePosixPath(name).parents[node.level - 1]
            base = above.joinpath(*(node.module or "").split("."))
            for place in [base, *(base / alias.name for alias in node.names)]:
                found |= {str(place.with_suffix(".py")), str(place / "__init__.py")}
                found |= {str(parent / "__init__.py") for parent in place.parents}
    return [path for path in found if (ROOT / path).is_file()]
