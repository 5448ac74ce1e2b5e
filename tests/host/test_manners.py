"""What no node may do to its host: change what it is given, touch global random state, or not let go."""

from __future__ import annotations

import shutil
import time

import numpy as np
import pytest
import torch
from PIL import Image

from . import checkpoints
from .events import Events
from .graphs import Graph
from .server import CLIENT

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
    wires = dict(whitener=whitener, reference=photo, latent_image=photo)
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


def search(graph: Graph, server) -> list:
    """A search of minutes."""
    photo = graph("TestLatent", seed=3, width=64, height=64)[0]
    whitener = graph("Img2NoiseLoadWhitener", whitener_name="sd")[0]
    return graph("Img2NoiseAnnealedNoise", latent=photo, whitener=whitener, iterations=1000000)[1]


def survey(graph: Graph, server) -> list:
    """A folder of many photos, all of them alike."""
    folder = server.input / "many"
    folder.mkdir(exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "0.png")
    for i in range(1, 1000):
        shutil.copy(folder / "0.png", folder / f"{i}.png")
    vae = graph("CheckpointLoaderSimple", ckpt_name=checkpoints.name("sd"))[2]
    fit = graph("Img2NoiseFitWhitenerFromFolder", vae=vae, folder="many", size=64)
    return whiten(graph, graph("TestLatent")[0], fit[0])


@pytest.mark.parametrize("work", [search, survey])
def test_long_work_shows_its_progress_stops_on_cancel_and_lets_the_next_run(server, graph, work):
    graph("TestDump", value=work(graph, server), name="never")
    with Events(server.port, CLIENT) as events:
        prompt = server.queue(graph)
        reports = (data for kind, data in events if kind == "progress")
        seen = [next(reports) for _ in range(3)]
        server.post("/interrupt", {})
        asked = time.monotonic()
        entry = server.wait(prompt)
        took = time.monotonic() - asked
    assert seen[0]["value"] < seen[1]["value"] < seen[2]["value"] < seen[2]["max"]
    assert took < 2
    assert "execution_interrupted" in [kind for kind, _ in entry["status"]["messages"]]
    assert not (server.output / "never.safetensors").exists()
    following = Graph(server.object_info)
    whitener = following("Img2NoiseLoadWhitener", whitener_name="sd")[0]
    result = correlated(following, following("TestLatent", seed=3)[0], whitener)
    following("TestDump", value=result, name="following")
    server.run(following)
