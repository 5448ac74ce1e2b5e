"""Edit-friendly inversion: exact whatever the settings, a known answer on Gaussians, one noise per level."""

from dataclasses import replace

import pytest
import torch

from img2noise import NoiseMaps, draw, extract, replay
from img2noise.inversion.edit_friendly import edit
from img2noise.inversion.noise_maps import flip, later

from ..cases import close, normal
from ..each import each
from ..worlds import ancestral_split, gaussian, levels, network, picture, recorded, rms

SETTINGS = [(n, skip) for n in (4, 5, 20, 100) for skip in (0, 1, n // 3, n - 1)]
SOURCE, TARGET = network(), network(turn=0.3)


@each("eta", [0.1, 0.5, 1.0])
@each(("steps", "skip"), SETTINGS)
def test_a_replay_gives_the_picture_back(steps, skip, eta):
    x0 = picture(2, 4, 8, 8)
    maps = extract(SOURCE, x0, levels(steps), eta=eta, skip=skip, seed=3)
    assert maps.residuals.shape == (steps - skip, 2, 4, 8, 8) and maps.residuals.dtype == torch.float32
    assert (maps.steps, maps.skip, maps.eta) == (steps, skip, eta)
    assert close(replay(SOURCE, maps), x0, 1e-6)


@each("precision", [torch.float16, torch.bfloat16])
@each("levels_per_call", [1, 4])
@each("eta", [0.1, 1.0])
def test_a_network_in_half_precision_gives_the_picture_back(precision, levels_per_call, eta):
    x0, half = picture(2, 4, 16, 16), network(precision)
    maps = extract(half, x0, levels(100), eta=eta, seed=3, levels_per_call=levels_per_call)
    assert maps.residuals.dtype == maps.start.dtype == torch.float32
    assert close(replay(half, maps), x0, 1e-6 if levels_per_call == 1 else 2e-3)


def extracted_without_correction(denoise, x0, sigmas, seed):
    """`extract` without the assignment of Algorithm 1's last row, from the same noise."""
    listening, asked = recorded(denoise)
    maps = extract(listening, x0, sigmas, seed=seed, levels_per_call=len(sigmas))
    [(rows, _)] = asked  # one call holds every level as it was before any correction
    states, residuals = [*rows.chunk(len(sigmas) - 1), x0], []
    down, _ = ancestral_split(sigmas[:-1], sigmas[1:])
    for k in range(len(sigmas) - 1):
        clean = denoise(states[k], sigmas[k].float())
        ratio = float(down[k]) / float(sigmas[k])
        residuals.append(states[k + 1] - (clean + ratio * (states[k] - clean)))
    return NoiseMaps(maps.start, torch.stack(residuals), sigmas)


@each("precision", [torch.float16, torch.bfloat16])
def test_in_half_precision_the_correction_row_is_what_makes_it_exact(precision):
    x0, half = picture(2, 4, 32, 32), network(precision)
    exact = extract(half, x0, levels(100), seed=3)
    drifting = extracted_without_correction(half, x0, levels(100), seed=3)
    assert close(drifting.residuals, exact.residuals, 0.05)  # nearly the same maps, and yet
    assert rms(replay(half, drifting) - x0) > 100 * rms(replay(half, exact) - x0)


def test_a_replay_visits_bit_for_bit_what_the_extraction_visited():
    listening, asked = recorded(network(torch.float16))
    maps = extract(listening, picture(2, 4, 16, 16), levels(50), seed=3)
    visited = list(asked)
    asked.clear()
    replay(listening, maps)
    assert len(visited) == len(asked) == 50
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(visited, asked, strict=True))


@each("levels_per_call", [4, 16, 100])
def test_several_levels_in_a_call_are_the_sequential_run(levels_per_call):
    x0 = picture(3, 4, 8, 8, dtype=torch.float64)
    listening, asked = recorded(SOURCE)
    one = extract(SOURCE, x0, levels(50), skip=3, seed=3)
    several = extract(listening, x0, levels(50), skip=3, seed=3, levels_per_call=levels_per_call)
    assert torch.equal(one.start, several.start) and close(one.residuals, several.residuals, 1e-12)
    whole, rest = divmod(47, levels_per_call)
    assert [len(x) for x, _ in asked] == [3 * levels_per_call] * whole + [3 * rest] * (rest > 0)
    single = extract(SOURCE, x0.float(), levels(50), skip=3, seed=3, levels_per_call=levels_per_call)
    assert close(one.residuals, single.residuals.double(), 2e-5)
    assert close(replay(SOURCE, single), x0.float(), 1e-5)


@each("lam", [0.05, 1.0, 20.0])
@each(("steps", "skip"), [(4, 0), (20, 7), (100, 0), (100, 36), (100, 99)])
def test_a_shift_of_the_mean_arrives_as_far_as_the_start_is_noisy(lam, steps, skip):
    x0, delta = normal(1, 4, 6, 6) * lam**0.5, normal(1, 4, 6, 6, seed=1)
    maps = extract(gaussian(lam), x0, levels(steps), skip=skip, seed=3)
    top = float(levels(steps)[skip])
    share = top**2 / (lam + top**2)
    assert close(replay(gaussian(lam, delta), maps), x0 + share * delta, 1e-12)


@each(("lam", "share"), [(1.0, 0.8674), (20.0, 0.2465)])
def test_the_shift_at_the_published_skip(lam, share):
    maps = extract(gaussian(lam), torch.zeros(1, 1, 2, 2).double(), levels(100), skip=36, seed=3)
    assert close(replay(gaussian(lam, 1.0), maps), torch.full((1, 1, 2, 2), share).double(), 1e-4)


@each("lam", [0.05, 1.0, 20.0])
@each("eta", [0.1, 0.5, 1.0])
def test_the_shift_for_every_eta_is_a_product_over_the_steps(lam, eta):
    x0, delta = normal(1, 4, 6, 6), normal(1, 4, 6, 6, seed=1)
    sigmas = levels(50)[10:]
    maps = extract(gaussian(lam), x0, levels(50), eta=eta, skip=10, seed=3)
    kept = 1.0
    for high, low in zip(sigmas[:-1].tolist(), sigmas[1:].tolist(), strict=True):
        up_squared = eta**2 * low**2 * (high**2 - low**2) / high**2
        kept *= (lam + (low**2 - up_squared) ** 0.5 * high) / (lam + high**2)
    assert close(replay(gaussian(lam, delta), maps), x0 + (1 - kept) * delta, 1e-12)


def test_without_the_last_map_the_picture_is_off_by_the_last_denoising():
    x0, denoise = normal(1, 4, 128, 128), gaussian(1.0)
    listening, asked = recorded(denoise)
    maps = extract(listening, x0, levels(100), seed=3)
    without = torch.cat([maps.residuals[:-1], torch.zeros_like(maps.residuals[-1:])])
    error = replay(denoise, replace(maps, residuals=without)) - x0
    assert close(error, denoise(*asked[-1]) - x0, 1e-12)
    assert abs(rms(error) / 0.0411 - 1) < 0.02


@each("by", [(1, 0), (0, -2), (3, 5)])
def test_rolled_maps_make_the_rolled_picture(by):
    maps = extract(SOURCE, picture(2, 3, 8, 7, dtype=torch.float64), levels(20), skip=4, seed=3)
    rolled = NoiseMaps(maps.start.roll(by, (2, 3)), maps.residuals.roll(by, (3, 4)), maps.levels, skip=4)
    assert close(replay(TARGET, rolled), replay(TARGET, maps).roll(by, (2, 3)), 1e-12)


@each("sides", [(True, False), (False, True), (True, True)])
def test_flipped_maps_make_the_flipped_picture(sides):
    maps = extract(SOURCE, picture(2, 3, 8, 7, dtype=torch.float64), levels(20), skip=4, seed=3)
    dims = [d for d, chosen in zip((3, 2), sides, strict=True) if chosen]
    assert close(replay(TARGET, flip(maps, *sides)), replay(TARGET, maps).flip(dims), 1e-12)


@each("make", ["maps", "edit"])
def test_several_seeds_are_several_edits_that_all_rebuild_the_picture(make):
    x0, seeds = picture(1, 4, 8, 8), [5, 6, 7]

    def made(target):
        if make == "edit":
            return edit(SOURCE, target, x0, levels(20), skip=4, seed=seeds)
        return replay(target, extract(SOURCE, x0, levels(20), skip=4, seed=seeds))

    assert close(made(SOURCE), x0.expand(3, -1, -1, -1), 1e-6)
    edits = made(TARGET)
    assert all(rms(edits[i] - edits[j]) > 0.05 for i, j in ((0, 1), (0, 2), (1, 2)))


@each("eta", [0.3, 1.0])
@each("skip", [0, 7])
def test_the_coupled_edit_is_extraction_and_replay(eta, skip):
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        x0 = picture(2, 4, 8, 8, dtype=dtype)
        settings = dict(eta=eta, skip=skip, seed=3)
        replayed = replay(TARGET, extract(SOURCE, x0, levels(20), **settings))
        assert close(edit(SOURCE, TARGET, x0, levels(20), **settings), replayed, tolerance)
        assert rms(replayed - x0) > 0.05


@each("precision", [None, torch.float16])
@each("weight", [1.0, 1.5])
def test_an_edit_from_a_prompt_to_itself_is_the_picture_bit_for_bit(weight, precision):
    x0, one = picture(2, 4, 8, 8), network(precision)
    assert torch.equal(edit(one, one, x0, levels(20), skip=4, seed=3, weight=weight), x0)


def noise_of(x0, steps, skip=0, **rows):
    """e of every level (steps - skip, B, C, H, W), read off the states that the network is shown."""
    listening, asked = recorded(lambda x, sigma: torch.zeros_like(x))
    extract(listening, x0, levels(steps), skip=skip, levels_per_call=steps, **rows)
    [(states, sigma)] = asked
    return ((states - x0.repeat(steps - skip, 1, 1, 1)) / sigma.view(-1, 1, 1, 1)).unflatten(0, (-1, len(x0)))


def test_the_noise_of_a_level_depends_on_seed_index_and_level_alone():
    x0 = normal(5, 2, 6, 6)
    whole = noise_of(x0, 20, seed=9)
    assert close(noise_of(x0, 20, skip=8, seed=9), whole[8:], 1e-12)
    assert close(noise_of(x0[:2], 20, seed=9), whole[:, :2], 1e-12)
    assert close(noise_of(x0[[4, 1]], 20, seed=9, indices=[4, 1]), whole[:, [4, 1]], 1e-12)
    assert close(noise_of(x0[:3], 20, seed=[9, 4, 9])[:, [0, 2]], whole[:, [0, 0]], 1e-12)
    assert not close(noise_of(x0, 20, seed=8), whole, 1.0)


def test_every_level_and_row_has_white_noise_of_its_own():
    noise = noise_of(normal(3, 4, 64, 64), 5, seed=9).flatten(2).flatten(0, 1)  # (5 * 3, D)
    noise = torch.cat([noise, draw((3, 4, 64, 64), 9).double().flatten(1)])  # nor the noise a sampler draws
    gram = noise @ noise.T / noise.shape[1]
    assert close(gram, torch.eye(18).double(), 0.04)


def test_a_call_holds_at_least_one_level():
    with pytest.raises(ValueError, match="levels per call"):
        extract(SOURCE, picture(1, 1, 4, 4), levels(4), seed=1, levels_per_call=0)


@each("skip", [0, 3])
@each("eta", [0.3, 1.0])
def test_a_part_of_the_way_gives_the_noisy_picture_back(eta, skip):
    x = picture(2, 4, 8, 8, dtype=torch.float64)
    sigmas = levels(20)[:12]  # to sigma 1.6
    settings = dict(eta=eta, skip=skip, seed=3)
    maps = extract(SOURCE, x, sigmas, **settings)
    assert close(replay(SOURCE, maps), x, 1e-12)
    assert close(edit(SOURCE, TARGET, x, sigmas, **settings), replay(TARGET, maps), 1e-12)
    assert torch.equal(edit(SOURCE, SOURCE, x, sigmas, **settings), x)


def test_a_part_of_the_way_starts_as_noisy_as_its_schedule_says():
    sigmas, clean = levels(20)[:12], torch.zeros(1, 4, 128, 128).double()
    x = clean + float(sigmas[-1]) * normal(1, 4, 128, 128)
    start = extract(SOURCE, x, sigmas, seed=3).start
    assert abs(rms(start) / float(sigmas[0]) - 1) < 0.01


@each("shape", [(5,), (3, 7), (2, 3, 4, 5)])
def test_any_number_of_axes_is_the_same_walk(shape):
    def denoise(x, sigma):
        return torch.tanh(x / (1 + sigma.view(-1, *[1] * (x.ndim - 1)) ** 2))

    x0 = normal(2, *shape)
    flat, settings = x0.flatten(1)[..., None, None], dict(skip=2, seed=3)
    maps, same = (extract(denoise, x, levels(10), **settings) for x in (x0, flat))
    assert maps.residuals.shape == (8, 2, *shape)
    assert torch.equal(maps.residuals.flatten(2), same.residuals.flatten(2))

    def gone(x, sigma):
        return torch.zeros_like(x)

    edits = [edit(denoise, gone, x, levels(10), bound=1.0, weight=1.5, **settings) for x in (x0, flat)]
    assert torch.equal(edits[0].flatten(1), edits[1].flatten(1)) and edits[0].shape == x0.shape


def test_inputs_stay_as_they_are():
    x0, sigmas = picture(2, 4, 8, 8), levels(20)
    before = x0.clone(), sigmas.clone()
    maps = extract(SOURCE, x0, sigmas, seed=3)
    kept = maps.start.clone(), maps.residuals.clone()
    replay(TARGET, maps)
    edit(SOURCE, TARGET, x0, sigmas, seed=3, weight=1.5, bound=1.0)
    assert torch.equal(x0, before[0]) and torch.equal(sigmas, before[1])
    assert torch.equal(maps.start, kept[0]) and torch.equal(maps.residuals, kept[1])


@each("eta", [0.0, 0.5, 1.0])
@each(("first", "then"), [(0, 7), (3, 7), (0, 19), (5, 5), (5, 2)])
def test_maps_from_a_later_step_on_are_those_extracted_from_there(first, then, eta):
    x0 = picture(2, 4, 8, 8)
    how = dict(eta=eta, seed=3)
    found = later(extract(SOURCE, x0, levels(20), skip=first, **how), then)
    expected = extract(SOURCE, x0, levels(20), skip=max(first, then), **how)
    assert (found.skip, found.steps) == (expected.skip, 20) and len(found.residuals) == 20 - expected.skip
    assert close(replay(TARGET, found), replay(TARGET, expected), 1e-5)
    assert close(replay(SOURCE, found), x0, 1e-6)


def test_a_later_start_follows_a_flip_and_needs_the_states():
    x0 = picture(1, 4, 8, 8)
    maps = extract(SOURCE, x0, levels(20), seed=3)
    assert torch.equal(later(flip(maps), 9).start, flip(later(maps, 9)).start)
    with pytest.raises(ValueError, match="states"):
        later(replace(maps, states=None), 1)
    with pytest.raises(ValueError, match="skip"):
        later(maps, 20)
