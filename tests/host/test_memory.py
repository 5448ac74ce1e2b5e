"""No node keeps a tensor once its outputs are gone, and each long one works where the weights do not fit."""

from __future__ import annotations

import pytest
import torch

from . import scenes
from .graphs import Graph
from .memory import ODD, SIDES, left_behind
from .walks import walked
from .wrong import bench, files


def built(server, scene: str) -> Graph:
    made = bench.Bench(Graph(server.object_info), f"{scene} in memory")
    bench.RIGHT[scene](made)
    return made.graph


@pytest.fixture(autouse=True)
def odd_pictures(monkeypatch):
    """Pictures of a size that no other test has."""
    monkeypatch.setattr(bench, "SMALL", ODD)


@pytest.fixture(scope="module", autouse=True)
def stored(server):
    """Files for the nodes that load some."""
    files.put(server)
    server.run(built(server, "Save Noise Maps"))


@pytest.mark.parametrize("scene", bench.RIGHT)
def test_nothing_of_a_node_outlives_its_outputs(server, scene):
    assert not left_behind(server, SIDES)
    server.run(built(server, scene))
    held = server.get_json(f"/testing_pack/alive?sides={','.join(map(str, SIDES))}")
    assert held["shapes"] or held["kinds"]  # in ComfyUI's cache
    assert not left_behind(server, SIDES)


def test_a_model_whose_weights_do_not_fit_gives_the_same(server):
    server.post("/free", {"unload_models": True, "free_memory": True})
    plain = walked(server, "whole")
    server.post("/free", {"unload_models": True, "free_memory": True})
    low = walked(server, "low", lambda graph, model: graph("TestLowVram", model=model)[0])
    for name, found in plain.items():
        assert torch.allclose(found, low[name], rtol=1e-4, atol=1e-4 * float(found.std())), name
    fine = Graph(server.object_info)
    scenes.dump(fine, fine=scenes.photo(fine))
    server.run(fine)
