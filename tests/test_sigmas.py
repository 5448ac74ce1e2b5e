"""Noise levels against a table of Stable Diffusion's schedule, and the step in both parametrizations."""

import pytest
import torch

from img2noise.sigmas import (
    Levels,
    alpha_bar_from_sigma,
    as_levels,
    ddim_uniform,
    scaled_linear,
    sigma_from_alpha_bar,
)

from .each import each
from .worlds import ancestral_split

# t, alpha_bar, sigma of betas that grow linearly in their square root from 0.00085 to 0.012 over 1000 steps.
TABLE = [
    (0, 0.99915000, 0.029167),
    (1, 0.99829603, 0.041314),
    (10, 0.99043131, 0.098291),
    (20, 0.98131436, 0.137991),
    (21, 0.98038075, 0.141463),
    (40, 0.96188591, 0.199059),
    (41, 0.96087279, 0.201793),
    (631, 0.13259710, 2.557664),
    (979, 0.00591277, 12.966321),
    (980, 0.00584378, 13.043083),
    (991, 0.00513007, 13.925849),
    (999, 0.00466010, 14.614641),
]


@each(("t", "alpha_bar", "sigma"), TABLE)
def test_the_schedule_is_stable_diffusions_to_the_printed_digits(t, alpha_bar, sigma):
    schedule = scaled_linear()
    assert schedule.dtype == torch.float64 and schedule.shape == (1000,)
    assert abs(float(alpha_bar_from_sigma(schedule)[t]) - alpha_bar) < 0.6e-8
    assert abs(float(schedule[t]) - sigma) < 0.6e-6


@each(
    ("start", "end", "t", "sigma"),
    [(0.0015, 0.0195, 980, 69.69), (0.0015, 0.0195, 0, (0.0015 / 0.9985) ** 0.5)],
)
def test_other_betas_give_other_schedules(start, end, t, sigma):
    assert abs(float(scaled_linear(start, end)[t]) - sigma) < 5e-3


def test_sigma_and_alpha_bar_are_inverses():
    alpha_bar = torch.linspace(1e-4, 1, 50, dtype=torch.float64)
    assert torch.allclose(alpha_bar_from_sigma(sigma_from_alpha_bar(alpha_bar)), alpha_bar, rtol=1e-14)


