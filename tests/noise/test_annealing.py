"""Algorithm 1 through Gram matrices in an eigenbasis against the loop as it is printed, in dense matrices."""

import math

import pytest
import torch

from benchmarks.reproducibility.rounding import OtherRounding
from img2noise import anneal, draw
from img2noise.noise import loss_of
from img2noise.noise.annealing import BLOCK, LOSSES, _Chain

from ..cases import CASES, STRUCTURES, close, fitted, matrix, mean_of, normal, sigma_of
from ..each import each

SHAPE = (3, 5, 7)
every_case = each(("structure", "method"), CASES)
every_structure = each("structure", STRUCTURES)


def photo(rows=1, shape=SHAPE, dtype=torch.float64):
    return normal(rows, *shape, seed=21).to(dtype)


def textbook_loss(whitener, shape, x0, mean, loss):
    """(A, target) of L(z) = |A z - target|^2 in pixels."""
    w, _ = matrix(whitener.whiten, shape)
    x = (x0 - mean).flatten()
    if loss == "forward":
        return torch.linalg.inv(w), x
    return torch.eye(len(x), dtype=torch.float64), w @ x if loss == "backward" else x


def naive(a, target, z, proposals, temperatures, alpha, adapt_step):
    """Algorithm 1 as printed, a matrix product per proposal; `proposals` yields (e, log u)."""
    s, c = math.sin(math.pi * alpha / 2), math.cos(math.pi * alpha / 2)
    losses, accepts, best = [float((a @ z - target).square().sum())], [], z
    for k, ((e, log_u), temperature) in enumerate(zip(proposals, temperatures, strict=True)):
        if adapt_step and k and k % BLOCK == 0:
            c = min(1.0, max(1e-4, c * math.exp((sum(accepts[-BLOCK:]) / BLOCK - 0.25) / 2)))
            s = math.sqrt(1 - c * c)
        new = s * z + c * e
        loss = float((a @ new - target).square().sum())
        rise = loss - losses[-1]
        accepts.append(rise <= 0 or (temperature > 0 and log_u < -rise / temperature))
        if accepts[-1]:
            best, z = new if loss < min(losses) else best, new
        losses.append(loss if accepts[-1] else losses[-1])
    return best, z, losses, accepts


def proposals_of(whitener, count, stream, shape, dtype=torch.float64):
    """The (e, log u) of the library's search, e as pictures' pixels."""
    some = torch.zeros(math.prod(shape), dtype=dtype)
    chain = _Chain(some, some, some, stream, 0.5, False)
    for start in range(0, count, BLOCK):
        e, log_u = chain.propose(min(BLOCK, count - start))
        yield from zip(whitener.rotate(e).flatten(1), log_u, strict=True)


def assert_is_naive(structure, method, loss, temperature, iterations=300, alpha=0.9, adapt_step=False):
    whitener, mean, x0 = fitted(structure, method, SHAPE), mean_of(structure, SHAPE), photo()
    found = anneal(
        x0,
        whitener,
        iterations,
        loss=loss,
        alpha=alpha,
        temperature=temperature,
        seed=3,
        adapt_step=adapt_step,
    )
    sigma = sigma_of(structure, SHAPE)
    unit = float(sigma.trace()) / len(sigma) if loss == "forward" else 1.0
    first, last = (t * unit for t in temperature)
    temperatures = [first + (last - first) * k / iterations for k in range(1, iterations + 1)]
    a, target = textbook_loss(whitener, SHAPE, x0, mean, loss)
    z0 = draw((1, *SHAPE), 3).double().flatten()
    proposals = proposals_of(whitener, iterations, (3, 0), SHAPE)
    best, last_z, losses, accepts = naive(a, target, z0, proposals, temperatures, alpha, adapt_step)
    ours = found.losses[0]
    assert (ours.diff() != 0).tolist() == accepts
    assert 0 < sum(accepts) < iterations  # both kinds of decision were put to the test
    assert close(ours / ours[0], torch.tensor(losses, dtype=torch.float64) / losses[0], 1e-10)
    assert close(found.z.flatten(), best, 1e-10) and close(found.z_last.flatten(), last_z, 1e-10)
    assert abs(float(found.acceptance) - sum(accepts) / iterations) < 1e-6
    assert abs(float(found.loss_ratio) - min(losses) / losses[0]) < 1e-10


@every_case
@each("loss", LOSSES)
def test_the_search_is_the_naive_loop_step_for_step(structure, method, loss):
    assert_is_naive(structure, method, loss, (20.0, 0.5))


@every_structure
@each("loss", LOSSES)
@each("temperature", [(5.0, 5.0), (0.0, 0.0), (1.0, -1.0)])
def test_an_adaptive_search_is_the_naive_loop_step_for_step(structure, loss, temperature):
    assert_is_naive(structure, "zca", loss, temperature, adapt_step=True)


