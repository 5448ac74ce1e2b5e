"""Shares of layout, color and detail, and blends by frequency, against dense matrices."""

import pytest
import torch

from img2noise import draw
from img2noise.noise import blend_by_frequency, shared_noise, vary
from img2noise.noise.blends import rise

from ..cases import SHAPES, close, cosine_basis, fitted, matrix, normal, power, sigma_of
from ..each import each

SHAPE = SHAPES[1]
SIZE = SHAPE[0] * SHAPE[1] * SHAPE[2]
LUMA = torch.tensor([0.3, 0.6, -0.2], dtype=torch.float64)
CUT_OFF = 2.0  # cycles of a picture of 5 x 7


def lightness():
    """The projector of lightness (D, D), from the covariance alone."""
    basis = cosine_basis(*SHAPE)
    root = power(sigma_of("cosine", SHAPE), 0.5)
    directions = []
    for k in range(SHAPE[1] * SHAPE[2]):
        plane = torch.zeros(SHAPE[0], SHAPE[1] * SHAPE[2], dtype=torch.float64)
        plane[:, k] = LUMA
        direction = root @ basis.T @ plane.flatten()
        directions.append(direction / direction.norm())
    return sum(torch.outer(d, d) for d in directions)


def shares_of(layout, color, detail):
    """A of the formula, dense."""
    basis = cosine_basis(*SHAPE)
    h = basis.T @ torch.diag(rise(*SHAPE[1:], CUT_OFF).flatten().repeat(SHAPE[0])) @ basis
    one, p = torch.eye(SIZE, dtype=torch.float64), lightness()
    return ((one - h) * 1.0) @ (layout * p + color * (one - p)) + detail * h


@each(("layout", "color", "detail"), [(1.0, 0.0, 0.0), (0.2, 0.9, 0.5), (0.0, 1.0, 0.0), (0.7, 0.7, 0.7)])
def test_shared_noise_is_its_formula_in_dense_matrices(layout, color, detail):
    whitener, x0 = fitted("cosine", "zca", SHAPE), normal(1, *SHAPE, seed=5)
    how = dict(layout=layout, color=color, detail=detail, luma=LUMA, cut_off=CUT_OFF)
    z = shared_noise(x0, whitener, seed=3, **how).flatten()
    a = shares_of(layout, color, detail)
    assert close(a, a.T, 1e-11)
    share, u = torch.linalg.eigh(a)
    rest = u * (1 - share**2).clamp_min(0).sqrt() @ u.T
    n = draw((1, *SHAPE), 3).double().flatten()
    assert close(z, a @ whitener.whiten(x0).flatten() + rest @ n, 1e-6)


def pushed(function):
    """The covariance of z where pictures and draw are white, from the map's columns."""
    whitener = fitted("cosine", "zca", SHAPE)
    units = torch.eye(SIZE, dtype=torch.float64).view(SIZE, *SHAPE)
    seeds = list(range(SIZE))
    zero, unit = whitener.dewhiten(torch.zeros_like(units)), whitener.dewhiten(units)
    base = function(zero, zero, seeds)
    of_a, of_b = (function(*pair, seeds) - base for pair in ((unit, zero), (zero, unit)))
    of_n = torch.linalg.solve(draw(units.shape, seeds).double().flatten(1), base.flatten(1))
    return sum(m.flatten(1).T @ m.flatten(1) for m in (of_a, of_b, of_n))


@each("two", [False, True])
def test_every_unit_vector_comes_out_with_unit_variance(two):
    def noise(a, b, seeds):
        return shared_noise(
            a,
            fitted("cosine", "zca", SHAPE),
            luma=LUMA,
            layout=0.8,
            color=0.9,
            detail=0.6,
            colors_of=b if two else None,
            cut_off=CUT_OFF,
            seed=seeds,
        )

    assert close(pushed(noise), torch.eye(SIZE, dtype=torch.float64), 1e-6)


