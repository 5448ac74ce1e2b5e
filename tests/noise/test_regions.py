"""Noise under a mask against dense matrices."""

import pytest
import torch

from img2noise import correlated_noise, draw, load
from img2noise.noise import kept_noise, preview
from img2noise.noise.correlated import temperature_for
from img2noise.noise.regions import TOLERANCE

from ..cases import CASES, SHAPES, close, fitted, matrix, normal
from ..each import each

SHAPE = SHAPES[1]
PIXELS = SHAPE[1:]


def ramp():
    return torch.linspace(0, 1, PIXELS[0] * PIXELS[1], dtype=torch.float64).view(PIXELS)


def dense(whitener, mask, temperature, strength, gain=None):
    """G and F of the formula, and their operators' A."""
    w, _ = matrix(lambda z: preview(z, whitener, gain), SHAPE)
    lam = (w @ w.T).diagonal().mean()
    x = mask.expand(SHAPE).flatten()[:, None] * w * (2 / (temperature * lam)) ** 0.5
    a, u = torch.linalg.eigh(x.T @ x)
    a = a.clamp_min(0)
    g = strength * a / (1 + a)
    return u * g @ u.T, u * (1 - g**2).sqrt() @ u.T


@each(("structure", "method"), CASES)
@each("temperature", [0.5, 5.0])
@each("strength", [1.0, 0.6])
def test_kept_noise_is_its_formula_in_dense_matrices(structure, method, temperature, strength):
    whitener, x0 = fitted(structure, method, SHAPE), normal(1, *SHAPE, seed=5)
    z = kept_noise(x0, whitener, ramp(), temperature=temperature, strength=strength, seed=3, tolerance=1e-12)
    held, fresh = dense(whitener, ramp(), temperature, strength)
    n = draw(x0.shape, 3).double().flatten()
    assert close(z.flatten(), held @ whitener.whiten(x0).flatten() + fresh @ n, 1e-8)
    assert close(held @ held.T + fresh @ fresh.T, torch.eye(len(n), dtype=torch.float64), 1e-12)


@each("structure", ["cosine", "dense"])
def test_a_samplers_gain_takes_the_place_of_the_spectrum(structure):
    def gain(lam):
        return lam.sqrt() * (0.2 + 0.7 / (1 + lam))

    whitener, x0 = fitted(structure, "zca", SHAPE), normal(1, *SHAPE, seed=5)
    z = kept_noise(x0, whitener, ramp(), temperature=2.0, gain=gain, seed=3, tolerance=1e-12)
    held, fresh = dense(whitener, ramp(), 2.0, 1.0, gain)
    n = draw(x0.shape, 3).double().flatten()
    assert close(z.flatten(), held @ whitener.whiten(x0).flatten() + fresh @ n, 1e-8)
    even = kept_noise(x0, whitener, torch.ones(PIXELS), similarity=0.6, gain=gain, seed=3)
    assert torch.equal(even, correlated_noise(x0, whitener, similarity=0.6, gain=gain, seed=3))


def test_every_unit_vector_comes_out_with_unit_variance():
    """The map from (w, n) to z, pushed through column by column, times its transpose is the identity."""
    shape, size = (2, 3, 4), 24
    whitener, mask = fitted("cosine", "zca", shape), torch.linspace(0, 1, 12, dtype=torch.float64).view(3, 4)
    units = torch.eye(size, dtype=torch.float64).view(size, *shape)
    zero = whitener.dewhiten(torch.zeros_like(units[:1])).expand_as(units)
    how = dict(temperature=2.0, seed=list(range(size)), tolerance=1e-12)
    base = kept_noise(zero, whitener, mask, **how).flatten(1)
    of_picture = kept_noise(whitener.dewhiten(units), whitener, mask, **how).flatten(1) - base
    white = draw(units.shape, list(range(size))).double().flatten(1)
    of_noise = torch.linalg.solve(white, base)
    identity = torch.eye(size, dtype=torch.float64)
    assert close(of_picture.T @ of_picture + of_noise.T @ of_noise, identity, 1e-6)


@each("dtype", [torch.float32, torch.float64])
def test_an_even_mask_is_correlated_noise_and_an_empty_one_the_draw(dtype):
    whitener, x0 = fitted("cosine", "zca", SHAPE), normal(2, *SHAPE, seed=5).to(dtype)
    for how in (dict(temperature=3.0), dict(similarity=0.6)):
        even = kept_noise(x0, whitener, torch.ones(PIXELS), seed=3, **how)
        assert torch.equal(even, correlated_noise(x0, whitener, seed=3, **how))
        nearly = kept_noise(x0, whitener, torch.ones(PIXELS) * 0.999999, seed=3, **how)
        assert close(nearly, even, 1e-3)  # and the same n, so no jump
        assert torch.equal(
            kept_noise(x0, whitener, torch.zeros(PIXELS), seed=3, **how), draw(x0.shape, 3).to(dtype)
        )
    assert torch.equal(kept_noise(x0, whitener, ramp(), similarity=0.0, seed=3), draw(x0.shape, 3).to(dtype))


