"""docs/reproducibility.md: tables of what stays bit-equal and of how far apart the rest is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .comparing import Difference

EQUAL, HERE, NONE = "bit-equal", "equal here", "-"

INTRODUCTION = """\
# What stays the same

The same seed, picture and settings: which numbers come out the same, to the last bit, and how far apart the
others are. This page is made by `python -m benchmarks reproducibility`, which measures each cell.

**bit-equal** is a promise, on one machine with one version of PyTorch, and a test holds each one. "equal
here" was equal when this page was made, and is not promised. Other cells give the largest difference and the
RMS of all differences over that of the values. "-" has no meaning there.

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
* Products of matrices with another number of threads: kronecker and dense whiteners, and networks.
* Whiteners fitted from the same photos in another order or in other batches: sums in float64 differ in their
  last bits, and with them the whitener by about as much.
* What a network makes of a batch of another size. For pictures that must repeat to the last bit, keep the
  size of the batch.
"""


def cell(found: Difference | None, promised: bool) -> str:
    """What a cell says."""
    if found is None:
        return NONE
    if found.equal:
        return f"**{EQUAL}**" if promised else HERE
    return f"{found.largest:.1g}, {found.relative:.1g}"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def promises(text: str) -> set[tuple[str, str]]:
    """(what, condition) of each bit-equal cell of a page."""
    found, headings = set(), []
    for line in text.splitlines():
        cells = [part.strip() for part in line.strip().strip("|").split(" | ")]
        if not line.startswith("|"):
            headings = []
        elif not headings:
            headings = cells
        else:
            found |= {
                (cells[0], heading)
                for heading, said in zip(headings, cells, strict=True)
                if said == f"**{EQUAL}**"
            }
    return found
