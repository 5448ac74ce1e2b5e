"""What no node may do to its host: change what it is given, touch global random state, or not let go."""

from __future__ import annotations

import pytest
import torch

from . import checkpoints, scenes
from .graphs import Graph

SEARCH = dict(noise_seed=5, iterations=200)


def whiten(graph: Graph, photo: list, whitener: list) -> list:
    return graph("Img2NoiseWhitenLatent", latent=photo, whitener=whitener)[0]


def dewhiten(graph: Graph, photo: list, whitener: list) -> list:
    return graph("Img2NoiseDewhitenLatent", latent=photo, whitener=whitener)[0]


def fit(graph: Graph, photo: list, whitener: list) -> list:
    fitted = graph("Img2NoiseFitWhitener", latents=photo, structure="kronecker", shrinkage=0.1)
    return whiten(graph, photo, fitted[0])


def annealed(graph: Graph, photo: list, whitener: list) -> list:
    return graph("Img2NoiseAnnealedNoise", latent=photo, whitener=whitener, **SEARCH)[1]


def correlated(graph: Graph, photo: list, whitener: list) -> list:
    return graph("Img2NoiseCorrelatedNoise", latent=photo, whitener=whitener)[1]


def blended(graph: Graph, photo: list, whitener: list) -> list:
    """Noise from a latent, blended with core's, in a latent again."""
    stored = graph("Img2NoiseLatentToNoise", latent=photo, normalize=True)[0]
    other = graph("RandomNoise", noise_seed=1)[0]
    noise = graph("Img2NoiseBlendNoises", noise_a=stored, noise_b=other)[0]
    return graph("Img2NoiseNoiseToLatent", noise=noise, latent=photo)[0]


def sampled(graph: Graph, photo: list, whitener: list) -> list:
    wires = dict(whitener=whitener, latent_image=photo, **scenes.pictured(graph, photo))
    wires["model"] = graph("CheckpointLoaderSimple", ckpt_name=checkpoints.name("sd"))[0]
    wires["positive"] = wires["negative"] = graph("TestConditioning", seed=1)[0]
    return graph("Img2NoiseKSampler", **wires, steps=2, denoise=0.7)[0]


NODES = [whiten, dewhiten, fit, annealed, correlated, blended, sampled]


@pytest.mark.parametrize("node", NODES)
def test_a_node_leaves_its_input_and_the_global_random_state_as_they_were(server, graph, node):
    photo = graph("TestLatent", seed=NODES.index(node), batch_size=2)[0]
    graph("TestDump", value=photo, name="before")
    server.run(graph)
    start = graph("TestRandomState", value=photo)
    result = node(graph, start[0], graph("Img2NoiseLoadWhitener", whitener_name="sd")[0])
    end = graph("TestRandomState", value=result)
    graph("TestDump", value=photo, name="after", after=end[0])
    outputs = server.run(graph)
    assert outputs[start]["text"] == outputs[end]["text"]
    before, after = (server.tensors(name)["samples"] for name in ("before", "after"))
    assert torch.equal(before, after)
