"""The cosine basis against its formula, its whitener against a periodic one of the mirrored picture."""

import pytest
import torch

from img2noise import fit, measure
from img2noise.whitening.cosines import dct, idct, radius, resample
from img2noise.whitening.structures import Stationary

from ..cases import SHAPES, close, cosine_basis, definite, fitted, normal
from ..each import each

SIZES = [(1, 1), (1, 6), (2, 3), (5, 8), (7, 4), (16, 9)]


@each("size", SIZES)
def test_the_transform_is_its_formula_and_exactly_invertible(size):
    x = normal(2, 3, *size)
    assert close(dct(x).flatten(1), x.flatten(1) @ cosine_basis(3, *size).T, 1e-13)
    assert close(idct(dct(x)), x, 1e-13) and close(dct(idct(x)), x, 1e-13)
    assert dct(x.float()).dtype == torch.float32


@each("size", SIZES)
def test_a_row_has_the_same_bits_in_every_batch(size):
    x = normal(9, 3, *size).float()
    assert torch.equal(dct(x)[4:5], dct(x[4:5])) and torch.equal(idct(x)[[8, 2]], idct(x[[8, 2]]))


@each("shape", SHAPES)
def test_whitening_is_that_of_the_mirrored_picture_without_an_edge(shape):
    """Beside its mirror images a picture is periodic, of twice the size, with the same spectrum."""
    whitener, (channels, height, width) = fitted("cosine", "zca", shape), shape
    spectrum = whitener.blocks[0]
    ky = torch.minimum(torch.arange(2 * height), 2 * height - torch.arange(2 * height))
    kx = torch.arange(width + 1)
    inside = (ky[:, None] < height) & (kx < width)  # of Nyquist frequencies a mirrored picture has none
    blocks = torch.eye(channels, dtype=torch.float64).repeat(2 * height, width + 1, 1, 1)
    blocks[inside] = spectrum[ky.clamp_max(height - 1)][:, kx.clamp_max(width - 1)][inside]
    twice = Stationary((blocks + 0j,), whitener.mean, (channels, 2 * height, 2 * width))
    x = normal(2, *shape)
    mirrored = torch.cat([x, x.flip(-1)], -1)
    mirrored = torch.cat([mirrored, mirrored.flip(-2)], -2)
    assert close(twice.whiten(mirrored)[..., :height, :width], whitener.whiten(x), 1e-11)


def test_an_edge_does_not_reach_the_opposite_one():
    x = normal(60, 2, 12, 12, seed=2).cumsum(2).cumsum(3) / 10
    impulse = torch.zeros(1, 2, 12, 12, dtype=torch.float64)
    impulse[..., 0, :] = 1.0
    far = []
    for structure in ("cosine", "stationary"):
        whitener = fit(measure(x, structure))
        response = whitener.dewhiten(impulse) - whitener.dewhiten(torch.zeros_like(impulse))
        far.append(float(response[..., -1, :].abs().max() / response[..., 0, :].abs().max()))
    assert far[0] < 0.3 * far[1]


@each("size", [(16, 16), (5, 9), (40, 24)])
def test_the_power_law_of_pictures_is_resampled_exactly(size):
    def law(height, width):
        power = radius(height, width) ** -2
        power[0, 0] = 3.0 * height * width
        return power[..., None, None] * definite(2, seed=1)

    assert close(resample(law(12, 10), size), law(*size), 1e-9)
    spectrum = law(12, 10)
    assert resample(spectrum, (12, 10)) is spectrum


def test_a_grid_without_neighbors_is_refused():
    with pytest.raises(ValueError, match="larger grid"):
        resample(torch.ones(1, 1, 2, 2, dtype=torch.float64), (4, 4))


def test_the_periodic_whitener_has_the_same_spectrum_and_moves_with_the_picture():
    whitener = fitted("cosine", "zca", SHAPES[0])
    tiles = whitener.periodic()
    assert tiles.shape == whitener.shape and torch.equal(tiles.mean, whitener.mean)
    for row, column in ((0, 0), (1, 2), (2, 1)):  # k / H is 2 k / 2H
        assert torch.equal(tiles.blocks[0][row, column].real, whitener.blocks[0][2 * row, 2 * column])
    assert torch.equal(tiles.blocks[0][-1], tiles.blocks[0][1])
    x = normal(2, *SHAPES[0])
    assert close(tiles.whiten(x.roll((2, 3), (2, 3))), tiles.whiten(x).roll((2, 3), (2, 3)), 1e-11)


def test_photos_of_different_sizes_add_up_on_one_grid():
    grid, photos = (16, 16), []
    for seed, size in enumerate([(16, 16), (24, 16), (15, 31), (32, 40)]):
        r = radius(*size)
        r[0, 0] = (size[0] * size[1]) ** -0.5
        photos.append(idct(normal(800, 2, *size, seed=seed) / r))
    first, *rest = (measure(x, size=grid, space="sd") for x in photos)
    mixed = sum(rest, start=first)
    assert mixed.count == 3200 and mixed.shape == (2, *grid)
    assert close(mixed.total, sum(x.mean((2, 3)).sum(0) for x in photos), 1e-9)
    law = radius(*grid) ** -2
    law[0, 0] = 256.0
    found = mixed.products[0].diagonal(dim1=2, dim2=3).mean(2) / mixed.count
    assert float((found / law - 1).abs().max()) < 5 / 6400**0.5 * 2**0.5
