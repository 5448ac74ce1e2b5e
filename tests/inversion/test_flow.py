"""Flow levels against closed forms: the walks of VE units, and t = 1 a level like any other.

Laws are for Gaussian data with variance lam; steps are uniform in t unless shifted.
"""

from itertools import pairwise
from math import atan, atan2, atanh, cos, log, prod, sqrt

import pytest
import torch

from benchmarks.inversion_schemes import as_flow, mixture
from benchmarks.papers.worlds import NETWORK, crops
from benchmarks.stored_network import load_network
from img2noise import GaussianDenoiser, Levels, draw, extract, replay
from img2noise.inversion import ddim, first_step
from img2noise.inversion.edit_friendly import edit
from img2noise.inversion.noise_maps import flip, recolor, shift, statistics

from ..cases import close, fitted, mean_of, normal, sigma_of
from ..each import each
from ..worlds import column, network, picture, recorded, rms
from ..worlds import levels as sd_levels

SOURCE, TARGET = as_flow(network()), as_flow(network(turn=0.3))


def times(steps, factor=1.0):
    return Levels.flow(torch.linspace(1, 0, steps + 1, dtype=torch.float64)).shifted(factor)


def gaussian(lam, mean=0.0):
    """The exact denoiser of pixels N(mean, lam) at flow levels."""

    def denoise(x, t):
        a, b = 1 - column(t), column(t)
        return mean + a * lam / (a**2 * lam + b**2) * (x - a * mean)

    return denoise


def velocity(denoise, x, t):
    return (x - denoise(x, torch.full((len(x),), t, dtype=x.dtype))) / t


def test_euler_in_t_is_ddim_in_sigma_step_by_step():
    flow, ve = times(20, 3.0)[1:], network()
    x = normal(2, 4, 8, 8)
    y = ddim.sample(ve, x / flow.a[0], flow.sigmas)
    assert close(ddim.sample(lambda x, t: ve(x / (1 - column(t)), t / (1 - t)), x, flow), y, 1e-12)
    for t, after in pairwise(flow.told.tolist()):
        x = x + (after - t) * (x - ve(x / (1 - t), torch.tensor([t / (1 - t)], dtype=x.dtype))) / t
    assert close(x, y, 1e-12)


def test_sampling_from_pure_noise_is_euler_and_has_the_gain_of_its_angles():
    x, levels = normal(2, 4, 8, 8), times(8, 3.0)
    y = x
    for t, after in pairwise(levels.told.tolist()):
        y = y + (after - t) * velocity(SOURCE, y, t)
    assert close(ddim.sample(SOURCE, x, levels), y, 1e-12)
    for lam, scale in ((0.06, 1.0), (1.0, 8.0), (300.0, 1.0)):
        scaled = Levels.flow(levels.told, scale)
        angles = [atan2(b, a * sqrt(lam)) for a, b in zip(scaled.a.tolist(), scaled.b.tolist(), strict=True)]
        gain = sqrt(lam) * prod(cos(p - q) for p, q in pairwise(angles))
        made = ddim.sample(gaussian(lam / scale**2), x, levels)
        assert close(made * scale, gain * x, 1e-12)


@each("eta", [0.0, 0.5, 1.0])
@each(("steps", "skip"), [(8, 0), (28, 0), (28, 5), (1, 0)])
def test_maps_from_pure_noise_give_the_picture_back(eta, steps, skip):
    x0 = picture(2, 4, 8, 8)
    maps = extract(SOURCE, x0, times(steps, 3.0), eta=eta, skip=skip, seed=3)
    assert maps.residuals.dtype == torch.float32 and maps.levels.kind == "flow"
    assert close(replay(SOURCE, maps), x0, 1e-6)
    edited = edit(SOURCE, TARGET, x0, times(steps, 3.0), eta=eta, skip=skip, seed=3)
    assert close(replay(TARGET, maps), edited, 1e-5) and rms(edited - x0) > 0.01
    assert torch.equal(edit(SOURCE, SOURCE, x0, times(steps, 3.0), eta=eta, skip=skip, seed=3), x0)


