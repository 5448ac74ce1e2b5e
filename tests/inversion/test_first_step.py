"""First-step inversion on Gaussians: each iterate, the fixed point, where it stops, how Anderson helps."""

import pytest
import torch

from img2noise.inversion.first_step import invert, reconstruction_gain

from ..cases import close, normal
from ..worlds import SCHEDULE, gaussian, network, picture, recorded, rms

SIGMA = float(SCHEDULE[980])  # 13.04
KAPPA = [(0.05, 0.99971), (0.17, 0.99900), (1, 0.99416), (10, 0.94448), (100, 0.62980), (1000, 0.14539)]
CALLS = {0.17: 4611, 1: 786, 10: 81, 100: 10, 1000: 3}  # until what is left to the fixed point is 1e-2


def spectrum(size=64):
    """Eigenvalues like those of latents: (r^2 + 1)^-1 over a floor of 5 %, of mean 1; (1, 1, size, size)."""
    f = torch.fft.fftfreq(size, d=1 / size, dtype=torch.float64)
    falling = 1 / (f[:, None] ** 2 + f**2 + 1)
    return (0.95 * falling / falling.mean() + 0.05)[None, None]


LAM = spectrum()
X0 = LAM.sqrt() * normal(1, 1, 64, 64).sign()  # holds of every eigenvalue exactly its share


def filtered(lam, n):
    """What the n-th iterate from zero holds of x0 - mean."""
    return SIGMA / lam * (1 - (1 + lam / SIGMA**2) ** -float(n))


def one_step_error(lam, x0, z):
    return rms(gaussian(lam)(x0 + SIGMA * z, SIGMA) - x0) / rms(x0)


@pytest.mark.parametrize("n", [1, 10, 100])
def test_every_iterate_is_the_closed_form(n):
    mean = normal(1, 1, 64, 64, seed=1)
    found = invert(gaussian(LAM, mean), X0 + mean, SIGMA, iterations=n, stop="iterations")
    assert close(found.z, filtered(LAM, n) * X0, 1e-10)
    assert found.residuals.shape == found.stds.shape == (n, 1)
    for k in (0, n - 1):
        assert abs(float(found.stds[k, 0] / (filtered(LAM, k + 1) * X0).std()) - 1) < 1e-6


def test_the_fixed_point_is_sigma_over_lam_not_the_whitening():
    lam = torch.tensor([1.0, 10.0, 100.0, 1000.0], dtype=torch.float64)
    x0, mean = normal(2, 3, 4, 4) * lam.sqrt(), normal(1, 3, 4, 4, seed=1)
    found = invert(gaussian(lam, mean), x0 + mean, SIGMA, iterations=5000, stop="iterations")
    assert close(found.z, SIGMA / lam * x0, 1e-9)
    assert not close(found.z, x0 / lam.sqrt(), 1.0)
    gain = reconstruction_gain(gaussian(lam, mean), x0 + mean, found.z, SIGMA)
    assert close(gain, torch.ones(2).double(), 1e-9)
    clean = gaussian(lam, mean)(x0 + mean + SIGMA * found.z, SIGMA)
    assert close(clean, x0 + mean, 1e-9)  # one step gives the picture back


@pytest.mark.parametrize("window", [0, 5])
def test_a_residual_is_the_one_step_error_over_sigma(window):
    x0, cleaned = normal(2, 1, 16, 16), []
    lam = spectrum(16)
    settings = dict(iterations=30, anderson_window=window, stop="iterations")
    found = invert(gaussian(lam), x0, SIGMA, on_step=lambda k, clean: cleaned.append((k, clean)), **settings)
    assert [k for k, _ in cleaned] == list(range(30)) and found.residuals.shape == (30, 2)
    errors = [[rms(c - x) / SIGMA for c, x in zip(clean, x0, strict=True)] for _, clean in cleaned]
    assert close(found.residuals.double(), torch.tensor(errors).double(), 1e-6)


def test_the_reconstruction_gain_is_what_the_one_step_picture_holds_of_x0():
    kappa = SIGMA**2 / (LAM + SIGMA**2)
    for n in (1, 20):
        found = invert(gaussian(LAM), X0, SIGMA, iterations=n, stop="iterations")
        expected = ((1 - kappa ** (n + 1)) * X0**2).sum() / (X0**2).sum()
        gain = reconstruction_gain(gaussian(LAM), X0, found.z, SIGMA)
        assert gain.shape == (1,) and abs(float(gain) - float(expected)) < 1e-10


