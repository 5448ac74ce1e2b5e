"""Every structure under every method against the textbook's dense matrices, in float64."""

import torch

from img2noise import fit, measure
from img2noise.whitening.whitener import with_method

from ..cases import (
    CASES,
    METHODS_OF,
    SHAPES,
    STRUCTURES,
    close,
    fitted,
    matrix,
    mean_of,
    normal,
    pictures_of,
    power,
    sigma_of,
    textbook,
    variance_of,
)
from ..each import each

every_case = each(("structure", "method"), CASES)
every_shape = each("shape", SHAPES)


def eye(n):
    return torch.eye(n, dtype=torch.float64)


@every_case
@every_shape
def test_the_whitened_covariance_is_the_identity(structure, method, shape):
    sigma, mean = sigma_of(structure, shape), mean_of(structure, shape)
    w, origin = matrix(fitted(structure, method, shape).whiten, shape)
    assert close(w @ sigma @ w.T, eye(len(sigma)), 1e-10)
    assert close(origin, -w @ mean.flatten(), 1e-10)


@every_case
@every_shape
def test_whiten_and_dewhiten_are_exact_inverses(structure, method, shape):
    whitener, x = fitted(structure, method, shape), normal(3, *shape, seed=9)
    for strength in (1.0, 0.4, 0.0):
        assert close(whitener.dewhiten(whitener.whiten(x, strength), strength), x, 1e-11)
        assert close(whitener.whiten(whitener.dewhiten(x, strength), strength), x, 1e-11)


@every_case
@every_shape
def test_a_whitening_is_the_textbooks_matrix(structure, method, shape):
    w, _ = matrix(fitted(structure, method, shape).whiten, shape)
    expected = textbook(sigma_of(structure, shape), method, variance_of(structure, shape))
    if structure == "dense" or not method.startswith("pca"):
        assert close(w, expected, 1e-10)
        return
    # A product's or a spectrum's principal axes come in another order and sign: the same rows, rearranged.
    scale = variance_of(structure, shape).sqrt() if method == "pca-cor" else 1.0
    rows, wanted = (m * scale for m in (w, expected))
    assert close(rows @ rows.T, torch.diag((rows @ rows.T).diagonal()), 1e-9)
    assert close(rows.norm(dim=1).sort().values, wanted.norm(dim=1).sort().values, 1e-9)


@each("structure", STRUCTURES)
@every_shape
def test_zca_is_symmetric_and_closest_to_the_pictures(structure, shape):
    sigma = sigma_of(structure, shape)
    w = {m: matrix(fitted(structure, m, shape).whiten, shape)[0] for m in METHODS_OF[structure]}
    assert close(w["zca"], w["zca"].T, 1e-11)
    kept = {m: float((w[m] @ sigma).trace()) for m in w}
    assert max(kept, key=kept.get) == "zca" and sorted(kept.values())[-2] < kept["zca"] - 1e-6
    scaled = {m: float((w[m] @ sigma / variance_of(structure, shape).sqrt()).trace()) for m in w}
    assert max(scaled, key=scaled.get) == "zca-cor"


@each("structure", ["dense", "kronecker"])
@every_shape
def test_cholesky_is_the_transposed_factor_of_the_inverse_and_not_the_misprint(structure, shape):
    sigma = sigma_of(structure, shape)
    w, _ = matrix(fitted(structure, "cholesky", shape).whiten, shape)
    assert close(w, w.triu(), 1e-12) and bool((w.diagonal() > 0).all())
    assert close(w.T @ w @ sigma, eye(len(sigma)), 1e-10)
    misprint = torch.linalg.cholesky(sigma).T  # "L^T where Sigma = L L^T"
    assert not close(misprint @ sigma @ misprint.T, eye(len(sigma)), 0.1) and not close(w, misprint, 0.1)


@each("seed", range(3))
def test_the_fft_whitening_is_the_dense_zca_of_the_block_circulant_covariance(seed):
    x = normal(7, 4, 6, 8, seed=seed).cumsum(3).cumsum(2) / 10
    mean = x.mean((0, 2, 3), keepdim=True)
    rolled = [(x - mean).roll((i, j), (2, 3)).flatten(1) for i in range(6) for j in range(8)]
    sigma = sum(r.T @ r for r in rolled) / (7 * 48)
    w, origin = matrix(fit(measure(x, "stationary")).whiten, (4, 6, 8))
    assert close(w, power(sigma, -0.5), 1e-10 * float(w.abs().max()))
    assert close(origin, -w @ mean.expand(1, 4, 6, 8).flatten(), 1e-10 * float(w.abs().max()))


