"""Draws that depend on (seed, index) alone, and mixtures that keep a noise a noise."""

import math

import pytest
import torch

from img2noise import anneal, correlated_noise, ddim, draw, edit_friendly, extract, lerp, slerp

from ..cases import close, fitted, normal
from ..each import each
from ..worlds import levels, network

ROWS = [(4, 8, 8), (3, 5, 7), (1, 1, 3), (2, 3, 3)]  # counts 256, 105, 3, 18: multiples of 16 and not


def drawn_by_comfyui(shape, seed, indices):
    """What ComfyUI does for a latent with a batch_index: a draw of [1, C, H, W] per index, up to the last."""
    generator = torch.Generator().manual_seed(seed)
    items = [torch.randn([1, *shape], generator=generator) for _ in range(max(indices) + 1)]
    return torch.cat([items[i] for i in indices])


@each("shape", ROWS)
@each("seed", [0, 1, 2**63, 2**64 - 1])
@each("indices", [[0], [0, 1, 2], [5, 2, 2, 0]])
def test_noise_is_what_comfyui_draws_for_a_batch_index(shape, seed, indices):
    noise = draw((len(indices), *shape), seed, indices)
    assert noise.dtype == torch.float32
    assert torch.equal(noise, drawn_by_comfyui(shape, seed, indices))


def test_a_batch_whose_rows_fill_whole_blocks_is_what_comfyui_draws_at_once():
    generator = torch.Generator().manual_seed(7)
    assert torch.equal(draw((3, 4, 8, 8), 7), torch.randn((3, 4, 8, 8), generator=generator))


@each("shape", ROWS)
def test_a_row_depends_on_seed_and_index_alone(shape):
    whole = draw((6, *shape), 11)
    assert torch.equal(draw((2, *shape), 11), whole[:2])
    assert torch.equal(draw((3, *shape), 11, [5, 0, 5]), whole[[5, 0, 5]])
    for i in range(6):
        assert torch.equal(draw((1, *shape), 11, [i])[0], whole[i])
    assert len({tuple(row.flatten().tolist()) for row in whole}) == 6


def test_a_list_of_seeds_gives_each_row_the_first_draw_of_its_seed():
    noise = draw((3, 4, 5, 5), [9, 3, 9])
    assert torch.equal(noise[1:2], draw((1, 4, 5, 5), 3)) and torch.equal(noise[0], noise[2])
    assert not torch.equal(noise[0], noise[1])


def test_drawing_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    draw((2, 4, 5, 5), 3)
    assert torch.equal(torch.get_rng_state(), before)


def angle(a, b):
    """Between the samples of two batches, in radians, stable at small angles too."""
    a, b = (v.flatten(1) / v.flatten(1).norm(dim=1, keepdim=True) for v in (a, b))
    return 2 * torch.atan2((a - b).norm(dim=1), (a + b).norm(dim=1))


A, B = normal(3, 4, 5, 6, seed=1), normal(3, 4, 5, 6, seed=2)
B_ON_SPHERE = B * (A.flatten(1).norm(dim=1) / B.flatten(1).norm(dim=1)).view(-1, 1, 1, 1)


def test_slerp_begins_at_a_and_ends_at_b():
    assert close(slerp(A, B, 0.0), A, 1e-14) and close(slerp(A, B, 1.0), B, 1e-14)


@each("weight", [0.1, 0.25, 0.5, 0.9])
def test_slerp_walks_the_great_arc_at_an_even_pace(weight):
    between = slerp(A, B_ON_SPHERE, weight)
    assert close(between.flatten(1).norm(dim=1), A.flatten(1).norm(dim=1), 1e-12)
    assert close(angle(A, between), weight * angle(A, B), 1e-12)
    assert close(angle(between, B), (1 - weight) * angle(A, B), 1e-12)


def test_slerp_takes_one_angle_per_sample():
    together = slerp(A, B, 0.3)
    for i in range(3):
        assert close(together[i : i + 1], slerp(A[i : i + 1], B[i : i + 1], 0.3), 1e-15)
    rows = slerp(A[0].unsqueeze(1), B[0].unsqueeze(1), 0.3).squeeze(1)  # one angle per channel instead
    assert not close(together[0], rows, 1e-3)


@each("mix", [slerp, lerp])
def test_each_sample_may_have_its_own_weight(mix):
    weights = torch.tensor([0.0, 0.4, 1.0])
    together = mix(A, B, weights)
    for i, w in enumerate(weights.double()):
        assert close(together[i : i + 1], mix(A[i : i + 1], B[i : i + 1], w), 1e-15)


@each("offset", [0.0, 1e-12, 1e-7, 1e-5, 1e-4, 1e-3])
def test_slerp_of_nearly_parallel_noises_stays_between_them(offset):
    near = A + offset * B
    assert close(slerp(A, near, 0.25), A + 0.25 * offset * B, max(1e-15, 3 * offset**2))


@each("nudge", [0.0, 1e-5])
def test_opposite_noises_have_no_shortest_arc(nudge):
    with pytest.raises(ValueError, match="opposite"):
        slerp(A, -A + nudge * B, 0.5)


def test_a_straight_mixture_of_independent_noises_has_unit_variance():
    a, b = normal(1, 1, 400, 400, seed=3), normal(1, 1, 400, 400, seed=4)
    for weight in (0.0, 0.3, 0.5, 1.0):
        variance = float(lerp(a, b, weight).square().mean())
        assert abs(variance - 1) < 5 * math.sqrt(2 / a.numel())
    assert close(lerp(a, b, 0.5), (a + b) / 2**0.5, 1e-14)


@each("mix", [slerp, lerp])
@each("dtype", [torch.float16, torch.float32, torch.float64])
def test_a_mixture_comes_back_in_the_dtype_of_its_first(mix, dtype):
    a, b = A.to(dtype), B.clone()
    kept = a.clone(), b.clone()
    assert mix(a, b, 0.5).dtype == dtype
    assert torch.equal(a, kept[0]) and torch.equal(b, kept[1])


SHAPE = (3, 4, 6, 6)
TAKERS = {
    "draw": lambda x0, seed: draw(x0.shape, seed),
    "correlated_noise": lambda x0, seed: correlated_noise(x0, fitted("dense", "zca", SHAPE[1:]), seed=seed),
    "anneal": lambda x0, seed: anneal(x0, fitted("dense", "zca", SHAPE[1:]), 5, seed=seed).z,
    "extract": lambda x0, seed: extract(network(), x0, levels(4), seed=seed).residuals.transpose(0, 1),
    "edit": lambda x0, seed: edit_friendly.edit(network(), network(turn=0.3), x0, levels(4), seed=seed),
    "ddim": lambda x0, seed: ddim.invert(network(), x0, levels(4), forward_steps=2, seed=seed),
}


@pytest.mark.parametrize("name", TAKERS)
def test_a_generator_is_a_seed_for_each_row_and_is_advanced(name):
    call, x0 = TAKERS[name], normal(*SHAPE).float()
    generator = torch.Generator().manual_seed(5)
    first, second = call(x0, generator), call(x0, generator)
    again = torch.Generator().manual_seed(5)
    assert torch.equal(first, call(x0, again)) and torch.equal(second, call(x0, again))
    assert not any(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    seeds = torch.randint(2**63 - 1, (3,), generator=torch.Generator().manual_seed(5)).tolist()
    assert torch.equal(first, call(x0, seeds))


def test_a_generator_does_not_go_with_indices():
    with pytest.raises(ValueError, match="indices"):
        draw(SHAPE, torch.Generator(), [0, 1, 2])
