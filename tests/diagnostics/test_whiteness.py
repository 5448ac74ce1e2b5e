"""Figures of one noise against their closed forms, and verdicts against the null of white noise."""

import math

import pytest
import torch
from scipy import stats

from img2noise import draw
from img2noise.diagnostics import autocorrelation, inspect, kl_divergence, radial_spectrum, smooth_mask
from img2noise.diagnostics.verdict import ratio_score
from img2noise.diagnostics.whiteness import similarity, smooth_areas, values

from ..cases import close, normal

WHOLE = (1, 2, 3)


def white(*shape, seed=0):
    return draw(shape, seed).double()


def alternating(*values, height=16, width=16, channels=1):
    """Columns that repeat these values."""
    row = torch.tensor(values, dtype=torch.float64).repeat(width // len(values))
    return row.expand(1, channels, height, width).clone()


def test_moments_of_values_that_are_counted_by_hand():
    z = alternating(-1.0, -1.0, -1.0, 3.0)
    found = values(z, WHOLE)
    n = z.numel()
    assert float(found.mean) == 0 and math.isclose(float(found.std), (3 * n / (n - 1)) ** 0.5)
    assert math.isclose(float(found.skew), 6 / 3**1.5) and math.isclose(float(found.kurtosis), 21 / 9)


@pytest.mark.parametrize(
    "variance, expected", [(0.29, 0.6052), (0.18, 1.420), (0.71, 0.0330), (0.89, 0.0035), (1.0, 0.0)]
)
def test_kl_has_the_direction_and_the_values_of_the_published_tables(variance, expected):
    found = kl_divergence(torch.tensor(0.0).double(), torch.tensor(variance).double().sqrt())
    assert abs(float(found) - expected) < 6e-4


def test_kl_between_two_normals_is_the_integral():
    z = torch.linspace(-14, 14, 200001, dtype=torch.float64)
    p, q = (torch.distributions.Normal(m, s) for m, s in ((0.0, 1.0), (-0.2, 1.3)))
    integral = torch.trapezoid(p.log_prob(z).exp() * (p.log_prob(z) - q.log_prob(z)), z)
    found = kl_divergence(torch.tensor(-0.2).double(), torch.tensor(1.3).double())
    assert abs(float(found - integral)) < 1e-6


def test_autocorrelation_of_alternating_columns():
    across, down = autocorrelation(alternating(1.0, -1.0), lags=3)
    assert close(across, torch.tensor([[-1.0, 1, -1]]).double(), 1e-12)
    assert close(down, torch.ones(1, 3).double(), 1e-12)


@pytest.mark.parametrize("size", [(16, 16), (15, 24), (9, 9)])
def test_rings_hold_every_frequency_but_the_mean_and_all_of_the_power(size):
    z = white(2, 3, *size) + 5
    frequencies, sizes, spectrum = radial_spectrum(z)
    assert float(sizes.sum()) == 3 * (size[0] * size[1] - 1) and bool((sizes > 0).all())
    assert close((spectrum * sizes).sum(1) / sizes.sum(), torch.ones(2).double(), 1e-12)
    assert bool((frequencies.diff() > 0).all()) and 0 < float(frequencies[0]) < float(frequencies[-1]) < 0.71


@pytest.mark.parametrize("cycles", [1, 4, 7])
def test_a_wave_has_its_power_in_the_ring_of_its_frequency(cycles):
    wave = torch.cos(2 * math.pi * cycles * torch.arange(16).double() / 16).expand(1, 1, 16, 16)
    frequencies, sizes, spectrum = radial_spectrum(wave)
    ring = int(spectrum[0].argmax())
    assert math.isclose(float(spectrum[0, ring]), 255 / float(sizes[ring]), rel_tol=1e-9)
    assert abs(float(frequencies[ring]) - cycles / 16) < 0.06


def test_the_mask_of_a_constant_picture_a_checkerboard_and_its_corner():
    assert bool(smooth_mask(torch.full((1, 3, 6, 6), 0.4)).all())
    board = (torch.arange(6)[:, None] + torch.arange(6)) % 2 * 0.03125
    mask = smooth_mask(board.expand(1, 3, 6, 6))  # differences 1 / 32, and half of that at the borders
    assert not bool(mask[0, :-1, :-1].any()) and bool(mask[0, -1].all()) and bool(mask[0, :, -1].all())
    rough = smooth_mask(10 * board.expand(1, 3, 6, 6))
    assert int(rough.sum()) == 1 and bool(rough[0, -1, -1])
    assert not bool(smooth_mask(board.expand(1, 3, 6, 6), tau=0.015625)[0, -1, :-1].any())  # strictly below


def test_one_channel_with_an_edge_is_enough_for_a_pixel_not_to_be_smooth():
    picture = torch.zeros(1, 3, 8, 8)
    picture[0, 1, 3, 3] = 1
    mask = smooth_mask(picture)[0]
    assert {tuple(at) for at in (~mask).nonzero().tolist()} == {(3, 3), (2, 3), (3, 2)}


def test_the_mask_of_a_latent_is_that_of_most_of_its_pixels_after_a_centered_cut():
    picture = torch.zeros(1, 3, 35, 32)
    picture[..., 1:17, 4::2] = 1  # of rows 0 to 16, columns from 3 on are not smooth
    mask = smooth_mask(picture, (4, 4))[0]
    expected = torch.ones(4, 4, dtype=bool)
    expected[:2, 1:] = False
    expected[:2, 0] = False  # five of eight columns are not smooth
    assert torch.equal(mask, expected)
    picture[..., 4] = 0
    assert bool(smooth_mask(picture, (4, 4))[0, 0, 0])  # three of eight


def test_the_spread_of_smooth_areas_and_elsewhere():
    z, mask = white(2, 4, 32, 32), torch.zeros(1, 32, 32, dtype=bool)
    mask[..., :8] = True
    z[..., :8] *= 0.5
    found = smooth_areas(z, mask)
    assert close(found.plain, z[..., :8].flatten(1).std(1), 1e-12)
    assert close(found.other, z[..., 8:].flatten(1).std(1), 1e-12)
    assert found.plain_count.tolist() == [1024, 1024] and found.other_count.tolist() == [3072, 3072]
    assert math.isnan(float(smooth_areas(z, torch.ones(1, 32, 32, dtype=bool)).other[0]))


def test_similarity_to_a_photo_is_a_cosine():
    x0, e = normal(1, 4, 64, 64), normal(2, 4, 64, 64, seed=1)
    found = similarity(0.6 * x0 + 0.8 * e, x0)
    assert close(found.correlation, torch.full((2,), 0.6).double(), 0.02)
    assert close(found.angle, torch.full((2,), math.degrees(math.acos(0.6))).double(), 1.5)
    lifted = similarity(x0 + 7, 2 * x0)
    assert abs(float(lifted.correlation[0]) - 1) < 1e-9 and float(lifted.angle[0]) > 60
    assert float(similarity(x0, x0).angle[0]) < 1e-3 and float(similarity(-x0, x0).angle[0]) > 179.9


def test_the_score_of_a_ratio_of_variances_is_nearly_that_of_f():
    for ratio, a, b in ((1.4, 63, 191), (0.6, 500, 200), (1.1, 4095, 12287)):
        exact = stats.norm.isf(stats.f.sf(ratio, a, b))
        score = float(ratio_score(torch.tensor(ratio).double(), a, b))
        assert abs(score - exact) < 0.02 + 0.005 * abs(exact)


def test_an_inspection_holds_the_figures_of_each_sample():
    z = white(2, 3, 16, 16) * torch.tensor([0.5, 2]).view(2, 1, 1, 1) + 0.1
    z[1, 2] += z[1, 0]
    found = inspect(z).figures()
    for row, sample in zip(found, z, strict=True):
        mean, std = float(sample.mean()), float(sample.std())
        assert row["mean"] == pytest.approx(mean) and row["std"] == pytest.approx(std)
        assert row["kl"] == pytest.approx(math.log(std) + (1 + mean**2) / (2 * std**2) - 0.5)
        assert row["channels"]["std"] == pytest.approx([float(c.std()) for c in sample])
        assert row["channels"]["mean"] == pytest.approx([float(c.mean()) for c in sample])
        r = torch.corrcoef(sample.flatten(1))
        assert [pytest.approx(line) for line in r.tolist()] == row["between"]
    across, down = autocorrelation(z)
    assert found[1]["autocorrelation"]["across"] == pytest.approx(across[1].tolist())
    assert found[1]["autocorrelation"]["down"] == pytest.approx(down[1].tolist())
    assert found[1]["spectrum"] == pytest.approx(radial_spectrum(z)[2][1].tolist())
    shares = inspect(white(1, 1, 64, 64)).histogram[0]
    assert abs(float(shares.sum()) - 1) < 0.002 and abs(float(shares[32:40].sum()) - 0.3413) < 0.03
