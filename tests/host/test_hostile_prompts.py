"""Graphs damaged as accidents and enemies do: ComfyUI refuses them, or they run, or a node of ours ends them
in one sentence; the server lives, and no file lies where none should.

IMG2NOISE_FUZZ=1000 tries that many; without it a few dozen.
"""

from __future__ import annotations

import copy
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..files.hostile import VALUES, places, put
from .graphs import Graph
from .wrong import files
from .wrong.bench import RIGHT, Bench

COUNT = int(os.environ.get("IMG2NOISE_FUZZ", 30))
SECONDS = 5.0  # what runs longer is cancelled
REFUSALS = {"ValueError", "TypeError", "FileNotFoundError"}
NAMES = st.sampled_from(["../x", "/etc/passwd", "C:\\x", "con", "a/../../b", "x" * 300, "\u202ex", "a\x00b"])


@st.composite
def damaged(draw, graph: dict):
    """One to three inputs, nodes or links exchanged, left out or led elsewhere."""
    graph = copy.deepcopy(dict(graph))
    for _ in range(draw(st.integers(1, 3))):
        everywhere = places(graph)
        if not everywhere:
            break
        place = draw(st.sampled_from(everywhere))
        links = st.tuples(st.sampled_from(sorted(graph)), st.integers(-1, 3)).map(list)
        value = draw(st.one_of(VALUES, NAMES, links))
        graph = put(graph, place, value, draw(st.integers(0, 5)) == 0)
    return graph


@pytest.fixture(scope="module")
def scenes(server) -> dict[str, dict]:
    """A right graph for each node."""
    files.put(server)
    made = {}
    for name in RIGHT:
        bench = Bench(Graph(server.object_info), "hostile")
        RIGHT[name](bench)
        made[name] = dict(bench.graph)
    server.run(made["Save Noise Maps"])
    return made


def outside(server) -> set[Path]:
    """Every file but those that ComfyUI and our savers write."""
    ours = server.output, server.models / "img2noise", server.base / "user", server.base / "temp"
    found = {file for file in server.base.parent.rglob("*") if file.is_file() and server.base in file.parents}
    return {file for file in found if not any(folder in file.parents for folder in ours)} - {server.log}


def ended(server, prompt_id: str) -> dict:
    """The history of a prompt, cancelled where it runs on."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if entry := server.get_json(f"/history/{prompt_id}").get(prompt_id):
            return entry
        time.sleep(0.02)
    server.post("/interrupt", {})
    return server.wait(prompt_id)


def said_well(entry: dict) -> bool:
    """Whether nothing went wrong, or not in a node of ours, or it says so in one sentence."""
    errors = [message for kind, message in entry["status"]["messages"] if kind == "execution_error"]
    ours = [e for e in errors if e["node_type"].startswith("Img2Noise")]
    return all(e["exception_type"] in REFUSALS and "\n" not in e["exception_message"].strip() for e in ours)


def test_damaged_graphs_are_refused_or_run_and_the_server_lives(server, scenes):
    before = outside(server)

    @settings(
        max_examples=COUNT,
        deadline=None,
        database=None,
        derandomize=COUNT <= 30,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(sorted(scenes)).flatmap(lambda name: damaged(scenes[name])))
    def run(graph):
        try:
            answer = server.post("/prompt", {"prompt": graph, "client_id": "hostile"})
        except json.JSONDecodeError:  # an error of ComfyUI's own, in plain text
            answer = {}
        if "prompt_id" in answer:
            entry = ended(server, answer["prompt_id"])
            assert said_well(entry), json.dumps([graph, entry["status"]["messages"]], default=str)[-3000:]
        assert server.process.poll() is None

    run()
    server.run(scenes["Whiten Latent"])
    assert not {file for file in outside(server) - before if not file.name.startswith("comfyui.db")}
