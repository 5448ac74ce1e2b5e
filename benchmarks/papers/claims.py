"""A claim of a paper beside what was measured, and the tables of a report."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

PAPERS = {
    "000": "First-step de-whitening",
    "002": "There and Back Again",
    "003": "Edit-friendly DDPM inversion",
}
PRINTED = json.loads(Path(__file__).with_name("claims.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Claim:
    """What a paper says and where, its figure, ours on the network, the twin's or the closed form, and
    whether it holds on our network; None where it cannot be decided.
    """

    paper: str
    where: str
    text: str
    printed: str
    ours: str
    twin: str
    holds: bool | None

    @property
    def verdict(self) -> str:
        """In a word."""
        return {True: "holds", False: "**does not hold**", None: "open"}[self.holds]


@dataclass
class Section:
    """A part of the report: paragraphs and tables in Markdown, the claims they bear on, and pictures by
    name.
    """

    title: str
    text: list[str] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    pictures: dict[str, np.ndarray] = field(default_factory=dict)

    def claim(self, name: str, ours: str, holds: bool | None, twin: str = "") -> None:
        """Decide one of claims.json, [paper, where, claim, its figure] by name."""
        self.claims.append(Claim(*PRINTED[name], ours, twin, holds))

    def say(self, *paragraphs: str) -> None:
        """Add paragraphs."""
        self.text += paragraphs

    def show(self, name: str, caption: str, picture: np.ndarray) -> None:
        """Add a picture, to be written as `name`.png."""
        self.pictures[name] = picture
        self.text.append(f"![{caption}]({name}.png)\n\n*{caption}*")

    def table(self, headings: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
        """Add a table; numbers are written with three digits after the point or three significant ones."""
        self.text.append(table(headings, rows))


def table(headings: Iterable[str], rows: Iterable[Iterable[object]], numbers: bool = True) -> str:
    """A Markdown table; `numbers` to the right, behind the first column."""
    headings = list(headings)
    lines = [
        headings,
        ["---"] + ["---:" if numbers else "---"] * (len(headings) - 1),
        *([written(v) for v in row] for row in rows),
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def written(value: object) -> str:
    """A figure as it stands in a table."""
    if not isinstance(value, float):
        return str(value)
    if value != value:
        return ""
    return f"{value:.3f}" if 0.0995 <= abs(value) < 100 or value == 0 else f"{value:.3g}"


def claims_table(claims: Iterable[Claim]) -> str:
    """Every claim in a row."""
    rows = [(f"{PAPERS[c.paper]}, {c.where}", c.text, c.printed, c.ours, c.twin, c.verdict) for c in claims]
    headings = (
        "source",
        "claim",
        "paper's figure",
        "our network",
        "Gaussian twin or closed form",
        "on our network",
    )
    return table(headings, rows, numbers=False)
