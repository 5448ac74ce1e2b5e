"""Every bit-equal promise of docs/reproducibility.md, and that the page and these tests promise the same."""

from pathlib import Path

import pytest

from benchmarks.reproducibility import comparing, generators, in_comfyui, page
from benchmarks.reproducibility.promises import CONDITIONS, PROMISES, THREADS, applies

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reproducibility.md"
LARGE, SMALL = generators.SIZE, 24  # threads share what is large alone
TESTED = [(name, condition) for name, conditions in PROMISES.items() for condition in conditions]


@pytest.mark.parametrize(("name", "condition"), TESTED)
def test_a_promise_is_kept(name, condition):
    size = LARGE if condition == THREADS else SMALL
    found = comparing.MEASURED[condition](name, size)
    assert found.equal, found


def test_the_page_promises_what_is_tested_and_no_more():
    in_host = {(name, c) for name, conditions in in_comfyui.PROMISES.items() for c in conditions}
    assert page.promises(PAGE.read_text("utf-8")) == {*TESTED} | in_host


def test_everything_measured_is_on_the_page_and_each_promise_means_something():
    text = PAGE.read_text("utf-8")
    assert PROMISES.keys() == generators.GENERATORS.keys() | generators.WHOLES.keys()
    assert all(f"| {name} |" in text for name in PROMISES)
    assert all(applies(name, c) and c in CONDITIONS for name, c in TESTED)


@pytest.mark.parametrize("name", [*generators.GENERATORS, *generators.WHOLES])
def test_another_seed_makes_another(name, monkeypatch):
    before = comparing.make(name, size=SMALL)
    monkeypatch.setattr(generators, "SEED", 6)
    monkeypatch.setattr(generators, "PICTURES", 1001)
    generators.pictures.cache_clear()
    try:
        assert not comparing.difference(before, comparing.make(name, size=SMALL)).equal
    finally:
        generators.pictures.cache_clear()


def test_a_network_of_matrix_kernels_is_told_apart():
    found = comparing.Difference(True) | comparing.Difference(False, 0.5, 0.1)
    assert found == comparing.Difference(False, 0.5, 0.1)
    assert page.cell(found, True) == "0.5, 0.1" and page.cell(comparing.Difference(True), False) == page.HERE