@each("method", METHODS_OF["dense"])
@each("size", [(4, 6), (8, 6), (12, 12)])
def test_patches_whiten_each_tile_of_a_picture_by_itself(method, size):
    shape, (p, q), channels = (2, 4, 6), (4, 6), 2
    sigma, mean = sigma_of("dense", shape), mean_of("dense", shape)
    whitener = fit(measure(pictures_of(sigma, mean).repeat(1, 1, 2, 1), "dense", patch=(p, q)), method)
    x = normal(3, channels, *size, seed=4)
    z = whitener.whiten(x)
    w = textbook(sigma, method)
    for i in range(0, size[0], p):
        for j in range(0, size[1], q):
            tile = (x[:, :, i : i + p, j : j + q] - mean).flatten(1) @ w.T
            assert close(z[:, :, i : i + p, j : j + q].flatten(1), tile, 1e-10)
    assert close(whitener.dewhiten(z), x, 1e-11)


@every_case
@each(("a", "b"), [(1.0, 0.0), (0.3, 0.9), (0.5, 0.5), (0.0, 1.0), (0.0, 2.0)])
def test_partial_strengths_compose_in_the_eigenbasis(structure, method, a, b):
    shape = SHAPES[0]
    sigma, mean = sigma_of(structure, shape), mean_of(structure, shape)
    whitener, x = fitted(structure, method, shape), normal(2, *shape, seed=6)
    found = whitener.dewhiten(whitener.whiten(x, a), b)
    expected = mean.flatten() + (x - mean).flatten(1) @ power(sigma, (b - a) / 2)
    assert close(found.flatten(1), expected, 1e-10)
    if method == "zca":
        twice = whitener.whiten(whitener.whiten(x, a) + mean, b)
        assert close(twice, whitener.whiten(x, a + b), 1e-10)


@each("structure", STRUCTURES)
def test_at_strength_zero_zca_only_takes_the_mean_away(structure):
    x = normal(2, *SHAPES[0], seed=6)
    found = fitted(structure, "zca", SHAPES[0]).whiten(x, 0.0)
    assert close(found, x - mean_of(structure, SHAPES[0]), 1e-12)


@every_case
def test_coordinates_have_the_eigenvalues_for_variances_in_an_orthonormal_basis(structure, method):
    shape = SHAPES[1]
    sigma, whitener = sigma_of(structure, shape), fitted(structure, method, shape)
    basis, _ = matrix(whitener.analyze, shape)
    lam = whitener.eigenvalues(torch.zeros(1, dtype=torch.float64))
    assert close(basis @ basis.T, eye(len(sigma)), 1e-12)
    assert close(basis @ sigma @ basis.T, torch.diag(lam), 1e-10)
    assert abs(float(lam.mean() - sigma.trace() / len(sigma))) < 1e-12
    q = normal(3, len(sigma), seed=2)
    assert close(whitener.analyze(whitener.synthesize(q)), q, 1e-12)
    assert close(whitener.unrotate(whitener.rotate(q)), q, 1e-12)


@each("structure", STRUCTURES)
def test_another_method_of_the_same_covariance_is_the_one_fitted_so(structure):
    for method in METHODS_OF[structure]:
        x = normal(2, *SHAPES[0], seed=1)
        other = with_method(fitted(structure, "zca", SHAPES[0]), method)
        assert close(other.whiten(x), fitted(structure, method, SHAPES[0]).whiten(x), 1e-13)


@every_case
def test_float32_and_float16_are_close_to_float64(structure, method):
    whitener, x = fitted(structure, method, SHAPES[0]), normal(3, *SHAPES[0], seed=7)
    exact = whitener.whiten(x)
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.float16, 5e-2)):
        z = whitener.whiten(x.to(dtype))
        assert z.dtype == dtype and close(z.double(), exact, tolerance)
        assert close(whitener.dewhiten(z).double(), x, tolerance)


@every_case
def test_whitening_changes_nothing_it_is_given(structure, method):
    whitener, x = fitted(structure, method, SHAPES[0]), normal(3, *SHAPES[0], seed=7)
    kept = x.clone(), [b.clone() for b in whitener.blocks], whitener.mean.clone()
    first = whitener.whiten(x)
    whitener.dewhiten(x)
    assert torch.equal(x, kept[0]) and torch.equal(whitener.mean, kept[2])
    assert all(torch.equal(b, k) for b, k in zip(whitener.blocks, kept[1], strict=True))
    assert torch.equal(whitener.whiten(x), first)


@each("structure", STRUCTURES)
def test_the_likelihood_is_that_of_the_normal_distribution(structure):
    shape = SHAPES[0]
    sigma, mean = sigma_of(structure, shape), mean_of(structure, shape)
    x = normal(3, *shape, seed=6)
    normal_law = torch.distributions.MultivariateNormal(mean.flatten(), sigma)
    expected = normal_law.log_prob(x.flatten(1)) / x[0].numel()
    assert close(fitted(structure, "zca", shape).log_likelihood(x), expected, 1e-10)
