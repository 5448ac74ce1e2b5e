"""Every node, called without a server: whatever it is given wrongly, the answer is one sentence."""

from __future__ import annotations

import pytest

from ..bad_nodes import BAD_NODES, NODE_ROWS
from ..refusals import faults
from .conftest import answers_of

answered = answers_of("alone.py")


def test_every_node_takes_the_inputs_that_the_rows_start_from(answered):
    assert answered["nodes"] == sorted(BAD_NODES) == sorted(answered["good"])
    assert not {name: said for name, said in answered["good"].items() if said["kind"]}


@pytest.mark.parametrize("node", [node for node, inputs in BAD_NODES.items() if inputs])
def test_bad_inputs_of_a_node_are_refused_in_one_sentence_and_not_changed(answered, node):
    rows = [pair for pair in zip(NODE_ROWS, answered["rows"], strict=True) if pair[0][0] == node]
    assert rows and not [(row[1:], found) for row, found in rows if faults(found) or not found["kept"]]
