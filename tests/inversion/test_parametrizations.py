"""The boundary denoise(x, sigma): what a network predicts, and in which precision, changes no trajectory."""

import torch

from img2noise import extract, replay
from img2noise.denoisers import denoised, working_copy
from img2noise.inversion import ddim, first_step
from img2noise.inversion.edit_friendly import edit
from img2noise.inversion.noise_maps import recolor

from ..cases import close, normal
from ..each import each
from ..worlds import SCHEDULE, column, gaussian, levels, picture, recorded

LAM = torch.tensor([0.05, 1.0, 30.0, 500.0], dtype=torch.float64)
MEAN, OTHER = normal(1, 3, 4, 4, seed=1), normal(1, 3, 4, 4, seed=2)
X0 = MEAN + LAM.sqrt() * normal(2, 3, 4, 4)
SIGMAS = levels(20)


def eps_of(x, a, b, mean):
    """E[eps | x] of x = a x0 + b eps with x0 ~ N(mean, LAM): what an eps-network has learned."""
    return b * (x - a * mean) / (a**2 * LAM + b**2)


def v_of(x, a, b, mean):
    """E[a eps - b x0 | x], of a v-network."""
    return a * b * (1 - LAM) * (x - a * mean) / (a**2 * LAM + b**2) - b * mean


def x0_of(x, a, b, mean):
    """E[x0 | x], of a network that predicts the picture."""
    return mean + a * LAM * (x - a * mean) / (a**2 * LAM + b**2)


NETWORKS = dict(eps=eps_of, v=v_of, x0=x0_of)


def hosted(prediction, mean=MEAN):
    """The network as a host wraps it: asked in variance-preserving units, its answer turned into x0."""

    def denoise(y, sigma):
        sigma = column(sigma)
        a, b = 1 / (sigma**2 + 1) ** 0.5, sigma / (sigma**2 + 1) ** 0.5
        answer = NETWORKS[prediction](y / (sigma**2 + 1) ** 0.5, a, b, mean)
        if prediction == "eps":
            return y - sigma * answer
        return y / (sigma**2 + 1) - answer * sigma / (sigma**2 + 1) ** 0.5 if prediction == "v" else answer

    return denoise


def maps(denoise, **settings):
    return extract(denoise, X0, SIGMAS, seed=3, **settings)


def recolored(denoise, closed):
    target, mask = torch.full((1, 3, 1, 1), 2.0).double(), torch.ones(1, 1, 4, 4).double()
    return recolor(denoise, maps(denoise), target, mask, closed=closed).residuals


SHIFTED = dict(noise_sigmas=SIGMAS[1:], weight=1.5, bound=20.0)
ALGORITHMS = {
    "extract": lambda one, other: maps(one).residuals,
    "extract, eta and skip": lambda one, other: maps(one, eta=0.3, skip=7).residuals,
    "extract, several levels a call": lambda one, other: maps(one, levels_per_call=6).residuals,
    "replay": lambda one, other: replay(other, maps(one)),
    "edit": lambda one, other: edit(one, other, X0, SIGMAS, seed=3),
    "edit in few steps": lambda one, other: edit(one, other, X0, SIGMAS, seed=3, **SHIFTED),
    "recolor, closed": lambda one, other: recolored(one, True),
    "recolor, open": lambda one, other: recolored(one, False),
    "invert at the target": lambda one, other: ddim.invert(one, X0, SIGMAS, forward_steps=1),
    "invert at the current": lambda one, other: ddim.invert(one, X0, SIGMAS, scheme="current"),
    "invert implicitly": lambda one, other: ddim.invert(one, X0, SIGMAS, scheme="implicit"),
    "sample": lambda one, other: ddim.sample(one, 14 * OTHER, SIGMAS),
    "first step": lambda one, other: first_step.invert(one, X0, float(SCHEDULE[980])).z,
    "first step, accelerated": lambda one, other: (
        first_step.invert(one, X0, float(SCHEDULE[980]), iterations=4, anderson_window=3, stop="iterations").z
    ),
}


@each("prediction", NETWORKS)
def test_the_three_networks_are_the_same_denoiser(prediction):
    sigma = torch.tensor([0.3, 8.0], dtype=torch.float64)
    assert close(hosted(prediction)(X0, sigma), gaussian(LAM, MEAN)(X0, sigma), 1e-12)


@each("prediction", NETWORKS)
@each("algorithm", ALGORITHMS)
def test_trajectories_do_not_depend_on_what_the_network_predicts(algorithm, prediction):
    one, asked = recorded(gaussian(LAM, MEAN))
    hosts, asked_of_host = recorded(hosted(prediction))
    expected = ALGORITHMS[algorithm](one, gaussian(LAM, OTHER))
    assert expected.dtype == torch.float64
    assert close(ALGORITHMS[algorithm](hosts, hosted(prediction, OTHER)), expected, 1e-10)
    assert len(asked) == len(asked_of_host) > 0
    for (x, sigma), (of_host, its_sigma) in zip(asked, asked_of_host, strict=True):
        assert torch.equal(sigma, its_sigma) and close(x, of_host, 1e-10)


@each("rows", [1, 3])
@each("dtype", [torch.float32, torch.float64])
def test_a_network_is_asked_with_one_sigma_a_row_and_heard_in_the_precision_of_x(rows, dtype):
    x = picture(rows, 4, 8, 8, dtype=dtype)
    listening, asked = recorded(lambda x, sigma: x.half() / 2)
    clean = denoised(listening, x, 0.1)
    [(shown, sigma)] = asked
    assert torch.equal(shown, x) and torch.equal(sigma, torch.full((rows,), 0.1, dtype=dtype))
    assert clean.dtype == dtype and torch.equal(clean, (x.half() / 2).to(dtype))


@each("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_state_is_kept_in_single_precision_or_better(dtype):
    x = picture(1, 2, 3, 3, dtype=dtype).requires_grad_()
    kept = working_copy(x)
    assert kept.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.equal(kept, x.to(kept.dtype)) and not kept.requires_grad