@each("eta", [0.0, 0.5, 1.0])
def test_ve_edits_are_flow_edits_of_the_same_sigmas(eta):
    flow, x0 = times(20, 3.0)[4:], normal(2, 4, 8, 8)
    one = edit(SOURCE, TARGET, x0, flow, eta=eta, seed=3)
    two = edit(network(), network(turn=0.3), x0, flow.sigmas, eta=eta, seed=3)
    assert close(one, two, 1e-11)


def flow_edit(source, target, x0, levels, noise, free=0):
    """Kulikov et al. (2024), Algorithm 1, in its own units: z, v and t."""
    z, steps = x0, list(pairwise(levels.told.tolist()))
    for k, (t, after) in enumerate(steps[: len(steps) - free]):
        change = 0
        for e in noise[k]:
            y = (1 - t) * x0 + t * e
            change = change + (velocity(target, z + y - x0, t) - velocity(source, y, t)) / len(noise[k])
        z = z + (after - t) * change
    if free:
        z = z + (1 - steps[-free][0]) * x0 + steps[-free][0] * noise[len(steps) - free][0] - x0
        for t, after in steps[len(steps) - free :]:
            z = z + (after - t) * velocity(target, z, t)
    return z


def noise_of(x0, levels, average=1, seed=3):
    """e of each level and draw, read off the states that the source is shown."""
    gone, asked = recorded(lambda x, t: torch.zeros_like(x))
    edit(gone, lambda x, t: torch.zeros_like(x), x0, levels, seed=seed, average=average)
    e = [(x - (1 - column(t)) * x0) / column(t) for x, t in asked]
    return [e[k : k + average] for k in range(0, len(e), average)]


@each(("average", "free"), [(1, 0), (3, 0), (1, 4), (2, 10), (1, 1)])
def test_an_edit_with_eta_0_is_flowedit_on_a_mixture(average, free):
    (source, x0), (target, _) = mixture(4), mixture(4, seed=7)
    x0, levels = x0.double(), times(10, 3.0)
    noise = noise_of(x0.view(4, 64, 1, 1), levels, average)
    theirs = flow_edit(source, target, x0, levels, [[e.view(4, 64) for e in of] for of in noise], free)
    ours = edit(source, target, x0, levels, eta=0.0, seed=3, average=average, free_steps=free)
    assert close(ours, theirs, 1e-6) and rms(ours - x0) > 0.1


def test_an_edit_with_eta_0_is_flowedit_on_a_trained_network():
    source, x0, levels = as_flow(load_network(NETWORK)), crops([], 1).double(), times(3, 3.0)
    theirs = flow_edit(source, lambda x, t: source(x, t) + 0.1, x0, levels, noise_of(x0, levels))
    ours = edit(source, lambda x, t: source(x, t) + 0.1, x0, levels, eta=0.0, seed=3)
    assert close(ours, theirs, 1e-6) and rms(ours - x0) > 0.05


# SD3 (50 steps, shift 3, 17 skipped) and Flux (28, exp(1.15), 4): eta, share of a shift at lam 1, 10, 100.
SHARES = [
    (50, 3.0, 17, 0.0, (0.837, 0.531, 0.141)),
    (50, 3.0, 17, 1.0, (0.971, 0.772, 0.253)),
    (28, 3.158, 4, 0.0, (0.951, 0.842, 0.551)),
    (28, 3.158, 4, 1.0, (0.997, 0.973, 0.782)),
]


