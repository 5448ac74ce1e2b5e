"""A pretend device: tensors of the CPU that behave as if they lay on "cuda" or "mps".

    with Pretend("mps") as device:
        found = function(device.put(x))
        assert found.device == device.name and len(device.reads) <= 1

Operations raise RuntimeError on mixed devices, as torch does, TypeError on float64 on mps, and
NotImplementedError where a device lacks them. `reads` names what made the host wait for the device: copies to
the CPU, numbers, boolean masks, error flags of a decomposition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

CPU = torch.device("cpu")
WIDE = (torch.float64, torch.complex128)
# Each waits for the device: for a value, for a size that depends on values, or for an error flag.
WAITING = {
    *("item", "tolist", "__bool__", "__int__", "__float__", "__complex__", "__index__", "__contains__"),
    *("__repr__", "__format__", "is_nonzero", "nonzero", "argwhere", "masked_select", "equal", "allclose"),
    *("unique", "bincount", "linalg_eigh", "linalg_svd", "linalg_solve", "linalg_inv", "linalg_cholesky"),
}
LACKING = {"cuda": {"histogram"}, "mps": {"histogram", "linalg_eigh", "linalg_svd"}}
INDEXING = {"__getitem__", "__setitem__"}
MOVING = {"to", "cpu", "cuda", "type_as", "copy_", "tensor", "as_tensor", "new_tensor"}
SHAPE_ONLY = {"expand_as", "view_as", "reshape_as", "__set__"}  # the other tensor's numbers are not looked at
NO_SCALARS = {"cat", "stack", "concat", "matmul", "mm", "bmm", "einsum", "index_add", "linear", "conv2d"}


class Pretend(TorchFunctionMode):
    """Within it each tensor has a pretended device: the CPU until it is moved."""

    def __init__(self, kind: str):
        super().__init__()
        self.name, self.reads = torch.device(kind, 0), []

    def put(self, x):
        """Return a tensor, or the tensors of a dataclass, list or tuple, on the device; on mps in float32."""
        if is_dataclass(x):
            return replace(x, **{f.name: self.put(getattr(x, f.name)) for f in fields(x)})
        if isinstance(x, list | tuple):
            return type(x)(map(self.put, x))
        if not isinstance(x, Tensor):
            return x
        wide = self.name.type == "mps" and x.dtype in WIDE
        return (x.float() if wide else x).to(self.name)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, name = dict(kwargs or {}), func.__name__
        name = func.__self__.__name__ if name == "__get__" else name  # of a property
        if name in ("device", "is_cpu", "is_cuda", "is_mps"):
            kind = device_of(args[0])
            return kind if name == "device" else kind.type == name[3:]
        given = [*tensors(args), *tensors(kwargs)]
        target = self._target(name, args, kwargs, given)
        self._refuse(name, args, kwargs, given, target)
        if self._waits(name, args, given, target):
            self.reads.append(name)
        args, kwargs = _on_cpu(name, args, kwargs)
        return self._marked(name, func(*args, **kwargs), given, target)

    def _target(self, name: str, args, kwargs, given: list[Tensor]) -> torch.device:
        """The device of the result."""
        if name in ("cpu", "cuda"):
            return _device(name)
        named = [a for a in args[1:] if isinstance(a, str | torch.device)] if name == "to" else []
        named += [kwargs["device"]] if kwargs.get("device") is not None else []
        if named:
            return _device(named[0])
        if name in ("to", "type_as") and len(args) > 1 and isinstance(args[1], Tensor):
            return device_of(args[1])
        if name in INDEXING | SHAPE_ONLY | MOVING:  # of a list, `tensor` and `as_tensor` read each number
            return device_of(args[0]) if isinstance(args[0], Tensor) else CPU
        return self.name if self.name in map(device_of, given) else CPU

    def _refuse(self, name: str, args, kwargs, given: list[Tensor], target: torch.device) -> None:
        there = [t for t in given if device_of(t) != CPU]
        if there and name in LACKING[self.name.type]:
            raise NotImplementedError(f"{name} is not there on {self.name.type}")
        if there and name in ("numpy", "__array__"):
            raise TypeError(f"cannot convert a tensor on {self.name} to numpy: copy it to the CPU")
        if kwargs.get("generator") is not None and target != CPU:
            raise RuntimeError(f"got a generator of the CPU for {name} on {target}")
        if name in SHAPE_ONLY | MOVING:
            return
        if name in INDEXING:  # indices of the CPU go with every device, and copies of slices between devices
            index = [*tensors(args[1])]
            given = [args[0], *(t for t in index if device_of(t) != CPU)]
            given += tensors(args[2]) if index and name == "__setitem__" else []
        numbers = () if name in NO_SCALARS else [t for t in given if not t.ndim and device_of(t) == CPU]
        if len({device_of(t) for t in given if not any(t is n for n in numbers)}) > 1:
            raise RuntimeError(f"got tensors on two devices for {name}; expected one")

    def _waits(self, name: str, args, given: list[Tensor], target: torch.device) -> bool:
        there = [t for t in given if device_of(t) != CPU]
        if name in INDEXING:
            filled = name == "__setitem__" and not isinstance(args[2], Tensor)  # with one number for all
            read = [t for t in tensors(args[1]) if not t.ndim or (t.dtype == torch.bool and not filled)]
            copied = name == "__setitem__" and target == CPU and bool(there)
            return copied or any(device_of(t) != CPU for t in read)
        chosen = name in WAITING or (name in MOVING and target == CPU) or (name == "where" and len(args) == 1)
        return chosen and bool(there)

    def _marked(self, name: str, found, given: list[Tensor], target: torch.device):
        """The result with its device; a copy where a move would give back the tensor that it came from."""
        if isinstance(found, Tensor):
            moved = [t for t in given if t is found and device_of(t) != target]
            found = found.clone() if moved else found
        crossing = [target, *(device_of(t) for t in given if name in MOVING)]
        for t in tensors([found]):
            if t.dtype in WIDE and any(d.type == "mps" for d in crossing):
                raise TypeError(f"cannot convert to {t.dtype} on mps, which has no float64: {name}")
            t.pretended = target
        return found


def device_of(x: Tensor) -> torch.device:
    """Return the pretended device of a tensor."""
    return getattr(x, "pretended", CPU)


def tensors(x) -> Iterator[Tensor]:
    """Yield the tensors in arguments or results: of lists, dicts, dataclasses, one within another."""
    if isinstance(x, Tensor):
        yield x
    elif isinstance(x, dict):
        yield from tensors(list(x.values()))
    elif isinstance(x, list | tuple):
        for part in x:
            yield from tensors(part)
    elif is_dataclass(x) and not isinstance(x, type):
        yield from tensors([getattr(x, f.name) for f in fields(x)])


def _device(name: str | torch.device) -> torch.device:
    kind = torch.device(name).type
    return CPU if kind == "cpu" else torch.device(kind, 0)


def _on_cpu(name: str, args, kwargs) -> tuple[tuple, dict]:
    """The arguments of the call as it is really made."""
    if name == "cuda":
        return args[:1], {}
    args = tuple(
        CPU if isinstance(a, torch.device) or (name == "to" and isinstance(a, str)) else a for a in args
    )
    return args, kwargs | ({"device": CPU} if kwargs.get("device") is not None else {})
