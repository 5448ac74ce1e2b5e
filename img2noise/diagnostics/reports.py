"""Inspections and comparisons as text for people, and as figures for machines.

Sets are (N, C, H, W) in one order and one space. Figures are those of `least_squares` and `populations`.
"""

from __future__ import annotations

import math

from torch import Tensor

from ..files.noise_files import Noises, map_figures
from .inspection import Inspection
from .least_squares import Comparison
from .populations import (
    TopCorrelation,
    assignment,
    most_probable_triangle,
    top_correlation,
    triangle_angles,
)
from .verdict import verdict

LEGEND = "in brackets: white noise; r: correlation of neighboring pixels"
ENOUGH = 8  # samples: with fewer, correlations over the samples mean nothing


def inspection_figures(found: Inspection, noises: Noises) -> dict:
    """Return verdict and figures as plain numbers, lists and words."""
    rows = [dict(name=name, **figures) for name, figures in zip(noises.names, found.figures(), strict=True)]
    whole = dict(verdict=verdict(found, noises.names), noises=rows)
    if noises.maps is not None:
        return whole | dict(maps=map_figures(noises.maps))
    top = _population(noises)
    return whole | ({} if top is None else dict(top_correlation=top._asdict()))


def inspection_rows(found: Inspection) -> list[dict[str, str]]:
    """Return the figures of each noise as text, under headings with white noise's value in brackets."""
    return [_cells(row) for row in found.figures()]


def inspection_report(found: Inspection, noises: Noises) -> str:
    """Return the verdict, then the figures of each noise beside those of white noise."""
    lines = [*verdict(found, noises.names), ""]
    for name, cells in zip(noises.names, inspection_rows(found), strict=True):
        lines.append(f"{name}: " + ", ".join(f"{heading} {cell}" for heading, cell in cells.items()))
    return "\n".join([*lines, *batch_report(noises), LEGEND])


def batch_report(noises: Noises) -> list[str]:
    """Return the figures that a batch or a set of noise maps has as a whole, a line each."""
    if noises.maps is not None:
        following = ", ".join(f"{r:+.2f}" for r in map_figures(noises.maps)["correlation_with_next"])
        return [f"correlation of each map with the next (0 for native noise, about -0.5 here): {following}"]
    top = _population(noises)
    return [] if top is None else [f"{_top_line(top)} over {top.count} noises"]


def set_figures(pictures: Tensor, found: Tensor, noises: Tensor | None = None) -> dict:
    """Return the strongest correlations and assignments of a set as plain numbers, with `noises` also the
    most probable angles.

    Assignment is in 8 chunks, as published, of a set of 16 or more, and in one of fewer.
    """
    sets = dict(pictures=pictures, found=found) | ({} if noises is None else dict(noises=noises))
    figures = dict(assignment=assignment(pictures, found, 8 if len(pictures) >= 16 else 1)._asdict())
    if len(pictures) >= 4:
        figures["top_correlation"] = {name: top_correlation(s)._asdict() for name, s in sets.items()}
    if noises is not None:
        corners = most_probable_triangle(triangle_angles(pictures, noises, found))
        figures["triangle"] = dict(zip(("picture", "noise", "found"), corners, strict=True))
    return figures


def comparison_figures(found: list[Comparison]) -> list[dict]:
    """Return each comparison as plain numbers, NaN as None."""
    return [
        dict(
            name=c.name,
            mse=c.fit.mse,
            r2=c.fit.r2,
            r2_scaled=c.scaled_fit.r2,
            scale=c.scale,
            distance={k: _none(v) for k, v in c.distance._asdict().items()},
            distance_scaled={k: _none(v) for k, v in c.scaled_distance._asdict().items()},
        )
        for c in found
    ]


def comparison_report(compared: list[Comparison], figures: dict) -> str:
    """Return which whitening is nearest, a table, and a line for each figure of `set_figures`."""
    whitenings = [c for c in compared if not c.name.startswith("diff")]
    best = max(whitenings, key=lambda c: c.scaled_fit.r2)
    titles = ("R2", "MSE", "R2 scaled", "2-norm", "Frob.", "2 scaled", "F scaled")
    rows = [
        f"{c.name:20}{c.fit.r2:10.3f}{c.fit.mse:10.4g}{c.scaled_fit.r2:10.3f}"
        + "".join(f"{'-':>10}" if math.isnan(v) else f"{v:10.4g}" for v in (*c.distance, *c.scaled_distance))
        for c in compared
    ]
    nearest = (
        f"of the whitenings, {best.name} is nearest to the inversion: it explains "
        f"{100 * best.scaled_fit.r2:.1f} % of the noise of held-out pictures, the best linear map "
        f"{100 * compared[0].scaled_fit.r2:.1f} %"
    )
    head = f"{'':20}" + "".join(f"{title:>10}" for title in titles)
    return "\n".join([nearest, "", head, *rows, "", *_set_lines(figures)])


def _set_lines(figures: dict) -> list[str]:
    tops = figures.get("top_correlation", {}).items()
    lines = [f"{_top_line(TopCorrelation(**top))}: {name}" for name, top in tops]
    of = figures["assignment"]
    lines.append(
        f"the nearest noise is the right one for {of['forth']:.1%} of pictures, the nearest picture for "
        f"{of['back']:.1%} of noises (by chance {of['chance']:.1%})"
    )
    if "triangle" in figures:
        corners = ", ".join(f"{angle} at the {name}" for name, angle in figures["triangle"].items())
        lines.append(f"most probable angles in degrees: {corners}")
    return lines


def _cells(row: dict) -> dict[str, str]:
    across, down = (row["autocorrelation"][way][0] for way in ("across", "down"))
    cells = {
        "mean (0)": f"{row['mean']:+.3f}",
        "std (1)": f"{row['std']:.3f}",
        "skew (0)": f"{row['skew']:+.2f}",
        "kurtosis (3)": f"{row['kurtosis']:.2f}",
        "r across (0)": f"{across:+.3f}",
        "r down (0)": f"{down:+.3f}",
        "KL (0)": f"{row['kl']:.4f}",
        "P normal": f"{row['normality']:.3g}",
        "std per channel (1)": " ".join(f"{std:.3f}" for std in row["channels"]["std"]),
    }
    if "areas" in row:
        smooth, other, *counts = row["areas"].values()
        share = f" ({counts[0] / sum(counts):.0%})"
        cells["std in smooth areas"] = "-" if smooth is None else f"{smooth:.3f}{share}"
        cells["std elsewhere"] = "-" if other is None else f"{other:.3f}"
    if "photo" in row:
        cells["correlation with photo (0)"] = f"{row['photo']['correlation']:+.4f}"
        cells["angle in degrees (90)"] = f"{row['photo']['angle']:.1f}"
    return cells


def _top_line(top: TopCorrelation) -> str:
    return f"top-20 correlation in patches {top.mean:.4f} +- {top.std:.4f} (white noise: {top.null:.4f})"


def _population(noises: Noises) -> TopCorrelation | None:
    return top_correlation(noises.z) if len(noises.z) >= ENOUGH and noises.maps is None else None


def _none(value: float) -> float | None:
    return None if math.isnan(value) else value
