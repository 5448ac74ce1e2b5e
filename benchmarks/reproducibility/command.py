"""`python -m benchmarks reproducibility`: measures what stays the same and writes docs/reproducibility.md."""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from . import comparing, generators, in_comfyui, page
from .comparing import Difference
from .networks import convolutional
from .promises import CONDITIONS, PROMISES, THREADS, applies

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reproducibility.md"
HALVES = {"float16 network": torch.float16, "bfloat16 network": torch.bfloat16}
GPU = "GPU"


def run(
    size: Annotated[int, typer.Option(help="Side of the pictures, a multiple of 8.")] = generators.SIZE,
    out: Annotated[Path, typer.Option(help="Where the page goes.")] = PAGE,
) -> None:
    """Measure everything, and write the page; fails where a promise is broken."""
    torch.set_num_threads(1)
    with in_comfyui.running() as server:
        nodes = {name: _measured_in(server, name) for name in in_comfyui.PROMISES}
        host = page.HOST.format(version=server.comfy.version) + "\n" + _node_table(nodes)
    rows = {name: _measured(name, size) for name in PROMISES}
    _refuse_broken({**rows, **nodes}, {**PROMISES, **in_comfyui.PROMISES})
    parts = [
        page.INTRODUCTION,
        _machine(size),
        _table(rows),
        host,
        page.NETWORK,
        _networks(size),
        page.ADVICE,
    ]
    out.write_text("\n".join(parts), encoding="utf-8", newline="\n")
    Console().print(f"wrote {out}")


def _refuse_broken(found: dict[str, dict], promised: dict[str, dict[str, float]]) -> None:
    kept = {(name, c): found[name][c].keeps(promised[name][c]) for name in found for c in promised[name]}
    broken = [f"{name}, {c}" for (name, c), is_kept in kept.items() if not is_kept]
    if broken:
        raise SystemExit("broken promises: " + "; ".join(broken))


def _measured_in(server, name: str) -> dict[str, Difference]:
    Console().print(name)
    return {heading: measure(server, name) for heading, measure in in_comfyui.MEASURED.items()}


def _node_table(rows: dict[str, dict[str, Difference]]) -> str:
    return page.table(
        ["what", *in_comfyui.MEASURED],
        [
            [name, *(page.cell(found[h], in_comfyui.PROMISES[name].get(h)) for h in in_comfyui.MEASURED)]
            for name, found in rows.items()
        ],
    )


def _measured(name: str, size: int) -> dict[str, Difference | None]:
    """Return a difference for each heading, or None where it means nothing."""
    Console().print(name)
    found = {c: comparing.MEASURED[c](name, size) if applies(name, c) else None for c in CONDITIONS}
    networked = name in generators.NETWORKED
    for heading, precision in HALVES.items():
        found[heading] = comparing.beside_float32(name, precision, size) if networked else None
    rowed = torch.cuda.is_available() and name in generators.GENERATORS
    return found | {GPU: comparing.on_gpu(name, size) if rowed else None}


def _table(rows: dict[str, dict[str, Difference | None]]) -> str:
    headings = [*CONDITIONS, *HALVES, *([GPU] if torch.cuda.is_available() else [])]
    return page.table(
        ["what", *headings],
        [
            [name, *(page.cell(found[h], PROMISES[name].get(h)) for h in headings)]
            for name, found in rows.items()
        ],
    )


def _networks(size: int) -> str:
    """Measure how far apart results are whose network has matrix kernels."""
    whole, half = dict(denoise=convolutional()), {h: convolutional(p) for h, p in HALVES.items()}
    columns: dict[str, Callable[[str], Difference]] = {
        "batch of 1, 4, 8": lambda name: comparing.in_batches(name, size, **whole),
        THREADS: lambda name: comparing.on_threads(name, size, **whole),
        **{h: lambda name, d=d: comparing.apart(name, size, whole, dict(denoise=d)) for h, d in half.items()},
    }
    rows = []
    for name in generators.NETWORKED:
        Console().print(f"{name}, with a network")
        rows.append([name, *(page.cell(measure(name), None) for measure in columns.values())])
    return page.table(["what", *columns], rows)


def _machine(size: int) -> str:
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU at hand"
    return (
        f"Measured with 8 pictures of 4 x {size} x {size}, PyTorch {torch.__version__}, "
        f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}; {gpu}.\n"
    )
