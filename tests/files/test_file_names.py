"""Names from a graph stay inside their folder, or are refused in one sentence."""

import os

import pytest

from img2noise.files.file_names import LONGEST, inside, new_file

from ..each import each
from ..refusals import faults, refusal

SUFFIX = ".safetensors"
OUTSIDE = ["..", "../escaped", "a/../../escaped", "/escaped", "/etc/passwd", "out-link/x", "loop/x"]
UNWRITABLE = [
    "a\0b",
    "a\nb",
    "\x1b[31m",
    "a\x85b",
    "half \ud800",
    "x" * 300,
    "\u00e9" * 128,
    "a/" * 150 + "b",
]
UNFIT = ["", " ", ".", "sub\\name" if os.sep == "/" else "a|b", "name.", "name ", " name", "folder./name"]
UNFIT += ["folder /name", "folder//name", "folder/", SUFFIX, ".hidden", "folder/.hidden", "C:\\escaped"]
UNFIT += [
    "C:escaped",
    "D:/escaped",
    "what?",
    "a*",
    "name:stream",
    "CON",
    "nul",
    "aux.txt",
    "com1",
    "LPT9.a.b",
]
UNFIT += ["COM\u00b9", "prn/name", "NUL" + SUFFIX, "a-folder", "a-file.txt/name", None, 3, b"name", ["name"]]
FINE = ["name", "a name", "sub/name", "n.a.m.e", "console", "com", "com10", "name" + SUFFIX, "\u540d\u524d"]
FINE += ["a..b", "x" * (LONGEST - len(SUFFIX))]


@pytest.fixture
def base(tmp_path):
    """A folder with a file, a folder where a file might go, and links that lead out and in a circle."""
    base = tmp_path / "base"
    (base / f"a-folder{SUFFIX}").mkdir(parents=True)
    (base / "a-file.txt").write_text("here before")
    (base / "out-link").symlink_to(tmp_path, target_is_directory=True)
    (base / "loop").symlink_to(base / "loop")
    (base / f"linked{SUFFIX}").symlink_to(tmp_path / "secret")
    return base


def refused(function, *arguments):
    with pytest.raises(ValueError) as caught:
        function(*arguments)
    assert not faults(refusal(caught.value))


@each("name", [*OUTSIDE, *UNWRITABLE, *UNFIT, "linked"])
def test_a_name_that_cannot_be_is_refused_and_leaves_nothing_behind(base, name):
    before = sorted(base.parent.rglob("*"))
    refused(new_file, base, name, SUFFIX, "my_whitener")
    assert sorted(base.parent.rglob("*")) == before


@each("name", [*OUTSIDE, *UNWRITABLE, f"linked{SUFFIX}"])
def test_a_name_to_read_from_is_held_inside_too(base, name):
    refused(inside, base, name)


@each("name", FINE)
def test_a_plain_name_is_a_file_in_the_folder(base, name):
    path = new_file(base, name, SUFFIX, "my_whitener")
    assert base.resolve() in path.parents and path.name.endswith(SUFFIX)
    assert path.name.count(SUFFIX) == 1 and path.parent.is_dir()
    path.write_text("x")
    assert inside(base, name.removesuffix(SUFFIX) + SUFFIX) == path
