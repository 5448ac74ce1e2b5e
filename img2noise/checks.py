"""Checks of arguments, made once, at the public entrances.

Each raises TypeError where something is of another kind than expected, ValueError where it is out of range.
A bool is no number here, and a tensor of integers is no picture: 0 to 255 would pass for noise of a huge
variance.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

HUGE = sys.float_info.max
AXES = {None: "a tensor", 2: "a tensor (N, D)", 4: "a tensor (B, C, H, W)"}


def tensor(x: Any, name: str, dims: int | None = None) -> None:
    """Raise unless x is a non-empty floating-point tensor, of `dims` axes if given."""
    wanted = AXES[dims]
    if not isinstance(x, Tensor) or not x.is_floating_point():
        raise TypeError(f"got {kind(x)} for {name}; expected {wanted} of floating-point numbers")
    if not x.numel() or dims not in (None, x.ndim):
        raise ValueError(f"got {kind(x)} for {name}; expected {wanted}, not empty")


def batch(x: Any, name: str) -> None:
    """Raise unless x is a non-empty floating-point tensor (B, ...), of finite numbers where it is on the CPU;
    looking on another device would be a read-back.
    """
    tensor(x, name)
    if x.ndim < 2:
        raise ValueError(f"got {kind(x)} for {name}; expected (B, ...), a row each")
    if x.device.type == "cpu":
        finite(x, name)


def finite(x: Any, name: str, dims: int | None = None) -> None:
    """Raise unless x is a tensor as in `tensor`, without NaN and infinity."""
    tensor(x, name, dims)
    # A sum that is finite has no other terms, and is a tenth of the work; finite terms may overflow it.
    if not math.isfinite(float(x.detach().sum())) and not bool(torch.isfinite(x).all()):
        raise ValueError(f"got NaN or infinity in {name}; expected finite numbers")


def number(x: Any, name: str, least: float = -HUGE, most: float = HUGE, of: Any = Real) -> None:
    """Raise unless x is a number in [least, most]; infinity only where `most` is."""
    what = "a whole number" if of is Integral else "a number"
    if not isinstance(x, of) or isinstance(x, bool):
        raise TypeError(f"got {kind(x)} for {name}; expected {what}")
    if not least <= x <= most:
        within = f"in [{least:g}, {most:g}]" if most < HUGE else f"of at least {least:g}"
        raise ValueError(f"got {name} {x}; expected {what} {'that is finite' if least == -HUGE else within}")


def whole(x: Any, name: str, least: float = -HUGE, most: float = HUGE) -> None:
    """Raise unless x is a whole number in [least, most]."""
    number(x, name, least, most, Integral)


def choice(x: Any, name: str, among: tuple[str, ...]) -> None:
    """Raise unless x is one of these words."""
    if not isinstance(x, str) or x not in among:
        got = repr(x) if isinstance(x, str) else kind(x)
        raise ValueError(f"got {name} {got}; choose one of {', '.join(among)}")


def instance(x: Any, name: str, of: type) -> None:
    """Raise unless x is an instance of a class."""
    if not isinstance(x, of):
        raise TypeError(f"got {kind(x)} for {name}; expected {of.__name__}")


def function(x: Any, name: str, signature: str) -> Callable:
    """Return x. Raise unless it can be called."""
    if not callable(x):
        raise TypeError(f"got {kind(x)} for {name}; expected a function {signature}")
    return x


def kind(x: Any) -> str:
    """Return what to call x in an error."""
    if x is None or isinstance(x, (bool, int, float)):
        return repr(x)
    if isinstance(x, str):
        return f"the text {x[:40]!r}"
    if isinstance(x, Tensor):
        return f"a tensor of {f'shape {tuple(x.shape)}' if x.is_floating_point() else x.dtype}"
    return f"{'an' if type(x).__name__[0] in 'AEIOUaeiou' else 'a'} {type(x).__name__}"