def test_each_sample_stops_at_its_first_noise_of_unit_std():
    scales = [0.3, 1.0, 2.0, 40.0]
    x0 = torch.cat([s * X0 for s in scales])
    denoise, asked = recorded(gaussian(LAM))
    found = invert(denoise, x0, SIGMA, iterations=200)  # "unit_std" is the default
    steps = []
    for row, s in enumerate(scales):
        steps.append(next(n for n in range(1, 200) if float((s * filtered(LAM, n) * X0).std()) >= 1))
        assert close(found.z[row : row + 1], s * filtered(LAM, steps[-1]) * X0, 1e-10)
    assert steps[1] in (17, 18) and steps[0] > 60 and steps[3] == 1
    assert len(found.residuals) == len(asked) == steps[0]
    assert [len(x) for x, _ in asked] == [sum(n >= k for n in steps) for k in range(1, steps[0] + 1)]
    few = invert(gaussian(LAM), x0[:1], SIGMA, iterations=5)
    assert close(few.z, 0.3 * filtered(LAM, 5) * X0, 1e-10)  # out of iterations before that


def test_stopped_there_it_looks_like_zca_and_run_on_it_does_not():
    zca = X0 / LAM.sqrt()

    def explained(e):
        return 1 - rms(e - zca) ** 2 / rms(e) ** 2

    stopped = invert(gaussian(LAM), X0, SIGMA).z
    accelerated = invert(gaussian(LAM), X0, SIGMA, iterations=100, anderson_window=10, stop="iterations").z
    assert explained(stopped) > 0.8 and explained(accelerated) < 0.1


def test_converged_stops_at_the_tolerance_and_returns_the_noise_that_met_it():
    tolerance = 0.02
    x0 = torch.cat([X0, 3 * X0])
    found = invert(gaussian(LAM), x0, SIGMA, iterations=2000, stop="converged", tolerance=tolerance)
    assert 1 < len(found.residuals) < 2000
    for row in range(2):
        met = int((found.residuals[:, row] <= tolerance).nonzero()[0])
        assert close(found.z[row], filtered(LAM[0], met) * x0[row], 1e-9)
        error = rms(gaussian(LAM)(x0 + SIGMA * found.z, SIGMA)[row] - x0[row])
        assert error <= tolerance * SIGMA * (1 + 1e-6)
    assert met == len(found.residuals) - 1  # of the louder sample, the last to get there


def test_plain_iteration_needs_the_calls_of_the_table():
    lam = torch.tensor([value for value, _ in KAPPA], dtype=torch.float64)
    x0, left = torch.ones(1, 1, 1, 6, dtype=torch.float64), []
    settings = dict(iterations=max(CALLS.values()), stop="iterations")
    invert(gaussian(lam), x0, SIGMA, on_step=lambda k, clean: left.append(x0 - clean), **settings)
    left = torch.cat(left).view(-1, 6)  # after n calls kappa^n of the picture is still missing
    assert close(left[99], torch.tensor([kappa for _, kappa in KAPPA]).double() ** 100, 1e-3)
    for column, (value, kappa) in enumerate(KAPPA):
        assert abs(float(left[0, column]) - kappa) < 6e-6
        if value in CALLS:
            assert int((left[:, column] <= 1e-2).nonzero()[0]) + 1 == CALLS[value]
        else:
            assert float(left[-1, column]) > 0.2  # 15672 would do


@pytest.mark.parametrize(("n", "error"), [(20, 0.650), (50, 0.548), (100, 0.458), (200, 0.354)])
def test_plain_iteration_crawls_on_a_spectrum_like_that_of_latents(n, error):
    found = invert(gaussian(LAM), X0, SIGMA, iterations=n, stop="iterations")
    assert abs(one_step_error(LAM, X0, found.z) / error - 1) < 0.02


def accelerated_error(window, dtype=torch.float64):
    lam, x0 = LAM.to(dtype), X0.to(dtype)
    found = invert(gaussian(lam), x0, SIGMA, iterations=100, anderson_window=window, stop="iterations")
    return one_step_error(lam, x0, found.z)


def test_anderson_is_within_a_hundredth_after_a_hundred_calls_and_closer_with_a_wider_window():
    assert accelerated_error(10) < 1e-3 < accelerated_error(5) < 1e-2
    assert max(accelerated_error(window, torch.float32) for window in (5, 10)) < 1e-2


