"""The front page and the pages in docs/: what they point at is there, and no page repeats another."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

from PIL import Image
from typer.main import get_command

from img2noise.cli.app import app
from templates.wishes import WISHES

from .archive import ROOT
from .each import each

NODES = json.loads((ROOT / "locales/en/nodeDefs.json").read_text("utf-8"))
README, ARTISTS, COMMANDS = (ROOT / name for name in ("README.md", "docs/artists.md", "docs/command-line.md"))
DOCUMENTS = [
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "zca_matrices/README.md",
    *sorted(ROOT.glob("docs/**/*.md")),
]
OPTIONS = {name: {o for p in c.params for o in p.opts} for name, c in get_command(app).commands.items()}
PAGES = each("path", DOCUMENTS)


def anchors(path):
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@PAGES
def test_every_file_and_heading_that_a_document_points_at_is_there(path):
    text = path.read_text("utf-8")
    found = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    lacking = []
    for to in [to for to in found if "://" not in to]:
        file, _, anchor = to.partition("#")
        target = path.parent / unquote(file) if file else path
        if not target.exists() or anchor and anchor not in anchors(target):
            lacking.append(to)
    assert not lacking


@PAGES
def test_commands_in_a_document_are_there(path):
    code = "\n".join(re.findall(r"```.*?```|`[^`]+`", path.read_text("utf-8"), re.S))
    for name, options in re.findall(r"-m img2noise ([a-z]+)([^`\n]*)", code):
        assert set(re.findall(r"--[a-z-]+", options)) <= OPTIONS[name], f"{name}{options}"
    for target in re.findall(r"^make ([\w-]+)|`make ([\w-]+)`", code, re.M):
        assert re.search(rf"^{''.join(target)}:", (ROOT / "Makefile").read_text("utf-8"), re.M), target
    for module in re.findall(r"python -m ((?:tests|benchmarks)[\w.]*)", code):
        place = ROOT / module.replace(".", "/")
        assert (place / "__main__.py").is_file() or place.with_suffix(".py").is_file(), module


@PAGES
def test_places_in_the_project_that_a_document_names_are_there(path):
    named = re.findall(
        r"`((?:img2noise|nodes|tests|web|docs|workflows|locales|benchmarks)/[^` ]*)`", path.read_text("utf-8")
    )
    assert not [place for place in named if not (ROOT / place).exists()]


def test_the_front_page_is_short():
    lines = README.read_text("utf-8").splitlines()
    assert len(lines) <= 120 and max(map(len, lines)) <= 120


def test_the_page_for_artists_shows_every_wish_and_says_what_every_node_is_for():
    text = ARTISTS.read_text("utf-8")
    for wish in WISHES:
        width, _ = Image.open(ROOT / f"docs/wishes/{wish[:2]}.webp").size
        assert f"*{wish}*" in text and f'src="wishes/{wish[:2]}.webp"' in text and width >= 600
    for node, words in NODES.items():
        [row] = [line for line in text.splitlines() if line.startswith(f"| **{words['display_name']}**<br>")]
        assert f"pictures/{node}.webp" in row
