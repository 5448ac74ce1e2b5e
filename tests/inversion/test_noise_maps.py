"""Noise maps as data: how they differ from native noise, and what can be done to them."""

from functools import cache

import pytest
import torch

from img2noise import NoiseMaps, extract, replay
from img2noise.inversion.noise_maps import flip, recolor, shift, statistics

from ..cases import close, normal
from ..worlds import ancestral_split, gaussian, levels, network, picture, recorded

# The steps of 100 counted from the clean end: std of z, and its correlation with the next cleaner step's.
TABLE = [
    (1, 2.9162, -0.3709),
    (2, 2.4650, -0.5415),
    (5, 3.2177, -0.5013),
    (10, 4.0882, -0.4995),
    (20, 5.0308, -0.4994),
    (50, 5.5306, -0.4995),
    (80, 4.7029, -0.4996),
    (99, 4.1007, -0.4993),
]


@cache
def maps_of(steps, lam=1.0, eta=1.0, size=64):
    return extract(gaussian(lam), picture(1, 4, size, size) * lam**0.5, levels(steps), eta=eta, seed=3)


def law(steps, lam, eta=1.0):
    """std of z and correlation of neighbors in closed form, for data N(0, lam): (K',), (K' - 1,)."""
    high, low = levels(steps)[:-2], levels(steps)[1:-1]  # all steps but the last, whose s_up is 0
    down, up = ancestral_split(high, low, eta)
    g = (lam + down * high) / (lam + high**2)  # the gain of a step, low^2 in place of down * high at eta 1
    std = ((1 - g) ** 2 * lam + low**2 + g**2 * high**2).sqrt()
    covariance = (1 - g[:-1]) * (1 - g[1:]) * lam - g[1:] * low[:-1] ** 2
    return std / up, covariance / (std[:-1] * std[1:])


@pytest.mark.parametrize(("index", "std", "correlation"), TABLE)
def test_std_and_correlation_of_the_maps_are_the_table(index, std, correlation):
    maps = maps_of(100, size=128)
    stds, correlations = statistics(maps)
    assert stds.shape == (99,) and correlations.shape == (98,)
    assert abs(float(stds[99 - index]) / std - 1) < 0.02
    neighbors = maps.residuals[[99 - index, 100 - index]].flatten(1)
    assert abs(float(torch.corrcoef(neighbors)[0, 1]) - correlation) < 0.01
    if index > 1:  # the last step to sigma 0 has a map but no s_up, so no z
        assert abs(float(correlations[99 - index]) - correlation) < 0.01
        assert abs(float(law(100, 1.0)[1][99 - index]) - correlation) < 1e-4
    assert abs(float(law(100, 1.0)[0][99 - index]) - std) < 1e-4


@pytest.mark.parametrize(("lam", "eta"), [(0.05, 1.0), (20.0, 1.0), (1.0, 0.5), (1.0, 0.1)])
def test_std_and_correlation_follow_the_law(lam, eta):
    (std, correlation), expected = statistics(maps_of(50, lam, eta)), law(50, lam, eta)
    assert float((std / expected[0] - 1).abs().max()) < 0.02
    assert close(correlation, expected[1], 0.02)


def test_std_goes_as_one_over_eta_and_as_the_root_of_the_step_count():
    whole = statistics(maps_of(100))[0]
    for eta in (0.1, 0.5):
        scaled = eta * statistics(maps_of(100, 1.0, eta))[0]
        assert close((scaled / whole)[:-10], torch.ones(89).double(), 0.05)  # but in the cleanest tenth
    for steps, median in ((20, 2.48), (50, 3.66), (100, 5.03), (200, 7.07)):
        assert abs(float(statistics(maps_of(steps))[0].median()) / median - 1) < 0.02


