"""Least squares and the comparison of whitenings where the answer is known."""

import math

import pytest
import torch

from img2noise import fit, measure
from img2noise.diagnostics import compare_whitenings, least_squares, least_squares_per_frequency
from img2noise.diagnostics.least_squares import best_scale, distance, score, whitening_matrix

from ..cases import METHODS_OF, circulant, close, definite, fitted, normal, power, sigma_of, textbook


def pairs(count, size, seed=0, noise=0.0):
    """x, a matrix, and z = (x - 1) W^T + 2 + noise."""
    x, w = normal(count, size, seed=seed) + 1, normal(size, size, seed=seed + 1)
    return x, w, (x - 1) @ w.T + 2 + noise * normal(count, size, seed=seed + 2)


def test_a_linear_map_is_found_exactly_with_its_means():
    x, w, z = pairs(50, 12)
    found = least_squares(x, z, ridge=0)
    assert close(found.matrix, w, 1e-10)
    new = normal(5, 12, seed=9)
    assert close(found(new), (new - 1) @ w.T + 2, 1e-9)


@pytest.mark.parametrize("count, size", [(50, 12), (12, 50), (20, 20)])
def test_the_ridges_primal_is_its_dual_and_solves_the_normal_equations(count, size):
    x, _, z = pairs(count, size, noise=1.0)
    primal, dual = (least_squares(x, z, 0.01, dual=way).matrix for way in (False, True))
    assert close(primal, dual, 1e-8)
    assert close(least_squares(x, z, 0.01).matrix, primal, 1e-8)
    a, b = x - x.mean(0), z - z.mean(0)
    eta = 0.01 * a.square().sum() / size
    gradient = (a @ primal.T - b).T @ a + eta * primal
    assert float(gradient.abs().max()) < 1e-8


def test_too_few_samples_without_a_ridge_are_refused():
    x, _, z = pairs(12, 12)
    with pytest.raises(ValueError, match="12 samples"):
        least_squares(x, z, ridge=0)


@pytest.mark.parametrize("size", [(8, 6), (7, 5)])
def test_per_frequency_a_filter_is_found_exactly_and_nothing_else_can_be(size):
    kernel = normal(2, 2, *size, seed=1)
    matrix = circulant(kernel)
    x = normal(30, 2, *size)
    z = ((x - 0.5).flatten(1) @ matrix.T).view_as(x) + torch.tensor([1.0, -1]).view(2, 1, 1)
    found = least_squares_per_frequency(x, z, ridge=0)
    new = normal(4, 2, *size, seed=5)
    truth = ((new - 0.5).flatten(1) @ matrix.T).view_as(new) + torch.tensor([1.0, -1]).view(2, 1, 1)
    assert close(found(new), truth, 1e-8)
    twisted = least_squares_per_frequency(x, x.flip(-1), ridge=0)
    assert score(twisted(new), new.flip(-1)).r2 < 0.5


def test_the_score_of_a_perfect_a_constant_and_a_doubled_prediction():
    z = normal(500, 6) + torch.arange(6)
    variance = float((z - z.mean(0)).square().mean())
    assert score(z, z) == (0, 1)
    constant = score(z.mean(0).expand_as(z), z)
    assert math.isclose(constant.mse, variance) and abs(constant.r2) < 1e-12
    doubled = score(2 * (z - z.mean(0)) + z.mean(0), z)
    assert math.isclose(doubled.mse, variance) and abs(doubled.r2) < 1e-12
    assert score(3 * (z - z.mean(0)) + z.mean(0), z).r2 < -2.9


def test_norms_of_differences_and_the_best_scalar():
    w = torch.diag(torch.tensor([3.0, 4.0]).double())
    assert distance(w, torch.zeros(2, 2).double()) == (4, 5)
    assert math.isclose(best_scale(w, -2.5 * w), -2.5)
    a, b = normal(6, 6), normal(6, 6, seed=1)
    s = best_scale(a, b)
    nearest = distance(s * a, b).frobenius
    assert all(distance((s + d) * a, b).frobenius > nearest for d in (-0.01, 0.01))


@pytest.mark.parametrize("method", METHODS_OF["dense"])
def test_the_matrix_of_a_whitener_is_the_textbooks(method):
    shape = (3, 5, 7)
    found = whitening_matrix(fitted("dense", method, shape))
    assert close(found, textbook(sigma_of("dense", shape), method), 1e-7)


def colored(count, patch, seed=0):
    """Pictures 2 x 2 patch x 2 patch, each patch of one dense covariance, and that covariance."""
    size = 2 * patch * patch
    sigma = definite(size, seed=7)
    flat = normal(count * 4, size, seed=seed) @ power(sigma, 0.5)
    tiles = flat.view(count, 2, 2, 2, patch, patch)
    return tiles.permute(0, 3, 1, 4, 2, 5).reshape(count, 2, 2 * patch, 2 * patch) + 0.3, sigma


@pytest.mark.parametrize("method", METHODS_OF["dense"])
def test_the_whitening_that_made_the_noise_wins_scaled_or_not(method):
    x, _ = colored(800, 3)
    whitener = fit(measure(x, "dense", patch=3), method)
    found = {c.name: c for c in compare_whitenings(x, 4 * whitener.whiten(x), patch=3)}
    assert list(found) == ["diff", "diff per frequency", *METHODS_OF["dense"]]
    mine, diff = found[method], found["diff"]
    assert diff.fit.r2 > 0.99 and mine.scaled_fit.r2 > 0.97
    assert abs(mine.scale - 4) < 0.1 and mine.scaled_distance.frobenius < 0.2 * mine.distance.frobenius
    assert abs(mine.fit.r2 - (1 - (3 / 4) ** 2)) < 0.02  # a quarter of the amplitude
    nearest = min(METHODS_OF["dense"], key=lambda m: found[m].scaled_distance.frobenius)
    alike = {"zca", "zca-cor"}
    assert nearest == method or {nearest, method} == alike


def test_distances_are_those_of_the_matrices_and_the_held_out_are_unseen():
    x, _ = colored(40, 2)
    z = normal(*x.shape, seed=11)
    z[4::5] = 1e3  # whatever the held-out noise is, matrices do not know it
    found = compare_whitenings(x, z, patch=2)
    train = torch.arange(40) % 5 != 4
    cut = [t[train].reshape(-1, 2, 2, 2, 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(-1, 8) for t in (x, z)]
    diff = least_squares(*cut)
    zca = whitening_matrix(fit(measure(x[train], "dense", patch=2), "zca"))
    [mine] = [c for c in found if c.name == "zca"]
    assert math.isclose(mine.distance.two, distance(zca, diff.matrix).two, rel_tol=1e-6)
    assert math.isclose(mine.distance.frobenius, distance(zca, diff.matrix).frobenius, rel_tol=1e-6)
    assert found[0].distance.frobenius == 0 and found[0].fit.mse > 1e5


def test_a_stationary_filter_is_the_map_per_frequency():
    x, _ = colored(200, 4)
    kernel = normal(2, 2, 8, 8, seed=1)
    z = (x.flatten(1) @ circulant(kernel).T).view_as(x)
    spectral = compare_whitenings(x, z, patch=4)[1]
    assert spectral.fit.r2 > 0.9999 and math.isnan(spectral.distance.two)
