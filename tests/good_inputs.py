"""Arguments that each function of the library takes."""

from __future__ import annotations

from functools import cache

import torch

import img2noise as n

from .cases import fitted, normal
from .worlds import gaussian, levels

SHAPE = (3, 8, 8)
X = normal(2, *SHAPE).float()


@cache
def good():
    """By function: the function and arguments that it takes."""
    return {**_of_searches(), **_of_inversions(), **_of_networks(), **_of_files_and_fits(), **_of_figures()}


def _of_searches():
    w, pairs = fitted("stationary", "zca", SHAPE), dict(a=X, b=X.flip(0), weight=0.5)
    return {
        "slerp": (n.slerp, pairs),
        "lerp": (n.lerp, pairs),
        "anneal": (n.anneal, dict(x0=X, whitener=w, iterations=2, alpha=0.9, temperature=(1.0, 1.0), seed=1)),
        "loss_of": (n.noise.loss_of, dict(z=X, x0=X, whitener=w, loss="forward")),
        "correlated_noise": (
            n.correlated_noise,
            dict(x0=X, whitener=w, temperature=1.0, strength=1.0, seed=1),
        ),
        "correlation": (n.noise.correlation, dict(lam=torch.ones(3), temperature=1.0)),
        "draw": (n.draw, dict(shape=(2, 3, 8, 8), seed=1, indices=None)),
    }


def _of_inversions():
    denoise, sigmas = gaussian(1.0), levels(4)
    maps = n.extract(denoise, X, sigmas, seed=1)
    walk = dict(x0=X, sigmas=sigmas, eta=1.0, skip=0, seed=1)
    target = dict(target=X[:1], mask=torch.ones(1, 1, 8, 8), strength=0.1, band=(0.2, 0.7))
    return {
        "flip": (n.noise_maps.flip, dict(maps=maps)),
        "shift": (n.noise_maps.shift, dict(maps=maps, down=1, right=0)),
        "statistics": (n.noise_maps.statistics, dict(maps=maps)),
        "clip_last_map": (n.noise_maps.clip_last_map, dict(maps=maps, bound=1.0)),
        "recolor": (n.noise_maps.recolor, dict(denoise=denoise, maps=maps, **target)),
        "extract": (n.extract, dict(denoise=denoise, levels_per_call=1, **walk)),
        "edit": (
            n.edit_friendly.edit,
            dict(
                **dict(denoise_source=denoise, denoise_target=denoise, weight=1.0, bound=1.0),
                **dict(average=1, free_steps=0, **walk),
            ),
        ),
        "replay": (n.replay, dict(denoise=denoise, maps=maps)),
        "turbo_sigmas": (n.edit_friendly.turbo_sigmas, dict(sigmas=sigmas)),
        "ddim": (n.ddim.invert, dict(denoise=denoise, x0=X, sigmas=sigmas, forward_steps=1, iterations=2)),
        "ddim.forward_steps": (n.ddim.forward_steps, dict(sigmas=sigmas, fraction=0.04)),
        "ddim.sample": (n.ddim.sample, dict(denoise=denoise, x=X, sigmas=sigmas)),
        "first_step": (
            n.first_step.invert,
            dict(denoise=denoise, x0=X, sigma=13.0, iterations=2, anderson_window=0, tolerance=1e-3),
        ),
    }