@each(("steps", "factor", "skip", "eta", "shares"), SHARES)
def test_a_shift_of_the_mean_arrives_without_noise_in_the_share_of_the_law(steps, factor, skip, eta, shares):
    levels, x0 = times(steps, factor), normal(1, 1, 4, 4)
    sigmas = levels.sigmas[skip:].tolist()
    for lam, share in zip((1.0, 10.0, 100.0), shares, strict=True):
        found = edit(gaussian(lam), gaussian(lam, 1.0), x0, levels, eta=eta, skip=skip, seed=3) - x0
        kept = prod((lam + (q / p) ** (1 + eta) * p**2) / (lam + p**2) for p, q in pairwise(sigmas))
        assert close(found, torch.full_like(x0, 1 - kept), 1e-12) and abs(1 - kept - share) < 1e-3
        if eta == 1:
            assert abs(1 - kept - sigmas[0] ** 2 / (lam + sigmas[0] ** 2)) < 1e-12


@each("eta", [0.0, 0.5, 1.0])
def test_a_long_flowedit_shifts_the_mean_as_far_as_the_ode_does(eta):
    levels, lam = times(2000)[400:], 3.0
    sigma = float(levels.sigmas[0])
    found = edit(gaussian(lam), gaussian(lam, 1.0), torch.zeros(1, 1, 1, 1).double(), levels, eta=eta, seed=3)
    assert abs(1 - float(found) - (lam / (lam + sigma**2)) ** ((1 + eta**2) / 2)) < 2e-3


@each(("eta", "r", "gain"), [(0.0, 0.5, 0.785), (1.0, 0.5, 0.693), (0.0, 4.0, 1.520), (1.0, 4.0, 1.848)])
def test_a_change_of_variance_arrives_as_the_law_says(eta, r, gain):
    q = sqrt(abs(1 - 1 / r))
    law = r * log(r) / (r - 1) if eta else (atanh(q) if r > 1 else atan(q)) / q
    x0 = torch.tensor([1.0, 0.0], dtype=torch.float64).view(2, 1, 1, 1)
    one, zero = edit(gaussian(1.0), gaussian(r), x0, times(1000), eta=eta, seed=3, indices=[0, 0]).flatten()
    found = float(one - zero)
    assert abs(law - gain) < 1e-3 and abs(found - law) < 0.01


@each(("steps", "eta"), [(10, 0.0), (50, 0.0), (20, 1.0)])
def test_an_average_of_four_draws_halves_the_noise_of_an_edit(steps, eta):
    x0, levels, variance = torch.zeros(1, 4, 64, 64).double(), times(steps), 0.0
    for step, a, b in zip(levels.steps(eta), levels.a.tolist(), levels.b.tolist(), strict=False):
        target, source = (a * lam / (a**2 * lam + b**2) for lam in (4.0, 1.0))
        variance *= (step.c + step.gain * target) ** 2
        variance += (step.gain * (target - source) * b) ** 2
    std, how = sqrt(variance), dict(sigmas=levels, eta=eta, seed=3)
    assert steps != 50 or abs(std - 0.142) < 5e-3
    alone = rms(edit(gaussian(1.0), gaussian(4.0), x0, **how))
    four = rms(edit(gaussian(1.0), gaussian(4.0), x0, average=4, **how))
    assert abs(alone / std - 1) < 0.03 and abs(alone / four / 2 - 1) < 0.03


def test_an_average_asks_each_denoiser_once_per_draw_and_free_steps_only_the_target():
    (source, asked), (target, of_target) = recorded(SOURCE), recorded(TARGET)
    seen = []
    how = dict(average=3, free_steps=2, on_step=lambda k, clean: seen.append(k))
    edit(source, target, picture(1, 4, 8, 8), times(6), eta=0.0, seed=3, **how)
    assert (len(asked), len(of_target), seen) == (12, 14, list(range(6)))


