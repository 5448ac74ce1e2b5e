"""docs/reproducibility.md: tables of what stays bit-equal and of how far apart the rest is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .comparing import Difference

EQUAL, HERE, NONE = "bit-equal", "equal here", "-"
PROMISE = re.compile(r"\*\*(?:bit-equal|within ([0-9.e-]+))\*\*")

INTRODUCTION = """\
# What stays the same

The same seed, picture and settings: which numbers come out the same, to the last bit, and how far apart the
others are. This page is made by `python -m benchmarks reproducibility`, which measures each cell.

Bold is a promise, on one machine with one version of PyTorch, and a test holds each one. **bit-equal**: every
bit. **within 1e-05**: the RMS of all differences over that of the values; what was measured stands behind it.
"equal here" was equal when this page was made. Cells that are not bold promise nothing and give the largest
difference and the relative RMS. "-" has no meaning there.

Bits are promised where there is no product, sum or transform that a library may split: for draws, for walks
that only compute value by value, for the same call in one process. A BLAS chooses how to split a product by
the processor's instructions, the number of threads, the size of the batch and the place in memory, and each
way rounds in its own. What such an operator is part of holds to a tolerance: 1e-5 in float32, where one unit
of rounding is 1.2e-7, 1e-12 in float64, more where a walk amplifies what it is given (Anderson acceleration).
One shot of stationary noise and each search transform or multiply one picture at a time, so they keep their
bits in every batch, but not with another number of threads.

A search by annealing compares losses with random numbers. Where the two are nearer than rounding, one machine
may accept what another rejects, and from there on the noises differ; both follow the same proposals, and
their losses stay together. So no sequence of accepted proposals is promised: losses are, within 5 %. A test
changes the rounding, and finds that searches part only at such a decision.

"other kernels, pretended" stands for another processor: each product, sum, transform and eigendecomposition
is moved by a random share of its unit of rounding. What is bit-equal there contains none of them.
`python -m tests.processors` runs the same tests under real kernels: with the instructions of older
processors, and with 1, 2 and 4 threads.

Row i of a batch is picture i with batch index i: alone, in a batch of 4, in one of 8 or picked out of it, as
ComfyUI's *Latent From Batch* does.
"""

HOST = """\
## In ComfyUI

The same for nodes in ComfyUI {version}, on a tiny SD checkpoint: with a network that treats each picture by
itself, and with a small UNet, whose matrix kernels do not.
"""

NETWORK = """\
## What a network adds

The table above is of networks that treat each picture by itself. A real one is made of convolutions, norms
and attention, whose kernels may choose the order in which they add by the size of the batch and the number of
threads. Here is a small network of that kind. A step carries such a difference on like any other: hardly
farther where the way is short, farther where it is long. The accelerated first step amplifies it most, as it
does every error of a network: what it makes with a half-precision network is another noise.
"""

ADVICE = """\
## What is not promised

* Another processor, another version of PyTorch or a GPU: kernels differ, and with them the last bits. Seeds
  are drawn on the CPU whatever the device, so white noise is the same on a GPU as beside it.
* *Inversion Sampler*'s plain noise for a picture that was picked out of a batch: ComfyUI does not tell
  samplers its batch index, so it is drawn for the place that the picture has now.
* Walks that sum (implicit inversion, first steps that stop or are accelerated) with a half-precision network
  in batches of another size: a last bit decides how half precision rounds, and the network answers otherwise.
* What a network makes of a batch of another size. For pictures that must repeat to the last bit, keep the
  size of the batch.
"""


def cell(found: Difference | None, promised: float | None) -> str:
    """Return what a cell says; `promised` is a tolerance, 0 for every bit, or None."""
    if found is None:
        return NONE
    measured = HERE if found.equal else f"{found.largest:.1g}, {found.relative:.1g}"
    if promised is None:
        return measured
    if promised == 0:
        return f"**{EQUAL}**" if found.equal else f"not {EQUAL}: {measured}"
    return f"**within {promised:.1g}** ({HERE if found.equal else f'{found.relative:.1g}'})"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def promises(text: str) -> dict[tuple[str, str], float]:
    """Return the tolerance of each bold cell of a page by (what, condition), 0 for bit-equal."""
    found, headings = {}, []
    for line in text.splitlines():
        cells = [part.strip() for part in line.strip().strip("|").split(" | ")]
        if not line.startswith("|"):
            headings = []
        elif not headings:
            headings = cells
        else:
            for heading, said in zip(headings, cells, strict=True):
                if match := PROMISE.match(said):
                    found[cells[0], heading] = float(match[1] or 0)
    return found
