"""The promises of docs/reproducibility.md that are about nodes."""

import pytest

from benchmarks.reproducibility import in_comfyui
from benchmarks.reproducibility.in_comfyui import MEASURED, PROMISES

from . import repeats

IN_HOST = [(name, condition) for name, promised in PROMISES.items() for condition in promised]


@pytest.mark.parametrize(("name", "condition"), IN_HOST)
def test_a_promise_of_a_node_is_kept(server, name, condition):
    found = MEASURED[condition](server, name)
    assert found.keeps(PROMISES[name][condition]), found


def test_another_picture_of_the_batch_is_another(server):
    first, second = (repeats.made(server, "KSampler (from Image)", first=i, count=1) for i in (0, 1))
    assert not in_comfyui._apart(first, second).equal
