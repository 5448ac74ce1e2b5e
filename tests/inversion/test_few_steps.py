"""The remedy for few steps, against the published recipe written out in variance-preserving units."""

import pytest
import torch

from img2noise import extract, replay
from img2noise.inversion.edit_friendly import edit, turbo_sigmas
from img2noise.inversion.noise_maps import clip_last_map
from img2noise.sigmas import alpha_bar_from_sigma, scaled_linear

from ..cases import close, normal
from ..worlds import gaussian, levels, network, picture, recorded

ALPHA_BAR = alpha_bar_from_sigma(scaled_linear())
GRIDS = [[799, 599, 399, 199], [799, 499, 199]]  # what the network is told; the noise is that of the next one
MAPS = (dict(weight=1.0), dict(weight=1.5), dict(weight=1.5, bound=2.0), dict(weight=0.7, bound=1e3))


def sigmas_of(timesteps):
    return torch.cat([scaled_linear()[timesteps], torch.zeros(1).double()])


def eps_network(turn):
    """An eps-predicting network, asked with a state in variance-preserving units and a timestep."""

    def eps(x, t):
        return torch.tanh(0.9 * x + 0.3 * x.roll(1, -1) + turn * ALPHA_BAR[t].sqrt())

    return eps


def wrapped(eps):
    """The same network as a denoiser, as hosts wrap it."""

    def denoise(y, sigma):
        t = int((scaled_linear() - float(sigma[0])).abs().argmin())
        return y - float(sigma[0]) * eps(y / (1 + float(sigma[0]) ** 2) ** 0.5, t)

    return denoise


def noised(x0, timesteps, noise):
    """The source's states in variance-preserving units: noised to the next timestep, the last one clean."""
    following = [*timesteps[1:], None]
    return [
        x0 if t is None else ALPHA_BAR[t].sqrt() * x0 + (1 - ALPHA_BAR[t]).sqrt() * e
        for t, e in zip(following, noise, strict=True)
    ]


def posterior_mean(eps, x, t, following):
    """The mean of DDPM's step from t to the following timestep, or to the clean picture (None)."""
    bar, bar_next = ALPHA_BAR[t], torch.ones(()).double() if following is None else ALPHA_BAR[following]
    variance = (1 - bar_next) / (1 - bar) * (1 - bar / bar_next)
    predicted = eps(x, t)
    clean = (x - (1 - bar).sqrt() * predicted) / bar.sqrt()
    return bar_next.sqrt() * clean + (1 - bar_next - variance).sqrt() * predicted


def published_edit(source, target, x0, timesteps, noise, weight, bound):
    """y' = c Y' + (mu_src(y) - c mu_src(Y)) + w (mu_tar(y) - mu_src(y)), step by step."""
    following = [*timesteps[1:], None]
    states = [*noised(x0, timesteps, noise), x0]
    y = states[0]
    for k, (t, s) in enumerate(zip(timesteps, following, strict=True)):
        on_source = posterior_mean(source, states[k], t, s)
        straight, turned = (posterior_mean(net, y, t, s) for net in (source, target))
        z = states[k + 1] - on_source
        limit = bound * (x0[0].numel() / (4 * 64 * 64)) ** 0.5
        c = torch.ones(len(x0), 1, 1, 1).double()
        if s is None:
            for row in range(len(x0)):
                norm = float(z[row].square().sum().sqrt())
                c[row] = limit / norm if norm > limit else 1.0
        y = c * states[k + 1] + (straight - c * on_source) + weight * (turned - straight)
    return y


def noise_of(x0, sigmas, seed):
    """e of every level, read off the states that an extraction with the grid's own levels shows."""
    listening, asked = recorded(lambda x, sigma: torch.zeros_like(x))
    extract(listening, x0, sigmas, seed=seed, levels_per_call=len(sigmas))
    [(states, _)] = asked
    return [(y - x0) / s for y, s in zip(states.chunk(len(sigmas) - 1), sigmas[:-1], strict=True)]


@pytest.mark.parametrize("timesteps", GRIDS)
def test_the_network_is_shown_a_less_noisy_state_than_it_is_told(timesteps):
    x0, sigmas = normal(2, 4, 8, 8), sigmas_of(timesteps)
    expected = noised(x0, timesteps, noise_of(x0, sigmas, seed=3))
    listening, asked = recorded(gaussian(1.0))
    maps = extract(listening, x0, sigmas, seed=3, noise_sigmas=turbo_sigmas(sigmas))
    for k, (y, sigma) in enumerate(asked):
        assert torch.equal(sigma, sigmas[k].expand(2))
        assert close(y / (1 + sigmas[k] ** 2) ** 0.5, expected[k], 1e-12)  # what a network is handed
    assert close(asked[-1][0] / (1 + sigmas[-2] ** 2) ** 0.5, x0, 1e-12)  # no noise at all in the last
    assert close(replay(gaussian(1.0), maps), x0, 1e-12)


