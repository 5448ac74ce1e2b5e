"""One knob: the similarity of a noise's preview with the picture."""

import math

import pytest
import torch

from benchmarks.similarity import NAMES, measured
from img2noise import correlated_noise, draw, load
from img2noise.noise import correlation, similarity_at, temperature_for
from img2noise.whitening.whitener import with_method

from ..cases import SHAPES, STRUCTURES, close, fitted, normal
from ..each import each

SHAPE = SHAPES[1]
SPECTRA = {
    "flat": torch.ones(7, dtype=torch.float64),
    "steep": torch.logspace(-3, 4, 500, dtype=torch.float64),
    "one": torch.tensor([1e6] + [1e-3] * 2000, dtype=torch.float64),
}


@each("spectrum", SPECTRA)
@each("similarity", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_the_temperature_of_a_similarity_gives_it_back(spectrum, similarity):
    lam = SPECTRA[spectrum]
    temperature = temperature_for(lam, similarity)
    assert similarity_at(lam, temperature) == pytest.approx(similarity, abs=1e-8)
    assert float((lam * correlation(lam, temperature)).sum() / lam.sum()) == pytest.approx(
        similarity, abs=1e-8
    )


def test_a_flat_spectrum_has_the_temperature_of_its_formula():
    for similarity in (0.2, 0.5, 0.8):  # rho = 2 / (2 + T)
        assert temperature_for(SPECTRA["flat"], similarity) == pytest.approx(2 / similarity - 2, abs=1e-7)
    assert temperature_for(SPECTRA["flat"], 0) == math.inf and temperature_for(SPECTRA["flat"], 1) == 0


@each("structure", STRUCTURES)
@each("dtype", [torch.float32, torch.float64])
def test_the_ends_are_white_noise_bit_for_bit_and_the_pictures_noise(structure, dtype):
    whitener, x0 = fitted(structure, "zca", SHAPE), normal(2, *SHAPE, seed=5).to(dtype)
    assert torch.equal(correlated_noise(x0, whitener, similarity=0, seed=3), draw(x0.shape, 3).to(dtype))
    tolerance = 1e-11 if dtype == torch.float64 else 1e-4
    assert close(correlated_noise(x0, whitener, similarity=1.0, seed=3), whitener.whiten(x0), tolerance)
    some = correlated_noise(x0, whitener, similarity=0.4, seed=3)
    heat = temperature_for(whitener.eigenvalues(x0), 0.4)
    assert torch.equal(some, correlated_noise(x0, whitener, temperature=heat, seed=3))


@each(("name", "size"), [(name, (24, 32)) for name in NAMES] + [("sd", (40, 64))])
def test_a_preview_correlates_with_its_picture_by_the_similarity(name, size):
    whitener, values = load(name).at_size(*size), (0.1, 0.5, 0.9)
    for value, found in measured(whitener, values).items():
        # The power of rgb lies in so few coordinates that 200 pictures leave it uncertain by .015.
        assert found == pytest.approx(value, abs=0.05 if name == "rgb" else 0.02)


def test_frames_share_their_noise_and_keep_their_likeness():
    """One draw for all frames: covariance rho^2 corr(w_t, w_t') + 1 - rho^2 in each coordinate."""
    whitener, count, likeness = fitted("cosine", "zca", SHAPE), 400, 0.7
    w = normal(count, *SHAPE, seed=5)
    other = likeness * w + math.sqrt(1 - likeness**2) * normal(count, *SHAPE, seed=6)
    seeds = list(range(count))
    frames = [
        whitener.unrotate(correlated_noise(whitener.dewhiten(v), whitener, temperature=5.0, seed=seeds))
        for v in (w, other)
    ]
    rho = correlation(whitener.eigenvalues(w), 5.0)
    expected = rho**2 * likeness + 1 - rho**2
    found = (frames[0] * frames[1]).mean(0)
    assert float((found - expected).abs().max()) < 4.5 * (2 / count) ** 0.5
    together = correlated_noise(normal(2, *SHAPE), whitener, similarity=0.5, seed=3, indices=[0, 0])
    alone = correlated_noise(normal(2, *SHAPE)[1:], whitener, similarity=0.5, seed=3)
    assert torch.equal(together[1:], alone)


def test_noise_made_before_does_not_change_the_noise():
    """What a whitener remembers between calls is for the same settings, precision and size only."""
    whitener = fitted("cosine", "zca", SHAPE)
    pictures = {size: normal(1, SHAPE[0], *size, seed=5) for size in (SHAPE[1:], (9, 8))}
    asked = [
        dict(similarity=0.4),
        dict(similarity=0.7),
        dict(similarity=0.7, preserve_variance=False),
        dict(similarity=0.7, strength=0.5),
        dict(temperature=3.0),
        dict(temperature=3.0, gain=lambda lam: lam.sqrt() / (1 + lam)),
        dict(temperature=3.0, gain=lambda lam: lam.sqrt() / (2 + lam)),
    ]
    cases = [
        (x.to(t), how) for x in pictures.values() for t in (torch.float32, torch.float64) for how in asked
    ]
    for x0, how in cases + cases[::-1]:
        used, new = (correlated_noise(x0, w, seed=3, **how) for w in (whitener, with_method(whitener, "zca")))
        assert torch.equal(used, new)


def test_a_similarity_outside_its_range_is_refused():
    with pytest.raises(ValueError, match="similarity"):
        correlated_noise(normal(1, *SHAPE), fitted("cosine", "zca", SHAPE), similarity=1.2, seed=1)
