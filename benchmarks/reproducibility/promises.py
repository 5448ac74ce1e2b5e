"""What is promised to be bit-equal on one machine with one version of torch: the tests hold each of these,
and the page names each.
"""

from __future__ import annotations

from . import generators

AGAIN, BATCH, THREADS, HALF = (
    "run again",
    "batch of 1, 4, 8",
    "1 and 2 threads",
    "batch, half-precision network",
)
MATRICES = {"kronecker", "dense"}  # structures whose products of matrices share their sums among threads
CONDITIONS = (AGAIN, BATCH, THREADS, HALF)

PROMISES = {
    **dict.fromkeys(generators.GENERATORS, (AGAIN, BATCH, THREADS)),
    **dict.fromkeys(generators.NETWORKED, CONDITIONS),
    **dict.fromkeys(
        [name for name in generators.GENERATORS if MATRICES & set(name.split(", "))], (AGAIN, BATCH)
    ),
    "moments of photos": (AGAIN, THREADS),
    "whiteners fitted": (AGAIN,),
    "files stored, and loaded": (AGAIN, THREADS),
    "figures and files of the demo": (AGAIN, THREADS),
}


def applies(name: str, condition: str) -> bool:
    """Whether the condition means anything for what is made."""
    if condition == HALF:
        return name in generators.NETWORKED
    return condition != BATCH or name in generators.GENERATORS or name == "moments of photos"
