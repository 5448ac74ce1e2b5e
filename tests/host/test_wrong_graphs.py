"""Hundreds of wrong graphs: each ends in one sentence, and the graph put right gives the right answer."""

from __future__ import annotations

import json

import pytest

from ..refusals import faults
from . import scenes
from .graphs import Graph
from .wrong import files
from .wrong.bench import RIGHT, Bench
from .wrong.cases import CASES


class Answers:
    """What the right graphs give, and what core's KSampler makes of the model that all of them share."""

    def __init__(self, server):
        files.put(server)
        server.run(built(server, "Save Noise Maps", "first")[0])
        self.server, self.known, self.picture = server, {}, core_picture(server, "first")

    def of(self, scene: str) -> list[str]:
        """The right answer of a scene; with every new scene, the model is looked at."""
        if scene not in self.known:
            self.model_is_untouched(scene)
            self.known[scene] = answer(self.server, scene, "right")
        return self.known[scene]

    def model_is_untouched(self, again: str) -> None:
        assert core_picture(self.server, again) == self.picture


@pytest.fixture(scope="module")
def answers(server):
    return Answers(server)


def built(server, scene: str, again: str, **changed) -> tuple[Graph, list[str]]:
    """A graph of a scene, and the nodes that tell what came of it."""
    bench = Bench(Graph(server.object_info), again)
    RIGHT[scene](bench, **changed)
    return bench.graph, bench.shown


def answer(server, scene: str, again: str) -> list[str]:
    graph, shown = built(server, scene, again)
    return told(server.run(graph), shown)


def told(outputs: dict, shown: list[str]) -> list[str]:
    facts = [json.loads(outputs[node]["text"][0]) for node in shown]
    assert all(fact["sound"] for fact in facts)
    return [fact["digest"] for fact in facts]


def core_picture(server, again: str) -> list[str]:
    b = Bench(Graph(server.object_info), f"core's, {again}")
    wires = dict(model=b.model(), positive=b.prompt(), negative=b.prompt(2), latent_image=b.photo())
    b.show(b.graph("KSampler", **wires, seed=1, steps=2, cfg=7.5)[0])
    return told(server.run(b.graph), b.shown)


def test_there_are_wrong_graphs_of_every_node(server):
    assert len(CASES) > 200 and {scene for scene, _, _ in CASES} == RIGHT.keys()
    nodes = {n["class_type"] for scene in RIGHT for n in built(server, scene, "")[0].values()}
    assert {node for node in server.object_info if node.startswith("Img2Noise")} <= nodes


@pytest.mark.parametrize("scene", RIGHT)
def test_wrong_graphs_end_in_one_sentence_and_put_right_give_the_right_answer(server, answers, scene):
    expected, failures = answers.of(scene), []
    for number, (changes, word) in enumerate(row[1:] for row in CASES if row[0] == scene):
        error = server.error(built(server, scene, f"wrong {number}", **changes)[0])
        last = error["traceback"][-1].strip().splitlines()
        found = dict(kind=error["exception_type"], said=error["exception_message"].strip())
        found["meant"] = last[-1].strip().startswith("raise ")
        wrong = faults(found, word)
        if not (error["node_type"] == RIGHT[scene].says or error["node_type"].startswith("Img2Noise")):
            wrong.append("another node")
        failures += [(changes, word, found, fault) for fault in wrong]
    assert not failures, failures
    assert answer(server, scene, "put right") == expected


def test_the_model_is_as_it_was(answers):
    answers.model_is_untouched("last")


@pytest.mark.parametrize("scene", ["Inversion Sampler", "Edit-Friendly Sampler"])
def test_without_sigmas_core_asks_no_sampler_and_the_latent_stays_as_it_is(server, graph, scene):
    bench = Bench(graph, "no sigmas")
    RIGHT[scene](bench, sigmas=Bench.sigmas(bench, ""), latent_image=bench.photo())
    before = graph("TestFacts", value=bench.photo())
    after = bench.shown[0]
    digests = told(server.run(graph), [before, after])
    assert digests[0] == digests[1]


@pytest.mark.parametrize("sampler", ["euler_ancestral", "dpmpp_2m_sde"])
def test_inverted_noise_under_a_stochastic_sampler_follows_its_own_seed(server, sampler):
    def picture(seed: int, again: str) -> list[str]:
        b = Bench(Graph(server.object_info), f"{sampler}, {again}")
        inverted = dict(model=b.model(), sigmas=b.sigmas(), latent=b.photo(), noise_seed=seed)
        wires = dict(noise=b.graph("Img2NoiseInvertedNoise", **inverted)[0], guider=b.guider())
        wires["sampler"] = b.graph("KSamplerSelect", sampler_name=sampler)[0]
        b.show(scenes.sampled(b.graph, **wires, sigmas=b.sigmas(), latent_image=b.photo()))
        return told(server.run(b.graph), b.shown)

    assert picture(1, "first") == picture(1, "again") != picture(2, "other")
