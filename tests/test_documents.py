"""The README and the pages in docs/: every template and node is on them, and what they point at is there."""

from __future__ import annotations

import json
import re

import pytest

from .archive import ROOT
from .pages import WORKFLOWS

NODES = json.loads((ROOT / "locales/en/nodeDefs.json").read_text("utf-8"))
README, ARTISTS = (ROOT / name for name in ("README.md", "docs/artists.md"))
DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_points_at_is_there(path):
    text = path.read_text("utf-8")
    found = re.findall(r"\]\(([^)#]+)[^)]*\)", text) + re.findall(r'src="([^"]+)"', text)
    lacking = [to for to in found if "://" not in to and not (path.parent / to).exists()]
    assert not lacking


@pytest.mark.parametrize("path", [README, ARTISTS], ids=lambda path: path.name)
def test_a_table_of_wishes_leads_to_every_template(path):
    rows = [line for line in path.read_text("utf-8").splitlines() if line.startswith("| ")]
    named = {name for line in rows for name in re.findall(r"`([a-z-]+)`", line)}
    assert {workflow.stem for workflow in WORKFLOWS} <= named


def test_the_page_for_artists_shows_every_template_and_says_what_every_node_is_for():
    text = ARTISTS.read_text("utf-8")
    shown = re.findall(r'src="\.\./([^"]+)"', text)
    assert {f"workflows/{path.stem}.jpg" for path in WORKFLOWS} <= set(shown)
    for node, words in NODES.items():
        [row] = [line for line in text.splitlines() if line.startswith(f"| **{words['display_name']}**<br>")]
        assert f"pictures/{node}.webp" in row


def test_the_pictures_in_docs_stay_small():
    pictures = [path for path in (ROOT / "docs").glob("*.jpg") if path.name != "contact-sheet.jpg"]
    assert pictures and all(path.stat().st_size < 150_000 for path in pictures)
