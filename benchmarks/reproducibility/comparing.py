"""The same thing made twice under two conditions, and how far apart the two are."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from .generators import COUNT, GENERATORS, SIZE, WHOLES, Asked
from .networks import pointwise
from .promises import AGAIN, BATCH, HALF, PROCESS, ROUNDING, THREADS
from .rounding import OtherRounding

Parts = dict[str, Tensor]
BATCHES, PICKED = (1, 4), (5, 2, 7)  # sizes, and rows out of their order
PRECISIONS = (torch.float16, torch.bfloat16)
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Difference:
    """Whether every bit agrees, the largest difference, and the RMS of differences over that of values; the
    last two over the worst part.
    """

    equal: bool
    largest: float = 0.0
    relative: float = 0.0

    def __or__(self, other: Difference) -> Difference:
        """Return the worse of each."""
        both = zip((self.largest, self.relative), (other.largest, other.relative), strict=True)
        return Difference(self.equal and other.equal, *map(max, both))

    def keeps(self, tolerance: float) -> bool:
        """Return whether a promise is kept: of every bit if the tolerance is 0."""
        return self.equal if tolerance == 0 else self.relative <= tolerance


def difference(a: Parts, b: Parts) -> Difference:
    """Between two makings of the same parts, on the CPU in float64."""
    assert a.keys() == b.keys()
    found = Difference(True)
    for name in a:
        x, y = a[name].cpu(), b[name].cpu()
        if x.shape != y.shape:
            found |= Difference(False, float("inf"), float("inf"))
        elif not torch.equal(x, y):
            off = (x.double() - y.double()).abs().nan_to_num(nan=float("inf"), posinf=float("inf"))
            scale = max(float(x.double().square().mean().sqrt()), 1e-300)
            found |= Difference(False, float(off.max()), float(off.square().mean().sqrt()) / scale)
    return found


def make(name: str, **asked) -> Parts:
    """What a generator makes."""
    return {**GENERATORS, **WHOLES}[name](Asked(**asked))


@lru_cache(maxsize=1)
def reference(name: str, size: int) -> Parts:
    """Return all pictures together, made in this process: what others are compared with."""
    return make(name, size=size)


def again(name: str, size: int = SIZE) -> Difference:
    """Compare with a second time here."""
    return difference(reference(name, size), make(name, size=size))


def in_another_process(name: str, size: int = SIZE) -> Difference:
    """Compare with a process of its own, of as many threads."""
    return difference(reference(name, size), elsewhere(size)[name])


@lru_cache(maxsize=1)
def elsewhere(size: int) -> dict[str, Parts]:
    """Return everything, made in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "made.pt")
        arguments = (str(path), str(size), str(torch.get_num_threads()))
        command = [sys.executable, "-m", "benchmarks.reproducibility.comparing", *arguments]
        subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
        return torch.load(path)


def rounded(name: str, size: int = SIZE) -> Difference:
    """Compare with products, sums and transforms that are rounded in another way."""
    whole = reference(name, size)
    with OtherRounding():
        return difference(whole, make(name, size=size))


def in_batches(name: str, size: int = SIZE, **asked) -> Difference:
    """Compare rows of smaller batches, and rows picked out by index, with the same rows of the whole."""
    if name in WHOLES:
        whole = reference(name, size)
        return _worst(difference(whole, make(name, size=size, batch=count)) for count in BATCHES)
    whole = make(name, size=size, **asked) if asked else reference(name, size)
    taken = [tuple(range(count)) for count in BATCHES] + [(COUNT - 1,), PICKED]
    return _worst(
        difference({k: t[list(rows)] for k, t in whole.items()}, make(name, size=size, rows=rows, **asked))
        for rows in taken
    )


def on_threads(name: str, size: int = SIZE, **asked) -> Difference:
    """Compare two threads with one, for two pictures together and for one alone.

    torch splits from 32,768 values on, so a picture of 4 x 96 x 96 is enough, and two of them and a few steps
    keep calls few: threads that wait for a busy core make each call slow.
    """
    few = {} if name in WHOLES else dict(rows=(0, 1))
    with threads(1):
        whole = make(name, size=size, **few, **asked)
        alone = make(name, size=size, rows=(0,), **asked) if few else whole
    with threads(2):
        found = difference(whole, make(name, size=size, **few, **asked))
        return found | difference(alone, make(name, size=size, rows=(0,), **asked)) if few else found


def in_half_precision(name: str, size: int = SIZE) -> Difference:
    """Compare rows in batches where the network works in float16, and in bfloat16."""
    return _worst(in_batches(name, size, denoise=pointwise(precision)) for precision in PRECISIONS)


def beside_float32(name: str, precision: torch.dtype, size: int = SIZE) -> Difference:
    """Compare a half-precision network with the float32 one."""
    return apart(name, size, {}, dict(denoise=pointwise(precision)))


def apart(name: str, size: int, one: dict, other: dict) -> Difference:
    """Compare one network with another."""
    return difference(make(name, size=size, **one), make(name, size=size, **other))


def on_gpu(name: str, size: int = SIZE) -> Difference:
    """Compare the GPU with the CPU."""
    return difference(reference(name, size), make(name, size=size, device="cuda"))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch have that many inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _worst(found: Iterator[Difference]) -> Difference:
    total = Difference(True)
    for one in found:
        total |= one
    return total


MEASURED: dict[str, Callable[[str, int], Difference]] = {
    AGAIN: again,
    PROCESS: in_another_process,
    BATCH: in_batches,
    THREADS: on_threads,
    ROUNDING: rounded,
    HALF: in_half_precision,
}

if __name__ == "__main__":
    into, side, count = sys.argv[1:]
    torch.set_num_threads(int(count))
    torch.save({name: make(name, size=int(side)) for name in (*GENERATORS, *WHOLES)}, into)
