"""Noise maps give the picture back in half precision too, and a network's NaN ends in one sentence."""

from __future__ import annotations

import pytest

from . import scenes, test_guiders
from .graphs import Graph
from .scenes import dump, refusal
from .walks import error, samples

SMALL = dict(width=8, height=8)


def half(graph: Graph, precision: str) -> list:
    """A model whose network computes in half precision and rounds by the size of its batch."""
    return graph("TestHalf", model=scenes.model(graph), precision=precision)[0]


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("cfg", [1.0, 5.0])
def test_maps_give_the_picture_back_in_half_precision(server, graph, precision, rows, cfg):
    """One level in a call, as it is by itself; with more in a call the picture comes back nearly."""
    found = half(graph, precision)
    who, levels = scenes.guider(graph, found, cfg=cfg), scenes.sigmas(graph, found, 50)
    latent = scenes.photo(graph, batch_size=rows, **SMALL)
    dump(graph, photo=latent)
    for name, how in (("alone", {}), ("several", dict(levels_per_call=6))):
        maps = scenes.inversion(graph, who, levels, latent, skip=0, **how)[0]
        dump(graph, **{name: scenes.replayed(graph, maps, who)})
    server.run(graph)
    photo = samples(server, "photo")
    assert error(samples(server, "alone"), photo) < 1e-3
    assert 1e-4 < error(samples(server, "several"), photo) < 0.1


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("weight", [1.0, 1.5])
def test_and_so_does_an_edit_with_the_same_words(server, graph, precision, together, weight):
    found = half(graph, precision)
    other = found if together else graph("ModelSamplingDiscrete", model=found, sampling="eps", zsnr=False)[0]
    pair = (scenes.guider(graph, one, cfg=5.0) for one in (found, other))
    latent = scenes.photo(graph, batch_size=3, **SMALL)
    edit = scenes.edited(graph, *pair, scenes.sigmas(graph, found, 20), latent, skip=0, weight=weight)
    dump(graph, photo=latent, edit=edit)
    server.run(graph)
    assert error(samples(server, "edit"), samples(server, "photo")) < 1e-3


@pytest.mark.parametrize("node", test_guiders.NODES)
def test_nan_from_a_network_is_one_sentence_that_names_its_precision_and_nothing_is_given_on(
    server, graph, node
):
    found = graph("TestGaussian", model=scenes.model(graph), nan_at=2)[0]
    result = node(graph, found, scenes.guider(graph, found), scenes.photo(graph, **SMALL), 3)
    name = f"nan-{node.__name__}"
    if node is test_guiders.maps_of or node is test_guiders.recolored:
        graph("Img2NoiseSaveNoiseMaps", noise_maps=result, filename_prefix=name)
    else:
        dump(graph, **{name: result})
    sampled = node is test_guiders.inverted
    said = refusal(server, graph, "SamplerCustomAdvanced" if sampled else graph[result[0]]["class_type"])
    assert "got NaN or infinity from the network, which works in float32" in said
    assert not list(server.output.rglob(f"{name}*"))