@each("steps", [1, 2, 10, 20, 50, 100, 500])
def test_ddim_uniform_is_leading_spacing_with_an_offset_of_one_and_a_zero(steps):
    schedule = scaled_linear()
    timesteps = [k * (1000 // steps) + 1 for k in range(steps)]
    expected = [float(schedule[t]) for t in reversed(timesteps)] + [0.0]
    assert ddim_uniform(schedule, steps).tolist() == expected


@each("steps", [-10, 0, 3, 999, 1000, 2000])
def test_steps_that_do_not_fit_the_schedule_are_refused(steps):
    with pytest.raises(ValueError, match=f"got {steps} steps for a schedule of 1000"):
        ddim_uniform(scaled_linear(), steps)


@each("eta", [0.0, 0.3, 1.0])
@each("steps", [10, 50, 100])
def test_a_step_of_ve_levels_is_the_ancestral_one_with_ddims_standard_deviation(eta, steps):
    sigmas = ddim_uniform(scaled_linear(), steps)
    _, c, gain, s = torch.tensor(Levels.ve(sigmas).steps(eta), dtype=torch.float64).T
    bar_t, bar_s = alpha_bar_from_sigma(sigmas[:-1]), alpha_bar_from_sigma(sigmas[1:])
    ddim = eta * ((1 - bar_s) / (1 - bar_t)).sqrt() * (1 - bar_t / bar_s).sqrt()
    assert torch.allclose(bar_s.sqrt() * s, ddim, rtol=0, atol=1e-12)
    direction = (1 - bar_s - ddim**2).sqrt()  # the factor of eps in DDIM's Eq. 12
    assert torch.allclose(bar_s.sqrt() * c * sigmas[:-1], direction, rtol=0, atol=1e-12)
    assert torch.equal(c + gain, torch.ones_like(c))


@each("eta", [-0.1, 1.1, float("nan")])
def test_eta_outside_its_range_is_refused(eta):
    with pytest.raises(ValueError, match="eta"):
        Levels.ve(torch.tensor([2.0, 1.0])).steps(eta)


T = torch.tensor([1.0, 0.9288, 0.5, 1 / 6, 0.0], dtype=torch.float64)


def test_levels_of_flow_are_ve_levels_of_t_over_one_minus_t():
    flow, scaled = Levels.flow(T), Levels.flow(T, scale=8.0)
    assert torch.equal(flow.told, T) and torch.equal(flow.a, 1 - T) and torch.equal(flow.b, T)
    assert torch.equal(scaled.sigmas, 8 * flow.sigmas) and (flow.kind, flow.scale, scaled.scale) == (
        "flow",
        1,
        8,
    )
    assert float(flow.sigmas[0]) == float("inf") and torch.equal(flow.m, torch.ones_like(T))
    assert torch.allclose(flow.sigmas[1:], torch.tensor([13.04, 1, 0.2, 0.0]).double(), rtol=1e-3)
    ve = Levels.ve(torch.tensor([2.0, 1.0, 0.0]))
    assert (ve.kind, ve.scale, len(ve), len(ve[1:])) == ("ve", 1, 3, 2) and torch.equal(ve.sigmas, ve.told)
    assert torch.allclose(ve.m**2, torch.tensor([5.0, 2.0, 1.0]).double()) and ve.flip().told.tolist() == [
        0,
        1,
        2,
    ]


@each("scale", [1.0, 8.0])
def test_a_time_shift_multiplies_the_ve_level_and_shifts_compose(scale):
    flow = Levels.flow(T, scale)
    assert torch.allclose(flow.shifted(3.0).sigmas, 3 * flow.sigmas, rtol=1e-12)
    assert torch.allclose(flow.shifted(3.0).shifted(0.5).told, flow.shifted(1.5).told, rtol=1e-12)
    assert torch.equal(Levels.ve(T).shifted(2.0).sigmas, 2 * T)


@each("eta", [0.0, 0.3, 1.0])
def test_a_step_in_flow_units_is_the_ancestral_step_in_ve_units(eta):
    y, clean, z = torch.tensor([1.7, 0.4, -0.9], dtype=torch.float64)
    for flow in (Levels.flow(T[1:]), Levels.flow(T[1:], 8.0)):
        down, up = ancestral_split(flow.sigmas[:-1], flow.sigmas[1:], eta)
        for k, step in enumerate(flow.steps(eta)):
            expected = clean + down[k] / flow.sigmas[k] * (y - clean) + up[k] * z
            ours = step.c * (flow.a[k] * y) + step.gain * clean + step.s * z
            assert abs(float(ours / flow.a[k + 1] - expected)) < 1e-12 and step.told == float(T[1:][k])


def test_from_pure_noise_the_posterior_forgets_and_ddim_keeps_the_noise():
    (ddpm, *_), (ddim, *_) = Levels.flow(T).steps(1.0), Levels.flow(T).steps(0.0)
    a, b = float(1 - T[1]), float(T[1])
    assert ddpm == (1.0, 0.0, a, b) and ddim == (1.0, b, a, 0.0)


def test_a_plain_list_of_numbers_means_ve():
    assert as_levels(torch.tensor([2.0, 1.0, 0.0])).kind == "ve" and as_levels(Levels.flow(T)).kind == "flow"


@each("t", [[1.5, 0.0], [0.5, -0.1], [float("nan"), 0.0]])
def test_times_outside_of_their_range_are_refused(t):
    with pytest.raises(ValueError, match="t in"):
        Levels.flow(torch.tensor(t))


@each("t", [[0.5, 1.0, 0.0], [1.0, 0.5], [1.0, 1.0, 0.0]])
def test_levels_that_do_not_descend_are_refused(t):
    with pytest.raises(ValueError, match="descend"):
        as_levels(Levels.flow(torch.tensor(t)))