def test_a_row_does_not_depend_on_the_rows_beside_it():
    whitener, x0 = fitted("cosine", "zca", SHAPE), normal(3, *SHAPE, seed=5).float()
    masks = torch.stack([ramp(), 1 - ramp(), ramp().flip(0)])
    together = kept_noise(x0, whitener, masks, seed=3)
    for i in range(3):
        assert torch.equal(
            together[i : i + 1], kept_noise(x0[i : i + 1], whitener, masks[i], seed=3, indices=[i])
        )


@each("structure", ["cosine", "dense"])
def test_a_small_mask_in_the_picture_is_its_formula(structure):
    """Only what is within its rows and columns is worked on."""
    whitener, x0 = fitted(structure, "zca", SHAPE), normal(1, *SHAPE, seed=5)
    mask = torch.zeros(PIXELS, dtype=torch.float64)
    mask[1:3, 2:4] = torch.tensor([[0.3, 1.0], [0.0, 0.8]])
    z = kept_noise(x0, whitener, mask, temperature=0.5, seed=3, tolerance=1e-12)
    held, fresh = dense(whitener, mask, 0.5, 1.0)
    n = draw(x0.shape, 3).double().flatten()
    assert close(z.flatten(), held @ whitener.whiten(x0).flatten() + fresh @ n, 1e-8)


@each("similarity", [0.5, 0.7, 0.85])
@each("of", ["a picture", "the mean"])
def test_the_steps_end_when_little_is_left(similarity, of):
    """The spectrum of photos is steep: between steps that add much some add little."""
    whitener = load("sd").at_size(48, 64)
    x0 = whitener.dewhiten(draw((1, *whitener.shape), 5) * (of == "a picture"))
    mask = torch.zeros(whitener.shape[1:])
    mask[:, :32] = 1
    how = dict(similarity=similarity, seed=3)
    exact = kept_noise(x0.double(), whitener, mask, tolerance=1e-9, **how)
    soon, too_soon = (kept_noise(x0, whitener, mask, tolerance=t, **how) for t in (TOLERANCE, 0.5))
    assert float((soon - exact).square().mean().sqrt()) < 5e-4
    assert float((too_soon - exact).square().mean().sqrt()) > 5e-4


def test_half_a_mask_keeps_its_half():
    """Correlation of previews with pictures, inside, outside and along the seam, over many draws."""
    shape, count = (2, 16, 16), 60
    whitener = fitted("cosine", "zca", SHAPES[2]).at_size(*shape[1:])
    pictures = whitener.dewhiten(draw((count, *shape), 77).double())
    mask = torch.zeros(shape[1:])
    mask[:, :8] = 1
    temperature = temperature_for(whitener.eigenvalues(pictures), 0.8)
    picture = whitener.center(pictures)

    noise = kept_noise(pictures, whitener, mask, temperature=temperature, seed=3)
    steps = whitener.dewhiten(noise).diff(dim=-1).square().mean((0, 1, 2))
    assert float(steps[7]) < 1.2 * float(steps[:6].mean())  # across the seam

    def kept(z):
        made = whitener.center(whitener.dewhiten(z))
        inner = (made * picture).sum((0, 1, 2))
        return inner / (made.square().sum((0, 1, 2)) * picture.square().sum((0, 1, 2))).sqrt()

    masked = kept(noise)
    whole = kept(correlated_noise(pictures, whitener, temperature=temperature, seed=3))
    assert float(masked[:6].mean()) > 0.9 * float(whole[:6].mean())
    assert float(masked[10:].mean()) < 0.34 * float(whole[10:].mean())


@each(
    "mask",
    [torch.full(PIXELS, 1.5), torch.full(PIXELS, -0.1), torch.ones(3, 3), torch.full(PIXELS, torch.nan)],
)
def test_masks_that_make_no_sense_are_refused(mask):
    with pytest.raises(ValueError, match="mask"):
        kept_noise(normal(1, *SHAPE), fitted("cosine", "zca", SHAPE), mask, seed=1)


def test_a_picture_cannot_be_locked_in_a_part():
    with pytest.raises(ValueError, match="temperature"):
        kept_noise(normal(1, *SHAPE), fitted("cosine", "zca", SHAPE), ramp(), similarity=1.0, seed=1)
