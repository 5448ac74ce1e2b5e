"""Names from a graph stay inside their folder, or are refused in one sentence."""

import os

import pytest

from img2noise.files.file_names import LONGEST, inside, new_file

SUFFIX = ".safetensors"
OUTSIDE = {
    "..": "outside",
    "../escaped": "outside",
    "a/../../escaped": "outside",
    "/escaped": "outside",
    "/etc/passwd": "outside",
    "out-link/x": "outside",
    "loop/x": "leads nowhere|outside|already",
}
UNWRITABLE = {
    "a\0b": "control characters",
    "a\nb": "control characters",
    "\x1b[31m": "control characters",
    "a\x85b": "control characters",
    "half \ud800": "control characters",
    "x" * 300: f"300 bytes, 'xxxxxxxxxxxxxxxxxxxx'...; expected at most {LONGEST}",
    "\u00e9" * 128: "256 bytes",
    "a/" * 150 + "b": "301 bytes",
}
UNFIT = {
    "": "part is empty",
    " ": "part is empty or begins",
    ".": "begins or ends with a space or dot",
    "sub\\name" if os.sep == "/" else "a|b": "holds one of",
    "name.": "begins or ends with a space or dot",
    "name ": "begins or ends with a space or dot",
    " name": "begins or ends with a space or dot",
    "folder./name": "begins or ends with a space or dot",
    "folder /name": "begins or ends with a space or dot",
    "folder//name": "part is empty",
    "folder/": "part is empty",
    SUFFIX: "part is empty",
    ".hidden": "hidden",
    "folder/.hidden": "hidden",
    "C:\\escaped": "holds one of",
    "C:escaped": "holds one of",
    "D:/escaped": "holds one of",
    "what?": "holds one of",
    "a*": "holds one of",
    "name:stream": "holds one of",
    "CON": "keeps 'CON' for a device",
    "nul": "keeps 'nul' for a device",
    "aux.txt": "keeps 'aux.txt' for a device",
    "com1": "keeps 'com1' for a device",
    "LPT9.a.b": "keeps 'LPT9.a.b' for a device",
    "COM\u00b9": "for a device",
    "prn/name": "keeps 'prn' for a device",
    "NUL" + SUFFIX: "keeps 'NUL' for a device",
    "a-folder": "there is a file or folder already",
    "a-file.txt/name": "there is a file or folder already",
}
FINE = [
    "name",
    "a name",
    "sub/name",
    "n.a.m.e",
    "console",
    "com",
    "com10",
    "name" + SUFFIX,
    "\u540d\u524d",
    "a..b",
]
FINE += ["x" * (LONGEST - len(SUFFIX))]


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


def everything(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


@pytest.mark.parametrize(("name", "words"), [*OUTSIDE.items(), *UNWRITABLE.items(), *UNFIT.items()])
def test_a_name_that_cannot_be_is_refused_and_leaves_nothing_behind(base, name, words):
    before = everything(base.parent)
    with pytest.raises(ValueError, match=words) as caught:
        new_file(base, name, SUFFIX, "my_whitener")
    assert type(caught.value) is ValueError and "\n" not in str(caught.value)
    assert everything(base.parent) == before


@pytest.mark.parametrize(("name", "words"), [*OUTSIDE.items(), *UNWRITABLE.items()])
def test_a_name_to_read_from_is_held_inside_too(base, name, words):
    if name == "loop/x" and os.name != "nt":
        words = "leads nowhere"
    with pytest.raises(ValueError, match=words):
        inside(base, name)


def test_a_link_to_a_file_elsewhere_is_outside(base):
    for ask in (lambda: inside(base, f"linked{SUFFIX}"), lambda: new_file(base, "linked", SUFFIX, "x")):
        with pytest.raises(ValueError, match="outside"):
            ask()


@pytest.mark.parametrize("name", FINE)
def test_a_plain_name_is_a_file_in_the_folder(base, name):
    path = new_file(base, name, SUFFIX, "my_whitener")
    assert base.resolve() in path.parents and path.name.endswith(SUFFIX)
    assert path.name.count(SUFFIX) == 1 and path.parent.is_dir()
    path.write_text("x")
    assert inside(base, name.removesuffix(SUFFIX) + SUFFIX) == path


@pytest.mark.parametrize("name", [None, 3, b"name", ["name"]])
def test_what_is_no_text_is_no_name(base, name):
    with pytest.raises(ValueError, match="for a file name; expected a text"):
        new_file(base, name, SUFFIX, "my_whitener")
