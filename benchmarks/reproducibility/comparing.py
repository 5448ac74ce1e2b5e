"""The same thing made twice under two conditions, and how far apart the two are."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from .generators import COUNT, GENERATORS, SIZE, WHOLES, Asked
from .networks import pointwise
from .promises import AGAIN, BATCH, HALF, THREADS

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
        """The worse of each."""
        both = zip((self.largest, self.relative), (other.largest, other.relative), strict=True)
        return Difference(self.equal and other.equal, *map(max, both))


def difference(a: Parts, b: Parts) -> Difference:
    """Between two makings of the same parts, on the CPU in float64."""
    assert a.keys() == b.keys()
    found = Difference(True)
    for name in a:
        x, y = a[name].cpu(), b[name].cpu()
        if x.shape != y.shape:
            found |= Difference(False, float("inf"), float("inf"))
        elif not torch.equal(x, y):
            off = (x.double() - y.double()).abs()
            scale = max(float(x.double().square().mean().sqrt()), 1e-300)
            found |= Difference(False, float(off.max()), float(off.square().mean().sqrt()) / scale)
    return found


def make(name: str, **asked) -> Parts:
    """What a generator makes."""
    return {**GENERATORS, **WHOLES}[name](Asked(**asked))


@lru_cache(maxsize=1)
def reference(name: str, size: int) -> Parts:
    """All pictures together, in this process, with one thread: what others are compared with."""
    with threads(1):
        return make(name, size=size)


def again(name: str, size: int = SIZE) -> Difference:
    """Made a second time here, and a third time in another process."""
    with threads(1):
        whole = reference(name, size)
        found = difference(whole, make(name, size=size))
    return found | Difference(digests(whole) == elsewhere(size)[name])


@lru_cache(maxsize=2)
def elsewhere(size: int) -> dict[str, dict[str, str]]:
    """The digests of everything, made in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.reproducibility.comparing", str(size)]
    return json.loads(subprocess.run(command, check=True, cwd=ROOT, capture_output=True).stdout)


def digests(parts: Parts) -> dict[str, str]:
    """A text for each part that differs where any bit does."""
    raw = {name: t.cpu().contiguous().view(torch.uint8).numpy().tobytes() for name, t in parts.items()}
    return {name: hashlib.sha256(data).hexdigest()[:20] for name, data in raw.items()}


def in_batches(name: str, size: int = SIZE, **asked) -> Difference:
    """Rows of smaller batches, and rows picked out by their index, beside the same rows of the whole."""
    with threads(1):
        if name in WHOLES:
            whole = reference(name, size)
            return _worst(difference(whole, make(name, size=size, batch=count)) for count in BATCHES)
        whole = make(name, size=size, **asked) if asked else reference(name, size)
        taken = [tuple(range(count)) for count in BATCHES] + [(COUNT - 1,), PICKED]
        return _worst(
            difference(
                {k: t[list(rows)] for k, t in whole.items()}, make(name, size=size, rows=rows, **asked)
            )
            for rows in taken
        )


def on_threads(name: str, size: int = SIZE, **asked) -> Difference:
    """Made with two threads, two together and one alone, beside one thread."""
    few = {} if name in WHOLES else dict(rows=(0, 1))
    with threads(1):
        whole = make(name, size=size, **few, **asked)
        alone = make(name, size=size, rows=(0,), **asked) if few else whole
    with threads(2):
        found = difference(whole, make(name, size=size, **few, **asked))
        return found | difference(alone, make(name, size=size, rows=(0,), **asked)) if few else found


def in_half_precision(name: str, size: int = SIZE) -> Difference:
    """Rows in batches where the network works in float16, and in bfloat16."""
    return _worst(in_batches(name, size, denoise=pointwise(precision)) for precision in PRECISIONS)


def beside_float32(name: str, precision: torch.dtype, size: int = SIZE) -> Difference:
    """A half-precision network's pictures beside those of the float32 one."""
    return apart(name, size, {}, dict(denoise=pointwise(precision)))


def apart(name: str, size: int, one: dict, other: dict) -> Difference:
    """The same with one network and with another."""
    with threads(1):
        return difference(make(name, size=size, **one), make(name, size=size, **other))


def on_gpu(name: str, size: int = SIZE) -> Difference:
    """Made on the GPU beside the CPU."""
    return difference(reference(name, size), make(name, size=size, device="cuda"))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """That many for torch inside."""
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
    BATCH: in_batches,
    THREADS: on_threads,
    HALF: in_half_precision,
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    made = {name: digests(make(name, size=int(sys.argv[1]))) for name in (*GENERATORS, *WHOLES)}
    print(json.dumps(made))
