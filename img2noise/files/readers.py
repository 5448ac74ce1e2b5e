"""What a file holds, made into an object: the other half of `storage`, which every number is checked in.

A file may come from anywhere, so nothing in it is believed: its metadata must be whole numbers of a sane size,
tensors of the shapes that the metadata asks for, covariances Hermitian and positive definite. What is not raises
ValueError, KeyError, TypeError or RuntimeError, which `storage.load` makes one sentence that names the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import torch
from torch import Tensor

from ..inversion.noise_maps import NoiseMaps
from ..sigmas import descending
from ..whitening.moments import STRUCTURES, Moments
from ..whitening.structures import CLASSES, Stationary, refuse_extreme
from ..whitening.whitener import METHODS, Whitener

LARGEST = 2**53  # of counts: float64, in which they divide, knows no larger whole numbers
LARGEST_SIGMA = 1e15  # sigma, whose square float32 still holds; models know levels up to about 5000
SKEW = 1e-5  # of a block's largest entry: how far a float32 file may be from Hermitian


def read_whitener(header: dict[str, str], tensors: dict[str, Tensor]) -> Whitener:
    """A covariance that is Hermitian, positive definite, and of a method that its structure can carry."""
    mean, blocks = _checked(header, tensors, "mean", "block")
    if header["method"] not in METHODS:
        raise ValueError(f"its method {header['method']!r} is not one of {', '.join(METHODS)}")
    numbers = dict(count=_whole(header, "count", 0), shrinkage=float(header["shrinkage"]))
    if not 0 <= numbers["shrinkage"] <= 1:
        raise ValueError(f"its shrinkage {header['shrinkage']!r} does not lie in [0, 1]")
    whitener = CLASSES[header["structure"]](
        blocks, mean, _shape(header), method=header["method"], space=header["space"], **numbers
    )
    if not all(bool((lam > 0).all()) for lam, _ in whitener._parts):
        raise ValueError("its covariance is not positive definite")
    refuse_extreme(whitener)
    if isinstance(whitener, Stationary):
        _refuse_unpaired(whitener)
    return whitener


def read_moments(header: dict[str, str], tensors: dict[str, Tensor]) -> Moments:
    """Sums of at least one sample, with Hermitian products."""
    total, products = _checked(header, tensors, "total", "product")
    count = _whole(header, "count", 1)
    return Moments(header["structure"], _shape(header), count, total, products, header["space"])


def read_noise(header: dict[str, str], tensors: dict[str, Tensor]) -> Tensor:
    """Noise (B, C, H, W) of at least one value."""
    noise = tensors["noise"]
    if noise.ndim != 4 or not noise.numel():
        raise ValueError(f"its noise has shape {tuple(noise.shape)}; expected noise (B, C, H, W)")
    return noise


def read_noise_maps(header: dict[str, str], tensors: dict[str, Tensor]) -> NoiseMaps:
    """Maps whose start, residuals and sigmas belong together."""
    start, residuals, sigmas = (tensors[name] for name in ("start", "residuals", "sigmas"))
    fits = sigmas.ndim == 1 and residuals.shape == (len(sigmas) - 1, *start.shape)
    if start.ndim < 2 or not start.numel() or not fits:
        shapes = [tuple(t.shape) for t in (start, residuals, sigmas)]
        raise ValueError(
            f"its start, residuals and sigmas have shapes {shapes}, which do not belong together"
        )
    eta, skip = float(header["eta"]), int(header["skip"])
    if not (0 < eta <= 1 and 0 <= skip <= LARGEST):
        raise ValueError(f"its eta {eta} or skip {skip} is out of range; expected 0 < eta <= 1 and skip >= 0")
    levels = descending(sigmas, to_zero=False)
    if float(levels[0]) > LARGEST_SIGMA:
        raise ValueError(f"its sigmas begin at {float(levels[0]):.4g}; expected at most {LARGEST_SIGMA:.0e}")
    return NoiseMaps(start, residuals, levels, eta, skip, header["space"], _numbers(header, len(start)))


READERS = {
    "whitener": read_whitener,
    "moments": read_moments,
    "noise_maps": read_noise_maps,
    "noise": read_noise,
}


def _shape(header: dict[str, str]) -> tuple[int, int, int]:
    sides = json.loads(header["shape"])
    whole = isinstance(sides, list) and all(type(n) is int and 0 < n <= LARGEST for n in sides)
    if not whole or len(sides) != 3:
        raise ValueError(f"its shape {header['shape'][:60]!r} is not three whole numbers of at least 1")
    return tuple(sides)


def _shapes(header: dict[str, str]) -> list[tuple[int, ...]]:
    """The shapes that the first-order tensor and the second-order ones must have, from the metadata in the
    header.
    """
    channels, height, width = _shape(header)
    if header["structure"] == "stationary":
        return [(channels,), (height, width // 2 + 1, channels, channels, 2)]
    whole = (channels, height, width)
    sides = whole if header["structure"] == "kronecker" else (channels * height * width,)
    return [whole, *((n, n) for n in sides)]


def _checked(
    header: dict[str, str], tensors: dict[str, Tensor], first: str, second: str
) -> tuple[Tensor, tuple[Tensor, ...]]:
    if header["structure"] not in STRUCTURES:
        raise ValueError(f"its structure {header['structure'][:60]!r} is not one of {', '.join(STRUCTURES)}")
    expected = _shapes(header)
    found = [tensors[first], *(tensors[f"{second}_{i}"] for i in range(len(expected) - 1))]
    shapes = [tuple(t.shape) for t in found]
    if shapes != expected:
        raise ValueError(f"its tensors have shapes {shapes} where its header asks for {expected}")
    first_order, *rest = (t.double() for t in found)
    if header["structure"] == "stationary":
        rest = [torch.view_as_complex(t.contiguous()) for t in rest]
    _refuse_skew(rest, second)
    return first_order, tuple(rest)


def _refuse_skew(blocks: Iterable[Tensor], name: str) -> None:
    for i, block in enumerate(blocks):
        if bool(((block - block.mH).abs() > SKEW * block.abs().amax((-2, -1), keepdim=True)).any()):
            raise ValueError(f"its {name}_{i} is not Hermitian, as every covariance is")


def _refuse_unpaired(whitener: Stationary) -> None:
    """A real picture has S(-f) = conj S(f): bins that are their own mirror image are real."""
    plane, spectrum = whitener._plane, whitener.blocks[0].flatten(0, 1)
    single, paired = spectrum[plane.bins[plane.complex_count :]], spectrum[plane.bins][plane.sources]
    apart = (single.imag, single), (spectrum[plane.twins] - paired.conj(), paired)
    if any(bool((d.abs() > SKEW * s.abs().amax((-2, -1), keepdim=True)).any()) for d, s in apart):
        raise ValueError("its spectrum is not that of real pictures: bins of f and -f are not conjugate")


def _numbers(header: dict[str, str], rows: int) -> tuple[int, ...]:
    """The number of each row in the batch that it came from; () in files that name none."""
    numbers = json.loads(header.get("numbers", "[]"))
    whole = isinstance(numbers, list) and all(type(n) is int and 0 <= n <= LARGEST for n in numbers)
    if not whole or len(numbers) not in (0, rows):
        raise ValueError(f"its numbers {header['numbers'][:60]!r} are not {rows} whole numbers")
    return tuple(numbers)


def _whole(header: dict[str, str], name: str, least: int) -> int:
    number = int(header[name])
    if not least <= number <= LARGEST:
        raise ValueError(f"its {name} of samples is {header[name][:60]}")
    return number