@each(("steps", "factor", "median"), [(50, 3.0, 3.17), (28, 3.158, 2.50)])
def test_maps_of_flow_levels_are_as_strong_and_as_correlated_as_the_law_says(steps, factor, median):
    maps = extract(gaussian(1.0), normal(1, 4, 64, 64), times(steps, factor), seed=3)
    std, correlation = statistics(maps)
    assert abs(float(std[0]) - 1) < 0.02 and abs(float(std.median()) / median - 1) < 0.02
    assert abs(float(correlation[0]) + 0.44) < 0.02 and abs(float(correlation[steps // 2]) + 0.5) < 0.02
    if factor == 3:
        assert close(std[1:3], torch.tensor([1.28, 1.58]).double(), 0.03)


def test_maps_of_flow_levels_can_be_moved_and_recolored_at_every_eta():
    x0, one = picture(1, 4, 8, 8, dtype=torch.float64), torch.ones(1, 1, 1, 1).double()
    maps = extract(SOURCE, x0, times(20), eta=0.0, seed=3)
    assert close(replay(TARGET, flip(maps)), replay(TARGET, maps).flip(-1), 1e-12)
    moved = replay(gaussian(1.0), shift(extract(gaussian(1.0), x0, times(20), eta=0.0, seed=3), right=3))
    assert close(moved[..., 3:], x0[..., :-3], 1e-12)
    reach = []
    for eta in (0.0, 0.5, 1.0):
        flat = extract(gaussian(1e6), 0 * one, times(100), eta=eta, seed=3)
        red, black = (replay(gaussian(1e6), recolor(gaussian(1e6), flat, m * one, one)) for m in (1, 0))
        reach.append(float(red - black))
    native = torch.tensor([step.s for step in times(100).steps(1.0)][30:81], dtype=torch.float64)
    pull = 0.05 * native / times(100).a[31:82]  # in VE units
    assert close(torch.tensor(reach), (1 - (1 - pull).prod()).float().expand(3), 1e-3)


def test_a_midpoint_step_is_rf_solver_and_the_next_takes_the_velocity_of_the_last():
    x = normal(2, 4, 8, 8)
    for t, after in ((1.0, 0.8), (0.3, 0.7)):
        h, first = after - t, velocity(SOURCE, x, t)
        pair = Levels.flow(torch.tensor([max(t, after), min(t, after)], dtype=torch.float64))
        slope = (velocity(SOURCE, x + h / 2 * first, t + h / 2) - first) / (h / 2)
        theirs = x + h * first + h**2 / 2 * slope  # Wang et al. (2025), Eq. 8
        walk = ddim.sample if h < 0 else ddim.invert
        assert close(walk(SOURCE, x, pair, scheme="midpoint"), theirs, 1e-11)
    y, v = x, velocity(SOURCE, x, 1.0)
    for t, after in pairwise(times(6, 3.0).told.tolist()):  # Deng et al. (2025), Eq. 10
        v = velocity(SOURCE, y + (after - t) / 2 * v, (t + after) / 2)
        y = y + (after - t) * v
    denoise, asked = recorded(SOURCE)
    assert close(ddim.sample(denoise, x, times(6, 3.0), scheme="midpoint"), y, 1e-11) and len(asked) == 7


def test_uni_inv_is_one_warm_implicit_iteration():
    x0, up = normal(2, 4, 8, 8), times(8, 3.0).flip().told.tolist()
    x, v = x0, torch.zeros_like(x0)
    for t, after in pairwise(up):  # Jiao et al. (2025), Algorithm 1
        v = velocity(SOURCE, x + (after - t) * v, after)
        x = x + (after - t) * v
    denoise, asked = recorded(SOURCE)
    ours = ddim.invert(denoise, x0, times(8, 3.0), scheme="implicit", iterations=1)
    assert close(ours, x, 1e-11) and len(asked) == 8


@each("levels", [times(14, 3.0), sd_levels(20)])
def test_a_warm_start_is_nearer_than_a_cold_one_and_iterations_go_on_to_the_exact_inverse(levels):
    denoise = SOURCE if isinstance(levels, Levels) else network()
    x0 = normal(1, 4, 8, 8)

    def error(scheme, iterations=1, back="euler"):
        x = ddim.invert(denoise, x0, levels, scheme=scheme, iterations=iterations)
        return rms(ddim.sample(denoise, x, levels, scheme=back) - x0)

    assert (
        error("implicit") < error("target") / 2 and error("midpoint", back="midpoint") < error("current") / 5
    )
    assert error("implicit", 20) < 1e-9


@each("noisy", [False, True])
def test_forward_noise_ends_at_its_level(noisy):
    levels = times(40)[:31] if noisy else times(40)
    x0 = float(levels.b[-1]) * normal(1, 4, 64, 64)
    x = ddim.invert(SOURCE, x0, levels[20:], forward_steps=len(levels) - 21)
    assert abs(rms(x) / float(levels.b[20]) - 1) < 0.02
    x = ddim.invert(SOURCE, x0 + 3, levels[20:], forward_steps=len(levels) - 21)
    assert abs(float(x.mean()) - 3 * float(levels.a[20] / levels.a[-1])) < 0.02


def test_forward_noise_replaces_no_step_where_the_first_one_is_coarse():
    assert [ddim.forward_steps(sd_levels(50), f) for f in (0.0, 0.001, 0.04, 0.5)] == [0, 1, 2, 25]
    assert [ddim.forward_steps(times(n, s), 0.04) for n, s in ((28, 3.0), (8, 3.0), (20, 8.0))] == [1, 0, 0]


def test_auto_is_implicit():
    how = dict(x0=normal(2, 4, 8, 8), sigmas=times(10, 3.0))
    auto, implicit = (ddim.invert(SOURCE, scheme=scheme, **how) for scheme in ("auto", "implicit"))
    assert torch.equal(auto, implicit)


@each("structure", ["stationary", "dense"])
@each("scale", [1.0, 8.0])
def test_the_gaussian_denoiser_of_flow_levels_is_the_conditional_mean(structure, scale):
    shape = (2, 7, 4)
    denoise = GaussianDenoiser(fitted(structure, "zca", shape), "flow", scale)
    cov, mean = sigma_of(structure, shape), mean_of(structure, shape).flatten()
    x, t = normal(3, *shape), torch.tensor([0.1, 0.7, 1.0], dtype=torch.float64)
    for row, (a, b) in enumerate(zip((1 - t).tolist(), (scale * t).tolist(), strict=True)):
        gain = a * cov @ torch.linalg.inv(a**2 * cov + b**2 * torch.eye(len(cov), dtype=torch.float64))
        exact = mean + gain @ (x[row].flatten() - a * mean)
        assert close(denoise(x, t)[row].flatten(), exact, 1e-10)
    assert close(denoise.flow(denoise.flow(x, 0.2, t), t, 0.2), x, 1e-10)
    y = denoise.flow(x, 1.0, 0.0)
    assert close(y.flatten(1), mean + (x.flatten(1) / scale) @ _root(cov), 1e-10)


def _root(cov):
    lam, q = torch.linalg.eigh(cov)
    return q @ torch.diag(lam.sqrt()) @ q.T


def test_first_step_inversion_at_sds_first_level_of_a_flow_model():
    lam, x0 = 2.0, normal(2, 4, 8, 8)
    level = times(28).at(13.04)
    assert abs(float(level.told) - 0.9288) < 1e-4
    how = dict(iterations=60, stop="converged", anderson_window=5, tolerance=1e-9)
    found = first_step.invert(gaussian(lam), x0, level, **how)
    assert close(found.z, 13.04 / lam * x0, 1e-6)
    assert close(
        first_step.reconstruction_gain(gaussian(lam), x0, found.z, level), torch.ones(2).double(), 1e-6
    )
    with pytest.raises(ValueError, match="without signal"):
        first_step.invert(gaussian(lam), x0, times(28)[0])


def test_maps_at_a_scale_of_the_noise_and_after_a_shift_are_exact_too():
    x0 = draw((1, 4, 8, 8), seed=1)
    levels = Levels.flow(torch.linspace(1, 0, 9), scale=8.0).shifted(3.0)
    maps = extract(SOURCE, x0, levels, eta=0.5, seed=3)
    assert maps.levels.scale == 8 and close(replay(SOURCE, maps), x0, 1e-5)
    assert abs(rms(maps.start) / 8 - 1) < 0.1
