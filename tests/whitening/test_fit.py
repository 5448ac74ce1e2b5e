"""Shrinkage; singular covariances, and whether the cures that the error names do cure; scikit-learn."""

import re

import pytest
import torch

from img2noise import Moments, fit, measure
from img2noise.whitening.structures import covariance

from ..cases import SHAPES, STRUCTURES, close, fitted, matrix, normal, power, sigma_of

AWKWARD = [(4, 6, 8), (3, 5, 7), (1, 4, 32), (1, 16, 16), (3, 2, 2), (1, 2, 1), (2, 1, 9)]


def lam_of(whitener):
    return whitener.eigenvalues(torch.zeros(1, dtype=torch.float64))


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("shrinkage", [0.01, 0.3, 1.0])
def test_shrinkage_touches_only_eigenvalues(structure, shape, shrinkage):
    plain, shrunk = (fitted(structure, "zca", shape, g) for g in (0.0, shrinkage))
    w, v = (matrix(f.whiten, shape)[0] for f in (plain, shrunk))
    assert close(w @ v, v @ w, 1e-10)  # one basis
    assert abs(float(lam_of(shrunk).mean() / lam_of(plain).mean() - 1)) < 1e-12  # one mean eigenvalue
    for before, after in zip(plain._parts, shrunk._parts, strict=True):
        expected = (1 - shrinkage) * before[0] + shrinkage * before[0].mean(-1, keepdim=True)
        assert close(after[0], expected, 1e-10)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_dense_covariance_shrinks_towards_a_multiple_of_the_identity(shape):
    sigma = sigma_of("dense", shape)
    target = sigma.trace() / len(sigma) * torch.eye(len(sigma), dtype=torch.float64)
    w, _ = matrix(fitted("dense", "zca", shape, 0.2).whiten, shape)
    assert close(w, power(0.8 * sigma + 0.2 * target, -0.5), 1e-10)


@pytest.mark.parametrize("shrinkage", [-0.1, 1.1, float("nan")])
def test_shrinkage_outside_its_range_is_refused(shrinkage):
    with pytest.raises(ValueError, match=r"shrinkage .* must lie in \[0, 1\]"):
        fit(measure(normal(9, 2, 4, 4)), shrinkage=shrinkage)


def whitens(whitener, x):
    """Whether it does what a whitener must: finite noise that leads back to the pictures."""
    z = whitener.whiten(x)
    return bool(torch.isfinite(z).all()) and close(whitener.dewhiten(z), x, 1e-6)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("shape", AWKWARD, ids=str)
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("shrinkage", [0.0, 0.01])
def test_too_few_samples_are_refused_with_cures_that_work(structure, shape, count, shrinkage):
    x = normal(400, *shape, seed=11)
    few = measure(x[:count], structure)
    try:
        whitener = fit(few, shrinkage=shrinkage)
    except ValueError as error:
        message = str(error)
    else:
        assert count > 1 and whitens(whitener, x[:count])
        return
    assert f"{count} samples of {' x '.join(map(str, shape))} is singular" in message
    needed = int(re.search(r"measure at least (\d+)", message)[1])
    assert count < needed <= len(x)
    assert whitens(fit(measure(x[:needed], structure), shrinkage=shrinkage), x[:5])
    cure = re.search(r"shrinkage=([\d.]+)", message)
    assert cure or count == 1  # one picture varies in nothing, and shrinkage has nothing to shrink towards
    if cure:
        assert whitens(fit(few, shrinkage=float(cure[1])), x[:count])


