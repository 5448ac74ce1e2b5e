"""What comes in, looked at before anything is done with it: one sentence for each thing that cannot be right.

TypeError where something is of another kind than was asked for, ValueError where it is out of range. A bool
is no number here, and whole numbers in a tensor are no picture: 0 to 255 would pass for a very loud one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

HUGE = sys.float_info.max
AXES = {2: "(N, D)", 4: "(B, C, H, W)"}


def tensor(x: Any, name: str, dims: int | None = None) -> None:
    """Nothing, if x is a tensor of floating-point numbers, of `dims` axes if given, that holds any."""
    wanted = f"a tensor {AXES[dims]}" if dims in AXES else "a tensor"
    if not isinstance(x, Tensor):
        raise TypeError(f"got {kind(x)} for {name}; expected {wanted} of floating-point numbers")
    if not x.is_floating_point():
        raise TypeError(f"got a tensor of {x.dtype} for {name}; expected floating-point numbers")
    if not x.numel() or (dims is not None and x.ndim != dims):
        raise ValueError(f"got a tensor of shape {tuple(x.shape)} for {name}; expected {wanted}, not empty")


def batch(x: Any, name: str) -> None:
    """Raise unless x is a non-empty floating-point tensor (B, ...) with an axis besides the batch's.

    NaN and infinity are refused where x is on the CPU; looking on another device would be a read-back.
    """
    tensor(x, name)
    if x.ndim < 2:
        raise ValueError(f"got a tensor of shape {tuple(x.shape)} for {name}; expected (B, ...), a row each")
    if x.device.type == "cpu":
        finite(x, name)


def finite(x: Any, name: str, dims: int | None = None) -> None:
    """Nothing, if x is such a tensor and holds neither NaN nor infinity."""
    tensor(x, name, dims)
    if not bool(torch.isfinite(x).all()):
        raise ValueError(f"got NaN or infinity in {name}; expected finite numbers")


def is_number(x: Any) -> bool:
    """Whether x is a real number, which a bool is not."""
    return isinstance(x, Real) and not isinstance(x, bool)


def number(x: Any, name: str, least: float = -HUGE, most: float = HUGE) -> None:
    """Nothing, if x is a number in [least, most]; infinity only where `most` is."""
    if not is_number(x):
        raise TypeError(f"got {kind(x)} for {name}; expected a number")
    if not least <= x <= most:
        raise ValueError(f"got {name} {x}; expected a number {_range(least, most)}")


def whole(x: Any, name: str, least: float = -HUGE, most: float = HUGE) -> None:
    """Nothing, if x is a whole number in [least, most]."""
    if not isinstance(x, Integral) or isinstance(x, bool):
        raise TypeError(f"got {kind(x)} for {name}; expected a whole number")
    if not least <= int(x) <= most:
        raise ValueError(f"got {name} {x}; expected a whole number {_range(least, most)}")


def choice(x: Any, name: str, among: tuple[str, ...]) -> None:
    """Nothing, if x is one of these words."""
    if x not in among:
        raise ValueError(f"got {name} {x!r}; choose one of {', '.join(among)}")


def instance(x: Any, name: str, of: type) -> None:
    """Nothing, if x is one of these objects."""
    if not isinstance(x, of):
        raise TypeError(f"got {kind(x)} for {name}; expected {of.__name__}")


def function(x: Any, name: str, signature: str) -> Callable:
    """x, if it can be called."""
    if not callable(x):
        raise TypeError(f"got {kind(x)} for {name}; expected a function {signature}")
    return x


def kind(x: Any) -> str:
    """What to call a thing that is not what was asked for."""
    if x is None or isinstance(x, (bool, int, float)):
        return repr(x)
    if isinstance(x, str):
        return f"the text {x[:40]!r}"
    if isinstance(x, Tensor):
        return f"a tensor of shape {tuple(x.shape)}"
    return f"{'an' if type(x).__name__[0] in 'AEIOUaeiou' else 'a'} {type(x).__name__}"


def _range(least: float, most: float) -> str:
    if most < HUGE:
        return f"in [{least:g}, {most:g}]"
    return "that is finite" if least == -HUGE else f"of at least {least:g}"