def test_the_ends_are_the_pictures_noise_and_the_draw_bit_for_bit():
    whitener, x0 = fitted("cosine", "zca", SHAPE), normal(2, *SHAPE, seed=5)
    assert close(shared_noise(x0, whitener, luma=LUMA, seed=3), whitener.whiten(x0), 1e-11)
    plain = shared_noise(x0, whitener, luma=LUMA, layout=0, color=0, detail=0, seed=3, indices=[4, 1])
    assert torch.equal(plain, draw(x0.shape, 3, [4, 1]).double())


@each("share", [0.0, 0.35, 1.0])
def test_the_lightness_of_the_previews_correlates_by_the_share_of_layout(share):
    """l^T S^1/2 z of coarse frequencies: its covariance with the picture's is the share, exactly."""
    root = power(sigma_of("cosine", SHAPE), 0.5)
    light = torch.kron(LUMA[None], cosine_basis(1, *SHAPE[1:]))  # (H W, D), luma of the cosines
    coarse = rise(*SHAPE[1:], CUT_OFF).flatten() == 0
    seen = (light @ root)[coarse]
    covariance = seen @ shares_of(share, 0.4, 0.8) @ seen.T
    assert int(coarse.sum()) > 1 and close(covariance, share * seen @ seen.T, 1e-9)


def test_two_pictures_give_layout_and_colors():
    whitener, (a, b) = fitted("cosine", "zca", SHAPE), normal(2, 1, *SHAPE, seed=5)
    z = shared_noise(a, whitener, luma=LUMA, colors_of=b, seed=3, cut_off=1000.0).flatten()  # all is coarse
    p = lightness()
    wanted = p @ whitener.whiten(a).flatten() + z - z + whitener.whiten(b).flatten()
    assert close(z, wanted - p @ whitener.whiten(b).flatten(), 1e-10)


def test_only_zca_in_the_cosine_basis_is_taken():
    for structure, method in (("stationary", "zca"), ("cosine", "pca")):
        with pytest.raises(ValueError, match="cosine"):
            shared_noise(normal(1, *SHAPE), fitted(structure, method, SHAPE), luma=LUMA, seed=1)
    with pytest.raises(ValueError, match="luma"):
        shared_noise(normal(1, *SHAPE), fitted("cosine", "zca", SHAPE), luma=[1.0], seed=1)


@each("cut_off", [0.0, 1.0, 2.0, 1e6])
def test_a_blend_by_frequency_keeps_unit_variance_exactly(cut_off):
    zero = torch.zeros(1, *SHAPE, dtype=torch.float64)
    a, _ = matrix(lambda x: blend_by_frequency(x, zero.expand_as(x), cut_off), SHAPE)
    b, _ = matrix(lambda x: blend_by_frequency(zero.expand_as(x), x, cut_off), SHAPE)
    identity = torch.eye(SIZE, dtype=torch.float64)
    assert close(a @ a.T + b @ b.T, identity, 1e-12)
    h = rise(*SHAPE[1:], cut_off).flatten().repeat(SHAPE[0])
    basis = cosine_basis(*SHAPE)
    assert close(b, basis.T @ torch.diag((h * torch.pi / 2).sin()) @ basis, 1e-12)
    if cut_off in (0.0, 1e6):
        assert close(b if cut_off == 0 else a, identity, 1e-12)


def test_layout_and_detail_part_at_the_cut_off():
    h = rise(64, 64, 14.0)
    assert (
        float(h[2 * 14, 0]) == pytest.approx(0.5) and float(h[2 * 8, 0]) < 0.02 and float(h[2 * 25, 0]) == 1
    )
    assert bool((h[1:, 0].diff() >= 0).all()) and float(h[0, 0]) == 0


@each("amount", [0.0, 0.3, 1.0])
def test_a_varied_noise_is_the_step_of_pcn(amount):
    z = draw((3, *SHAPE), 5)
    varied = vary(z, amount, seed=9, indices=[2, 0, 1])
    n = draw(z.shape, 9, [2, 0, 1])
    assert close(varied, (1 - amount**2) ** 0.5 * z + amount * n, 1e-6)
    if amount in (0.0, 1.0):
        assert torch.equal(varied, n if amount else z)
