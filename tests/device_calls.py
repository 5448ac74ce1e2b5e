"""Every public function that takes tensors, called with tensors on some device.

A row is (call, on_cpu). `call(put)` runs the function on arguments that `put` moved; `on_cpu` says which of
the results are on the CPU wherever the arguments are: all (True), none (False), or fields of these names.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import img2noise as n
from img2noise import denoisers, sigmas
from img2noise.diagnostics.least_squares import best_scale, distance, score
from img2noise.diagnostics.reports import set_figures
from img2noise.diagnostics.whiteness import rows_of, similarity, smooth_areas, values
from img2noise.files import noise_files
from img2noise.inversion import noise_maps
from img2noise.noise import correlated
from img2noise.noise.draw import rows_for
from img2noise.photos import decode

from .cases import normal
from .worlds import levels, network

SHAPE = (3, 8, 8)
X, Z, HALF = (normal(5, *SHAPE, seed=seed).float() for seed in (1, 2, 3))
FLAT = normal(9, 6).float(), normal(9, 6, seed=1).float()
LEVELS, MASK = levels(4), torch.ones(1, 1, 8, 8)
WALK = dict(sigmas=LEVELS, seed=3)


@cache
def moments(structure):
    return n.measure(normal(400, *SHAPE, seed=4).float(), structure)


def whitener(structure="stationary", method="zca"):
    """A new one for each call: a whitener keeps its copies on a device."""
    return n.fit(moments(structure), method)


def maps(put):
    found = n.extract(network(), X[:2], LEVELS, seed=3)
    parts = {name: put(getattr(found, name)) for name in ("start", "residuals", "states")}
    return replace(found, **parts)


def inspection(put):
    return n.diagnostics.inspect(put(Z), put(X[:1]).tanh(), x0=put(X), tau=2.0)


def whitening(put):
    """Through each structure, there and back."""
    found = []
    for structure in n.whitening.STRUCTURES:
        w = whitener(structure, "zca-cor")
        found += [w.whiten(put(X)), w.dewhiten(put(Z), 0.5), w.whiten(put(X), 0.5)]
    return found


def least_squares(put):
    linear, spectral = (
        n.diagnostics.least_squares(*map(put, FLAT)),
        n.diagnostics.least_squares_per_frequency(put(X), put(Z)),
    )
    return [
        linear,
        linear(put(FLAT[0])),
        spectral,
        spectral(put(X)),
        n.diagnostics.least_squares(*map(put, FLAT), dual=True),
    ]


def scores(put):
    return [f(put(X[:, 0, 0]), put(Z[:, 0, 0])) for f in (score, distance, best_scale)]


def saved(put):
    with tempfile.TemporaryDirectory() as folder:
        for obj in (put(Z), maps(put), whitener(), moments("stationary")):
            found = n.load(n.save(obj, Path(folder, "saved.safetensors")))
    return found


def gaussian(put):
    exact = n.GaussianDenoiser(whitener())
    each = put(torch.rand(5, generator=torch.Generator().manual_seed(1)))
    return [
        exact(put(X), 2.0),
        exact(put(X), each),
        exact.flow(put(X), 3.0, 1.0),
        exact.flow(put(X), each, 0.0),
    ]


def leveled(put):
    """All tensors of levels of both kinds, and their steps."""
    kinds = sigmas.as_levels(put(LEVELS)), n.Levels.flow(put(LEVELS / LEVELS[0]), 2.0).shifted(3.0)
    return [x for v in kinds for x in (v.a, v.b, v.m, v.told, torch.tensor(v.steps(0.5)))]


def networked(put):
    """Networks in each prediction, guided."""
    networks = (kind(lambda x, t: torch.tanh(x)) for kind in (n.EpsDenoiser, n.VDenoiser))
    denoise = n.guided(*networks, 2.0)
    flow = n.VelocityDenoiser(lambda x, t: torch.tanh(x))
    return [
        *(denoise(put(X), 3.0), denoise(put(X), put(LEVELS.float()[:5])), denoise(put(X.half()), 3.0)),
        *(flow(put(X), 0.5), flow(put(X), put(LEVELS.float()[:5] / LEVELS[0]).float())),
    ]


LEVELED = {"a", "b", "m", "told"}  # of the levels of noise maps
CALLS = {
    # noise
    "draw": (lambda put: n.draw((2, 3, 8, 8), 1), True),
    "slerp": (lambda put: n.slerp(put(X), put(Z), 0.3), False),
    "slerp by weights": (lambda put: n.slerp(put(X), put(Z), put(torch.linspace(0, 1, 5))), False),
    "lerp": (lambda put: n.lerp(put(X), put(Z), 0.3), False),
    "rows_for": (lambda put: rows_for(put(X[:1]), [1, 2]), False),
    # sigmas
    "sigma_from_alpha_bar": (lambda put: sigmas.sigma_from_alpha_bar(put(torch.tensor([0.1, 0.9]))), False),
    "alpha_bar_from_sigma": (lambda put: sigmas.alpha_bar_from_sigma(put(torch.tensor([3.0, 1.0]))), False),
    "ddim_uniform": (lambda put: sigmas.ddim_uniform(put(sigmas.scaled_linear()), 4), False),
    "descending": (lambda put: sigmas.descending(put(LEVELS)), True),
    "as_levels": (leveled, True),
    "amplitudes": (lambda put: sigmas.amplitudes(put(LEVELS), "flow", 2.0), False),
    "per_row": (lambda put: [sigmas.per_row(put(X), s) for s in (2.0, put(LEVELS.float()))], False),
    "to_vp": (lambda put: [sigmas.to_vp(put(X), s) for s in (2.0, put(LEVELS.float()))], False),
    "from_vp": (lambda put: [sigmas.from_vp(put(X), s) for s in (2.0, put(LEVELS.float()))], False),
    "guided": (networked, False),
    # whitening
    "measure": (lambda put: [n.measure(put(X), structure) for structure in n.whitening.STRUCTURES], True),
    "fit": (lambda put: n.fit(n.measure(put(torch.cat([X, Z, HALF])))), True),
    "Whitener": (whitening, False),
    "GaussianDenoiser": (gaussian, False),
    "denoised": (lambda put: denoisers.denoised(network(), put(X), 2.0), False),
    "working_copy": (lambda put: denoisers.working_copy(put(X.half())), False),
    "finished": (lambda put: denoisers.finished(put(Z), put(X), network()), False),
    # correlated noise
    "correlation": (
        lambda put: n.noise.correlation(put(torch.rand(9, generator=torch.Generator())), 1.0),
        False,
    ),
    "similarity_at": (lambda put: correlated.similarity_at(put(torch.linspace(0.1, 2, 9)), 1.0), True),
    "temperature_for": (lambda put: correlated.temperature_for(put(torch.linspace(0.1, 2, 9)), 0.4), True),
    "correlated_noise": (lambda put: n.correlated_noise(put(X), whitener(), seed=1), False),
    "correlated_noise, white": (
        lambda put: n.correlated_noise(put(X), whitener(), strength=0, seed=1),
        False,
    ),
    "anneal": (
        lambda put: n.anneal(put(X), whitener(), 70, seed=1),
        {"loss_ratio", "losses", "acceptance"},
    ),
    "loss_of": (
        lambda put: [n.noise.loss_of(put(Z), put(X), whitener(), loss) for loss in n.noise.LOSSES],
        True,
    ),
    # inversions
    "ddim.invert": (
        lambda put: [
            n.ddim.invert(network(), put(X), put(LEVELS), forward_steps=1, scheme=scheme)
            for scheme in n.ddim.SCHEMES
        ],
        False,
    ),
    "ddim.sample": (lambda put: n.ddim.sample(network(), put(X), put(LEVELS)), False),
    "first_step.invert": (
        lambda put: [
            n.first_step.invert(network(), put(X), 13.0, iterations=4, stop=stop, anderson_window=window)
            for stop, window in (("unit_std", 0), ("converged", 0), ("iterations", 2))
        ],
        {"residuals", "stds"},
    ),
    "first_step.reconstruction_gain": (
        lambda put: n.first_step.reconstruction_gain(network(), put(X), put(Z), 13.0),
        False,
    ),
    "extract": (lambda put: n.extract(network(), put(X), put(LEVELS), seed=3), LEVELED),
    "extract, shifted": (
        lambda put: n.extract(
            network(), put(X), LEVELS, seed=3, noise_sigmas=n.edit_friendly.turbo_sigmas(put(LEVELS))
        ),
        LEVELED,
    ),
    "ddim.forward_steps": (lambda put: n.ddim.forward_steps(put(LEVELS), 0.3), False),
    "turbo_sigmas": (lambda put: n.edit_friendly.turbo_sigmas(put(LEVELS)), False),
    "replay": (lambda put: n.replay(network(), maps(put)), False),
    "edit": (lambda put: n.edit_friendly.edit(network(), network(turn=0.3), put(X), **WALK), False),
    "edit, strong and bound": (
        lambda put: n.edit_friendly.edit(network(), network(turn=0.3), put(X), weight=1.5, bound=1.0, **WALK),
        False,
    ),
    "statistics": (lambda put: n.noise_maps.statistics(maps(put)), True),
    "clip_last_map": (lambda put: n.noise_maps.clip_last_map(maps(put), 1.0), LEVELED),
    "norm_limit": (lambda put: noise_maps.norm_limit(put(X), 1.0), False),
    "shift": (lambda put: n.noise_maps.shift(maps(put), 1, -2), LEVELED),
    "flip": (lambda put: n.noise_maps.flip(maps(put), True, True), LEVELED),
    "later": (lambda put: n.noise_maps.later(maps(put), 2), LEVELED),
    "recolor": (lambda put: n.noise_maps.recolor(network(), maps(put), put(X[:1]), put(MASK)), LEVELED),
    "noises_of_maps": (lambda put: noise_files.noises_of_maps(maps(put)), LEVELED),
    "map_figures": (lambda put: noise_files.map_figures(maps(put)), True),
    # figures
    "values": (lambda put: values(put(Z), (1, 2, 3)), True),
    "autocorrelation": (lambda put: n.diagnostics.autocorrelation(put(Z)), True),
    "radial_spectrum": (lambda put: n.diagnostics.radial_spectrum(put(Z)), True),
    "kl_divergence": (lambda put: n.diagnostics.kl_divergence(put(torch.zeros(2)), put(torch.ones(2))), True),
    "smooth_areas": (lambda put: smooth_areas(put(Z), put(X[:, 0] > 0)), True),
    "similarity": (lambda put: similarity(put(Z), put(X)), True),
    "rows_of": (lambda put: rows_of(put(X[:1]), 5), False),
    "neighbor_correlation": (lambda put: n.diagnostics.neighbor_correlation([put(X), put(Z)]), True),
    "whiteness": (lambda put: n.diagnostics.whiteness(whitener(), [put(X), put(Z)]), True),
    "inspect": (inspection, True),
    "inspect, x0 here": (lambda put: n.diagnostics.inspect(put(Z), X[:1].tanh(), x0=X), True),
    "verdict": (lambda put: n.diagnostics.verdict(inspection(put)), True),
    "smooth_mask": (
        lambda put: [n.diagnostics.smooth_mask(put(X), size, 1.0) for size in (None, (4, 4))],
        False,
    ),
    "top_correlation": (lambda put: n.diagnostics.top_correlation(put(X)), True),
    "triangle_angles": (lambda put: n.diagnostics.triangle_angles(put(X), put(Z), put(HALF)), True),
    "most_probable_triangle": (
        lambda put: n.diagnostics.most_probable_triangle(put(FLAT[0][:, :3].abs() * 60)),
        True,
    ),
    "assignment": (lambda put: n.diagnostics.assignment(put(X), put(Z), 1), True),
    "inversion_error": (
        lambda put: n.diagnostics.inversion_error(put(X[None]), put(Z[None]), put(X[:1, 0] > 0)),
        True,
    ),
    "least_squares": (least_squares, True),
    "score": (scores, True),
    "compare_whitenings": (
        lambda put: n.diagnostics.compare_whitenings(put(X), put(Z), patch=4, shrinkage=0.1),
        True,
    ),
    "set_figures": (lambda put: set_figures(put(X), put(Z), put(HALF)), True),
    # files
    "load": (saved, True),
    "to_pixels": (lambda put: list(decode.to_pixels(put(X))), True),
}

# A network's answer is all that a walk needs, so the host may run ahead of the device: one look at the end.
WALKS = {
    "ddim.invert": lambda put: n.ddim.invert(network(), put(X), LEVELS),
    "ddim.invert, current": lambda put: n.ddim.invert(network(), put(X), LEVELS, scheme="current"),
    "ddim.invert, forward": lambda put: n.ddim.invert(network(), put(X), LEVELS, forward_steps=2),
    "ddim.sample": lambda put: n.ddim.sample(network(), put(X), LEVELS),
    "extract": lambda put: n.extract(network(), put(X), LEVELS, seed=1),
    "extract, few steps": lambda put: n.extract(
        network(), put(X), LEVELS, seed=1, noise_sigmas=n.edit_friendly.turbo_sigmas(LEVELS)
    ),
    "ddim.invert, a network": lambda put: n.ddim.invert(
        n.guided(*(n.EpsDenoiser(network) for network in (lambda x, t: x / 9, lambda x, t: x / 7)), 3.0),
        put(X),
        LEVELS,
    ),
    "replay": lambda put: n.replay(network(), maps(put)),
    "clip_last_map": lambda put: n.noise_maps.clip_last_map(maps(put), 1.0),
    "recolor": lambda put: n.noise_maps.recolor(network(), maps(put), put(X[:1]), put(MASK)),
    "edit": lambda put: n.edit_friendly.edit(network(), network(turn=0.3), put(X), LEVELS, seed=1),
    "edit, few steps": lambda put: n.edit_friendly.edit(
        *(network(), network(turn=0.3), put(X), LEVELS),
        **dict(seed=1, weight=1.5, bound=1.0, noise_sigmas=n.edit_friendly.turbo_sigmas(LEVELS)),
    ),
    "ddim.sample, the exact denoiser": lambda put: n.ddim.sample(
        n.GaussianDenoiser(whitener()), put(X), LEVELS
    ),
    "flow": lambda put: n.GaussianDenoiser(whitener()).flow(put(X), 13.0, 0.0),
}


def leaves(x) -> list:
    """Return the tensors, arrays, numbers and texts of a result, in their order."""
    parts = _parts(x)
    return [x] if parts is None else [leaf for part in parts.values() for leaf in leaves(part)]


def numbers(x) -> list[float]:
    """Return all numbers of a result in their order."""
    found = []
    for leaf in leaves(x):
        if isinstance(leaf, Tensor | np.ndarray):
            leaf = torch.as_tensor(leaf).detach().cpu()
            found += (
                (torch.view_as_real(leaf.resolve_conj()) if leaf.is_complex() else leaf)
                .double()
                .flatten()
                .tolist()
            )
        elif isinstance(leaf, int | float):
            found.append(float(leaf))
    return found


def misplaced(x, on_cpu: bool | set, there: Callable[[Tensor], bool], name: str = "the result") -> list[str]:
    """Return the names of tensors in a result that are not where they should be."""
    if isinstance(x, Tensor):
        return [name] if there(x) == (on_cpu is True) else []
    return [
        wrong
        for part, inside in (_parts(x) or {}).items()
        for wrong in misplaced(inside, isinstance(on_cpu, set) and part in on_cpu or on_cpu, there, str(part))
    ]


def _parts(x) -> dict | None:
    """Return what a result is made of, by name; None for what has no parts."""
    if isinstance(x, dict):
        return x
    if is_dataclass(x):
        return {f.name: getattr(x, f.name) for f in fields(x)}
    if hasattr(x, "_asdict"):
        return x._asdict()
    return dict(enumerate(x)) if isinstance(x, list | tuple) else None
