"""Gains of samplers: the closed form beside runs on exact denoisers, and what noise does with a gain."""

import math

import pytest
import torch

from benchmarks import gains as bench
from img2noise import anneal, correlated_noise, draw, load
from img2noise.noise import (
    compensated,
    correlation,
    euler_gain,
    loss_of,
    measured_transfer,
    passed,
    preview,
    sampled_gain,
)

from ..cases import SHAPES, STRUCTURES, close, fitted, normal
from ..each import each

SHAPE = SHAPES[1]
LAM = torch.logspace(-2, 3, 41, dtype=torch.float64)


def flow(steps, shift):
    t = torch.linspace(1, 0, steps + 1, dtype=torch.float64)
    t = shift * t / (1 + (shift - 1) * t)
    return [(1 - float(v), float(v)) for v in t]


def euler_of(levels):
    """Euler's method for dx/dt = n - x0 between these levels of a flow model."""

    def sample(denoise, x):
        for (_, t), (_, to) in zip(levels, levels[1:], strict=False):
            x = x + (to - t) * (x - denoise(x, t)) / t
        return x

    return sample


def ddim_of(sigmas):
    def sample(denoise, x):
        for sigma, to in zip(sigmas, sigmas[1:], strict=False):
            clean = denoise(x, torch.tensor([sigma], dtype=x.dtype))
            x = clean + to / sigma * (x - clean)
        return x

    return sample


@each("steps", [1, 4, 20])
@each("shift", [1.0, 3.0])
def test_the_closed_form_is_what_a_run_of_euler_gives(steps, shift):
    levels = flow(steps, shift)
    assert close(euler_gain(LAM, levels), sampled_gain(euler_of(levels), LAM), 1e-12)


def test_the_closed_form_holds_for_variance_exploding_levels():
    sigmas = [14.6, 7.0, 2.5, 0.9, 0.2, 0.0]
    amplitude = math.sqrt(1 + sigmas[0] ** 2)
    closed = euler_gain(LAM, [(1.0, s) for s in sigmas], amplitude)
    run = sampled_gain(ddim_of(sigmas), LAM, lambda sigma: (1.0, sigma), amplitude)
    assert close(closed, run, 1e-12)


def test_many_steps_reach_the_odes_gain_and_one_gives_nothing():
    assert close(euler_gain(LAM, flow(20000, 3.0)) / LAM.sqrt(), torch.ones_like(LAM), 3e-2)
    assert float(euler_gain(LAM, flow(1, 1.0)).abs().max()) < 1e-12


def test_a_shift_only_moves_the_gain_along_the_eigenvalues():
    r = [euler_gain(lam, flow(8, s)) / lam.sqrt() for lam, s in ((LAM * 9, 3.0), (LAM, 1.0), (1 / LAM, 1.0))]
    assert close(r[0], r[1], 1e-12) and close(r[1], r[2], 1e-12)


@each(("steps", "ratio", "share"), [(4, 1, 0.720), (8, 1, 0.851), (20, 100, 0.796), (50, 1000, 0.767)])
def test_published_shares_of_uniform_steps(steps, ratio, share):
    lam = torch.tensor([float(ratio)], dtype=torch.float64)
    assert float(euler_gain(lam, flow(steps, 1.0)) / lam.sqrt()) == pytest.approx(share, abs=6e-4)


def gain_of(lam):
    return euler_gain(lam, flow(8, 3.0))


@each("structure", STRUCTURES)
def test_the_preview_of_a_gain_is_what_the_sampler_makes_of_the_noise(structure):
    """The same steps with the exact denoiser of the whole Gaussian."""
    whitener, z = fitted(structure, "zca", SHAPE), normal(2, *SHAPE, seed=4)
    mean = whitener.dewhiten(torch.zeros_like(z))

    def denoise(x, t):
        centered = x - (1 - t) * mean + mean
        u = whitener.analyze(centered)
        lam = whitener.eigenvalues(u)
        return whitener.synthesize((1 - t) * lam * u / ((1 - t) ** 2 * lam + t * t))

    assert close(preview(z, whitener, gain_of), euler_of(flow(8, 3.0))(denoise, z), 1e-10)
    assert close(preview(z, whitener), whitener.dewhiten(z), 1e-12)


def test_compensated_noise_of_a_picture_comes_back_as_the_picture():
    whitener, x0 = fitted("cosine", "zca", SHAPE), normal(2, *SHAPE, seed=4)
    z = compensated(whitener.whiten(x0), whitener, gain_of, limit=1e9)
    assert close(preview(z, whitener, gain_of), x0, 1e-9)
    twice = compensated(whitener.whiten(x0), whitener, lambda lam: lam.sqrt() / 5)  # the limit
    assert close(twice, 2 * whitener.whiten(x0), 1e-10)


