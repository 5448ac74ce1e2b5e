"""Claims about edits by prompt, which an unconditional network cannot show, from the benchmark of edits.

Its figures are read from docs/edits.json: `python -m benchmarks edits --full --page docs/edits.md` writes it.
"""

from __future__ import annotations

import json
from pathlib import Path

from .claims import Section

STORED = Path(__file__).parents[2] / "docs" / "edits.json"
DDIM, FORWARD = "DDIM, target, forward 0%, guidance 3", "DDIM, target, forward 4%, guidance 3"
OURS = "eta 1, skip 12, guidance 3"
COLUMNS = ("reconstruction", "outside", "lost", "success", "diversity")


def section(results: dict | None = None) -> Section:
    """Decide the claims by the stored figures."""
    results = results or json.loads(STORED.read_text("utf-8"))
    methods, rows = results["methods"], {row["method"]: row for row in results["same prompt"]}
    paths = {row["noise"]: row for row in results["paths"] if row["mixture"] == "slerp"}
    few = results["facts"]["edits without a prompt"]
    section = Section("Edits by prompt, on the little world")
    section.say(
        f"{methods[OURS]['edits']} edits of held-out scenes by a model that follows prompts, scored against "
        "the edit's rendered truth; docs/edits.md has the whole table. Reconstruction and error outside are "
        "RMS of pixels in [0, 1], diversity that between two seeds inside; success and the share of other "
        f"attributes lost are read by a classifier. This table, on {few} of them, puts methods side by side "
        "as Table 2 of the paper does."
    )
    section.table(("method", *COLUMNS), ([name, *(row[c] for c in COLUMNS)] for name, row in rows.items()))
    prompted(section, methods)
    replaced(section, methods, paths)
    diverse = [rows[name]["diversity"] for name in ("edit-friendly, eta 1, skip 12", "DDIM inversion")]
    section.claim("diversity", f"{diverse[0]:.3f}; {diverse[1]:.3f}", diverse[0] > 0.01 > diverse[1])
    stochastic = rows["DDIM inversion, forward 4%"]["diversity"]
    section.claim("stochastic", f"{stochastic:.3f} between two seeds", stochastic > 0.01)
    return section


def prompted(section: Section, methods: dict) -> None:
    """Decide what is said of edit-friendly edits beside DDIM inversion, of skips, and of SDEdit."""
    ours, other = methods[OURS], methods[DDIM]
    both = [f"{name}: success {of['success'][0]:.2f}" for name, of in (("ours", ours), ("DDIM", other))]
    section.claim(
        "text edits",
        f"{both[0]}, outside {ours['outside'][0]:.3f}; {both[1]}, outside {other['outside'][0]:.3f}",
        not_less(ours, other) and ours["outside"][0] < other["outside"][0],
    )
    section.claim(
        "table 2",
        f"{both[0]}, lost {ours['lost'][0]:.3f}; {both[1]}, lost {other['lost'][0]:.3f}",
        not_less(ours, other) and ours["lost"][0] < other["lost"][0],
    )
    skipped = [methods[f"eta 1, skip {skip}, guidance 3"]["outside"][0] for skip in (0, 7, 12, 18)]
    figures = ", ".join(f"{error:.3f}" for error in skipped)
    section.claim(
        "skips", f"outside {figures} at skip 0, 7, 12, 18", skipped == sorted(skipped, reverse=True)
    )
    white, found = (methods[f"SDEdit, {name}, denoise 0.85"] for name in ("white noise", "correlated T 1"))
    section.claim(
        "sdedit edits",
        f"outside {found['outside'][0]:.3f}, white {white['outside'][0]:.3f}; inside "
        f"{found['inside'][0]:.2f}, {white['inside'][0]:.2f}",
        found["outside"][0] < white["outside"][0] and found["inside"][0] < white["inside"][0],
    )


def replaced(section: Section, methods: dict, paths: dict) -> None:
    """Decide what is said of edits and of paths after forward replacement."""
    plain, forward = methods[DDIM], methods[FORWARD]
    section.claim(
        "forward edits",
        f"inside {plain['inside'][0]:.3f} to {forward['inside'][0]:.3f}, success "
        f"{plain['success'][0]:.2f} to {forward['success'][0]:.2f}",
        forward["inside"][0] < plain["inside"][0] and not_less(forward, plain),
    )
    sharp = [paths[f"DDIM, forward {share}"] for share in ("0%", "4%")]
    section.claim(
        "forward paths",
        f"sharpness {sharp[0]['sharpness']:.2f} to {sharp[1]['sharpness']:.2f}, all attributes right "
        f"{sharp[0]['all right']:.2f} to {sharp[1]['all right']:.2f}",
        sharp[1]["sharpness"] > sharp[0]["sharpness"] and sharp[1]["all right"] >= sharp[0]["all right"],
    )


def not_less(one: dict, other: dict) -> bool:
    """Return whether one succeeds as often as the other, up to two standard errors of their difference."""
    (a, of_a), (b, of_b) = one["success"], other["success"]
    return a >= b - 2 * (of_a**2 + of_b**2) ** 0.5
