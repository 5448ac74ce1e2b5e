"""Figures of sets against closed forms and nulls."""

import pytest
import torch

from img2noise.diagnostics import (
    assignment,
    inversion_error,
    most_probable_triangle,
    top_correlation,
    triangle_angles,
)
from img2noise.diagnostics.populations import null_correlation

from ..cases import close, normal


@pytest.mark.parametrize(
    "count, size, level, spread",
    [
        (8192, 192, 0.0392, 0.0031),
        (10000, 192, 0.0355, 0.0031),
        (1024, 256, 0.113, 0.005),
        (256, 256, 0.227, 0.01),
        (64, 256, 0.440, 0.02),
        (16, 256, 0.797, 0.03),
    ],
)
def test_the_null_of_the_top_20_is_that_of_simulations(count, size, level, spread):
    assert abs(null_correlation(count, size) - level) < spread / 2


@pytest.mark.parametrize("count, channels", [(16, 4), (64, 4), (256, 3)])
def test_white_noise_has_its_null_level_in_every_patch(count, channels):
    found = top_correlation(normal(count, channels, 16, 16, seed=count))
    assert abs(found.mean - found.null) < 0.01 and found.count == count


def test_the_top_correlation_is_pearsons_of_pairs_in_a_patch_alone():
    x = normal(200, 1, 8, 16)
    x[:, :, 0, 8] = x[:, :, 0, 0]  # equal, but of two patches
    across = top_correlation(x)
    assert abs(across.mean - across.null) < 0.02
    x[:, :, 3, 1] = -2 * x[:, :, 0, 0] + 5
    assert abs(top_correlation(x, top=1).mean - (1 + top_correlation(x[..., 8:], top=1).mean) / 2) < 1e-4
    flat = x[..., :8].flatten(1)
    r = torch.corrcoef(flat.T).abs().triu(1).flatten().topk(20).values
    found = top_correlation(x[..., :8])
    assert abs(found.mean - float(r.mean())) < 1e-4 and abs(found.std - float(r.std(correction=0))) < 1e-4


def test_patches_at_the_edge_are_smaller_and_constant_pixels_have_no_correlation():
    x = normal(50, 2, 9, 8)
    x[:, :, 0] = 1.0
    found = top_correlation(x)
    whole, edge = (top_correlation(part) for part in (x[:, :, :8], x[:, :, 8:]))
    assert abs(found.mean - (whole.mean + edge.mean) / 2) < 1e-9
    assert whole.mean < null_correlation(50, 128) + 0.02


def test_angles_of_a_known_triangle():
    corner = torch.zeros(2, 1, 2, 2)
    right, up = corner.clone(), corner.clone()
    right[:, 0, 0, 0], up[:, 0, 1, 1] = 1, 3**0.5
    expected = torch.tensor([[90.0, 60, 30]] * 2).double()
    assert close(triangle_angles(corner, right, up), expected, 1e-5)
    assert close(triangle_angles(up, corner, right), expected[:, [2, 0, 1]], 1e-5)


def test_independent_sets_are_corners_of_an_equilateral_triangle():
    angles = triangle_angles(*(normal(100, 4, 64, 64, seed=s) for s in range(3)))
    assert close(angles.sum(1), torch.full((100,), 180.0).double(), 1e-6)
    assert most_probable_triangle(angles) == (60, 60, 60)


def test_the_most_probable_triple_is_not_three_separate_maxima():
    angles = torch.tensor([[50.0, 60, 70]] * 3 + [[40.0, 65, 75]] * 2 + [[40.0, 75, 65]] * 2)
    assert most_probable_triangle(angles) == (50, 60, 70)


def test_assignment_of_a_set_to_itself_is_perfect_and_to_noise_is_chance():
    a, b = normal(800, 1, 4, 4), normal(800, 1, 4, 4, seed=1)
    same, other = assignment(a, a), assignment(a, b)
    assert (same.forth, same.back, same.forth_std, same.chance) == (1, 1, 0, 0.01)
    assert max(other.forth, other.back) < 0.01 + 4 * (0.01 * 0.99 / 800) ** 0.5
    assert assignment(a[:30], a[:30], chunks=4).chance == 1 / 7  # two are left over


def test_inversion_error_sums_areas_apart_and_compares_each_step_with_its_own_size():
    truth = torch.ones(4, 2, 3, 8, 8)
    plain = torch.zeros(1, 8, 8, dtype=bool)
    plain[..., :2] = True
    found = truth.clone()
    found[0, ..., :2] += 1.0  # plain, first step
    found[2, ..., 2:] -= 0.5  # the rest, third step
    error = inversion_error(found, truth, plain)
    n = 2 * 3 * 64
    first, third = 0.25 * n / (n + 0.25 * n), 0.75 * n * 0.5 / (n - 0.75 * n * 0.5)
    assert close(error.plain, torch.tensor([first, 0, 0, 0], dtype=torch.float64), 1e-12)
    assert close(error.other, torch.tensor([0, 0, third, 0], dtype=torch.float64), 1e-12)
    assert error.area == 0.25
    assert error.first_share(0.25) == (1, 0) and error.first_share(0.75) == (1, 1)
