"""What a first look at 48 edits said, held against these; and the best setting of each curve.

Two methods are compared edit by edit: the mean of their differences, and its standard error. A statement is
confirmed where the mean lies two standard errors on its side, refuted on the other, and open between.
"""

from __future__ import annotations

from .methods import Method
from .scores import NAMES, mean

Scores = dict[str, dict[str, list]]
SDEDIT = "SDEdit, {}, denoise {}"
EDIT = "eta {}, skip {}, guidance {}"


def statements() -> list[tuple[str, str, str]]:
    """Return (statement, the method that it says is better, the other)."""
    white, found = "white noise", "correlated T 1"
    inversion, four = "DDIM, {}, forward 0%, guidance {}", "DDIM, target, forward 4%, guidance 1"
    text = "correlated noise beats white in SDEdit, denoise"
    out = [(f"{text} {d}", SDEDIT.format(found, d), SDEDIT.format(white, d)) for d in (0.5, 0.7, 0.85)]
    out += [
        ("more denoise costs white noise", SDEDIT.format(white, 0.5), SDEDIT.format(white, 0.85)),
        ("and costs correlated noise as well", SDEDIT.format(found, 0.5), SDEDIT.format(found, 0.85)),
        (
            "correlated noise alone is behind SDEdit with it",
            SDEDIT.format(found, 0.85),
            "correlated noise alone, T 0.3",
        ),
        (
            "guidance 1 is better than 3 after inversion",
            inversion.format("target", 1),
            inversion.format("target", 3),
        ),
        (
            "an exact inversion is better for edits",
            inversion.format("implicit", 1),
            inversion.format("target", 1),
        ),
        ("replacing the first step costs edits", inversion.format("target", 1), four),
        ("one walk beats inversion", EDIT.format(0, 12, 3), inversion.format("target", 1)),
    ]
    out += [(f"eta 0 beats eta 1, skip {s}", EDIT.format(0, s, 3), EDIT.format(1, s, 3)) for s in (0, 7, 12)]
    out += [
        ("eta 0 beats eta 1, guidance 6", EDIT.format(0, 12, 6), EDIT.format(1, 12, 6)),
        *((f"guidance 6 is too much, eta {e}", EDIT.format(e, 12, 3), EDIT.format(e, 12, 6)) for e in (1, 0)),
        *(
            (f"half of the steps skipped beats 7 of 25, eta {e}", EDIT.format(e, 12, 3), EDIT.format(e, 7, 3))
            for e in (1, 0)
        ),
    ]
    return out


def first_look(scores: Scores) -> list[dict[str, str]]:
    """Return a row for each statement whose two methods were run."""
    rows = []
    for text, one, other in statements():
        if one in scores and other in scores:
            rows.append(
                {
                    "statement": text,
                    **{name: verdict(scores[one][name], scores[other][name], name) for name in NAMES},
                }
            )
    return rows


def verdict(one: list[float], other: list[float], name: str) -> str:
    """Return the difference over the edits both have, one less the other, and whether it is on its side."""
    sign = 1 if name == "success" else -1
    difference, error = mean(a - b for a, b in zip(one, other, strict=False))
    side = sign * difference
    word = "confirmed" if side > 2 * error else "refuted" if side < -2 * error else "open"
    return f"{difference:+.3f} ({word})"


def clean(scores: dict[str, list]) -> list[float]:
    """Return 1 for each edit that reached what was asked and lost nothing."""
    return [
        float(success == 1 and lost == 0)
        for success, lost in zip(scores["success"], scores["lost"], strict=True)
    ]


def knees(chosen: list[Method], scores: Scores) -> list[dict]:
    """Return for each curve its setting with most clean edits, and all that are within one standard error."""
    curves: dict[str, list[str]] = {}
    for method in chosen:
        if method.curve:
            curves.setdefault(method.curve, []).append(method.name)
    rows = []
    for curve, names in curves.items():
        found = {name: mean(clean(scores[name])) for name in names}
        best = max(found, key=lambda name: found[name][0])
        near = [name for name in names if found[name][0] >= found[best][0] - found[best][1] and name != best]
        if len(names) > 1:
            rows.append(
                {"curve": curve, "best": best, "clean edits": found[best][0], "as good": "; ".join(near)}
            )
    return rows