@pytest.mark.parametrize("timesteps", GRIDS)
@pytest.mark.parametrize("settings", MAPS)
def test_the_edit_is_the_published_one(timesteps, settings):
    x0, sigmas = normal(2, 4, 8, 8), sigmas_of(timesteps)
    source, target = eps_network(0.0), eps_network(0.2)
    ours = edit(
        wrapped(source), wrapped(target), x0, sigmas, seed=3, noise_sigmas=turbo_sigmas(sigmas), **settings
    )
    noise = noise_of(x0, sigmas, seed=3)
    theirs = published_edit(
        source, target, x0, timesteps, noise, settings["weight"], settings.get("bound", 1e9)
    )
    assert close(ours, theirs, 1e-11)
    assert not close(ours, x0, 0.05)


def test_a_weight_costs_a_third_call_a_step():
    for weight, calls in ((1.0, 1), (1.5, 2)):
        source, asked = recorded(network())
        target, of_target = recorded(network(turn=0.3))
        edit(source, target, picture(1, 4, 8, 8), levels(4), seed=3, weight=weight)
        assert (len(asked), len(of_target)) == (4 * calls, 4)


@pytest.mark.parametrize("shape", [(4, 64, 64), (4, 16, 16), (3, 10, 6)])
def test_a_bound_scales_the_last_map_of_those_samples_that_exceed_it(shape):
    denoise, sigmas = gaussian(1.0), sigmas_of(GRIDS[0])
    settings = dict(seed=3, noise_sigmas=turbo_sigmas(sigmas))
    x0 = normal(3, *shape) * torch.tensor([0.2, 1.0, 3.0]).view(3, 1, 1, 1)
    loud = extract(denoise, x0, sigmas, **settings).residuals[-1].flatten(1).norm(dim=1)
    size = (shape[0] * shape[1] * shape[2] / 16384) ** 0.5
    bound = 0.9 * float(loud[1]) / size
    assert loud[0] < bound * size < loud[1] < loud[2]
    out = edit(denoise, denoise, x0, sigmas, bound=bound, **settings)
    assert torch.equal(out[0], x0[0])
    moved = (out - x0).flatten(1).norm(dim=1)  # what the last map has lost
    assert close(moved[1:], loud[1:] - bound * size, 1e-9)
    assert torch.equal(edit(denoise, denoise, x0, sigmas, bound=1.2 * float(loud[2]) / size, **settings), x0)


def test_bounded_maps_replay_to_the_bounded_edit():
    source, target, x0 = network(), network(turn=0.3), normal(2, 4, 8, 8)
    maps = extract(source, x0, levels(4), seed=3)
    bounded = clip_last_map(maps, 2.0)
    assert torch.equal(bounded.start, maps.start) and torch.equal(bounded.residuals[:-1], maps.residuals[:-1])
    limit = 2.0 * (4 * 8 * 8 / 16384) ** 0.5
    assert close(bounded.residuals[-1].flatten(1).norm(dim=1), torch.tensor([limit] * 2).double(), 1e-12)
    edited = edit(source, target, x0, levels(4), seed=3, bound=2.0)
    assert close(replay(target, bounded), edited, 1e-12)
    assert torch.equal(clip_last_map(maps, 1e3).residuals, maps.residuals)


def test_the_published_bound_is_the_default():
    maps = extract(network(), normal(1, 4, 64, 64), sigmas_of(GRIDS[0]), seed=3)
    assert float(maps.residuals[-1].norm()) > 20
    assert abs(float(clip_last_map(maps).residuals[-1].norm()) - 15.5) < 1e-9


def test_levels_that_are_not_shifted_are_the_grids_own():
    x0, sigmas = picture(2, 4, 8, 8), levels(4)
    plain = extract(network(), x0, sigmas, seed=3)
    named = extract(network(), x0, sigmas, seed=3, noise_sigmas=sigmas[:-1])
    assert torch.equal(plain.start, named.start) and torch.equal(plain.residuals, named.residuals)
