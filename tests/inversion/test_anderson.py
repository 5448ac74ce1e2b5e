"""Anderson acceleration against textbook least squares, row by row."""

import pytest
import torch

from img2noise.inversion.anderson import Anderson, least_squares

from ..cases import close, normal


def walk(function, x, window, steps):
    """The iterates (steps + 1, B, D) and residuals (steps, B)."""
    solver, visited, residuals = Anderson(window), [x], []
    for _ in range(steps):
        x = solver.next(x, function(x))
        visited.append(x)
        residuals.append(solver.residual)
    return torch.stack(visited), torch.stack(residuals)


def textbook(function, x, window, steps):
    """One row (D,): weights a_i that sum to 1 and minimize |sum a_i (G(x_i) - x_i)|, by a pseudo-inverse."""
    xs, images = [x], [function(x)]
    for _ in range(steps - 1):
        latest = images[-window - 1 :]
        f = torch.stack([g - y for g, y in zip(latest, xs[-window - 1 :], strict=True)], 1)  # (D, m + 1)
        differences = f[:, 1:] - f[:, :-1]
        shares = torch.linalg.pinv(differences) @ f[:, -1]
        steps_of_g = torch.stack(latest, 1).diff(dim=1)
        xs.append(latest[-1] - steps_of_g @ shares)
        images.append(function(xs[-1]))
    return torch.stack(xs)


def bent(x):
    return 0.9 * torch.cos(x) + 0.1 * x.roll(1, -1)


@pytest.mark.parametrize("window", [1, 2, 5])
def test_iterates_are_the_textbooks(window):
    x = normal(3, 12)
    found, residuals = walk(bent, x, window, 8)
    for row in range(3):
        assert close(found[:8, row], textbook(bent, x[row], window, 8), 1e-7)
    expected = (torch.stack([bent(y) for y in found[:-1]]) - found[:-1]).square().mean(2).sqrt()
    assert close(residuals, expected, 1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shares_are_least_squares_even_of_nearly_parallel_columns(dtype):
    base = normal(4, 1000)
    columns = [base + 10.0**-k * normal(4, 1000, seed=k + 1) for k in range(3)]
    target = columns[0] - 0.5 * columns[1] + 2 * columns[2] + normal(4, 1000, seed=9)
    found = least_squares([c.to(dtype) for c in columns], target.to(dtype))
    expected = torch.linalg.lstsq(torch.stack(columns, 2), target[..., None]).solution[..., 0]
    assert close(torch.cat(found, 1).double(), expected, 1e-10 if dtype == torch.float64 else 2e-2)


def test_columns_that_say_nothing_new_get_no_share():
    column, target = normal(2, 50), normal(2, 50, seed=1)
    [alone] = least_squares((column,), target)
    shares = least_squares((column, column.clone(), torch.zeros_like(column), 3 * column), target)
    assert torch.equal(shares[0], alone) and not torch.cat(shares[1:], 1).any()
    assert all(torch.isfinite(share).all() for share in shares)


def test_a_row_whose_residual_doubles_starts_again_and_the_others_go_on():
    jumps = torch.tensor([0.0, 9.0])[:, None].double()
    solver, plain = Anderson(3), Anderson(3)
    x = y = normal(2, 12)
    for step in range(6):
        shift = jumps if step == 4 else 0 * jumps
        image = bent(x) + shift
        x, y = solver.next(x, image), plain.next(y, bent(y))
        if step == 4:
            assert torch.equal(x[1], image[1])
    assert close(x[0], y[0], 1e-12)