def test_native_noise_has_unit_std_and_no_correlation():
    sigmas, denoise = levels(50), gaussian(1.0)
    down, up = ancestral_split(sigmas[:-1], sigmas[1:])
    x = start = sigmas[0] * normal(1, 4, 64, 64)
    residuals = []
    for k in range(50):  # DDPM sampling, its maps recovered from the states it went through
        clean = denoise(x, sigmas[k])
        mean = clean + down[k] / sigmas[k] * (x - clean)
        after = mean + up[k] * normal(1, 4, 64, 64, seed=k + 1)
        residuals.append(after - mean)
        x = after
    std, correlation = statistics(NoiseMaps(start, torch.stack(residuals), sigmas))
    assert close(std, torch.ones(49).double(), 0.02)
    assert close(correlation, torch.zeros(48).double(), 0.03)


def coordinates(height, width):
    """Maps whose every value says where and in which map it is: step * 1e4 + row * 100 + column."""
    place = torch.arange(height)[:, None] * 100.0 + torch.arange(width)
    maps = torch.stack([place + 1e4 * k for k in range(4)])[:, None, None]  # (4, 1, 1, H, W)
    return NoiseMaps(maps[3], maps[:3], levels(4)[1:], skip=1)


@pytest.mark.parametrize(
    ("by", "columns"),
    [
        (3, [3, 4, 5, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),  # 50/256 of 16 is 3.1: from column 3 on
        (-3, [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 3, 4, 5]),
        (14, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1]),  # clamped, so that it lies inside
        (-15, [15, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
        (0, list(range(16))),
    ],
)
def test_a_shift_fills_what_comes_free_with_one_stretch_of_the_same_map(by, columns):
    maps, other = coordinates(8, 16), coordinates(16, 8)
    moved = shift(maps, right=by)
    assert torch.equal(moved.start, maps.start[..., columns])
    assert torch.equal(moved.residuals, maps.residuals[..., columns])
    down = shift(other, down=by)
    assert torch.equal(down.start, other.start[..., columns, :])
    assert torch.equal(down.residuals, other.residuals[..., columns, :])
    assert (moved.skip, moved.eta) == (1, 1.0) and moved.levels is maps.levels


def test_a_shift_along_both_sides_is_one_after_the_other():
    maps = coordinates(16, 32)
    assert torch.equal(shift(maps, 3, -5).residuals, shift(shift(maps, down=3), right=-5).residuals)
    assert torch.equal(shift(maps, 3, -5).start[..., 3:, :-5], maps.start[..., :-3, 5:])


def test_a_256_pixel_map_is_filled_from_column_50_as_published():
    filled = shift(coordinates(4, 256), right=20).start[0, 0, 0, :20]
    assert filled.remainder(100).tolist() == [float(c % 100) for c in range(50, 70)]


def test_shifted_maps_make_the_shifted_picture():
    x0, denoise = picture(2, 4, 8, 8), gaussian(1.0)
    moved = replay(denoise, shift(extract(denoise, x0, levels(20), seed=3), down=-2, right=3))
    assert close(moved[..., :-2, 3:], x0[..., 2:, :-3], 1e-5)


@pytest.mark.parametrize(
    ("sides", "dims"), [((True, False), [-1]), ((False, True), [-2]), ((True, True), [-1, -2])]
)
def test_a_flip_mirrors_every_map_and_twice_is_none(sides, dims):
    maps = coordinates(8, 16)
    once = flip(maps, *sides)
    assert torch.equal(once.start, maps.start.flip(dims)) and torch.equal(
        once.residuals, maps.residuals.flip(dims)
    )
    assert torch.equal(flip(once, *sides).start, maps.start)
    assert torch.equal(flip(once, *sides).residuals, maps.residuals)


def displacement(steps, lam=1e6, **settings):
    """What color M adds to the picture, per M: the difference of M = 1 and M = 0, free of noise."""
    denoise, one = gaussian(lam), torch.ones(1, 1, 1, 1).double()
    maps = extract(denoise, torch.zeros(1, 1, 1, 1).double(), levels(steps), seed=3)
    red, black = (replay(denoise, recolor(denoise, maps, m * one, one, **settings)) for m in (1, 0))
    return float(red - black)


@pytest.mark.parametrize(
    ("strength", "closed", "share"),
    [(0.05, False, 0.97), (0.05, True, 0.63), (0.1, False, 1.95), (0.1, True, 0.86)],
)
def test_color_moves_even_areas_as_far_as_published(strength, closed, share):
    moved = displacement(100, strength=strength, closed=closed)
    assert abs(moved - share) < 0.005
    pull = strength * ancestral_split(levels(100)[30:81], levels(100)[31:82])[1]  # steps 70 down to 20
    assert abs(moved - float(1 - (1 - pull).prod() if closed else pull.sum())) < 1e-4


def test_color_leaves_texture_alone_and_reaches_as_far_in_any_number_of_steps():
    assert 0.02 < displacement(100, lam=0.05) < 0.06
    for steps in (50, 200, 500):
        for closed in (True, False):
            assert abs(displacement(steps, closed=closed) / displacement(100, closed=closed) - 1) < 0.07


@pytest.mark.parametrize("closed", [True, False])
def test_color_changes_the_masked_part_in_the_steps_of_its_band(closed):
    denoise, x0 = network(), picture(2, 4, 6, 6)
    maps = extract(denoise, x0, levels(20), skip=2, seed=3)
    target, mask = torch.full((1, 4, 1, 1), 2.0), torch.zeros(1, 1, 6, 6)
    settings = dict(closed=closed, band=(0.25, 0.5), strength=0.2)
    assert torch.equal(recolor(denoise, maps, target, mask, **settings).residuals, maps.residuals)
    mask[..., :3] = 1
    changed = recolor(denoise, maps, target, mask, **settings).residuals - maps.residuals
    assert not changed[..., 3:].any()
    steps_left = [18 - k for k in range(18) if changed[k].any()]
    assert steps_left == [10, 9, 8, 7, 6, 5]


@pytest.mark.parametrize("closed", [True, False])
def test_color_is_pulled_from_the_edited_trajectory_when_closed_and_from_the_source_when_open(closed):
    denoise = network()
    maps = extract(denoise, picture(1, 2, 6, 6, dtype=torch.float64), levels(20), seed=3)
    target, mask = torch.full((1, 2, 6, 6), 2.0).double(), torch.ones(1, 1, 6, 6).double()
    edited = recolor(denoise, maps, target, mask, strength=0.1, closed=closed)
    seen, asked = recorded(denoise)
    replay(seen, edited if closed else maps)
    _, up = ancestral_split(levels(20)[:-1], levels(20)[1:])
    for k, (x, sigma) in enumerate(asked):
        pull = 0.1 * 5**0.5 * up[k] * (target - denoise(x, sigma)) if 4 <= 20 - k <= 14 else 0 * x
        assert close(edited.residuals[k] - maps.residuals[k], pull, 1e-11)


@pytest.mark.parametrize("change", [shift, flip])
def test_maps_of_vectors_have_no_sides_to_move_along(change):
    maps = extract(lambda x, sigma: x / 2, picture(2, 5), levels(5), seed=3)
    with pytest.raises(ValueError, match=r"got maps of \(2, 5\)"):
        change(maps)


def test_what_is_flipped_may_have_more_axes():
    maps = extract(lambda x, sigma: x / 2, picture(2, 3, 4, 5, 6), levels(5), seed=3)
    flat = extract(lambda x, sigma: x / 2, picture(2, 3, 4, 5, 6).flatten(1, 2), levels(5), seed=3)
    assert torch.equal(flip(maps).residuals.flatten(2, 3), flip(flat).residuals)
    assert torch.equal(shift(maps, 1, -2).residuals.flatten(2, 3), shift(flat, 1, -2).residuals)
