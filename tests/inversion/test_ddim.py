"""DDIM inversion: a known product on Gaussians, one draw for the replaced steps, exact where implicit."""

from math import prod

import torch

from img2noise import draw
from img2noise.inversion.ddim import SCHEMES, invert, sample

from ..cases import close, normal
from ..each import each
from ..worlds import gaussian, levels, network, picture, recorded, rms

# lam, convention, replaced steps f, std of the latent over the ideal one, RMS error of the picture; 50 steps.
TABLE = [
    (1e-4, "current", 2, 0.9997, 0.0101),
    (1e-4, "current", 3, 0.9999, 0.0102),
    (1e-4, "target", 0, 0.1815, 0.0096),
    (1e-4, "target", 2, 0.7733, 0.0100),
    (1e-4, "target", 3, 0.8467, 0.0101),
    (1e-2, "current", 2, 0.9805, 0.0835),
    (1e-2, "current", 3, 0.9924, 0.0950),
    (1e-2, "target", 0, 0.8146, 0.0376),
    (1e-2, "target", 2, 0.8342, 0.0819),
    (1e-2, "target", 3, 0.8728, 0.0924),
    (1.0, "current", 2, 0.9785, 0.1452),
    (1.0, "current", 3, 0.9802, 0.1996),
    (1.0, "target", 0, 1.0271, 0.0008),
    (1.0, "target", 2, 1.0212, 0.1401),
    (1.0, "target", 3, 1.0195, 0.1981),
]
LAM = torch.tensor([1e-4, 1e-2, 1.0, 30.0], dtype=torch.float64)


def factor(lam, low, high, scheme):
    """What a step from `low` to `high` multiplies an eigendirection by."""
    if scheme == "current":
        return 1 + (high - low) * low / (lam + low**2)
    if scheme == "implicit":
        return (lam + high**2) / (lam + high * low)
    rescaling = ((1 + high**2) / (1 + low**2)) ** 0.5
    return 1 + (high - low) * high / (lam + high**2) * rescaling


def steps_up(steps, f=0):
    """(low, high) of each inversion step that is left after f replaced ones."""
    up = levels(steps).flip(0).tolist()
    return list(zip(up[:-1], up[1:], strict=True))[f:]


def gain(lam, scheme, f, steps=50):
    """Of the whole inversion. At sigma 0 eps does not exist, so there "current" falls back to "target"."""
    return prod(
        factor(lam, low, high, "target" if low == 0 and scheme == "current" else scheme)
        for low, high in steps_up(steps, f)
    )


def euler(lam, steps=50):
    """What sampling multiplies an eigendirection by."""
    return prod(1 + (low - high) * high / (lam + high**2) for low, high in steps_up(steps))


def of_each(function):
    """function(lam) of every eigenvalue, (n,)."""
    return torch.tensor([function(lam) for lam in LAM.tolist()], dtype=torch.float64)


@each("scheme", SCHEMES[1:4])
@each("f", [0, 1, 3, 50])
def test_inversion_multiplies_each_eigendirection_by_its_product(scheme, f):
    x0 = LAM.sqrt() * normal(2, 3, 4, 4)
    x = invert(gaussian(LAM), x0, levels(50), forward_steps=f, scheme=scheme, iterations=40)
    sigma_f = float(levels(50)[50 - f])
    start = x0 + sigma_f * draw(x0.shape, 0).double() if f else x0
    expected = start * of_each(lambda lam: gain(lam, scheme, f))
    assert float((x / expected - 1).abs().max()) < 1e-10


@each(("lam", "scheme", "f", "std", "error"), TABLE)
def test_latents_and_reconstructions_have_the_spread_of_the_table(lam, scheme, f, std, error):
    x0, denoise = lam**0.5 * normal(1, 4, 64, 64), gaussian(lam)
    x = invert(denoise, x0, levels(50), forward_steps=f, seed=2, scheme=scheme)
    assert abs(rms(x) / (lam + float(levels(50)[0]) ** 2) ** 0.5 / std - 1) < 0.02
    assert abs(rms(sample(denoise, x, levels(50)) - x0) - error) < 0.02 * error + 5e-5


def test_sampling_is_euler():
    x = 14 * normal(1, 3, 4, 4)
    expected = x * of_each(lambda lam: euler(lam, 20))
    assert close(sample(gaussian(LAM), x, levels(20)), expected, 1e-12)
    denoise, y = network(), x
    for low, high in reversed(steps_up(20)):
        y = y + (low - high) * (y - denoise(y, torch.full((1,), high, dtype=y.dtype))) / high
    assert close(sample(denoise, x, levels(20)), y, 1e-12)


def test_replacing_no_step_is_plain_inversion_and_all_of_them_plain_noising():
    x0 = normal(2, 4, 8, 8)
    plain = invert(network(), x0, levels(20))
    assert torch.equal(plain, invert(network(), x0, levels(20), forward_steps=0, seed=7))
    noised = invert(network(), x0, levels(20), forward_steps=20, seed=7)
    assert torch.equal(noised, x0 + float(levels(20)[0]) * draw(x0.shape, 7).double())


@each("f", [1, 2, 3])
def test_the_price_of_replacing_is_detail_finer_than_the_noise(f):
    lam, sigma = 1.0, float(levels(50)[50 - f])
    x0, denoise = normal(1, 4, 64, 64), gaussian(lam)
    x = invert(denoise, x0, levels(50), forward_steps=f, scheme="implicit", iterations=20)
    price = (lam * sigma**2 / (lam + sigma**2)) ** 0.5
    assert abs(rms(sample(denoise, x, levels(50)) - x0) / price - 1) < 0.02


