"""The page of what works with what: it is whole, and a sample of its cells comes out again."""

from __future__ import annotations

import pytest

from . import declared
from .matrix import servers, table
from .matrix.__main__ import PLACE
from .matrix.places import BASE, CONDITIONS, FAMILIES, FLOWS, OTHERS, workflows_of
from .matrix.running import conditions, node_cell
from .matrix.tries import TRIES
from .templates import LITTLE, OF_MODELS

CELLS = table.read(PLACE.read_text("utf-8"))
NAMES = {key: node["display_name"] for key, node in declared.locale("en").items()}
VERSIONS = list(dict.fromkeys(column for *_, column in CELLS if column not in CONDITIONS))
MADE = "write it again: python -m tests.host.matrix"
SAMPLE = [
    ("Img2NoiseDewhitenLatent", BASE),
    ("Img2NoiseKSampler", "mask"),
    ("Img2NoiseInversionSampler", BASE),
    ("Img2NoiseFirstStepInversion", "LoRA"),
    ("Img2NoiseSampleNoiseMaps", "cfg 7.5"),
    ("Img2NoisePromptEdit", "ControlNet"),
    ("Img2NoiseLoadNoiseMaps", "batch 4"),
    ("Img2NoiseCorrelatedNoise", "12 x 8"),
]
WHITENED = "Whiten", "Dewhiten", "Annealed", "Correlated", "KSampler", "NoiseSheet", "FromImage", "TwoImages"
WHITENED += ("MeasureSampler",)  # in the ids of what needs a whitener
TOLERANCE = 30  # between the errors of two processors, where they are above rounding
ROUNDING = 1e-5


def test_every_node_and_workflow_is_tried_with_every_family_on_every_version():
    assert NAMES.keys() == TRIES.keys() | {LITTLE}
    assert VERSIONS[0] == "0.14.0" and len(VERSIONS) > 1, f"the oldest ComfyUI, and the newest; {MADE}"
    families = [*FAMILIES, *OTHERS]
    nodes = {(f.name, NAMES[node], v) for f in families for node in TRIES for v in VERSIONS}
    flows = {(f.name, path.stem, v) for f in families for path in workflows_of(f) for v in VERSIONS}
    assert {stem for _, stem, _ in flows} == {path.stem for path in OF_MODELS}
    others = {(f.name, NAMES[n], c) for f in FAMILIES for n in TRIES for c in conditions(n) if c != BASE}
    lacking = {cell for cell in nodes | flows | others if not CELLS.get(cell)}
    assert not lacking, MADE


def test_all_that_was_run_works_and_is_equal_on_repeat():
    names = {family.name for family in FAMILIES}
    told = {cell: said for cell, said in CELLS.items() if cell[0] in names and said not in ("", "not run")}
    assert not {cell: said for cell, said in told.items() if not said.startswith("=")}


def test_flow_models_take_every_node_that_needs_no_whitener():
    whitened = {NAMES[node] for node in TRIES if any(word in node for word in WHITENED)}
    told = {
        cell: said
        for cell, said in CELLS.items()
        if cell[0] in {family.name for family in FLOWS} and cell[1] not in whitened and said != "not run"
    }
    assert told and not {cell: said for cell, said in told.items() if not said.startswith("=")}


@pytest.fixture(scope="module")
def furnished(server, tmp_path_factory):
    """The server with the matrix's models of SD 1.5 beside its own."""
    servers.furnish(server, servers.write_models(tmp_path_factory.mktemp("matrix"), ["sd"]))
    return server


@pytest.mark.parametrize(("node", "condition"), SAMPLE)
def test_a_cell_comes_out_again(furnished, node, condition):
    version = furnished.comfy.version
    column = condition if condition != BASE else version if version in VERSIONS else VERSIONS[-1]
    kept = CELLS[FAMILIES[0].name, NAMES[node], column]
    found = node_cell(furnished, node, FAMILIES[0], condition)
    assert found.equal and kept.startswith("="), found
    assert (found.error is None) == (kept == "=")
    if found.error is not None:
        was = float(kept.removeprefix("= "))
        assert found.error < max(TOLERANCE * was, ROUNDING) and was < max(TOLERANCE * found.error, ROUNDING)


@pytest.mark.parametrize("node", ["Img2NoisePromptEdit", "Img2NoiseFirstStepInversion"])
def test_a_sentence_comes_out_again(furnished, node):
    unknown = OTHERS[-1]
    column = furnished.comfy.version if furnished.comfy.version in VERSIONS else VERSIONS[-1]
    assert node_cell(furnished, node, unknown, BASE).sentence == CELLS[unknown.name, NAMES[node], column]
