"""docs/house.md: its tree is the project's, its floors are kept, and it says where a change belongs."""

from __future__ import annotations

import re

import pytest

from . import archive
from .archive import ROOT
from .test_layout import LIBRARY, rooms_of

TEXT = (ROOT / "docs/house.md").read_text("utf-8")
QUESTIONS = [  # a change, the words of it that a reader looks for in the tree, and the file that they lead to
    ("add another whitening beside the methods zca and pca", "methods", "img2noise/whitening/whitener.py"),
    ("add banded covariances to the whitener structures", "structures", "img2noise/whitening/structures.py"),
    ("add a second-order one to the schemes of DDIM inversion", "schemes", "img2noise/inversion/ddim.py"),
    ("say more where SAMPLER wires are refused a schedule", "SAMPLER", "nodes/host/samplers.py"),
    ("count runs to say how white a noise is", "how white", "img2noise/diagnostics/whiteness.py"),
    ("read noise in another file format", "format", "img2noise/files/noise_files.py"),
    ("draw the loss curve wider", "loss curve", "img2noise/diagnostics/plots.py"),
    (
        "know the latents of newer model families",
        "model families",
        "img2noise/whitening/spaces.py",
    ),
    ("add a command to the list of commands", "commands", "img2noise/cli/app.py"),
    ("let batch numbers that repeat be told apart", "batch numbers", "nodes/host/batches.py"),
]


def tree(text):
    """The lines of the page's tree, by their paths; folders end in a slash."""
    lines, folders = {}, []
    for line in re.search(r"^## The tree$.*?^```\n(.*?)^```$", text, re.M | re.S).group(1).splitlines():
        indent, name, purpose = re.fullmatch(r"( *)(\S+) +(\S.*)", line).groups()
        folders[len(indent) // 2 :] = [name]
        path = "".join(folders)
        assert path not in lines, f"{path} is there twice"
        lines[path] = purpose
    return lines


def floors(text):
    """The floor of each room and file of img2noise/ in the page's table."""
    rows = re.findall(r"^\| (\d) \| (.+) \|$", text, re.M)
    places = {name: int(floor) for floor, names in rows for name in re.findall(r"`([^`]+)`", names)}
    return {
        name.removesuffix("/").removesuffix(".py"): n for name, n in places.items() if "nodes" not in name
    }


TREE, FLOORS = tree(TEXT), floors(TEXT)


def test_the_tree_has_every_module_of_the_product_once_and_nothing_else():
    tracked = [name for name in archive.tracked() if name.endswith(".py")]
    if not tracked:
        pytest.skip("only a git clone knows which files are the project's")
    modules = {n for n in tracked if n.startswith(("img2noise/", "nodes/", "world/"))} | {"__init__.py"}
    shown = {path + "__init__.py" if path.endswith("/") else path for path in TREE}
    assert modules == {path for path in shown if path.startswith(("img2noise/", "nodes/")) or path in modules}
    assert all((ROOT / path).exists() for path in TREE)


@pytest.mark.parametrize("change, words, file", QUESTIONS, ids=[change for change, *_ in QUESTIONS])
def test_a_stranger_finds_where_a_change_belongs(change, words, file):
    assert words in change
    assert [path for path, purpose in TREE.items() if words in purpose] == [file]


def test_the_floors_are_as_the_page_says():
    names = {place.relative_to(ROOT / "img2noise").parts[0] for place in LIBRARY}
    assert {name.removesuffix(".py") for name in names} - {"__init__", "__main__"} == FLOORS.keys()
    for path in LIBRARY:
        room = path.relative_to(ROOT / "img2noise").parts[0].removesuffix(".py")
        above = {other for other in rooms_of(path) if FLOORS[other] >= FLOORS.get(room, 9)}
        assert not above, f"{path} imports {above}"
