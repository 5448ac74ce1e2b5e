"""Compare fitting with scikit-learn and a plain product, on large pictures, and on photos from files.

Each figure is measured in a new process, with OMP_NUM_THREADS threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from . import fitting_files
from .report import alone, peak, show, show_table

COUNT = 900
SMALL, LARGE = (3, 32, 32), ((4, 64, 64), (4, 128, 128))  # D = 3072; 16384 and 65536
PHOTOS = 6144  # twice as many as D = 3072: what IncrementalPCA needs for a second batch of full rank
BATCH = 3072


def run() -> None:
    """Measure time and memory of fits, each in a new process."""
    seconds, megabytes = alone(_latents)
    rows = [
        (f"measure and fit {COUNT} latents", f"{seconds:.2f} s", "< 2 s"),
        ("peak memory above that of the latents", f"{megabytes:.0f} MB", "< 100 MB"),
    ]
    show("fit", rows)
    table = [_row(*case) for case in CASES]
    show_table("moments and fit", ("way, D", "photos", "photos / CPU s", "fit, CPU s", "peak memory"), table)
    show("photos from files", fitting_files.rows())


def _latents() -> tuple[float, float]:
    from img2noise import draw, fit, load, measure

    whitener = load("sd").at_size(64, 64)
    latents = torch.empty(COUNT, *whitener.shape)
    for seed, row in enumerate(latents):  # one at a time: making them must not raise the peak
        row.copy_(whitener.dewhiten(draw((1, *whitener.shape), seed))[0])
    before = peak(anew=True)
    start = time.perf_counter()
    fit(measure(latents))
    return time.perf_counter() - start, peak() - before


def _row(name: str, ways: str, shape: tuple[int, int, int], photos: int, batch: int) -> tuple[str, ...]:
    try:
        first, second, megabytes = alone(_streamed, ways, shape, photos, batch)
    except ImportError as error:
        return f"{name}: {error}", "", "", "", ""
    dimensions = shape[0] * shape[1] * shape[2]
    figures = f"{photos / first:.0f}", f"{second:.2f}" if second else "none", f"{megabytes:.0f} MB"
    return f"{name}, {dimensions}", str(photos), *figures


def _streamed(ways: str, shape: tuple[int, int, int], photos: int, batch: int) -> tuple[float, float, float]:
    """Return CPU seconds of adding batches and of what follows, and the peak memory beside one batch."""
    add, end = _WAYS[ways](shape)
    seconds, start = 0.0, peak(anew=True)
    for x in _batches(shape, photos, batch):
        began = time.process_time()
        add(x)
        seconds += time.process_time() - began
    own = x.numel() * x.element_size() / 2**20
    began = time.process_time()
    done = end()
    return seconds, time.process_time() - began if done else 0.0, max(peak() - start - own, 0.0)


def _batches(shape: tuple[int, int, int], photos: int, batch: int) -> Iterator[Tensor]:
    """Yield noise with correlated neighbors: its covariance is far from a multiple of the identity."""
    from img2noise import draw

    x = torch.empty(batch, *shape)
    for first in range(0, photos, batch):
        for i, row in enumerate(x):
            row.copy_(draw((1, *shape), first + i)[0])
        x[..., 1:] += 0.5 * x[..., :-1]
        yield x[: photos - first]


def _ours(structure: str) -> Callable:
    def begin(shape: tuple[int, int, int]) -> tuple[Callable, Callable]:
        from img2noise import fit, measure

        sums = []

        def add(x: Tensor) -> None:
            new = measure(x, structure)
            sums[:] = [sums[0] + new if sums else new]

        return add, lambda: fit(sums[0]).eigenvalues(sums[0].total) is not None

    return begin


def _plain(shape: tuple[int, int, int]) -> tuple[Callable, Callable]:
    """Sum a float64 X.T @ X, the minimum for any covariance; fit nothing."""
    size = shape[0] * shape[1] * shape[2]
    products = torch.zeros(size, size, dtype=torch.float64)
    total = torch.zeros(size, dtype=torch.float64)

    def add(x: Tensor) -> None:
        for part in x.flatten(1).split(512):
            flat = part.double()
            products.addmm_(flat.T, flat)
            total.add_(flat.sum(0))

    return add, lambda: False


def _incremental(shape: tuple[int, int, int]) -> tuple[Callable, Callable]:
    try:
        from sklearn.decomposition import IncrementalPCA
    except ImportError as error:
        raise ImportError("scikit-learn is not installed") from error
    pca = IncrementalPCA(whiten=True)
    return lambda x: pca.partial_fit(x.flatten(1).numpy()), lambda: False


_WAYS = {f"ours {s}": _ours(s) for s in ("stationary", "kronecker", "dense")}
_WAYS |= {"plain": _plain, "scikit-learn": _incremental}
CASES = [
    ("float64 X.T @ X", "plain", SMALL, PHOTOS, BATCH),
    ("dense", "ours dense", SMALL, PHOTOS, BATCH),
    ("scikit-learn IncrementalPCA(whiten=True)", "scikit-learn", SMALL, PHOTOS, BATCH),
    ("stationary", "ours stationary", SMALL, PHOTOS, BATCH),
    ("kronecker", "ours kronecker", SMALL, PHOTOS, BATCH),
    ("stationary", "ours stationary", LARGE[0], 2000, 250),
    ("kronecker", "ours kronecker", LARGE[0], 2000, 250),
    ("stationary", "ours stationary", LARGE[1], 500, 100),
    ("kronecker", "ours kronecker", LARGE[1], 500, 100),
]
