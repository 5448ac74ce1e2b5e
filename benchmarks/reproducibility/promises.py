"""What is promised on one machine with one version of torch: 0 where every bit is, else the RMS of the
differences over that of the values. The tests hold each of these, and the page names each.
"""

from __future__ import annotations

from . import generators
from .generators import EXACT, FITTED, LOSSES, MOMENTS, NETWORKED, SEARCH

AGAIN, PROCESS, BATCH, THREADS, ROUNDING, HALF = (
    "run again",
    "another process",
    "batch of 1, 4, 8",
    "1 and 2 threads",
    "other kernels, pretended",
    "batch, half-precision network",
)
CONDITIONS = (AGAIN, PROCESS, BATCH, THREADS, ROUNDING, HALF)
ELSEWHERE = (PROCESS, THREADS, ROUNDING)  # products and sums may be split in another way
BIT_EQUAL = 0.0
WITHIN = {  # what products, sums and transforms are part of
    **{f"correlated noise, {s}": 1e-5 for s in generators.STRUCTURES},
    **{f"whitening and back, {s}, every method": 1e-5 for s in generators.STRUCTURES},
    LOSSES: 0.05,  # a decision within rounding may go either way, and the walk with it
    "Gaussian denoiser and flow": 1e-5,
    "edit-friendly edit, few steps": 1e-5,
    "DDIM inversion, implicit": 1e-4,
    "first step, stopped at unit deviation": 1e-5,
    "first step, Anderson": 1e-2,  # which amplifies every difference
    "maps with the last one bounded": 1e-5,
    MOMENTS: 1e-12,  # float64
    FITTED: 1e-5,
}
ALONE = {  # rows that no kernel sees together: transforms of one picture at a time, searches
    "correlated noise, stationary",
    "whitening and back, stationary, every method",
    "Gaussian denoiser and flow",
    SEARCH,
    LOSSES,
}


def _promised(name: str) -> dict[str, float]:
    if name in EXACT:
        return dict.fromkeys((c for c in CONDITIONS if applies(name, c)), BIT_EQUAL)
    found = {AGAIN: BIT_EQUAL}
    if applies(name, BATCH):
        found[BATCH] = BIT_EQUAL if name in ALONE else WITHIN[name]
    return found | (dict.fromkeys(ELSEWHERE, WITHIN[name]) if name in WITHIN else {})


def applies(name: str, condition: str) -> bool:
    """Return whether the condition means anything for what is made."""
    if condition == HALF:
        return name in NETWORKED
    return condition != BATCH or name in generators.GENERATORS or name == MOMENTS


PROMISES = {name: _promised(name) for name in (*generators.GENERATORS, *generators.WHOLES)}
