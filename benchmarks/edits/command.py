"""`python -m benchmarks edits`: every method on the same held-out edits, scored against rendered truth.

Batches of edits go through all methods in turn, so a run that is stopped has all methods on fewer edits; what
it has is kept in the folder and goes on, as long as the model's weights are the same.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.progress import Progress

from world import classifier, model

from .methods import Method, methods
from .moves import recolors, shifts
from .network import Network
from .paths import half_way
from .published import published
from .scenes import KINDS, Batch, held_out
from .scores import score
from .seeds import side_by_side
from .tables import filled, plot, show, summarize, tables
from .verdicts import first_look, knees

BATCH = 20
State = dict[str, dict[str, list]]  # method -> score -> its value for each edit; "calls" too


def run(
    full: Annotated[bool, typer.Option("--full", help="Every setting; without, the main ones.")] = False,
    count: Annotated[int, typer.Option(help="Edits for the main settings, of nine kinds in turn.")] = 200,
    others: Annotated[int, typer.Option(help="Edits for the others: the first of them.")] = 100,
    bfloat16: Annotated[bool, typer.Option("--bfloat16", help="Run the network in bfloat16.")] = False,
    checkouts: Annotated[
        Path | None, typer.Option(help="A folder of checkouts of other projects, run too.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder of the results.")] = Path("out/edits"),
    page: Annotated[
        Path | None, typer.Option(help="Fill this page's tables, and put its files beside it.")
    ] = None,
) -> None:
    """Edits of the little world against their rendered truth: what each method changes and keeps."""
    if count % BATCH or others % BATCH:
        raise typer.BadParameter(f"got {count} and {others} edits; expected multiples of {BATCH}")
    if page and not full:
        raise typer.BadParameter("a page takes every setting; add --full")
    chosen = [method for method in methods() if full or method.quick]
    if checkouts is not None:
        chosen += published(checkouts)
    out.mkdir(parents=True, exist_ok=True)
    network = Network(model.load(), bfloat16)
    counts = {method.name: count if method.quick else min(count, others) for method in chosen}
    state = results(chosen, counts, network, out / "state.json")
    few = max(4, others // 5)
    found = {"facts": {**facts(), "edits without a prompt": few}, "methods": summarize(chosen, state)}
    found |= {"first look": first_look(state), "knees": knees(chosen, state)}
    write({**found, **(without_prompt(network, few) if full else {})}, out, page)


def write(results: dict, out: Path, page: Path | None) -> None:
    """Print the table; write edits.json and the plots, beside the page where one is given, and its tables."""
    show(results["methods"])
    folder = page.parent if page else out
    (folder / "edits.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    plot(results["methods"], folder / "edits.png")
    if page:
        page.write_text(filled(page.read_text("utf-8"), tables(results)), "utf-8")


def without_prompt(network: Network, count: int) -> dict[str, list[dict]]:
    """Return what is not an edit by prompt: maps shifted and recolored, paths, the same prompt, two seeds."""
    edits = held_out(len(KINDS) * count)
    batch = Batch(edits[:count], list(range(count)))
    colored = Batch([edit for edit in edits if edit.kind == "color"], list(range(count)))
    with torch.inference_mode():
        return {
            "shift": shifts(network, batch),
            "recolor": recolors(network, colored),
            "paths": half_way(network, count),
            "same prompt": side_by_side(network, batch),
        }


def facts() -> dict:
    """Return what the figures were made with."""
    return {"model": model.metadata(), "torch": torch.__version__}


def results(chosen: list[Method], counts: dict[str, int], network: Network, path: Path) -> State:
    """Return the scores of every method on its count of edits; those in the file at `path` are kept."""
    stored = json.loads(path.read_text("utf-8")) if path.exists() else {}
    key = weights(network.bfloat16)
    scores: State = stored["scores"] if stored.get("weights") == key else {}
    most = max(counts.values())
    edits = held_out(most)
    with Progress() as bar:
        task = bar.add_task("edits", total=sum(counts.values()))
        for start in range(0, most, BATCH):
            rows, batch = list(range(start, start + BATCH)), None
            for method in (m for m in chosen if start < counts[m.name]):
                if len(scores.get(method.name, {}).get("calls", ())) <= start:
                    batch = batch or Batch([edits[row] for row in rows], rows)
                    add(scores.setdefault(method.name, {}), method, network, batch)
                    path.write_text(json.dumps({"weights": key, "scores": scores}), "utf-8")
                bar.advance(task, BATCH)
            network.forget()
    return {
        name: {of: values[:count] for of, values in scores[name].items()} for name, count in counts.items()
    }


def add(scores: dict[str, list], method: Method, network: Network, batch: Batch) -> None:
    """Append the scores of one method on one batch."""
    network.rows = 0
    with torch.inference_mode():
        found = score(batch, method.run(network, batch))
    for name, values in {**found, "calls": [network.rows / len(batch.edits)] * len(batch.edits)}.items():
        scores.setdefault(name, []).extend(values)


def weights(bfloat16: bool) -> str:
    """Return what the scores depend on: the files of model and classifier, and the precision."""
    files = b"".join(path.read_bytes() for path in (model.MODEL, classifier.FILE))
    return f"{hashlib.sha256(files).hexdigest()[:16]}{' bfloat16' if bfloat16 else ''}"
