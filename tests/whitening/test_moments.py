"""Sums that merge by adding, against numpy's own and against each other however the pictures are split."""

import numpy as np
import pytest
import torch

from img2noise import fit, measure
from img2noise.whitening.structures import covariance

from ..cases import SHAPES, STRUCTURES, circulant, close, normal
from ..each import each

PICTURES = {shape: 2 + normal(24, *shape, seed=5) for shape in SHAPES}


def sums(moments):
    return moments.total, *moments.products


def same(a, b, tolerance=1e-12):
    """Whether two moments agree, sum by sum, relative to the largest number in each."""
    pairs = zip(sums(a), sums(b), strict=True)
    facts = (a.structure, a.shape, a.count, a.space) == (b.structure, b.shape, b.count, b.space)
    return facts and all(close(x, y, tolerance * float(y.abs().max())) for x, y in pairs)


@each("structure", STRUCTURES)
@each("shape", SHAPES)
@each("parts", [[1, 23], [12, 12], [5, 5, 5, 5, 4], [1] * 24])
def test_pictures_split_anyhow_add_up_to_the_whole(structure, shape, parts):
    pieces = [measure(x, structure) for x in PICTURES[shape].split(parts)]
    total = pieces[0]
    for piece in pieces[1:]:
        total = total + piece
    assert same(total, measure(PICTURES[shape], structure))
    backwards = pieces[-1]
    for piece in reversed(pieces[:-1]):
        backwards = backwards + piece
    assert same(backwards, total)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_many_pictures_are_summed_in_chunks_without_a_difference(structure, monkeypatch):
    x = PICTURES[SHAPES[0]]
    whole = measure(x, structure)
    monkeypatch.setattr("img2noise.whitening.moments._CHUNK_BYTES", 5 * 8 * x[0].numel())
    assert same(measure(x, structure), whole)


@each("shape", SHAPES)
def test_dense_moments_give_numpys_covariance(shape):
    x = PICTURES[shape]
    [sigma], mean = covariance(measure(x, "dense"))
    assert close(sigma, torch.from_numpy(np.cov(x.flatten(1).numpy().T, bias=True)), 1e-12)
    assert close(mean, x.mean(0), 1e-13)


@each("patch", [(3, 4), (2, 2), 2, (6, 8)])
def test_patches_are_samples_of_their_own(patch):
    x = PICTURES[(4, 6, 8)]
    p, q = (patch, patch) if isinstance(patch, int) else patch
    cut = [x[:, :, i : i + p, j : j + q] for i in range(0, 6, p) for j in range(0, 8, q)]
    assert same(measure(x, "dense", patch=patch), measure(torch.cat(cut), "dense"))


@each("shape", SHAPES)
def test_kronecker_factors_are_the_mean_covariances_of_the_fibres(shape):
    x = PICTURES[shape]
    centered = (x - x.mean(0)).numpy()
    factors, mean = covariance(measure(x, "kronecker"))
    fibres = [
        np.moveaxis(centered, axis, -1).reshape(-1, n) for axis, n in zip((1, 2, 3), shape, strict=True)
    ]
    by_hand = [torch.from_numpy(f.T @ f / len(f)) for f in fibres]
    variance = float((centered**2).mean())
    assert close(mean, x.mean(0), 1e-13)
    for factor, expected, scale in zip(factors, by_hand, (1, variance, variance), strict=True):
        assert close(factor, expected / scale, 1e-12)


@each("shape", SHAPES)
def test_stationary_moments_are_the_average_over_every_shift(shape):
    x = PICTURES[shape]
    mean = x.mean((0, 2, 3))
    centered = x - mean[:, None, None]
    shifts = [centered.roll((i, j), (2, 3)).flatten(1) for i in range(shape[1]) for j in range(shape[2])]
    sigma = sum(s.T @ s for s in shifts) / (len(shifts) * len(x))
    [spectrum], found = covariance(measure(x, "stationary"))
    kernel = torch.fft.irfft2(
        spectrum.permute(2, 3, 0, 1), s=shape[1:]
    )  # (C, C, H, W): the covariance at a shift
    assert close(found, mean, 1e-13)
    assert close(circulant(kernel), sigma, 1e-12)