@each("iterations", [1, 63, 64, 65, 200])
def test_blocks_end_where_they_end(iterations):
    found = anneal(photo(), fitted("stationary", "zca", SHAPE), iterations, seed=1)
    assert found.losses.shape == (1, iterations + 1)


def test_alpha_one_never_moves():
    found = anneal(photo(), fitted("dense", "zca", SHAPE), 200, alpha=1.0, seed=4)
    assert close(found.z, draw((1, *SHAPE), 4).double(), 1e-12) and torch.equal(found.z, found.z_last)
    assert abs(float(found.loss_ratio) - 1) < 1e-12


@every_structure
def test_alpha_zero_draws_independently(structure):
    whitener = fitted(structure, "zca", SHAPE)
    found = anneal(photo(), whitener, 100, alpha=0.0, temperature=(1e12, 1e12), seed=4)
    assert float(found.acceptance) == 1.0
    *_, (last, _) = proposals_of(whitener, 100, (4, 0), SHAPE)
    assert close(found.z_last.flatten(), last, 1e-12)


@every_structure
@each("loss", LOSSES)
def test_at_zero_temperature_the_loss_never_rises(structure, loss):
    found = anneal(photo(), fitted(structure, "zca", SHAPE), 400, loss=loss, temperature=(0, 0), seed=5)
    assert bool((found.losses.diff() <= 0).all()) and float(found.loss_ratio) < 0.9
    assert close(found.z, found.z_last, 1e-14)  # rows of one product, which may round apart


@every_structure
@each("loss", LOSSES)
def test_the_best_noise_has_the_least_loss_seen(structure, loss):
    whitener, x0 = fitted(structure, "zca", SHAPE), photo()
    found = anneal(x0, whitener, 500, loss=loss, temperature=(300.0, 300.0), seed=5)
    losses = found.losses[0]
    assert bool((losses.diff() > 0).any())  # a hot search leaves its best
    assert abs(float(found.loss_ratio - losses.min() / losses[0])) < 1e-15
    a, target = textbook_loss(whitener, SHAPE, x0, mean_of(structure, SHAPE), loss)
    for z, expected in ((found.z, losses.min()), (found.z_last, losses[-1])):
        assert abs(float((a @ z.flatten() - target).square().sum() / expected) - 1) < 1e-10


@every_structure
@each("dtype", [torch.float32, torch.float64])
def test_each_row_is_its_own_search_bit_for_bit(structure, dtype):
    whitener, x0 = fitted(structure, "zca", SHAPE), photo(4, dtype=dtype)
    indices = [2, 0, 5, 2]
    together = anneal(x0, whitener, 150, seed=6, indices=indices, adapt_step=True)
    for i, index in enumerate(indices):
        alone = anneal(x0[i : i + 1], whitener, 150, seed=6, indices=[index], adapt_step=True)
        assert torch.equal(together.z[i], alone.z[0]) and torch.equal(together.z_last[i], alone.z_last[0])
        assert torch.equal(together.losses[i], alone.losses[0])
        assert together.loss_ratio[i] == alone.loss_ratio[0]
        assert together.acceptance[i] == alone.acceptance[0]


@every_structure
def test_a_list_of_seeds_searches_one_picture_once_per_seed(structure):
    whitener, x0 = fitted(structure, "zca", SHAPE), photo(1, dtype=torch.float32)
    together = anneal(x0, whitener, 100, seed=[8, 3, 8])
    assert together.z.shape == (3, *SHAPE) and torch.equal(together.z[0], together.z[2])
    assert torch.equal(together.z[1], anneal(x0, whitener, 100, seed=3).z[0])
    assert not torch.equal(together.z[0], together.z[1])


def test_proposals_are_independent_of_the_start_and_of_other_rows():
    whitener = fitted("kronecker", "zca", SHAPE)
    streams = [(0, 0), (0, 1), (1, 0)]
    rows = [torch.stack([e for e, _ in proposals_of(whitener, 64, s, SHAPE)]) for s in streams]
    rows.append(draw((64, *SHAPE), 0).double().flatten(1))
    rows = torch.stack([r.flatten() for r in rows])
    correlation = torch.corrcoef(rows) - torch.eye(4, dtype=torch.float64)
    assert float(correlation.abs().max()) < 5 / rows.shape[1] ** 0.5


