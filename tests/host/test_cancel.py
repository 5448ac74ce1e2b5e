"""A long node shows its progress; cancelled midway it ends within a second and leaves the host as it was."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from . import scenes, test_guiders
from .events import Events
from .graphs import Graph
from .memory import ODD, SIDES, left_behind
from .server import CLIENT

SECONDS = 1.0


def annealed(graph: Graph) -> list:
    """A search for 8 noises of 1024 x 1024 pixels."""
    picture = graph("TestLatent", seed=3, width=128, height=128, batch_size=8)[0]
    whitener = graph("Img2NoiseLoadWhitener", whitener_name="sd")[0]
    return graph("Img2NoiseAnnealedNoise", latent=picture, whitener=whitener, iterations=1_000_000)[0]


def fitted(graph: Graph) -> list:
    """Moments of photos of a folder, through a VAE."""
    vae = graph("CheckpointLoaderSimple", ckpt_name=scenes.checkpoints.name("sd"))[2]
    return graph("Img2NoiseFitWhitenerFromFolder", vae=vae, folder="rippled", latent_space="sd", size=256)[0]


def sampled(graph: Graph) -> list:
    """KSampler (from Image) over many steps."""
    latent = scenes.photo(graph, **ODD)
    wires = dict(positive=scenes.prompt(graph, 1), negative=scenes.prompt(graph, 2), latent_image=latent)
    wires |= scenes.pictured(graph, latent)
    return graph("Img2NoiseKSampler", model=scenes.model(graph), **wires, steps=2000)[0]


def walking(node):
    """A node that calls a model many times."""

    def build(graph: Graph) -> list:
        found = scenes.model(graph)
        who = scenes.guider(graph, found, cfg=3.0)
        return node(graph, found, who, scenes.photo(graph, **ODD), 400)

    return build


LONG = {"annealed": annealed, "fitted from a folder": fitted, "sampled with correlated noise": sampled} | {
    node.__name__: walking(node) for node in test_guiders.NODES
}


def clocks(server) -> list[float]:
    """Seconds by the clock and, where the system tells them, those that the server's process has worked: on a
    busy machine it waits for its turn, which is not the node's doing.
    """
    told = Path(f"/proc/{server.process.pid}/stat")
    if not told.exists():
        return [time.monotonic()]
    worked = told.read_text().rsplit(")", 1)[1].split()[11:13]  # of the user's and of the system's
    return [time.monotonic(), sum(map(int, worked)) / os.sysconf("SC_CLK_TCK")]


@pytest.fixture(scope="module", autouse=True)
def photos(server):
    """A folder of photos, all of them alike, that takes a while."""
    folder = server.input / "rippled"
    folder.mkdir(exist_ok=True)
    coarse = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((400, 300)).save(folder / "0.png")
    for number in range(1, 300):
        shutil.copy(folder / "0.png", folder / f"{number}.png")


@pytest.fixture(autouse=True)
def odd_pictures(monkeypatch):
    """What nodes bring beside their picture has its size."""
    monkeypatch.setattr(test_guiders, "SMALL", ODD)


@pytest.mark.parametrize("name", LONG)
def test_a_long_node_ends_within_a_second_of_cancel_and_keeps_nothing(server, graph, name):
    before, result = test_guiders.reference(server, "before the cancel"), LONG[name](graph)
    graph("TestText", value=result)
    with Events(server.port, CLIENT) as events:
        prompt = server.queue(graph)
        reports = (data for kind, data in events if kind == "progress" and data["node"] == result[0])
        seen = [next(reports)["value"], next(reports)["value"]]
        most = next(reports)["max"]
        time.sleep(0.5)
        asked = clocks(server)
        server.post("/interrupt", {})
        entry = server.wait(prompt)
        took = min(after - before for before, after in zip(asked, clocks(server), strict=True))
    assert "execution_interrupted" in [kind for kind, _ in entry["status"]["messages"]]
    assert seen[0] < seen[1] < most and took < SECONDS, took
    assert test_guiders.left_as_it_was(server, before, "after the cancel")
    assert not left_behind(server, SIDES)