def test_photos_of_different_sizes_add_up_on_one_grid():
    def field(height, width, count, seed):
        """White noise filtered to the power 1 / |f|^2, so to one spectrum per cycle at every size."""
        fy, fx = (
            torch.fft.fftfreq(height, dtype=torch.float64),
            torch.fft.rfftfreq(width, dtype=torch.float64),
        )
        radius = (fy[:, None] ** 2 + fx**2).sqrt()
        radius[0, 0] = 1 / (height * width) ** 0.5
        white = torch.fft.rfft2(normal(count, 2, height, width, seed=seed))
        return torch.fft.irfft2(white / radius, s=(height, width))

    grid = (16, 16)
    sizes = [(16, 16), (24, 16), (15, 31), (32, 40)]
    photos = [field(*size, 800, seed) for seed, size in enumerate(sizes)]
    alone = [measure(x, "stationary", size=grid, space="sd") for x in photos]
    mixed = alone[0] + alone[1] + alone[2] + alone[3]
    assert mixed.count == 3200 and mixed.shape == (2, *grid)
    assert close(mixed.total, sum(x.mean((2, 3)).sum(0) for x in photos), 1e-9)
    fy, fx = torch.fft.fftfreq(16, dtype=torch.float64), torch.fft.rfftfreq(16, dtype=torch.float64)
    law = 1 / (fy[:, None] ** 2 + fx**2)
    law[0, 0] = 256.0
    found = mixed.products[0].diagonal(dim1=2, dim2=3).real.mean(2) / mixed.count
    assert float((found / law - 1).abs().max()) < 5 / 6400**0.5 * 2**0.5


@each("structure", STRUCTURES)
@each("dtype", [torch.float16, torch.float32, torch.float64])
def test_measuring_changes_nothing_and_sums_in_float64(structure, dtype):
    x = PICTURES[SHAPES[0]].to(dtype).requires_grad_()
    kept = x.detach().clone()
    moments = measure(x, structure)
    assert torch.equal(x.detach(), kept) and not moments.total.requires_grad
    assert {t.dtype for t in sums(moments)} <= {torch.float64, torch.complex128}
    assert same(moments, measure(kept.double(), structure))


@each("structure", STRUCTURES)
def test_adding_changes_neither_summand(structure):
    a, b = (measure(x, structure) for x in PICTURES[SHAPES[0]].split(12))
    kept = [t.clone() for m in (a, b) for t in sums(m)]
    total = a + b
    assert total.count == 24 and a.count == b.count == 12
    assert all(torch.equal(t, k) for t, k in zip([*sums(a), *sums(b)], kept, strict=True))


@each("structure", STRUCTURES)
def test_a_mean_far_from_zero_costs_no_precision_that_matters(structure):
    x = normal(400, 2, 4, 5, seed=8)
    near, far = (fit(measure(x + offset, structure)) for offset in (0.0, 1000.0))
    assert close(far.whiten(x + 1000.0), near.whiten(x), 1e-6)


@each("offset", [0.0, 0.3, 1000.0])
@each("structure", STRUCTURES)
def test_what_never_varies_has_no_power_rather_than_rounding(structure, offset):
    x = torch.full((50, 2, 4, 5), offset, dtype=torch.float64)
    with pytest.raises(ValueError, match="never varies"):
        fit(measure(x, structure), shrinkage=0.5)


def test_moments_of_another_structure_shape_or_space_do_not_add():
    x = PICTURES[(4, 6, 8)]
    others = [measure(x, "dense"), measure(x, size=(6, 6)), measure(x, space="sdxl")]
    for other in others:
        with pytest.raises(ValueError, match="cannot add moments"):
            measure(x, space="sd") + other
