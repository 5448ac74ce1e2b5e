"""What functions return: results with tensors compare by identity, and none is too large to be had."""

import importlib
import inspect
import pkgutil
from dataclasses import replace

import torch
from torch.overrides import TorchFunctionMode

import img2noise
from img2noise import NoiseMaps
from img2noise.inversion.noise_maps import statistics

from .cases import normal
from .pretend import tensors

WITHIN = {"System"}  # never leaves a whitener


def holders():
    """The classes of the library whose fields hold tensors, by their annotations."""
    found = pkgutil.walk_packages(img2noise.__path__, "img2noise.")
    names = [m.name for m in found if not m.name.endswith("__main__")]
    for module in map(importlib.import_module, names):
        for name, found in vars(module).items():
            own = inspect.isclass(found) and found.__module__ == module.__name__ and name[0] != "_"
            if own and any("Tensor" in str(kind) for kind in getattr(found, "__annotations__", {}).values()):
                yield found


def test_a_class_with_tensors_compares_by_identity():
    found = {c.__name__ for c in holders()} - WITHIN
    assert {
        "Annealed",
        "FirstStep",
        "Inspection",
        "InversionError",
        "Moments",
        "NoiseMaps",
        "Values",
    } <= found
    assert not {c.__name__ for c in holders() if c.__eq__ is not object.__eq__} - WITHIN


class Largest(TorchFunctionMode):
    """Notes the bytes of the largest tensor that any operation gives."""

    def __init__(self):
        super().__init__()
        self.bytes = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        self.bytes = max(self.bytes, *(t.numel() * t.element_size() for t in tensors([found])), 0)
        return found


def test_statistics_of_maps_have_one_map_at_a_time_in_float64():
    sigmas = torch.linspace(1, 0, 101, dtype=torch.float64) * 14
    maps = NoiseMaps(normal(2, 4, 8, 8).float(), normal(100, 2, 4, 8, 8).float(), sigmas)
    with Largest() as largest:
        std, following = statistics(maps)
    assert largest.bytes <= maps.residuals.numel() * 4  # of the maps as they are, seen row by row
    ups = torch.tensor([step.s for step in maps.levels.steps(1.0)][:-1], dtype=torch.float64)
    z = maps.residuals[:-1].double().flatten(1) / ups[:, None]
    assert torch.allclose(std, z.std(1, correction=0), rtol=1e-12)
    assert torch.allclose(following, torch.corrcoef(z).diagonal(1), rtol=1e-9)
    alone = statistics(replace(maps, residuals=maps.residuals[-1:], levels=sigmas[-2:]))
    assert [t.tolist() for t in alone] == [[], []]
