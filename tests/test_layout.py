"""How the project is laid out: which way imports point, how long things are, what is documented."""

import ast
from functools import cache
from pathlib import Path

from .each import each

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("img2noise", "nodes", "samples", "world", "templates", "benchmarks", "tests")
FILES = sorted(p for f in FOLDERS for p in (ROOT / f).rglob("*.py")) + sorted(ROOT.glob("*.py"))
LIBRARY = [p for p in FILES if ROOT / "img2noise" in p.parents]
NODES = [p for p in FILES if ROOT / "nodes" in p.parents]
SHOWN = [*LIBRARY, *NODES]
SPEAKERS = {"app", "__main__"}  # what talks to a terminal
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
    return each("path", paths)


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


def room(name):
    """The room of a module of the library by its dotted name, or the module itself where it is in none."""
    return name.split(".")[1] if name.startswith("img2noise.") else ""


def rooms_of(path):
    """The rooms that a module of the library imports, and modules beside them; not its own."""
    top = {p.stem if p.is_file() else p.name for p in (ROOT / "img2noise").iterdir()}
    own = path.relative_to(ROOT / "img2noise").parts[0].removesuffix(".py")
    return ({room(name) for name in imports(path)} & top) - {own, "__init__"}


def functions(path):
    return [n for n in ast.walk(tree(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def docstring_lines(node):
    first = node.body[0]
    return first.end_lineno - first.lineno + 1 if ast.get_docstring(node) is not None else 0


def test_the_walk_finds_the_project():
    assert {"annealing", "app", "whitener"} <= {p.stem for p in LIBRARY} and len(FILES) > 30
    assert rooms_of(ROOT / "img2noise/noise/correlated.py") == {"checks", "whitening"}


@named(LIBRARY)
def test_the_library_knows_nothing_of_comfyui_or_of_the_nodes(path):
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & HOST and not roots & {"benchmarks", "tests"}


@named(NODES)
def test_nodes_point_at_the_library_and_nothing_points_back(path):
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & {"benchmarks", "tests"}


def test_only_the_command_line_needs_many_photos():
    needing = [p for p in LIBRARY if "photos" in rooms_of(p)]
    assert {p.parent.name for p in needing} <= {"cli"}, needing


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
    classes = [
        n for n in tree(ROOT / "img2noise" / "whitening" / "whitener.py").body if isinstance(n, ast.ClassDef)
    ]
    [base] = [n for n in classes if n.name == "Whitener"]
    return {n.name for n in base.body if isinstance(n, ast.FunctionDef) and ast.get_docstring(n)}


@named([p for p in SHOWN if p.stem not in SPEAKERS])
def test_only_the_command_line_prints(path):
    calls = [n.func for n in ast.walk(tree(path)) if isinstance(n, ast.Call)]
    assert not [f for f in calls if isinstance(f, ast.Name) and f.id == "print"]


@named(FILES)
def test_sources_are_ascii(path):
    assert path.read_bytes().isascii()  # which every Windows code page reads alike