@each(("scheme", "calls"), [("target", 1), ("current", 1), ("implicit", 7)])
@each("f", [0, 3, 20])
def test_replaced_steps_cost_no_call(scheme, calls, f):
    denoise, asked = recorded(network())
    steps = []
    settings = dict(forward_steps=f, scheme=scheme, iterations=7)
    invert(denoise, picture(2, 4, 8, 8), levels(20), on_step=lambda k, clean: steps.append(k), **settings)
    first = 2 * calls if scheme == "implicit" and f < 20 else 0  # more, since it starts from nothing
    assert len(asked) == calls * (20 - f) + first
    assert steps == list(range(f, 20))


def test_a_network_is_asked_at_the_level_that_the_convention_says():
    up = levels(20).flip(0).float().tolist()
    for scheme, expected in (("target", up[1:]), ("current", up[1:2] + up[1:-1])):
        denoise, asked = recorded(network())
        invert(denoise, picture(1, 4, 8, 8), levels(20), scheme=scheme)
        assert [float(sigma) for _, sigma in asked] == expected


def test_the_forward_noise_is_one_draw_per_sample_and_seed():
    x0 = picture(1, 4, 8, 8).expand(4, -1, -1, -1)
    settings = dict(forward_steps=2)
    whole = invert(network(), x0, levels(20), seed=5, **settings)
    assert torch.equal(whole, invert(network(), x0, levels(20), seed=5, **settings))
    assert torch.equal(whole[:2], invert(network(), x0[:2], levels(20), seed=5, **settings))
    picked = invert(network(), x0[:2], levels(20), seed=5, indices=[3, 1], **settings)
    assert torch.equal(picked, whole[[3, 1]])
    assert all(rms(whole[i] - whole[j]) > 1 for i in range(4) for j in range(i))
    seeds = invert(network(), x0[:1], levels(20), seed=[5, 6, 5], **settings)  # one picture, three seeds
    assert torch.equal(seeds[[0, 2]], whole[[0, 0]])
    assert torch.equal(seeds[1:2], invert(network(), x0[:1], levels(20), seed=6, **settings))


def test_implicit_inversion_is_the_inverse_of_sampling_as_iterations_grow():
    x0 = picture(1, 4, 16, 16, dtype=torch.float64)

    def error(scheme, iterations=1):
        x = invert(network(), x0, levels(20), scheme=scheme, iterations=iterations)
        return rms(sample(network(), x, levels(20)) - x0)

    errors = [error("implicit", iterations) for iterations in (1, 2, 3, 5, 10)]
    assert all(after < before / 3 for before, after in zip(errors[:-1], errors[1:], strict=True))
    assert errors[3] < 0.005 < error("target") < error("current") and errors[4] < 1e-6


@each("scheme", SCHEMES[1:4])
def test_a_walk_in_two_parts_is_the_whole_walk(scheme):
    x0, sigmas, denoise, how = normal(2, 4, 8, 8), levels(20), network(), dict(scheme=scheme, iterations=40)
    whole = invert(denoise, x0, sigmas, **how)
    halfway = invert(denoise, x0, sigmas[8:], **how)
    assert close(invert(denoise, halfway, sigmas[:9], **how), whole, 1e-11)
    back = sample(denoise, whole, sigmas[:9])
    assert close(sample(denoise, back, sigmas[8:]), sample(denoise, whole, sigmas), 1e-12)


def test_forward_noise_on_a_noisy_picture_adds_what_is_missing():
    sigmas = levels(20)[:9]
    x = invert(network(), torch.zeros(1, 4, 64, 64).double(), sigmas[5:], forward_steps=3)
    low, high = float(sigmas[-1]), float(sigmas[5])
    assert abs(rms(x) / (high**2 - low**2) ** 0.5 - 1) < 0.02


@each("shape", [(5,), (3, 7), (2, 3, 4, 5)])
@each("scheme", SCHEMES)
def test_any_number_of_axes_is_the_same_walk(shape, scheme):
    def denoise(x, sigma):
        sigma = sigma.view(-1, *[1] * (x.ndim - 1))
        return torch.tanh(x / (1 + sigma**2))

    x0 = normal(2, *shape)
    how = dict(forward_steps=2, scheme=scheme)
    x = invert(denoise, x0, levels(10), **how)
    flat = invert(denoise, x0.flatten(1)[..., None, None], levels(10), **how)
    assert x.shape == x0.shape and torch.equal(x.flatten(1), flat.flatten(1))
    assert torch.equal(
        sample(denoise, x, levels(10)).flatten(1), sample(denoise, flat, levels(10)).flatten(1)
    )


def test_the_denoised_picture_of_an_implicit_step_is_that_of_the_state_it_ends_at():
    x0, shown = normal(1, 4, 8, 8), []
    for steps in range(1, 5):  # the state after each number of steps
        sigmas = levels(20)[-steps - 1 :]
        how = dict(scheme="implicit", iterations=30, on_step=lambda k, clean: shown.append(clean))
        y = invert(network(), x0, sigmas, **how)
        assert close(shown[-1], network()(y, sigmas[:1]), 1e-9)


def test_state_is_single_precision_whatever_the_network_and_inputs_stay():
    x0, sigmas = picture(2, 4, 8, 8), levels(20)
    kept = x0.clone()
    x = invert(network(torch.float16), x0, sigmas, forward_steps=2)
    assert x.dtype == sample(network(torch.float16), x, sigmas).dtype == torch.float32
    assert invert(network(), x0.half(), sigmas).dtype == torch.float32
    assert torch.equal(x0, kept) and torch.equal(sigmas, levels(20))
