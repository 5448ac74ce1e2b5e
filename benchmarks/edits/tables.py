"""The results as a table in the terminal, as JSON, as plots, and as the tables of docs/edits.md."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib
from matplotlib import pyplot

from ..papers.claims import table
from ..report import show_table
from .methods import Method
from .scenes import KINDS
from .scores import NAMES, mean
from .verdicts import clean

matplotlib.use("Agg")
HEADINGS = ("method", "edits", "calls", "inside", "outside", "success", "lost", "clean")
Summary = dict[str, dict]


def summarize(chosen: list[Method], state: dict[str, dict[str, list]]) -> Summary:
    """Return for each method its calls, the mean and standard error of each score, and means by kind."""
    out: Summary = {}
    for method in chosen:
        scores = state[method.name]
        found = {score: [round(v, 4) for v in mean(scores[score])] for score in NAMES}
        kinds = {
            kind: {
                score: round(mean(scores[score][k :: len(KINDS)])[0], 4) for score in ("inside", "success")
            }
            for k, kind in enumerate(KINDS)
        }
        facts = {
            "group": method.group,
            "curve": method.curve,
            "quick": method.quick,
            "edits": len(scores["calls"]),
        }
        found["clean"] = [round(v, 4) for v in mean(clean(scores))]
        out[method.name] = {**facts, "calls": mean(scores["calls"])[0], **found, "kinds": kinds}
    return out


def show(summary: Summary) -> None:
    """Print every method."""
    show_table("edits against rendered truth", HEADINGS, rows(summary))


def rows(summary: Summary, group: str = "") -> list[tuple[str, ...]]:
    """Return the rows of a table, of one group or of all."""
    return [
        (
            name,
            str(of["edits"]),
            f"{of['calls']:.0f}",
            *(f"{of[score][0]:.3f}" for score in (*NAMES, "clean")),
        )
        for name, of in summary.items()
        if of["group"] == group or not group
    ]


def tables(results: dict) -> dict[str, str]:
    """Return the tables of the page by name, in Markdown."""
    summary: Summary = results["methods"]
    groups = dict.fromkeys(of["group"] for of in summary.values())
    out = {group: table(HEADINGS, rows(summary, group)) for group in groups}
    of = results["facts"]["model"]
    out["facts"] = f"Weights after {of['steps']} steps, trained on {of['scenes']} scenes."
    for score in ("inside", "success"):
        out[f"{score} by kind"] = table(
            ("method", *KINDS),
            [
                (name, *(f"{of['kinds'][kind][score]:.2f}" for kind in KINDS))
                for name, of in summary.items()
                if of["quick"]
            ],
        )
    for name, found in results.items():
        if isinstance(found, list) and found:
            out[name] = table(found[0], (row.values() for row in found))
    return out


def filled(page: str, found: dict[str, str]) -> str:
    """Return the page with what is between `<!-- NAME -->` and `<!-- end -->` replaced by what was found."""

    def put(match: re.Match) -> str:
        name, old = match.groups()
        return f"<!-- {name} -->\n{found.get(name, old.strip())}\n<!-- end -->"

    return re.sub(r"<!-- (?!end)([\w ]+) -->\n(.*?)<!-- end -->", put, page, flags=re.DOTALL)


def plot(summary: Summary, path: Path) -> None:
    """Write success against preservation, and error inside against error outside, by family."""
    figure, axes = pyplot.subplots(1, 2, figsize=(13, 5.5))
    curves: dict[str, list[dict]] = {}
    for of in summary.values():
        if of["curve"]:
            curves.setdefault(of["curve"], []).append(of)
    for axis, vertical, best in zip(axes, ("success", "inside"), ("higher", "lower"), strict=True):
        for number, (name, points) in enumerate(curves.items()):
            x, y = ([of[score][0] for of in points] for score in ("outside", vertical))
            marker = "os^Dv"[number // 10]
            axis.plot(x, y, f"{marker}-", label=name, markersize=4, linewidth=1)
        axis.set_xlabel("error outside (lower keeps more)")
        axis.set_ylabel(f"{vertical} ({best} is better)")
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.legend(
        *axes[0].get_legend_handles_labels(), fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5)
    )
    figure.savefig(path, dpi=80, bbox_inches="tight")
    pyplot.close(figure)
