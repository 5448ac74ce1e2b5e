"""What a basis costs: one decomposition for every size, one copy in each precision, one product a batch."""

from collections import Counter

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from img2noise import fit, measure
from img2noise.whitening import Dense, Kronecker
from img2noise.whitening.moments import DENSE_LIMIT

from ..cases import CASES, SHAPES, close, fitted, normal
from ..each import each

every_case = each(("structure", "method"), CASES)
DENSE = [method for structure, method in CASES if structure == "dense"]
SHAPE = SHAPES[0]


class Calls(TorchDispatchMode):
    """Counts the operators that run inside."""

    def __init__(self):
        super().__init__()
        self.counted = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.counted[str(function)] += 1
        return function(*args, **(kwargs or {}))


def counted(work):
    with Calls() as calls:
        work()
    return calls.counted


def of_patches(method):
    x = normal(400, 2, 8, 8, seed=3).cumsum(1).cumsum(3)
    return fit(measure(x, "dense", patch=4), method)


@each("method", DENSE)
def test_another_size_to_tile_decomposes_nothing(method):
    whitener, sizes = of_patches(method), [(4, 4), (8, 12), (4, 8)]
    whitener.whiten(normal(1, 2, 4, 4))
    calls = counted(lambda: [whitener.whiten(normal(1, 2, *size)) for size in (*sizes, *sizes)])
    assert not [name for name in calls if "eigh" in name or "cholesky" in name or "triangular" in name]
    assert whitener.at_size(8, 12) is whitener.at_size(8, 12) and whitener.at_size(4, 4) is whitener


@each("dtype", [torch.float32, torch.float64])
@each("method", DENSE)
def test_sizes_share_one_copy_of_a_dense_basis(method, dtype):
    whitener, like = of_patches(method), torch.zeros(1, dtype=dtype)
    systems = [w._system(like) for w in (whitener, whitener.at_size(8, 8), whitener.at_size(12, 4))]
    for name in ("basis", "rotation"):
        assert len({id(part) for system in systems for part in getattr(system, name)}) == 1


@every_case
@each("dtype", [torch.float32, torch.float64])
def test_zca_keeps_its_basis_once_and_pca_no_identity(structure, method, dtype):
    system = fitted(structure, method, SHAPE)._system(torch.zeros(1, dtype=dtype))
    pairs = list(zip(system.basis, system.rotation, strict=True))
    assert all(q is r for q, r in pairs) == (method == "zca")
    assert all(r is None for _, r in pairs) == (method == "pca")


@each(("structure", "method"), [case for case in CASES if case[0] in ("kronecker", "dense")])
def test_a_batch_costs_as_many_products_as_one_picture(structure, method):
    whitener = fitted(structure, method, SHAPE)
    one, many = (normal(rows, *SHAPE, seed=5).float() for rows in (1, 16))
    whitener.whiten(one)

    def products(x):
        calls = counted(lambda: whitener.dewhiten(whitener.whiten(x)))
        return sum(count for name, count in calls.items() if "mm" in name)

    assert 0 < products(many) <= products(one)


@every_case
def test_a_row_is_close_to_itself_in_any_batch(structure, method):
    whitener, x = fitted(structure, method, SHAPE), normal(9, *SHAPE, seed=5).float()
    for turn in (whitener.whiten, whitener.dewhiten):
        whole = turn(x)
        for rows in ([4], [8, 2], [0, 1, 2, 3]):
            assert close(turn(x[rows]), whole[rows], 1e-5 * float(whole.abs().max()))


def test_a_covariance_too_large_to_decompose_is_refused():
    large = torch.ones(()).expand(DENSE_LIMIT + 1, DENSE_LIMIT + 1)  # of one number in memory
    one = torch.ones(1, 1)
    for blocks, cls in (((large,), Dense), ((one, one, large), Kronecker)):
        with pytest.raises(ValueError, match=f"covariance of {DENSE_LIMIT + 1} .* at most {DENSE_LIMIT}"):
            cls(blocks, torch.zeros(1, 1, DENSE_LIMIT + 1), (1, 1, DENSE_LIMIT + 1))
    with pytest.raises(ValueError, match="kronecker .* cosine"):
        measure(torch.zeros(1, 1, 2, DENSE_LIMIT + 1), "kronecker")
