"""Verdicts against the null of white noise, and on noise with one flaw each."""

import pytest
import torch

from img2noise import draw
from img2noise.diagnostics import inspect, verdict
from img2noise.diagnostics.verdict import WHITE

from ..cases import normal


def white(*shape, seed=0):
    return draw(shape, seed).double()


@pytest.mark.parametrize("shape, seeds", [((4, 64, 64), 200), ((4, 16, 16), 1000), ((3, 8, 24), 1000)])
def test_white_noise_is_called_white_in_99_of_100_seeds(shape, seeds):
    picture = normal(1, 3, 8 * shape[1], 8 * shape[2], seed=9) * 0.1
    picture[..., : 4 * shape[2]] = 0
    x0 = normal(1, *shape, seed=8).cumsum(-1)
    noise = white(seeds, *shape, seed=2026)
    said = [verdict(inspect(z[None], picture, x0=x0)) for z in noise]
    assert sum(words != [WHITE] for words in said) <= seeds / 100
    assert verdict(inspect(noise[:50], picture, x0=x0)) == [WHITE]  # a batch has no more chances to fail


HALF = torch.zeros(1, 3, 256, 256)
HALF[..., 128:] = normal(1, 3, 256, 128)
SICK = {
    "too weak": (lambda z: 0.8 * z, "20 % too low"),
    "too strong": (lambda z: 1.3 * z, "30 % too high"),
    "a strong channel": (lambda z: z * torch.tensor([1, 1, 1.25, 0.75]).view(4, 1, 1), "of channel 4 is"),
    "a tint": (lambda z: z + torch.tensor([0, 0.3, 0, 0]).view(4, 1, 1), "channel 2 has a mean of +0."),
    "tails": (lambda z: z * (1 + 0.5 * torch.sign(white(*z.shape, seed=4))) / 1.118, "more extreme"),
    "skewed": (lambda z: (z + 0.15 * (z**2 - 1)) / 1.02, "(skew +"),
    "alike across": (lambda z: (z + 0.4 * z.roll(1, -1)) / 1.077, "horizontal neighbors are correlated (+"),
    "opposed down": (lambda z: (z - 0.4 * z.roll(1, -2)) / 1.077, "vertical neighbors are correlated (-"),
    "an echo": (lambda z: (z + 0.5 * z.roll(3, -1)) / 1.118, "horizontal distance of 3 are correlated (+"),
    "soft": (lambda z: (z + 0.4 * z.roll(1, -1) + 0.4 * z.roll(1, -2)) / 1.15, "smoother"),
    "grainy": (lambda z: (z - 0.4 * z.roll(1, -1) - 0.4 * z.roll(1, -2)) / 1.15, "grainier"),
    "channels": (lambda z: (z + 0.5 * z.flip(1)) / 1.118, "and 4 are correlated (+0.8"),
    "smooth": (lambda z: z * (0.6 + 0.4 * (torch.arange(32) >= 16)), "too little noise"),
    "smooth, too much": (lambda z: z * (1 + (torch.arange(32) < 16)), "% too much noise"),
    "a picture": (lambda z: 0.98 * z + 0.2 * normal(1, 4, 32, 32, seed=5), "contains your image"),
}


@pytest.mark.parametrize("case", SICK)
def test_each_flaw_is_named(case):
    change, words = SICK[case]
    z = white(1, 4, 32, 32, seed=3)
    z = change(z / z.std())
    said = verdict(inspect(z, HALF, x0=normal(1, 4, 32, 32, seed=5)))
    assert any(words in sentence for sentence in said), said
    assert (WHITE in said) == (case == "a picture")


def test_a_flaw_of_smooth_areas_comes_first_and_says_how_to_fix_it():
    z = SICK["smooth"][0](white(1, 4, 32, 32, seed=3))
    found = inspect(z, HALF)
    [first, *_] = verdict(found)
    percent = 100 * (1 - float(z[..., :16].std() / z[..., 16:].std()))
    assert abs(percent - 40) < 2
    assert f"smooth areas carry {percent:.0f} %" in first and "forward fraction" in first
    assert not any("smooth areas" in s for s in verdict(inspect(z)))  # without a picture nobody knows


@pytest.mark.parametrize(
    ("side", "most", "blames"),
    [(5, 2, ("smooth areas", "mean of", "channels")), (9, 1, ("lopsided", "extreme values"))],
)
def test_soft_noise_is_not_blamed_on_anything_else(side, most, blames):
    """Neighbors that are alike are fewer independent values, whose other figures stray further."""
    said = []
    for seed in range(40):
        z = torch.nn.functional.avg_pool2d(white(1, 4, 31 + side, 31 + side, seed=seed), side, stride=1)
        said.append(" ".join(verdict(inspect(z * side, HALF))))
    assert all("neighbors" in words for words in said)
    assert sum(any(blame in words for blame in blames) for words in said) <= most


def test_in_a_batch_each_noise_is_named_and_its_neighbors_do_not_matter():
    z = white(3, 4, 32, 32)
    z[1] *= 0.7
    said = verdict(inspect(z), ["a", "b", "c"])
    assert (
        said[0] == f"a: {WHITE}"
        and said[-1] == f"c: {WHITE}"
        and said[1].startswith("b: ")
        and "29 %" in said[1]
    )
    alone, batch = inspect(z[1:2]).figures()[0], inspect(z).figures()[1]
    assert alone["std"] == pytest.approx(batch["std"]) and alone["spectrum"] == pytest.approx(
        batch["spectrum"]
    )
