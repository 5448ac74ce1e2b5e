"""The exact denoiser of a Gaussian against dense matrices, regression on samples, and small steps."""

import pytest
import torch

from img2noise import GaussianDenoiser

from .cases import CASES, SHAPES, STRUCTURES, close, fitted, mean_of, normal, power, sigma_of
from .each import each

SHAPE = SHAPES[1]
every_case = pytest.mark.parametrize(("structure", "method"), CASES)
every_structure = pytest.mark.parametrize("structure", STRUCTURES)


def gaussian(structure, method="zca"):
    denoise = GaussianDenoiser(fitted(structure, method, SHAPE))
    return denoise, sigma_of(structure, SHAPE), mean_of(structure, SHAPE).flatten()


@every_case
@each("sigma", [0.0, 0.03, 1.0, 14.6])
def test_it_is_the_conditional_mean_in_dense_matrices(structure, method, sigma):
    denoise, cov, mean = gaussian(structure, method)
    x = normal(3, *SHAPE, seed=2) * (1 + sigma)
    gain = cov @ torch.linalg.inv(cov + sigma**2 * torch.eye(len(cov), dtype=torch.float64))
    assert close(denoise(x, sigma).flatten(1), mean + (x.flatten(1) - mean) @ gain.T, 1e-10)


@every_structure
def test_each_row_may_have_its_own_sigma(structure):
    denoise, *_ = gaussian(structure)
    x, sigmas = normal(3, *SHAPE), torch.tensor([0.1, 1.0, 10.0], dtype=torch.float64)
    together, flowed = denoise(x, sigmas), denoise.flow(x, sigmas, 2 * sigmas)
    for i in range(3):
        assert close(together[i : i + 1], denoise(x[i : i + 1], float(sigmas[i])), 1e-13)
        alone = denoise.flow(x[i : i + 1], float(sigmas[i]), float(2 * sigmas[i]))
        assert close(flowed[i : i + 1], alone, 1e-13)


@every_structure
def test_it_is_what_regression_on_noisy_samples_finds(structure):
    shape, count, sigma = (1, 3, 4), 40000, 1.3
    denoise = GaussianDenoiser(fitted(structure, "zca", shape))
    cov, mean = sigma_of(structure, shape), mean_of(structure, shape).flatten()
    x0 = mean + normal(count, 12, seed=1) @ torch.linalg.cholesky(cov).T
    x = x0 + sigma * normal(count, 12, seed=2)
    inputs = torch.cat([x, torch.ones(count, 1, dtype=x.dtype)], 1)
    found = torch.linalg.lstsq(inputs, x0).solution
    probe = normal(5, *shape, seed=3)
    expected = torch.cat([probe.flatten(1), torch.ones(5, 1, dtype=x.dtype)], 1) @ found
    residual = x0 - inputs @ found
    error = (residual.square().mean() / count) ** 0.5 * 12**0.5 * 3  # three of a prediction from 12 inputs
    assert close(denoise(probe, sigma).flatten(1), expected, float(error))
    best, other = (
        float((x0 - denoise(x.view(-1, *shape), s).flatten(1)).square().mean()) for s in (1.3, 1.8)
    )
    assert best < other


@every_structure
@each(("start", "end"), [(3.0, 0.3), (0.3, 3.0), (14.6, 0.0)])
def test_many_small_euler_steps_converge_to_the_flow(structure, start, end):
    denoise, *_ = gaussian(structure)
    x = normal(2, *SHAPE, seed=4) * (1 + start)
    errors = []
    for steps in (200, 400, 800):
        y, sigmas = x, torch.linspace(start, end, steps + 1, dtype=torch.float64).tolist()
        for sigma, following in zip(sigmas, sigmas[1:], strict=False):
            y = y + (following - sigma) * (y - denoise(y, sigma)) / sigma
        errors.append(float((y - denoise.flow(x, start, end)).norm()))
    assert errors[2] < 0.02 * float((denoise.flow(x, start, end) - x).norm())
    for coarse, fine in zip(errors, errors[1:], strict=False):
        assert 1.7 < coarse / fine < 2.3  # first order


@every_case
def test_the_flow_is_undone_by_exchanging_its_levels_and_composes(structure, method):
    denoise, *_ = gaussian(structure, method)
    x = normal(2, *SHAPE, seed=4)
    assert close(denoise.flow(denoise.flow(x, 0.1, 5.0), 5.0, 0.1), x, 1e-12)
    assert close(denoise.flow(denoise.flow(x, 0.1, 1.0), 1.0, 5.0), denoise.flow(x, 0.1, 5.0), 1e-12)
    assert close(denoise.flow(x, 2.0, 2.0), x, 1e-13)


@every_structure
def test_the_flow_carries_one_gaussian_into_the_other(structure):
    denoise, cov, mean = gaussian(structure)
    identity = torch.eye(len(cov), dtype=torch.float64)
    before, after = cov + 9.0 * identity, cov + 0.04 * identity
    x = (mean + power(before, 0.5)).view(-1, *SHAPE)
    flowed = denoise.flow(x, 3.0, 0.2).flatten(1) - mean
    assert close(flowed.T @ flowed, after, 1e-10)


@each("dtype", [torch.float16, torch.float32, torch.float64])
def test_the_answer_comes_in_the_dtype_of_the_question(dtype):
    denoise, *_ = gaussian("stationary")
    x = normal(2, *SHAPE).to(dtype)
    assert denoise(x, 1.0).dtype == denoise.flow(x, 1.0, 0.5).dtype == dtype
