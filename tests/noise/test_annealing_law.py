"""What a search at a fixed temperature T settles in: the Gaussian of mean rho w, variance T / (2 lam + T)."""

from functools import cache

import pytest
import torch

from img2noise import anneal, correlated_noise
from img2noise.noise.annealing import LOSSES

from ..cases import STRUCTURES, close, fitted, normal

SHAPE = (1, 2, 3)
TEMPERATURES = (5.0, 2.0, 5.0, 10.0)  # in mean eigenvalues, one per structure
CHAINS, STEPS = 1000, 320


@cache
def settled(structure, temperature, loss="forward"):
    """The last states (N, D) of many searches for one picture, in its eigenbasis; w and lam (D,)."""
    whitener, x0 = fitted(structure, "zca", SHAPE), 2 * normal(1, *SHAPE, seed=4)
    found = anneal(
        x0,
        whitener,
        STEPS,
        loss=loss,
        alpha=0.7,
        temperature=(temperature, temperature),
        seed=range(CHAINS),
    )
    assert float(found.acceptance.mean()) > 0.1  # enough steps taken to have forgotten the start
    u = whitener.analyze(x0)
    lam = whitener.eigenvalues(u)
    return whitener.unrotate(found.z_last), u[0] * lam.rsqrt(), lam


def assert_distributed(q, mean, variance):
    """Mean and variance of independent samples q (N, D) lie within 4.5 standard errors; none correlate."""
    error = (variance / len(q)) ** 0.5
    assert bool(((q.mean(0) - mean).abs() < 4.5 * error).all())
    assert bool(((q.var(0) / variance - 1).abs() < 4.5 * (2 / len(q)) ** 0.5).all())
    correlation = torch.corrcoef(q.T) - torch.eye(q.shape[1], dtype=q.dtype)
    assert float(correlation.abs().max()) < 4.5 / len(q) ** 0.5


@pytest.mark.parametrize(("structure", "temperature"), [*zip(STRUCTURES, TEMPERATURES, strict=True)])
def test_the_forward_search_settles_in_the_closed_form(structure, temperature):
    q, w, lam = settled(structure, temperature)
    t = temperature * lam.mean()
    rho = 2 * lam / (2 * lam + t)
    assert_distributed(q, rho * w, t / (2 * lam + t))
    assert not close(q.mean(0), w, 0.1)  # and not in w itself


@pytest.mark.parametrize("loss", LOSSES[1:])
def test_the_other_searches_settle_with_every_direction_alike(loss):
    temperature = 2.0
    q, w, lam = settled("dense", temperature, loss)
    whitener, x0 = fitted("dense", "zca", SHAPE), 2 * normal(1, *SHAPE, seed=4)
    target = w if loss == "backward" else whitener.unrotate(whitener.center(x0))[0]
    rho = 2 / (2 + temperature)
    assert_distributed(q, rho * target, torch.full_like(w, temperature / (2 + temperature)))


@pytest.mark.parametrize(("structure", "temperature"), [*zip(STRUCTURES, TEMPERATURES, strict=True)])
def test_one_shot_has_the_law_of_a_search_that_never_ends(structure, temperature):
    searched, *_ = settled(structure, temperature)
    whitener, x0 = fitted(structure, "zca", SHAPE), 2 * normal(1, *SHAPE, seed=4)
    shot = correlated_noise(
        x0, whitener, temperature=temperature, seed=range(20000, 23000), preserve_variance=False
    )
    q = whitener.unrotate(shot)
    spread = q.var(0)
    error = (1 / len(searched) + 1 / len(q)) ** 0.5
    assert bool(((searched.mean(0) - q.mean(0)).abs() < 4.5 * spread.sqrt() * error).all())
    assert bool(((searched.var(0) / spread - 1).abs() < 4.5 * 2**0.5 * error).all())