def _of_networks():
    eps, denoise, schedule = lambda x, t: 0.1 * x, gaussian(1.0), n.scaled_linear()
    wrapping = dict(network=eps, schedule=schedule, dtype=torch.float32)
    return {
        "EpsDenoiser": (n.EpsDenoiser, wrapping),
        "EpsDenoiser()": (n.EpsDenoiser(eps), dict(x=X, sigma=1.0)),
        "EpsDenoiser()()": (lambda network: n.EpsDenoiser(network)(X, 1.0), dict(network=eps)),
        "VDenoiser": (n.VDenoiser, wrapping),
        "VelocityDenoiser": (n.VelocityDenoiser, dict(network=eps, multiplier=1.0, dtype=torch.float32)),
        "VelocityDenoiser()": (n.VelocityDenoiser(eps), dict(x=X, t=1.0)),
        "Levels": (n.Levels.flow, dict(t=torch.tensor([1.0, 0.0]), scale=1.0)),
        "guided": (n.guided, dict(cond=denoise, uncond=denoise, scale=7.5)),
        "to_vp": (n.to_vp, dict(x=X, sigma=1.0)),
        "from_vp": (n.from_vp, dict(x=X, sigma=1.0)),
        "scaled_linear": (n.scaled_linear, {}),
        "ddim_uniform": (n.ddim_uniform, dict(schedule=schedule, steps=50)),
    }


def _of_files_and_fits():
    w = fitted("stationary", "zca", SHAPE)
    return {
        "metadata": (n.metadata, dict(path="sd")),
        "load": (n.load, dict(path="sd")),
        "save": (n.save, dict(obj=X, path="saved.safetensors")),
        "measure": (n.measure, dict(x=X, structure="dense", size=None, patch=4)),
        "fit": (n.fit, dict(moments=n.measure(normal(60, 2, 3, 4)), method="zca", shrinkage=0.0)),
        "Moments": (n.Moments.__add__, dict(self=n.measure(X), other=n.measure(X))),
        "GaussianDenoiser": (n.GaussianDenoiser, dict(whitener=w)),
        "GaussianDenoiser()": (n.GaussianDenoiser(w), dict(x=X, sigma=1.0)),
        "Stationary": (w.whiten, dict(x=X, strength=1.0)),
        "Whitener": (w.dewhiten, dict(z=X, strength=1.0)),
        "Kronecker": (fitted("kronecker", "zca", (2, 3, 4)).whiten, dict(x=normal(1, 2, 3, 4))),
        "Dense": (fitted("dense", "zca", (2, 3, 4)).whiten, dict(x=normal(1, 2, 3, 4))),
        "whiteness": (n.diagnostics.whiteness, dict(whitener=w, pictures=[X])),
        "neighbor_correlation": (n.diagnostics.neighbor_correlation, dict(pictures=[X])),
    }


def _of_figures():
    five = normal(5, *SHAPE)
    return {
        "autocorrelation": (n.diagnostics.autocorrelation, dict(z=X, lags=2)),
        "radial_spectrum": (n.diagnostics.radial_spectrum, dict(z=X)),
        "kl_divergence": (n.diagnostics.kl_divergence, dict(mean=torch.zeros(2), std=torch.ones(2))),
        "smooth_mask": (n.diagnostics.smooth_mask, dict(picture=X, size=None, tau=0.1)),
        "inspect": (n.diagnostics.inspect, dict(z=X, picture=None, tau=0.1)),
        "verdict": (n.diagnostics.verdict, dict(found=n.diagnostics.inspect(X), names=())),
        "top_correlation": (n.diagnostics.top_correlation, dict(x=five, patch=8, top=20)),
        "assignment": (n.diagnostics.assignment, dict(a=X, b=X, chunks=1)),
        "triangle_angles": (n.diagnostics.triangle_angles, dict(picture=X, noise=X, latent=X)),
        "most_probable_triangle": (n.diagnostics.most_probable_triangle, dict(angles=torch.ones(2, 3))),
        "inversion_error": (
            n.diagnostics.inversion_error,
            dict(found=X[None], truth=X[None], plain=torch.ones(1, 8, 8)),
        ),
        "least_squares": (n.diagnostics.least_squares, dict(x=normal(9, 3), z=normal(9, 3), ridge=0.1)),
        "least_squares_per_frequency": (n.diagnostics.least_squares_per_frequency, dict(x=X, z=X, ridge=0.1)),
        "compare_whitenings": (
            n.diagnostics.compare_whitenings,
            dict(x=five, z=five, patch=4, shrinkage=0.1, ridge=0.1),
        ),
    }
