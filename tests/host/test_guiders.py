"""What a node that calls a model leaves behind: guider, model, latent and random state as they were, after an
error and a cancel too.
"""

from __future__ import annotations

import itertools
import json
import time

import pytest
import torch

from .events import Events
from .graphs import Graph
from .scenes import dump, euler, guider, model, no_noise, photo, sampled, samples, sigmas, told
from .server import CLIENT

SMALL = dict(width=8, height=8)


def inverted(graph: Graph, found: list, who: list, latent: list, steps: int) -> list:
    sampler = graph("Img2NoiseInversionSampler", scheme="implicit")[0]
    wires = dict(noise=no_noise(graph), guider=who, sampler=sampler, latent_image=latent)
    return sampled(graph, **wires, sigmas=sigmas(graph, found, steps))


def first_step(graph: Graph, found: list, who: list, latent: list, steps: int) -> list:
    how = dict(guider=who, latent=latent, iterations=steps, stop="iterations")
    return graph("Img2NoiseFirstStepInversion", **how)[1]


def maps_of(graph: Graph, found: list, who: list, latent: list, steps: int) -> list:
    how = dict(guider=who, latent=latent, sigmas=sigmas(graph, found, steps), skip=0)
    return graph("Img2NoiseImageToNoiseMaps", **how)[0]


def replayed(graph: Graph, found: list, who: list, latent: list, steps: int) -> list:
    """A replay of the maps of a quicker model."""
    quick = graph("TestGaussian", model=model(graph))[0]
    maps = maps_of(graph, found, guider(graph, quick), latent, steps)
    return graph("Img2NoiseSampleNoiseMaps", guider=who, noise_maps=maps)[0]


def recolored(graph: Graph, found: list, who: list, latent: list, steps: int) -> list:
    quick = graph("TestGaussian", model=model(graph))[0]
    maps = maps_of(graph, found, guider(graph, quick), latent, steps)
    mask = graph("SolidMask", value=1.0, width=64, height=64)[0]
    wires = dict(guider=who, noise_maps=maps, vae=graph("TestVae", channels=4)[0], mask=mask)
    return graph("Img2NoiseRecolorNoiseMaps", **wires)[0]


def edited(graph: Graph, found: list, who: list, latent: list, steps: int, weight: float = 1.5) -> list:
    how = dict(source=who, target=guider(graph, found, 2, cfg=4.0), latent=latent, skip=0)
    levels = sigmas(graph, found, steps)
    return graph("Img2NoisePromptEdit", **how, sigmas=levels, weight=weight)[0]


def edited_apart(graph: Graph, found: list, who: list, latent: list, steps: int, weight: float = 1.5) -> list:
    other = graph("ModelSamplingDiscrete", model=found, sampling="eps", zsnr=False)[0]
    return edited(graph, other, who, latent, steps, weight)


def edited_in_turn(graph: Graph, found: list, who: list, latent: list, steps: int) -> list:
    return edited_apart(graph, found, who, latent, steps, weight=1.0)


NODES = [inverted, first_step, maps_of, replayed, recolored, edited, edited_apart, edited_in_turn]


def reference(server, name: str) -> tuple[torch.Tensor, dict]:
    """What core samples now, computed anew, and what its guider and model are like before that."""
    graph = Graph(server.object_info)
    found = model(graph)
    now = f"{name} {time.monotonic_ns()}"
    node = graph("TestGuider", guider=guider(graph, found, cfg=3.0), again=now)
    wires = dict(noise=graph("RandomNoise", noise_seed=1)[0], sampler=euler(graph))
    wires |= dict(sigmas=sigmas(graph, found, 2), latent_image=photo(graph, **SMALL))
    dump(graph, **{name: sampled(graph, guider=node[0], **wires)})
    outputs = server.run(graph)
    return samples(server, name)[0], json.loads(told(outputs, node))


def left_as_it_was(server, before: tuple, name: str) -> bool:
    """Whether core samples the same, with a model at rest. What a guider holds is compared elsewhere: a
    cancelled sampler of core's leaves its traces on it.
    """
    (picture, facts), (again, now) = before, reference(server, name)
    del facts["held"], now["held"]
    return torch.equal(picture, again) and facts == now and not now["in_use"] and not now["hooked"]


@pytest.mark.parametrize("node", NODES)
def test_guider_latent_and_random_state_stay_as_they_were(server, graph, node):
    found, latent = model(graph, lora=True), photo(graph, **SMALL)
    before = graph("TestGuider", guider=guider(graph, found, cfg=3.0))
    start = graph("TestRandomState", value=latent)
    result = node(graph, found, before[0], start[0], 3)
    end = graph("TestRandomState", value=result)
    after = graph("TestGuider", guider=before[0], after=end[0])
    graph("TestDump", value=latent, name="after", after=end[0])
    dump(graph, fresh=graph("LatentFromBatch", samples=latent, batch_index=0, length=1)[0])
    outputs = server.run(graph)
    assert told(outputs, before) == told(outputs, after)
    assert json.loads(told(outputs, after))["cfg"] == 3.0
    assert told(outputs, start) == told(outputs, end)
    same = Graph(server.object_info)
    dump(same, same=photo(same, batch_size=1, **SMALL))
    server.run(same)
    assert torch.equal(*samples(server, "after", "same"))


@pytest.mark.parametrize("node", NODES)
def test_an_error_of_the_network_midway_leaves_the_host_as_it_was(server, graph, node):
    before = reference(server, "before the error")
    failing = graph("TestGaussian", model=model(graph), fails_at=2)[0]
    result = node(graph, failing, guider(graph, failing, cfg=3.0), photo(graph, **SMALL), 3)
    graph("TestText", value=result)
    assert "made to fail" in server.error(graph)["exception_message"]
    assert left_as_it_was(server, before, "after the error")


@pytest.mark.parametrize("node", NODES)
def test_it_shows_what_the_picture_is_becoming(server, graph, node):
    found = model(graph)
    who = graph("TestGuider", guider=guider(graph, found, cfg=3.0), again=f"shown by {node.__name__}")[0]
    graph("TestText", value=node(graph, found, who, photo(graph, **SMALL), 3))
    how = dict(client_id=CLIENT, extra_data={"preview_method": "latent2rgb"})
    with Events(server.port, CLIENT) as events:
        server.post("/prompt", {"prompt": graph, **how})
        seen = list(itertools.takewhile(lambda event: event[0] != "execution_success", events))
    pictures = [data["bytes"] for kind, data in seen if kind == "binary"]
    assert pictures and all(b"\xff\xd8\xff" in picture[:400] for picture in pictures)  # JPEG, after its facts