@every_structure
@each("loss", LOSSES)
def test_the_loss_kept_in_float32_is_the_loss_of_the_noise_returned(structure, loss):
    whitener, x0 = fitted(structure, "zca", SHAPE), photo(dtype=torch.float32)
    found = anneal(x0, whitener, 2000, loss=loss, temperature=(20.0, 20.0), seed=9)
    a, target = textbook_loss(whitener, SHAPE, x0.double(), mean_of(structure, SHAPE), loss)
    for z, kept in ((found.z, found.losses.min()), (found.z_last, found.losses[0, -1])):
        exact = (a @ z.double().flatten() - target).square().sum()
        assert z.dtype == torch.float32 and abs(float(kept / exact) - 1) < 1e-4


@every_case
def test_the_forward_loss_is_the_distance_to_the_picture_that_a_noise_makes(structure, method):
    whitener, x0 = fitted(structure, method, SHAPE), photo(2)
    found = anneal(x0, whitener, 70, seed=9)
    start = draw(x0.shape, 9).double()
    assert close(found.losses[:, 0], (whitener.dewhiten(start) - x0).square().sum((1, 2, 3)), 1e-9)
    distances = (whitener.dewhiten(found.z_last) - x0).square().sum((1, 2, 3))
    assert close(found.losses[:, -1], distances, 1e-9)
    assert close(loss_of(found.z_last, x0, whitener), distances, 1e-9)


def test_a_search_of_no_steps_returns_the_draw():
    for structure, method in CASES:
        whitener, x0 = fitted(structure, method, SHAPE), photo(2)
        found = anneal(x0, whitener, 0, seed=7, indices=[4, 1], on_step=lambda *_: 1 / 0)
        assert close(found.z, draw(x0.shape, 7, [4, 1]).double(), 1e-12)
        assert found.losses.shape == (2, 1) and found.acceptance.tolist() == [0, 0]
        assert found.loss_ratio.tolist() == [1, 1]


def test_on_step_reports_the_best_loss_after_each_block():
    reports = []
    whitener = fitted("stationary", "zca", SHAPE)
    found = anneal(photo(2), whitener, 150, seed=2, on_step=lambda k, r: reports.append((k, r.tolist())))
    assert [k for k, _ in reports] == [64, 128, 150]
    best = (found.losses.cummin(1).values / found.losses[:, :1]).T
    for k, ratio in reports:
        assert ratio == pytest.approx(best[k].tolist(), rel=1e-6)


def test_a_search_that_is_stopped_returns_the_best_so_far():
    options = dict(temperature=(300.0, 300.0), seed=[2, 9])
    whitener = fitted("stationary", "zca", SHAPE)
    stopped = anneal(photo(), whitener, 1000, on_step=lambda k, _: k == 128, **options)
    shorter = anneal(photo(), whitener, 128, **options)
    for name in ("z", "z_last", "loss_ratio", "losses", "acceptance"):
        assert torch.equal(getattr(stopped, name), getattr(shorter, name))


def test_the_search_changes_nothing_it_is_given():
    whitener, x0 = fitted("dense", "zca", SHAPE), photo(2)
    kept = x0.clone()
    first = anneal(x0, whitener, 100, seed=1)
    assert torch.equal(x0, kept) and torch.equal(anneal(x0, whitener, 100, seed=1).z, first.z)


def margin(losses, k, log_u, temperature):
    """How far decision k, of a search that accepted it, was from the other way, as a share of its loss."""
    rise = losses[k + 1] - losses[k]
    return abs(float((rise + temperature * log_u) / losses[k]))


def test_searches_that_round_otherwise_part_only_where_a_decision_is_within_rounding():
    whitener, rows, steps, scale = fitted("kronecker", "zca", SHAPE), 16, 300, 3000.0
    x0, how = photo(rows, dtype=torch.float32), dict(loss="baseline", temperature=(0.5, 0.5), seed=3)
    one = anneal(x0, whitener, steps, **how)
    with OtherRounding(scale):
        other = anneal(x0, whitener, steps, **how)
    bound, parted, margins = 2 * scale * torch.finfo(torch.float32).eps, [], []
    for i in range(rows):
        log_u = [u for _, u in proposals_of(whitener, steps, (3, i), SHAPE, torch.float32)]
        a, b = (found.losses[i].diff() != 0 for found in (one, other))
        margins += [margin(one.losses[i], k, log_u[k], 0.5) for k in a.nonzero().flatten().tolist()]
        if (apart := (a != b).nonzero().flatten()).numel():
            k = int(apart[0])
            accepting = one if a[k] else other
            parted.append(margin(accepting.losses[i], k, log_u[k], 0.5))
            assert close(one.losses[i, : k + 1], other.losses[i, : k + 1], bound * float(one.losses[i, 0]))
    assert parted and max(parted) < bound < sorted(margins)[len(margins) // 2]
    assert close(one.losses[:, -1] / other.losses[:, -1], torch.ones(rows, dtype=torch.float64), 0.05)
