"""Noise levels against a table of Stable Diffusion's schedule, and the step in both parametrizations."""

import pytest
import torch

from img2noise.sigmas import (
    alpha_bar_from_sigma,
    ancestral_split,
    ddim_uniform,
    scaled_linear,
    sigma_from_alpha_bar,
)

from .each import each

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
def test_the_ancestral_split_is_ddims_standard_deviation(eta, steps):
    sigmas = ddim_uniform(scaled_linear(), steps)
    down, up = ancestral_split(sigmas[:-1], sigmas[1:], eta)
    bar_t, bar_s = alpha_bar_from_sigma(sigmas[:-1]), alpha_bar_from_sigma(sigmas[1:])
    ddim = eta * ((1 - bar_s) / (1 - bar_t)).sqrt() * (1 - bar_t / bar_s).sqrt()
    assert torch.allclose(bar_s.sqrt() * up, ddim, rtol=0, atol=1e-12)
    direction = (1 - bar_s - ddim**2).sqrt()  # the factor of eps in DDIM's Eq. 12
    assert torch.allclose(bar_s.sqrt() * down, direction, rtol=0, atol=1e-12)


@each("eta", [0.0, 0.3, 1.0])
def test_an_ancestral_step_is_a_ddim_step_in_the_other_parametrization(eta):
    y, x0, z = torch.tensor([[1.7, -0.4, 3.0], [0.2, 0.1, -0.9], [0.5, -1.0, 2.0]], dtype=torch.float64)
    before, after = (scaled_linear()[t] for t in (601, 301))
    down, up = ancestral_split(before, after, eta)
    ours = x0 + down / before * (y - x0) + up * z
    bar_t, bar_s = alpha_bar_from_sigma(before), alpha_bar_from_sigma(after)
    eps = (bar_t.sqrt() * y - bar_t.sqrt() * x0) / (1 - bar_t).sqrt()
    std = eta * ((1 - bar_s) / (1 - bar_t) * (1 - bar_t / bar_s)).sqrt()
    theirs = bar_s.sqrt() * x0 + (1 - bar_s - std**2).sqrt() * eps + std * z
    assert torch.allclose(bar_s.sqrt() * ours, theirs, rtol=0, atol=1e-12)


def test_at_eta_one_the_split_is_the_ddpm_posterior():
    down, up = ancestral_split(3.0, 2.0)
    assert abs(float(down) - 2.0**2 / 3.0) < 1e-15 and abs(float(down**2 + up**2) - 4.0) < 1e-15


@each("sigmas", [(1.0, 2.0), (1.0, -0.1), (0.0, 0.0), (-1.0, -2.0)])
def test_a_step_that_does_not_descend_is_refused(sigmas):
    with pytest.raises(ValueError, match="must descend"):
        ancestral_split(*sigmas)


@each("eta", [-0.1, 1.1, float("nan")])
def test_eta_outside_its_range_is_refused(eta):
    with pytest.raises(ValueError, match="eta"):
        ancestral_split(2.0, 1.0, eta)
