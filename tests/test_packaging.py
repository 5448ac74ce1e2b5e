"""What is installed without ComfyUI: its dependencies, its version, its whiteners and its command."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
import subprocess
import sys
from functools import cache

import img2noise
from img2noise.__main__ import main

from .archive import ROOT, loaded_with
from .each import each

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LIBRARY = ROOT / "img2noise"
MODULES = sorted(LIBRARY.rglob("*.py"))
DISTRIBUTIONS = {"PIL": "pillow", "skimage": "scikit-image"}  # whose names differ from what is imported


def required(*extras):
    """The distributions that pyproject.toml names, without versions and markers."""
    lines = PROJECT["dependencies"] + [
        line for extra in extras for line in PROJECT["optional-dependencies"][extra]
    ]
    return {re.match(r"[\w-]+", line).group() for line in lines}


@cache
def tree(path):
    return ast.parse(path.read_text("utf-8"))


def foreign(nodes):
    """The distributions that these statements import."""
    roots = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            roots.add(node.module.split(".")[0])
    return {DISTRIBUTIONS.get(name, name) for name in roots - sys.stdlib_module_names}


def test_whatever_the_library_imports_is_a_dependency_or_in_an_extra_and_nothing_else_is():
    imported = set().union(*(foreign(ast.walk(tree(path))) for path in MODULES))
    assert {"torch", "pillow", "typer", "diffusers"} <= imported
    assert imported == required("cli", "vae", "ray")


@each("start, extras", [("__init__.py", []), ("cli/app.py", ["cli"])])
def test_what_is_imported_at_load_needs_no_other_extra(start, extras):
    files = loaded_with(f"img2noise/{start}")
    assert len(files) > 10
    assert set().union(*(foreign(tree(ROOT / path).body) for path in files)) <= required(*extras)


def test_the_version_is_the_projects():
    assert img2noise.__version__ == PROJECT["version"]


def test_the_whiteners_are_found_inside_an_installed_package(tmp_path):
    installed = tmp_path / "img2noise"
    shutil.copytree(LIBRARY, installed, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "zca_matrices", installed / "zca_matrices")
    script = "import img2noise; print(img2noise.__file__, img2noise.load('sd').shape)"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.split(maxsplit=1) == [str(installed / "__init__.py"), "(4, 24, 24)\n"], done.stderr


def test_the_command_is_the_command_line():
    module, _, name = PROJECT["scripts"]["img2noise"].partition(":")
    assert getattr(importlib.import_module(module), name) is main


@each("lacking", ["typer", "rich"])
def test_the_command_without_its_extra_says_what_to_install(lacking):
    script = f"import sys; sys.modules[{lacking!r}] = None; from img2noise.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and not done.stdout
    assert re.fullmatch(r"the command line needs the packages typer and rich; .+\n", done.stderr)
