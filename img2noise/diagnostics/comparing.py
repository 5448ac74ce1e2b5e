"""A set of pictures and the noise found for each, compared: whitenings, strongest correlations, assignment,
and angles where the noise that the pictures were made from is known.

Sets are (N, C, H, W) in one order and one space. The figures are those of `least_squares` and `populations`.
"""

from __future__ import annotations

from torch import Tensor

from .least_squares import Comparison
from .populations import assignment, most_probable_triangle, top_correlation, triangle_angles
from .reports import comparison_report


def set_figures(pictures: Tensor, found: Tensor, noises: Tensor | None = None) -> dict:
    """Strongest correlations and assignments as plain numbers, and the most probable angles with `noises`.

    Assignment is in 8 chunks, as published, of a set of 16 or more, and in one of fewer.
    """
    sets = dict(pictures=pictures, found=found) | ({} if noises is None else dict(noises=noises))
    chunks = 8 if len(pictures) >= 16 else 1
    figures = dict(assignment=assignment(pictures, found, chunks)._asdict())
    if len(pictures) >= 4:
        figures["top_correlation"] = {name: top_correlation(s)._asdict() for name, s in sets.items()}
    if noises is not None:
        corners = most_probable_triangle(triangle_angles(pictures, noises, found))
        figures["triangle"] = dict(zip(("picture", "noise", "found"), corners, strict=True))
    return figures


def comparing_report(compared: list[Comparison], figures: dict) -> str:
    """The comparison of whitenings, then a line for each figure of the set."""
    lines = [comparison_report(compared), ""]
    for name, top in figures.get("top_correlation", {}).items():
        lines.append(
            f"top-20 correlation in patches, {name}: {top['mean']:.4f} +- {top['std']:.4f} (white noise of "
            f"{top['count']}: {top['null']:.4f})"
        )
    of = figures["assignment"]
    lines.append(
        f"the nearest noise is the right one for {of['forth']:.1%} of pictures, the nearest picture for "
        f"{of['back']:.1%} of noises (by chance {of['chance']:.1%})"
    )
    if "triangle" in figures:
        corners = ", ".join(f"{angle} at the {name}" for name, angle in figures["triangle"].items())
        lines.append(f"most probable angles in degrees: {corners}")
    return "\n".join(lines)
