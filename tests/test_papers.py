"""The formulas of the papers' report, against the library doing the same on Gaussian data."""

import math

import pytest
import torch

from benchmarks.papers import claims, command, maps, measures, worlds
from img2noise import GaussianDenoiser, draw, extract, fit, load, measure
from img2noise.inversion import ddim, first_step
from img2noise.inversion.noise_maps import statistics
from img2noise.sigmas import ddim_uniform, scaled_linear

SIGMAS = ddim_uniform(scaled_linear(), 50)
TOP = math.sqrt(1 + float(SIGMAS[0]) ** 2)


@pytest.fixture(scope="module")
def whitener():
    """Of smooth pictures, 3 x 16 x 16."""
    white = torch.fft.rfft2(draw((200, 3, 16, 16), seed=1).double())
    f = measures.radius(16, 16).clamp_min(1 / 16)
    return fit(measure(torch.fft.irfft2(white / f * 0.05, s=(16, 16)), "stationary"))


@pytest.fixture(scope="module")
def lam(whitener):
    return whitener.eigenvalues(torch.zeros(1, 3, 16, 16)).double()


@pytest.fixture(scope="module")
def made(whitener):
    """Noises, and the pictures that 50 steps make of them."""
    z = draw((64, 3, 16, 16), seed=2).double()
    return z, ddim.sample(GaussianDenoiser(whitener), z * TOP, SIGMAS)


def test_sampling_multiplies_each_coordinate_by_its_gain(whitener, lam, made):
    z, x = made
    found, expected = whitener.analyze(x), whitener.unrotate(z) * TOP * measures.euler_gain(lam, SIGMAS)
    assert torch.allclose(found - found.mean(0), expected - expected.mean(0), atol=1e-6)


@pytest.mark.parametrize("forward_steps", [0, 2, 10])
def test_the_spread_of_latents_is_the_closed_form(whitener, lam, made, forward_steps):
    _, x = made
    denoise = GaussianDenoiser(whitener)
    latent = ddim.invert(denoise, x, SIGMAS, forward_steps=forward_steps, seed=9) / TOP
    found = whitener.unrotate(latent - latent.mean(0)).square().mean(0)
    expected = measures.latent_std(lam, SIGMAS, forward_steps).square()
    assert float(found.mean() / expected.mean()) == pytest.approx(1, rel=0.03)


def test_first_step_iterations_follow_their_gain(whitener, lam, made):
    _, x = made
    e = first_step.invert(GaussianDenoiser(whitener), x[:4], 13.0, iterations=10, stop="iterations").z
    expected = whitener.analyze(x[:4]) * measures.fixed_point_gain(lam, 13.0, 10)
    assert torch.allclose(whitener.unrotate(e), expected, rtol=1e-6, atol=1e-6)


def test_noise_maps_have_the_spread_and_correlation_of_the_closed_form(whitener, lam):
    x = whitener.dewhiten(draw((32, 3, 16, 16), seed=3).double())
    found = statistics(extract(GaussianDenoiser(whitener), x, SIGMAS, seed=4))
    std, correlation = maps.closed_form(lam, SIGMAS)
    assert torch.allclose(found[0], std, rtol=0.05)
    assert torch.allclose(found[1], correlation, atol=0.03)


def test_the_frechet_distance_of_gaussians_is_the_one_of_dowson_and_landau():
    a, b = draw((800, 1, 8, 8), seed=5).double(), draw((800, 1, 8, 8), seed=6).double()
    assert measures.frechet(a, a) == pytest.approx(0, abs=1e-6)
    assert measures.frechet(a, 3 * a + 2) == pytest.approx(
        float((2 * a.mean(0) + 2).square().sum() + 4 * a.var(0, correction=0).sum()), rel=1e-6
    )
    assert 0 < measures.frechet(a, b) < 10  # rounding of 800 samples, against 64 of variance


@pytest.fixture(scope="module")
def gaussian_report(tmp_path_factory):
    """The whole report of a network that is itself a Gaussian, its claims by name, and rows asked and
    foretold.
    """
    pytest.importorskip("skimage", reason="the photos are scikit-image's")
    scale, asked = worlds.Scale(48, 16, 16, 10, 4, 2, 4, 2), []
    exact = worlds.Counted(GaussianDenoiser(load("rgb")), asked.append)
    sections, out = [], tmp_path_factory.mktemp("papers")

    def world(scale, photos, advance):
        return worlds.World("network", exact, scale, photos)

    def kept(*how, experiments=command.experiments):
        sections.extend(experiments(*how))
        return sections

    with pytest.MonkeyPatch.context() as patch:
        for name, stand_in in dict(trained=world, experiments=kept, QUICK=scale).items():
            patch.setattr(command, name, stand_in)
        command.run([], quick=True, out=out)
    found = {c.text: c for section in sections for c in section.claims}
    by_name = {name: found[text] for name, (_, _, text, _) in claims.PRINTED.items()}
    return out / "report.md", by_name, sum(asked), command._calls(scale)


def test_the_report_decides_every_claim_and_shows_its_pictures(gaussian_report):
    path, by_name, asked, foretold = gaussian_report
    text = path.read_text()
    assert all(f"| {c.text} |" in text for c in by_name.values())
    pictures = sorted(path.parent.glob("*.png"))
    assert len(pictures) == 10 and all(f"({p.name})" in text and p.stat().st_size < 150e3 for p in pictures)
    assert asked == pytest.approx(foretold, rel=0.01)  # what the progress bar counts


def test_of_a_gaussian_network_the_closed_forms_hold(gaussian_report):
    _, by_name, _, _ = gaussian_report
    for name in ("pairs", "peak", "linear", "exact", "shift", "map std", "map correlation", "map angles"):
        assert by_name[name].holds, by_name[name]
    assert by_name["sigma"].holds and not by_name["unit"].holds
