"""No node keeps a tensor once its outputs are gone, and each long one works where the weights do not fit."""

from __future__ import annotations

import pytest
import torch

from . import scenes
from .graphs import Graph
from .matrix.places import SIZES, Family, Source
from .matrix.servers import draw_photos
from .matrix.tries import TRIES
from .memory import ODD, SIDES, left_behind
from .walks import walked


@pytest.mark.parametrize("node", TRIES)
def test_nothing_of_a_node_outlives_its_outputs(server, node, monkeypatch):
    """On pictures of a size that no other test has."""
    monkeypatch.setitem(SIZES, "odd", ODD)
    draw_photos(server)
    assert not left_behind(server, SIDES)
    for stage in TRIES[node]:
        graph = Graph(server.object_info)
        stage(Source(graph, Family("memory", "sd", 0), "odd", node))
        graph("TestText", value="ComfyUI runs no graph without an end")
        server.run(graph)
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
