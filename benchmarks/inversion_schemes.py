"""Inversions of flow models at equal calls: how near inversion and its way back come to the picture.

Data: a Gaussian with the spectrum of SD's latents, a mixture of 12 Gaussians in 64 dimensions, and crops for
the small trained network, taken as a flow model. Levels are uniform in t, shifted by 3, from t = 1. Calls are
those of the inversion and of the way back together; rules are named after their papers.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from img2noise import GaussianDenoiser, Levels, draw, load
from img2noise.denoisers import Denoiser
from img2noise.inversion import ddim
from img2noise.sigmas import per_row

from .papers.worlds import NETWORK, crops
from .report import show_table
from .stored_network import load_network

CALLS = (56, 112, 224)
SHIFT, TOP = 3.0, 14.614641  # sigma up to which the network was trained
Rule = Callable[[Denoiser, Tensor, int], Tensor]


def levels(steps: int) -> Levels:
    """Flow levels uniform in t, shifted, from t = 1 to 0."""
    return Levels.flow(torch.linspace(1, 0, steps + 1, dtype=torch.float64)).shifted(SHIFT)


def worlds(pictures: int = 8) -> dict[str, tuple[Denoiser, Tensor]]:
    """By name, a denoiser of flow levels and pictures of its kind."""
    sd = load("sd")
    gaussian = GaussianDenoiser(sd, "flow"), sd.dewhiten(draw((pictures, 4, 16, 16), seed=1))
    network = as_flow(load_network(NETWORK)), crops([], pictures)
    return {
        "Gaussian": gaussian,
        "mixture": mixture(pictures),
        "trained network": network,
    }


def as_flow(denoise: Denoiser) -> Denoiser:
    """Return a VE denoiser as one of flow levels; those above its highest sigma are taken for that."""

    def flow(x: Tensor, t: Tensor) -> Tensor:
        a, b = 1 - per_row(x, t), per_row(x, t)
        sigma = (b / a).clamp(max=TOP)
        scaled = x * ((1 + sigma**2) / (a**2 + b**2)).sqrt()
        return denoise(scaled, sigma.flatten())

    return flow


def mixture(pictures: int, seed: int = 3) -> tuple[Denoiser, Tensor]:
    """Equal Gaussians of standard deviation 0.3 around 12 centers of unit variance."""
    centers, spread = draw((12, 64), seed=seed), 0.3

    def denoise(x: Tensor, t: Tensor) -> Tensor:
        t = t.view(-1, 1).to(x)
        a, variance = 1 - t, (1 - t) ** 2 * spread**2 + t**2  # (B, 1)
        away = x[:, None] - a[..., None] * centers.to(x)  # (B, 12, D)
        weights = (-away.square().sum(2) / (2 * variance)).softmax(1)
        nearest = weights @ centers.to(x)
        return nearest + a * spread**2 / variance * (x - a * nearest)

    return denoise, centers[torch.arange(pictures) % 12] + spread * draw((pictures, 64), seed=4)


def _velocity(denoise: Denoiser, x: Tensor, t: float) -> Tensor:
    """Return (x - D) / t, asked no lower than at t = 1e-3, since at 0 it is undefined."""
    t = max(t, 1e-3)
    return (x - denoise(x, x.new_full((len(x),), t))) / t


def _walk(denoise: Denoiser, x: Tensor, times: list[float], rule: str) -> Tensor:
    """Walk up or down by Euler, the explicit midpoint rule, FireFlow's or Uni-Inv's."""
    v = _velocity(denoise, x, times[0]) if rule in ("fireflow", "uni-inv") else x
    for t, after in pairwise(times):
        h = after - t
        if rule in ("euler", "midpoint"):
            v = _velocity(denoise, x, t)
        if rule != "euler":
            ahead = 1.0 if rule == "uni-inv" else 0.5
            v = _velocity(denoise, x + ahead * h * v, t + ahead * h)
        x = x + h * v
    return x


def _published(up: str, down: str, calls_a_step: int, more: int = 0) -> Rule:
    """Return the rule that goes up and down so, in as many steps as the calls pay for."""

    def there_and_back(denoise: Denoiser, x0: Tensor, calls: int) -> Tensor:
        times = levels((calls - more) // calls_a_step).told.tolist()
        return _walk(denoise, _walk(denoise, x0, times[::-1], up), times, down)

    return there_and_back


def _rf_inversion(denoise: Denoiser, x0: Tensor, calls: int) -> Tensor:
    """Rout et al. (2025): up, half of N is one noise; down, the first quarter has .9 of x0 in D."""
    times, noise = levels(calls // 2).told.tolist(), draw(x0.shape, seed=5)
    x = x0
    for t, after in pairwise(times[::-1]):
        v = (_velocity(denoise, x, t) + (noise - x) / (1 - t)) / 2
        x = x + (after - t) * v
    for k, (t, after) in enumerate(pairwise(times)):
        control = 0.9 if k < len(times) // 4 else 0.0
        x = x + (after - t) * ((1 - control) * _velocity(denoise, x, t) + control * (x - x0) / t)
    return x


def _ours(scheme: str, iterations: int = 4) -> Rule:
    """Return the rule of `ddim`, with the way back that belongs to it."""

    def there_and_back(denoise: Denoiser, x0: Tensor, calls: int) -> Tensor:
        midpoint, first = scheme == "midpoint", (ddim.COLD - 1) * iterations * (iterations > 1)
        steps = calls // 2 - 1 if midpoint else (calls - first) // (iterations + 1)
        x = ddim.invert(denoise, x0, levels(steps), scheme=scheme, iterations=iterations)
        return ddim.sample(denoise, x, levels(steps), scheme="midpoint" if midpoint else "euler")

    return there_and_back


PUBLISHED = {
    "Euler": _published("euler", "euler", 2),
    "RF-Solver": _published("midpoint", "midpoint", 4),
    "FireFlow": _published("fireflow", "fireflow", 2, more=2),
    "Uni-Inv": _published("uni-inv", "euler", 2, more=1),
    "RF-Inversion": _rf_inversion,
}
OURS = {
    **{f"implicit, {k} iterations": _ours("implicit", k) for k in (1, 2, 3, 4, 5)},
    "midpoint": _ours("midpoint"),
    "auto": _ours("auto"),
}


def run(pictures: int = 8, most: int = 224) -> None:
    """Print a table for each kind of data: relative RMS error of inversion and way back, by rule and calls,
    up to so many calls.
    """
    budgets = [calls for calls in CALLS if calls <= most]
    for name, (denoise, x0) in worlds(pictures).items():
        errors = {
            rule: [relative_error(denoise, x0, back, calls) for calls in budgets]
            for rule, back in (PUBLISHED | OURS).items()
        }
        least = all(
            ours <= theirs
            for rule in PUBLISHED
            for ours, theirs in zip(errors["auto"], errors[rule], strict=True)
        )
        rows = [
            (rule, *(f"{e:.1e}" for e in found), f"least: {'yes' if least else 'no'}" * (rule == "auto"))
            for rule, found in errors.items()
        ]
        title = f"{name}: relative RMS error by calls, there and back"
        show_table(title, ("rule", *map(str, budgets), "claim"), rows)


def relative_error(denoise: Denoiser, x0: Tensor, rule: Rule, calls: int) -> float:
    """Return the RMS error of x0 after inversion and way back, over its RMS. Raises RuntimeError for a rule
    that takes more calls than it was given.
    """
    spent = 0

    def counted(x: Tensor, t: Tensor) -> Tensor:
        nonlocal spent
        spent += 1
        return denoise(x, t)

    found = rule(counted, x0, calls)
    if spent > calls:
        raise RuntimeError(f"{spent} calls of {calls}")
    return float((found - x0).square().mean().sqrt() / x0.square().mean().sqrt())
