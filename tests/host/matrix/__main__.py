"""`python -m tests.host.matrix`: run every cell on every ComfyUI found, and write docs/support-matrix.md.

Takes more than an hour on two cores. `--only NAME` runs one family and keeps the rest of the page;
`--missing` runs what the page says was not run, which a new node or an interrupted run leaves; `--quick` runs
SD 1.5 alone, at the base condition on the newest ComfyUI, and prints the page instead.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .. import hosts
from ..server import PACK
from .places import BASE, CONDITIONS, FAMILIES, OTHERS, Family, workflows_of
from .running import conditions, node_cell, workflow_cell
from .servers import running, write_models
from .table import Results, kept, page
from .tries import TRIES

PLACE = PACK / "docs/support-matrix.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.host.matrix", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a part, printed")
    parser.add_argument("--only", action="append", metavar="NAME", help="a family by its heading on the page")
    parser.add_argument("--missing", action="store_true", help="what the page lacks")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="servers at a time")
    parser.add_argument("--out", type=Path, default=PLACE, help="the page to write")
    how = parser.parse_args()
    found = hosts.found()[:1] if how.quick else hosts.found()
    if not found:
        parser.error(f"no ComfyUI found; {hosts.HOW}")
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(how.jobs) as pool:
        asked = jobs(found, how.quick, how.only)
        models = write_models(
            Path(folder, "models"), {family.kind for _, some, _ in asked for family in some}
        )
        before = kept(how.out.read_text("utf-8")) if how.only or how.missing else {}
        have = before if how.missing else {}
        parts = list(pool.map(lambda job: cells(models, *job, have), asked))
    text = page(before | {key: cell for part in parts for key, cell in part.items()}, not how.quick)
    if how.quick:
        print(text)
    else:
        how.out.write_text(text, encoding="utf-8", newline="\n")


def jobs(found: list[hosts.Comfy], quick: bool, only: list[str] | None) -> list[tuple]:
    """(ComfyUI, families, conditions) of each server to start: the base condition on every version, the
    others on the newest.
    """
    if quick:
        return [(found[0], FAMILIES[:1], [BASE])]
    chosen = [family for family in [*FAMILIES, *OTHERS] if not only or family.name in only]
    long = [(comfy, chosen, [BASE]) for comfy in found]
    return long + [(found[0], [family], CONDITIONS[1:]) for family in chosen if family in FAMILIES]


def cells(
    models: Path, comfy: hosts.Comfy, families: list[Family], asked: list[str], have: Results
) -> Results:
    """The cells of one server that nobody has."""
    results, known, started = {}, {}, time.monotonic()
    with running(comfy, models) as server:
        for family in families:
            for node, stages in TRIES.items():
                for condition in (c for c in conditions(node) if c in asked):
                    if (family.name, node, condition, comfy.version) in have:
                        continue
                    place = tuple(stages), family, condition  # some nodes are tried together
                    if place not in known:
                        known[place] = node_cell(server, node, family, condition)
                    results[family.name, node, condition, comfy.version] = known[place]
            for path in workflows_of(family) if BASE in asked else ():
                if (family.name, path.stem, BASE, comfy.version) in have:
                    continue
                results[family.name, path.stem, BASE, comfy.version] = workflow_cell(server, path, family)
            took = (time.monotonic() - started) / 60
            print(f"ComfyUI {comfy.version}, {family.name}: {took:.1f} minutes", flush=True)
    return results


if __name__ == "__main__":
    main()
