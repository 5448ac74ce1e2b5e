"""The one-shot sampler against its law, written in dense matrices and over many pictures."""

import torch

from img2noise import correlated_noise, draw
from img2noise.noise import correlation

from ..cases import CASES, SHAPES, STRUCTURES, close, fitted, mean_of, normal, power, sigma_of
from ..each import each

SHAPE = SHAPES[1]
INFINITE = float("inf")
every_case = each(("structure", "method"), CASES)
every_structure = each("structure", STRUCTURES)


def function_of(sigma, function):
    """f(Sigma) in the eigenbasis of Sigma."""
    lam, u = torch.linalg.eigh(sigma)
    return u * function(lam) @ u.T


def rho_of(lam, temperature):
    return 2 * lam / (2 * lam + temperature * lam.mean())


@every_structure
@each("temperature", [0.1, 5.0, 200.0])
@each("strength", [1.0, 0.6])
@each("preserve_variance", [True, False])
def test_one_shot_noise_is_its_formula_in_dense_matrices(structure, temperature, strength, preserve_variance):
    sigma, mean, x0 = sigma_of(structure, SHAPE), mean_of(structure, SHAPE), normal(2, *SHAPE, seed=5)
    z = correlated_noise(
        x0,
        fitted(structure, "zca", SHAPE),
        temperature=temperature,
        strength=strength,
        seed=3,
        preserve_variance=preserve_variance,
    )
    held = function_of(sigma, lambda lam: strength * rho_of(lam, temperature))
    exponent = 2 if preserve_variance else 1
    fresh = function_of(sigma, lambda lam: (1 - (strength * rho_of(lam, temperature)) ** exponent).sqrt())
    w = (x0 - mean).flatten(1) @ power(sigma, -0.5)
    n = draw((2, *SHAPE), 3).double().flatten(1)
    assert close(z.flatten(1), w @ held + n @ fresh, 1e-10)


@every_case
@each("preserve_variance", [True, False])
def test_over_many_pictures_each_band_has_its_variance_and_its_correlation(
    structure, method, preserve_variance
):
    count, temperature, strength = 3000, 2.0, 0.8
    sigma, mean = sigma_of(structure, SHAPE), mean_of(structure, SHAPE)
    whitener = fitted(structure, method, SHAPE)
    x = mean + (normal(count, len(sigma), seed=8) @ torch.linalg.cholesky(sigma).T).view(-1, *SHAPE)
    z = correlated_noise(
        x, whitener, temperature=temperature, strength=strength, seed=1, preserve_variance=preserve_variance
    )
    q, lam = whitener.unrotate(z), whitener.eigenvalues(x)
    w = whitener.analyze(x) * lam.rsqrt()
    rho = strength * rho_of(lam, temperature)
    variance = torch.ones_like(rho) if preserve_variance else rho**2 + 1 - rho
    error = 5 / count**0.5
    assert bool(((q.var(0) / variance - 1).abs() < error * 2**0.5).all())
    assert float(((q * w).mean(0) - rho).abs().max()) < error * 2**0.5
    if preserve_variance:
        covariance = torch.cov(z.flatten(1).T)  # of the noise itself, whatever the method makes of it
        assert close(covariance, torch.eye(len(rho), dtype=z.dtype), error * 2**0.5)


@every_case
def test_at_zero_temperature_the_noise_is_the_whitened_picture(structure, method):
    whitener, x0 = fitted(structure, method, SHAPE), normal(2, *SHAPE, seed=5)
    for preserve_variance in (True, False):
        cold = correlated_noise(x0, whitener, temperature=0.0, seed=3, preserve_variance=preserve_variance)
        assert close(cold, whitener.whiten(x0), 1e-10)
    nearly = correlated_noise(x0, whitener, temperature=1e-14, seed=3)
    lam = whitener.eigenvalues(x0)
    fresh = (1e-14 * lam.mean() / lam).sum().sqrt()  # the norm of sqrt(1 - rho^2), to first order
    assert close(nearly, whitener.whiten(x0), 5 * float(fresh))


@every_case
@each("options", [{"temperature": INFINITE}, {"strength": 0.0}])
@each("dtype", [torch.float32, torch.float64])
def test_with_nothing_held_the_noise_is_the_draw_bit_for_bit(structure, method, options, dtype):
    whitener, x0 = fitted(structure, method, SHAPE), normal(3, *SHAPE, seed=5).to(dtype)
    for preserve_variance in (True, False):
        z = correlated_noise(
            x0, whitener, seed=3, indices=[4, 0, 1], preserve_variance=preserve_variance, **options
        )
        assert torch.equal(z, draw(x0.shape, 3, [4, 0, 1]).to(dtype))
    hot = correlated_noise(x0, whitener, seed=3, temperature=1e12)
    assert close(hot.double(), draw(x0.shape, 3).double(), 1e-4)


def test_the_correlation_is_a_half_where_twice_an_eigenvalue_is_the_temperature():
    lam = torch.tensor([0.5, 1.0, 1.5], dtype=torch.float64)
    assert close(correlation(lam, 2.0), torch.tensor([1 / 3, 1 / 2, 3 / 5], dtype=torch.float64), 1e-15)
    assert correlation(lam, 0.0).tolist() == [1, 1, 1] and correlation(lam, INFINITE).tolist() == [0, 0, 0]
    assert close(correlation(7 * lam, 2.0), correlation(lam, 2.0), 1e-15)  # T is in mean eigenvalues


@every_structure
@each("dtype", [torch.float32, torch.float64])
def test_a_row_is_a_function_of_its_picture_seed_and_index(structure, dtype):
    whitener, x0 = fitted(structure, "zca", SHAPE), normal(4, *SHAPE, seed=5).to(dtype)
    together = correlated_noise(x0, whitener, seed=3)
    tolerance = 0.0 if structure in ("cosine", "stationary") else 1e-12 if dtype == torch.float64 else 1e-5
    for i in range(4):
        alone = correlated_noise(x0[i : i + 1], whitener, seed=3, indices=[i])
        assert alone.dtype == dtype and close(together[i : i + 1], alone, tolerance)
    seeds = correlated_noise(x0[:1], whitener, seed=[3, 9])
    assert close(seeds[:1], together[:1], tolerance)
    assert close(seeds[1:], correlated_noise(x0[:1], whitener, seed=9), tolerance)


def test_strength_lets_go_of_the_picture_evenly():
    whitener, x0 = fitted("dense", "zca", SHAPE), normal(2, *SHAPE, seed=5)
    w = whitener.whiten(x0)
    overlaps = [
        float((correlated_noise(x0, whitener, temperature=0.0, strength=s, seed=3) * w).sum() / (w * w).sum())
        for s in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert overlaps == sorted(overlaps) and abs(overlaps[0]) < 0.2 and abs(overlaps[4] - 1) < 1e-10


def test_the_picture_is_left_as_it_was():
    x0 = normal(2, *SHAPE)
    kept = x0.clone()
    correlated_noise(x0, fitted("stationary", "zca", SHAPE), seed=1)
    assert torch.equal(x0, kept)
