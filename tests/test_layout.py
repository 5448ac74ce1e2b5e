"""How the project is laid out: which way imports point, how long things are, what is documented."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("img2noise", "nodes", "benchmarks", "tests")
FILES = sorted(p for f in FOLDERS for p in (ROOT / f).rglob("*.py")) + sorted(ROOT.glob("*.py"))
LIBRARY = [p for p in FILES if p.parent == ROOT / "img2noise"]
SHOWN = [p for p in FILES if p.parent in (ROOT / "img2noise", ROOT / "nodes")]
SPEAKERS = {"cli", "demo", "__main__"}  # what talks to a terminal
HOST = {
    "comfy",
    "comfy_api",
    "comfy_extras",
    "execution",
    "folder_paths",
    "latent_preview",
    "nodes",
    "server",
}


def named(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda p: str(p.relative_to(ROOT)))


@cache
def tree(path):
    return ast.parse(path.read_text("utf-8"))


@cache
def imports(path):
    """The dotted names that a file imports anywhere, functions included; relative ones made absolute."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            found |= {f"{module}.{alias.name}" for alias in node.names} | {module}
    return found - {""}


def neighbours(path):
    """The library's modules that a module of the library imports, by their names."""
    names = {name.split(".")[1] for name in imports(path) if name.startswith("img2noise.")}
    return names & {p.stem for p in LIBRARY}


def functions(path):
    return [n for n in ast.walk(tree(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def docstring_lines(node):
    first = node.body[0]
    return first.end_lineno - first.lineno + 1 if ast.get_docstring(node) is not None else 0


def test_the_walk_finds_the_project():
    assert {"annealing", "cli", "whitening"} <= {p.stem for p in LIBRARY} and len(FILES) > 30
    assert neighbours(ROOT / "img2noise" / "correlated.py") == {"entrance", "noise", "sums", "whitening"}


@named(LIBRARY)
def test_the_library_knows_nothing_of_comfyui_or_of_the_nodes(path):
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & HOST and not roots & {"benchmarks", "tests"}


@named([p for p in FILES if p.parent == ROOT / "nodes"])
def test_nodes_point_at_the_library_and_nothing_points_back(path):
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & {"benchmarks", "tests"}


def test_imports_within_the_library_go_one_way():
    left = {p.stem: neighbours(p) - {p.stem} for p in LIBRARY if p.stem != "__init__"}
    while left:
        settled = [name for name, needs in left.items() if not needs & left.keys()]
        assert settled, f"these import each other in a circle: {left}"
        for name in settled:
            del left[name]


@named(FILES)
def test_files_lines_and_functions_stay_short(path):
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) <= 400
    assert not [i for i, line in enumerate(lines, 1) if len(line) > 110]
    for function in functions(path):
        code = function.end_lineno - function.body[0].lineno + 1 - docstring_lines(function)
        assert code <= 40, (
            f"{function.name} has {code} lines"
        )  # signature and docstring explain; code is code


@named(SHOWN)
def test_a_module_says_in_at_most_twelve_lines_what_it_is(path):
    text = ast.get_docstring(tree(path))
    assert text and len(text.splitlines()) <= 12


@named(LIBRARY)
def test_every_public_function_and_class_of_the_library_has_a_docstring(path):
    scopes = [tree(path), *(n for n in tree(path).body if isinstance(n, ast.ClassDef))]
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    public = [n for s in scopes for n in s.body if isinstance(n, kinds) and not n.name.startswith("_")]
    undocumented = {n.name for n in public if ast.get_docstring(n) is None}
    assert not undocumented - _documented_in_the_base()


@cache
def _documented_in_the_base():
    """The methods of `Whitener`, which its three structures need not explain again."""
    classes = [n for n in tree(ROOT / "img2noise" / "whitening.py").body if isinstance(n, ast.ClassDef)]
    [base] = [n for n in classes if n.name == "Whitener"]
    return {n.name for n in base.body if isinstance(n, ast.FunctionDef) and ast.get_docstring(n)}


@named([p for p in SHOWN if p.stem not in SPEAKERS])
def test_only_the_command_line_prints(path):
    calls = [n.func for n in ast.walk(tree(path)) if isinstance(n, ast.Call)]
    assert not [f for f in calls if isinstance(f, ast.Name) and f.id == "print"]


@named([p for p in FILES if p.parent == ROOT / "nodes"])
def test_nodes_log_under_their_own_names(path):
    calls = [n.func for n in ast.walk(tree(path)) if isinstance(n, ast.Call)]
    found = {f.attr for f in calls if isinstance(f, ast.Attribute) and ast.unparse(f.value) == "logging"}
    assert found <= {"getLogger"}


@named(FILES)
def test_sources_are_ascii(path):
    assert path.read_bytes().isascii()  # which every Windows code page reads alike