@each("way", ["4, shift 3", "8, shift 3", "SD-Turbo 1", "SD-Turbo 4"])
def test_few_steps_bring_the_picture_as_near_as_the_closed_form_says(way):
    """Sampled with the exact denoiser, from white noise, ZCA noise and noise made for these steps."""
    whitener = load("sd").at_size(24, 24)
    steps = (bench.flow(*bench.FLOWS[way]), 1.0) if way in bench.FLOWS else bench.turbo(int(way[-1]))
    lam = whitener.eigenvalues(torch.zeros(1, dtype=torch.float64))
    white, zca, for_sampler = bench.sampled(whitener, *steps)
    expected = bench.distances(lam, *steps)[:3]
    assert (white, zca, for_sampler) == pytest.approx(expected, rel=0.12, abs=0.002)
    assert for_sampler < zca < white


@each("preserve_variance", [True, False])
def test_correlated_noise_for_a_gain_is_its_formula(preserve_variance):
    whitener, x0 = fitted("cosine", "zca", SHAPE), normal(1, *SHAPE, seed=4)
    u = whitener.analyze(x0)
    lam = whitener.eigenvalues(u)
    gain = lam.sqrt() * torch.linspace(0.3, 1.0, len(lam), dtype=torch.float64)
    n = whitener.unrotate(draw(x0.shape, 3).double())
    rho = correlation(gain**2, 5.0)
    if preserve_variance:
        q = rho * u / lam.sqrt() + (1 - rho**2).sqrt() * n
    else:
        q = rho * u / torch.maximum(gain, lam.sqrt() / 2) + (1 - rho).sqrt() * n
    z = correlated_noise(x0, whitener, seed=3, gain=gain, preserve_variance=preserve_variance)
    assert close(z, whitener.rotate(q), 1e-10)


def test_annealing_for_a_gain_searches_for_the_samplers_picture():
    whitener, x0 = fitted("cosine", "zca", SHAPE), normal(1, *SHAPE, seed=4)
    found = anneal(x0, whitener, 300, temperature=(0, 0), gain=gain_of, seed=3)
    start = draw(x0.shape, 3).double()
    for z, loss in ((start, found.losses[0, 0]), (found.z, found.losses[0].min())):
        by_hand = (preview(z, whitener, gain_of) - x0).square().sum()
        assert float(by_hand / loss) == pytest.approx(1, abs=1e-9)
        assert float(loss_of(z, x0, whitener, gain=gain_of)) == pytest.approx(float(loss), rel=1e-9)


def test_a_measured_transfer_is_the_linear_map_and_its_coherence():
    channels, (height, width) = 3, (16, 12)
    h = normal(channels, channels, seed=2)
    z = normal(200, channels, height, width, seed=3)
    made = torch.einsum("ij,kjhw->kihw", h, z) + 5.0  # a mean is no part of the map
    exact = measured_transfer(z, made, bands=4)
    assert close(exact.blocks, h.expand(4, -1, -1), 0.02) and float(exact.coherence[1:].min()) > 0.999
    noisy = measured_transfer(z, made + 2 * normal(*made.shape, seed=4), bands=4)
    power = float(h.square().sum())
    assert close(noisy.coherence, torch.full((4,), power / (power + 4 * channels)).double(), 0.05)
    nothing = measured_transfer(z, normal(*made.shape, seed=5), bands=4)
    assert float(nothing.coherence.max()) < 0.05


def test_a_measured_gain_of_the_ode_is_the_root_of_the_eigenvalues():
    shape = (2, 12, 12)
    whitener = fitted("cosine", "zca", SHAPES[2]).at_size(*shape[1:])
    z = normal(50, *shape, seed=3)
    flat = torch.full((144, 2, 2), 0.0, dtype=torch.float64)
    flat[:] = torch.tensor([[2.0, 0.6], [0.6, 1.0]], dtype=torch.float64)
    even = type(whitener)((flat.view(12, 12, 2, 2),), torch.zeros(2, dtype=torch.float64), shape)
    gain = measured_transfer(z, even.dewhiten(z), bands=3).gain(even)
    assert close(gain, even.eigenvalues(z).sqrt(), 1e-6)
    assert correlated_noise(z[:1], even, seed=1, gain=gain).shape == z[:1].shape


def test_the_shares_that_pass_are_of_layout_and_of_texture():
    lam = torch.tensor([100.0, 1.0, 0.1, 0.1], dtype=torch.float64)
    gain = lam.sqrt() * torch.tensor([0.5, 1.0, 0.8, 0.6], dtype=torch.float64)
    layout, texture = passed(lam, gain)
    assert layout == pytest.approx((50 + 1 + 0.08 + 0.06) / 101.2) and texture == pytest.approx(0.7)


def test_what_does_not_fit_is_refused():
    whitener, x0 = fitted("cosine", "zca", SHAPE), normal(1, *SHAPE)
    with pytest.raises(ValueError, match="gain"):
        correlated_noise(x0, whitener, seed=1, gain=torch.ones(3))
    with pytest.raises(ValueError, match="levels"):
        euler_gain(LAM, [(0.0, 1.0)])
    with pytest.raises(ValueError, match="more noises"):
        measured_transfer(normal(2, 8, 4, 4), normal(2, 8, 4, 4))
    with pytest.raises(ValueError, match="cosine"):
        measured_transfer(normal(20, 3, 8, 8), normal(20, 3, 8, 8), bands=2).gain(
            fitted("stationary", "zca", SHAPE)
        )
