"""The table as a page of Markdown, and the page read back."""

from __future__ import annotations

import re

from ..declared import locale
from .places import BASE, CONDITIONS, FAMILIES, OTHERS, workflows_of
from .running import Cell, conditions, written
from .tries import TRIES

Results = dict[tuple[str, str, str, str], Cell]  # by family, row, condition and version of ComfyUI

MODELS = {  # the rows for artists: families by their names below
    "SD 1.x, SD 2.x, SDXL": ("SD 1.5", "SD 2.1", "SD 2.1-v", "SDXL"),
    "SD-Turbo, SDXL-Turbo": ("SD-Turbo, 2 steps", "SD-Turbo, 4 steps", "SDXL-Turbo, 4 steps"),
    "SD3, SD3.5": ("SD3, SD3.5",),
    "Flux.1, Chroma, Z-Image": ("Flux.1 dev", "Flux.1 schnell", "Z-Image-Turbo"),
    "Flux.2": ("Flux.2",),
    "Qwen-Image, Krea 2, Anima, Wan": ("Qwen-Image", "Wan 2.1, Wan 2.2 14B", "Wan 2.2 5B"),
}
WISHES = {
    "edit with words": ("Img2NoisePromptEdit",),
    "noise maps": tuple(node for node in TRIES if "NoiseMaps" in node),
    "inversion": (
        "Img2NoiseUnsample",
        "Img2NoiseInversionSampler",
        "Img2NoiseInvertedNoise",
        "Img2NoiseFirstStepInversion",
    ),
    "variations": (
        *("Img2NoiseNoiseFromImage", "Img2NoiseKSampler"),
        *("Img2NoiseCorrelatedNoise", "Img2NoiseAnnealedNoise"),
    ),
}
HEAD = """# What works with what

Made by `python -m tests.host.matrix`. Every node and every workflow, run on the CPU through ComfyUI's own
loaders with tiny checkpoints of each family: its architecture at its width, random weights. So this says what
runs, not how the pictures look; a Turbo model is its parent's architecture in the few steps of
`SDTurboScheduler`.

* **=** it ran twice, and all that it gives is equal in every bit.
* **= 2e-06** the same, and the way there and back leaves that error: the RMS of the difference over the
  picture's standard deviation. Whitening and dewhitening; noise into a latent and back; files; noise maps
  replayed, the first of three steps skipped (on Turbo models none), without few-step mode, which gives
  exactness up; inversion to full noise in three implicit steps of 4 iterations (on Turbo models in their own
  steps), and Euler back; the first step of first-step inversion.
* **no 3** it says sentence 3 below. **not run** that cell was left out.

An empty cell was not tried: prompts and masks are put to the nodes that sample or invert. The columns
named by a version of ComfyUI are a batch of one, 8 x 8 latent pixels, guidance 1, no mask; the others change
one thing each, on {newest}.
"""


def page(results: Results, whole: bool = True) -> str:
    """The page of every family, or of those tried; "not run" stands where a cell should be and is not."""
    versions = sorted({key[3] for key in results}, key=lambda v: [int(n) for n in v.split(".")])
    tried = [c for c in CONDITIONS if any(key[2] == c for key in results)]
    names = {key: node["display_name"] for key, node in locale("en").items()}
    sentences: dict[str, int] = {}
    parts = [HEAD.format(newest=versions[-1]), _for_artists(results)]
    for family in [f for f in [*FAMILIES, *OTHERS] if whole or any(key[0] == f.name for key in results)]:
        own = tried if family in FAMILIES else [BASE]
        nodes = {names[node]: (node, conditions(node)) for node in TRIES}
        tables = [("node", nodes, [*((BASE, v) for v in versions), *((c, versions[-1]) for c in own[1:])])]
        if flows := {f"`{path.stem}`": (path.stem, [BASE]) for path in workflows_of(family)}:
            tables.append(("workflow", flows, [(BASE, v) for v in versions]))
        parts.append(f"## {family.name}\n")
        parts += [_table(*table, family.name, results, sentences) for table in tables]
    parts.append("## Sentences\n")
    parts += [f"{number}. {text}" for text, number in sentences.items()] or ["None: everything works."]
    return "\n".join(parts) + "\n"


def _table(what, rows, columns, family, results, sentences) -> str:
    titles = [version if condition == BASE else condition for condition, version in columns]
    lines = [f"| {what} | {' | '.join(titles)} |", "|---" * (len(columns) + 1) + "|"]
    for name, (row, asked) in rows.items():
        cells = []
        for condition, version in columns:
            cell = results.get((family, row, condition, version))
            missing = "not run" if condition in asked else ""
            cells.append(_said(cell, sentences) if cell else missing)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _for_artists(results: Results) -> str:
    """The page in six rows: which wishes come true with which models."""
    lines = [f"| models | {' | '.join(WISHES)} |", "|---" * (len(WISHES) + 1) + "|"]
    for models, families in MODELS.items():
        said = []
        for nodes in WISHES.values():
            asked = [c for k, c in results.items() if k[0] in families and k[1] in nodes and k[2] == BASE]
            works = all(cell.equal and not cell.sentence for cell in asked)
            said.append(("yes" if works else "no") if asked else "not run")
        lines.append(f"| {models} | {' | '.join(said)} |")
    return "\n".join(lines) + "\n"


def _said(cell: Cell, sentences: dict[str, int]) -> str:
    if not cell.sentence:
        return written(cell)
    return f"no {sentences.setdefault(cell.sentence, len(sentences) + 1)}"


def read(text: str) -> dict[tuple[str, str, str], str]:
    """The cells of a page, by family, row and column, sentences in place of their numbers."""
    sentences = dict(re.findall(r"^(\d+)\. (.+)$", text, re.M))
    cells, family, head = {}, "", []
    for line in text.splitlines():
        if line.startswith("## "):
            family = line[3:]
        if not family or not line.startswith("| "):
            continue
        row, *values = [part.strip() for part in line.strip("|").split("|")]
        if row in ("node", "workflow"):
            head = values
            continue
        for column, value in zip(head, values, strict=True):
            number = value.removeprefix("no ")
            cells[family, row.strip("`"), column] = sentences[number] if number != value else value
    return cells


def kept(text: str) -> Results:
    """The cells of a page, to be written again beside new ones."""
    ids = {node["display_name"]: key for key, node in locale("en").items()}
    cells, found = read(text), {}
    newest = [column for *_, column in cells if column not in CONDITIONS][-1]
    for (family, row, column), said in cells.items():
        if said in ("", "not run"):
            continue
        condition, version = (column, newest) if column in CONDITIONS else (BASE, column)
        error = float(said[2:]) if said.startswith("= ") else None
        sentence = "" if said[0] == "=" or said == "differs" else said
        found[family, ids.get(row, row), condition, version] = Cell(said[0] == "=", error, sentence)
    return found
