"""Nothing of the library keeps a tensor once what was asked for is gone."""

import gc

import pytest
import torch

from benchmarks.reproducibility import comparing, generators

from .each import each

SIDE = 40  # of pictures here and of nothing else
SIDES = {SIDE, SIDE // 2 + 1, 4 * SIDE * SIDE, 3 * SIDE * SIDE}


@pytest.fixture(scope="module", autouse=True)
def frozen():
    """Leave what was there before out of every search: of a whole run of tests that is a million objects."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def alive() -> set[int]:
    """Tensors that come of pictures of that side."""
    gc.collect()
    kinds = [thing for thing in gc.get_objects() if issubclass(type(thing), torch.Tensor)]
    return {id(tensor) for tensor in kinds if SIDES & set(tensor.shape)}


def forget():
    """Drop what the benchmarks keep; the library keeps nothing."""
    generators.forget()
    comparing.reference.cache_clear()


@each("name", [*generators.GENERATORS, *generators.WHOLES])
def test_nothing_outlives_what_was_made(name):
    forget()
    before = alive()
    made = comparing.make(name, size=SIDE, rows=(0, 1))
    assert len(alive()) > len(before)
    del made
    forget()
    assert alive() <= before