def test_anderson_lands_on_the_fixed_point_once_it_remembers_as_many_steps_as_there_are_eigenvalues():
    lam = torch.tensor([1.0, 10.0, 100.0, 1000.0], dtype=torch.float64)
    x0 = lam.sqrt() * normal(1, 3, 4, 4)
    settings = dict(iterations=7, stop="iterations")
    landed = invert(gaussian(lam), x0, SIGMA, anderson_window=4, **settings).z
    assert rms(landed - SIGMA / lam * x0) < 1e-8 * rms(landed)
    plain = invert(gaussian(lam), x0, SIGMA, **settings).z
    assert rms(plain - SIGMA / lam * x0) > 0.9 * rms(landed)


@pytest.mark.parametrize("window", [1, 3, 8])
def test_where_the_residual_doubles_acceleration_starts_again_and_the_best_noise_is_returned(window):
    asked = []

    def changing(x, sigma):  # to another world, after twenty calls
        asked.append(x)
        return gaussian(LAM, 3.0 if len(asked) > 20 else 0.0)(x, sigma)

    found = invert(changing, X0, SIGMA, iterations=23, anderson_window=window, stop="iterations")
    best = int(found.residuals.argmin())
    assert found.residuals[20] > 2 * found.residuals[19] and best < 20
    assert close(found.z, (asked[best] - X0) / SIGMA, 1e-12)
    plain = asked[20] - gaussian(LAM, 3.0)(asked[20], SIGMA)  # a step that knows no history
    assert close(asked[21] - X0, plain, 1e-11)


@pytest.mark.parametrize(
    ("stop", "window"), [("unit_std", 0), ("converged", 0), ("converged", 4), ("iterations", 4)]
)
def test_each_row_is_like_its_single_run(stop, window):
    lam = spectrum(16)
    x0 = torch.cat([s * lam.sqrt() * normal(1, 1, 16, 16, seed=3) for s in (0.3, 1.0, 5.0)])
    settings = dict(iterations=60, anderson_window=window, stop=stop, tolerance=0.01)
    together = invert(gaussian(lam), x0, SIGMA, **settings)
    for i in range(3):
        alone = invert(gaussian(lam), x0[i : i + 1], SIGMA, **settings)
        assert close(together.z[i : i + 1], alone.z, 1e-7)
        assert close(together.residuals[: len(alone.residuals), i], alone.residuals[:, 0], 1e-7)


@pytest.mark.parametrize(("stop", "window"), [("unit_std", 0), ("converged", 0), ("converged", 4)])
def test_a_denoiser_of_rows_of_its_own_always_gets_all_rows_and_finds_the_same(stop, window):
    lam = spectrum(16)
    x0 = torch.cat([s * lam.sqrt() * normal(1, 1, 16, 16, seed=3) for s in (0.3, 1.0, 5.0)])
    settings = dict(iterations=60, anderson_window=window, stop=stop, tolerance=0.01)
    denoise, asked = recorded(gaussian(lam))
    shown = []
    whole = invert(denoise, x0, SIGMA, rows_alike=False, on_step=lambda k, x: shown.append(x), **settings)
    assert {len(x) for x, _ in asked} == {3}
    fewer = invert(gaussian(lam), x0, SIGMA, on_step=lambda k, x: shown.append(x), **settings)
    assert close(whole.z, fewer.z, 1e-10) and close(whole.residuals, fewer.residuals, 1e-10)
    assert close(whole.stds, fewer.stds, 1e-10) and {x.shape for x in shown} == {x0.shape}


def test_a_call_for_each_iteration_and_no_more():
    for iterations in (1, 7):
        denoise, asked = recorded(network())
        invert(denoise, picture(2, 4, 8, 8), SIGMA, iterations=iterations, stop="iterations")
        assert len(asked) == iterations


def test_state_is_single_precision_whatever_the_network_and_inputs_stay():
    x0 = picture(2, 4, 8, 8)
    kept = x0.clone()
    assert invert(network(torch.float16), x0, SIGMA, iterations=5).z.dtype == torch.float32
    assert invert(network(), x0.half(), SIGMA, iterations=5).z.dtype == torch.float32
    assert torch.equal(x0, kept)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(stop="soon"), "stop"),
        (dict(iterations=0), "iterations"),
        (dict(anderson_window=-1, stop="converged"), "anderson_window"),
        (dict(sigma=0.0), "sigma"),
        (dict(sigma=-1.0), "sigma"),
        (dict(sigma=float("nan")), "sigma"),
        (dict(anderson_window=5), "unit_std"),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    settings = dict(sigma=SIGMA) | change
    with pytest.raises(ValueError, match=message):
        invert(network(), picture(1, 1, 4, 4), **settings)