@pytest.mark.parametrize(("smallest", "singular"), [(1e-9, False), (1e-12, False), (1e-15, True), (0, True)])
def test_only_what_rounding_left_is_called_singular(smallest, singular):
    lam = torch.tensor([1.0, 0.5, smallest], dtype=torch.float64)
    turn = torch.linalg.qr(normal(3, 3))[0]
    moments = Moments("dense", (3, 1, 1), 50, torch.zeros(3, 1, 1).double(), (50 * turn * lam @ turn.T,))
    if singular:
        with pytest.raises(ValueError, match="singular"):
            fit(moments)
    else:
        assert torch.allclose(lam_of(fit(moments)), lam, rtol=1e-3)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_channels_that_combine_exactly_are_refused_with_cures_that_work(structure):
    gray = normal(200, 1, 4, 6).expand(-1, 3, -1, -1)
    with pytest.raises(ValueError, match="combine exactly .* add others, or pass shrinkage=0.01"):
        fit(measure(gray, structure))
    assert whitens(fit(measure(gray, structure), shrinkage=0.01), gray)
    colors = normal(200, 3, 4, 6, seed=1)
    assert whitens(fit(measure(gray, structure) + measure(colors, structure)), gray)


def test_a_mean_that_never_varies_is_no_frequency_to_divide_by():
    x = normal(50, 2, 6, 6)
    x = x - x.mean((2, 3), keepdim=True) + 0.3
    with pytest.raises(ValueError, match="never varies, which shrinkage cannot mend: add photos that differ"):
        fit(measure(x), shrinkage=0.1)
    assert whitens(fit(measure(x) + measure(normal(9, 2, 6, 6, seed=1))), x)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_whitener_knows_what_it_was_fitted_to(structure):
    whitener = fit(measure(normal(300, 3, 4, 4), structure, space="rgb"), "pca", 0.25)
    facts = whitener.structure, whitener.method, whitener.space, whitener.count, whitener.shrinkage
    assert facts == (structure, "pca", "rgb", 300, 0.25) and whitener.shape == (3, 4, 4)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_fitting_leaves_the_moments_as_they_were(structure):
    moments = measure(normal(300, 3, 4, 4), structure)
    kept = [t.clone() for t in (moments.total, *moments.products)]
    fit(moments, shrinkage=0.5).whiten(normal(1, 3, 4, 4))
    assert all(torch.equal(t, k) for t, k in zip((moments.total, *moments.products), kept, strict=True))


def test_pca_whitening_is_scikit_learns():
    sklearn = pytest.importorskip("sklearn.decomposition", reason="scikit-learn is not there")
    x = normal(500, 2, 3, 4, seed=2).cumsum(1).cumsum(3)
    theirs = sklearn.PCA(whiten=True, svd_solver="full").fit_transform(x.flatten(1).numpy())
    ours = fit(measure(x, "dense"), "pca").whiten(x).flatten(1)
    unbiased = torch.from_numpy(theirs) * (500 / 499) ** 0.5  # it divides by N - 1
    assert close(ours.abs(), unbiased.abs(), 1e-9)  # and chooses signs by another rule


@pytest.mark.parametrize("shrinkage", [0.0, 0.1, 0.7])
def test_shrinkage_is_scikit_learns(shrinkage):
    sklearn = pytest.importorskip("sklearn.covariance", reason="scikit-learn is not there")
    x = normal(60, 2, 3, 4, seed=2).cumsum(1)
    theirs = sklearn.ShrunkCovariance(shrinkage=shrinkage).fit(x.flatten(1).numpy())
    whitener = fit(measure(x, "dense"), shrinkage=shrinkage)
    assert close(whitener.blocks[0], torch.from_numpy(theirs.covariance_), 1e-12)
    w, _ = matrix(whitener.whiten, (2, 3, 4))
    assert close(w.T @ w, torch.from_numpy(theirs.precision_), 1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_a_kronecker_fit_finds_the_factors_of_a_covariance_that_has_them(seed):
    sigma = sigma_of("kronecker", (2, 3, 4))
    x = normal(20000, 24, seed=seed) @ torch.linalg.cholesky(sigma).T
    factors, _ = covariance(measure(x.view(-1, 2, 3, 4), "kronecker"))
    found = torch.kron(torch.kron(factors[0], factors[1]), factors[2])
    assert float((found - sigma).norm() / sigma.norm()) < 0.03
