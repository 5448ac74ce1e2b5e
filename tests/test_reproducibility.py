"""Every promise of docs/reproducibility.md, and that the page and these tests promise the same."""

from pathlib import Path

import pytest
import torch

from benchmarks.reproducibility import comparing, generators, in_comfyui, page
from benchmarks.reproducibility.promises import BIT_EQUAL, PROMISES, THREADS
from benchmarks.reproducibility.rounding import OtherRounding

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reproducibility.md"
LARGE, SMALL = generators.SIZE, 24  # torch shares among threads what is large alone
TESTED = {(name, c): within for name, promised in PROMISES.items() for c, within in promised.items()}


@pytest.mark.parametrize(("name", "condition"), TESTED)
def test_a_promise_is_kept(name, condition):
    found = comparing.MEASURED[condition](name, LARGE if condition == THREADS else SMALL)
    assert found.keeps(TESTED[name, condition]), found


def test_the_page_promises_what_is_tested_and_no_more():
    in_host = {(name, c): within for name, some in in_comfyui.PROMISES.items() for c, within in some.items()}
    assert page.promises(PAGE.read_text("utf-8")) == TESTED | in_host


@pytest.mark.parametrize("name", [*generators.GENERATORS, *generators.WHOLES])
def test_another_seed_makes_another(name, monkeypatch):
    before = comparing.make(name, size=SMALL)
    monkeypatch.setattr(generators, "SEED", 6)
    monkeypatch.setattr(generators, "PICTURES", 1001)
    generators.forget()
    try:
        found = comparing.difference(before, comparing.make(name, size=SMALL))
    finally:
        generators.forget()
    assert not found.equal and not any(found.keeps(within) for within in PROMISES[name].values())


def test_other_rounding_moves_what_is_summed_and_nothing_else():
    x = torch.rand(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with OtherRounding(scale=100) as mode:
        same, moved = x.exp() * 2 - x, (x @ x, x.sum(1), torch.fft.rfft(x), torch.linalg.eigh(x + x.T)[0])
    assert torch.equal(same, x.exp() * 2 - x) and mode.rounded == 4
    exact = x @ x, x.sum(1), torch.fft.rfft(x), torch.linalg.eigh(x + x.T)[0]
    for a, b in zip(moved, exact, strict=True):
        assert 0 < float((a - b).abs().max()) < 1e-12


def test_a_tolerance_is_a_relative_rms_and_no_tolerance_is_every_bit():
    a, b = torch.ones(100), torch.ones(100)
    b[0] += 1e-4
    found = comparing.difference(dict(a=a, b=b), dict(a=a, b=a))
    assert found.relative == pytest.approx(1e-5, rel=0.01) and found.largest == pytest.approx(1e-4, rel=0.01)
    assert found.keeps(1.1e-5) and not found.keeps(0.9e-5) and not found.keeps(BIT_EQUAL)
    assert comparing.difference(dict(a=a), dict(a=a)).keeps(BIT_EQUAL)
    assert not comparing.difference(dict(a=a), dict(a=a[1:])).keeps(1.0)
    assert not comparing.difference(dict(a=a), dict(a=a * float("nan"))).keeps(1.0)
