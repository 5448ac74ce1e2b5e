"""Edit-friendly DDPM inversion: noise maps that rebuild a picture exactly and survive a change of prompt.

    y[k] = x0 + sqrt(sigma[k]^2 - sigma[n]^2) e[k], e independent for every k (Eq. 6)
    r[k] = y[k + 1] - mu(y[k]),   then   y[k + 1] <- mu(y[k]) + r[k]

The last assignment is the correction row of Algorithm 1: it changes nothing but rounding, and makes the
inversion visit bit for bit the states of a replay. Source: Huberman-Spiegelglas, Kulikov, Michaeli (2024);
for few steps the remedy of Deutch et al. (2024, TurboEdit). eta enters squared, as in DDIM. States (B, ...)
are float32 (float64 where x0 is) in variance-exploding units on x0's device, from which a walk reads back
once; sigmas (n + 1,) descend, to 0 or, for a part of the way, to the noise level of x0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .. import checks
from ..denoisers import Denoiser, OnStep, denoised, finished, rescaled, working_copy
from ..noise.draw import Seed, noise_rows, rows_for, stream
from ..sigmas import ancestral_split, descending
from .noise_maps import NoiseMaps, mean_step, norm_limit


def extract(
    denoise: Denoiser,
    x0: Tensor,
    sigmas: Tensor,
    *,
    seed: Seed,
    indices: Sequence[int] | None = None,
    eta: float = 1.0,
    skip: int = 0,
    noise_sigmas: Tensor | None = None,
    levels_per_call: int = 1,
    on_step: OnStep | None = None,
) -> NoiseMaps:
    """Return the maps of pictures x0 (B, ...) under `denoise`; `replay` of them gives x0 back.

    `eta` is in (0, 1]; `skip` leaves out that many of the noisiest steps; different seeds are different maps
    of the same picture. `noise_sigmas` (n,) are other levels to noise the picture to (see `turbo_sigmas`).
    `levels_per_call` above 1 sends as many levels to the network together: faster, and approximate, since a
    network rounds other batches otherwise (in half precision until the picture is lost). `on_step(k,
    denoised)` reports each level. Raises ValueError for eta, skip, sigmas or seeds out of range, and for NaN
    or infinity from the network.
    """
    checks.function(denoise, "a denoiser", "denoise(x, sigma)")
    checks.whole(levels_per_call, "levels per call", 1)
    walk = _walk(x0, sigmas, seed, indices, eta, skip, noise_sigmas)
    states, residuals, cleaned = walk.states, [], []
    start = states[0]
    for k, (sigma, down) in enumerate(walk.steps):
        if k % levels_per_call == 0:
            cleaned = _denoise_levels(denoise, states[k:-1][:levels_per_call], walk.steps[k:])
        clean = cleaned[k % levels_per_call]
        mean = mean_step(states[k], clean, sigma, down)
        residuals.append(states[k + 1] - mean)
        states[k + 1] = mean + residuals[-1]
        if on_step is not None:
            on_step(k, clean)
    maps = finished(torch.stack(residuals), walk.x0, denoise)
    return NoiseMaps(start, maps, walk.sigmas, eta, skip)


def replay(denoise: Denoiser, maps: NoiseMaps, *, on_step: OnStep | None = None) -> Tensor:
    """Return the picture (B, ...) that the maps make under `denoise`: the one they came from, or its edit by
    another denoiser. Raises ValueError for NaN or infinity from the network.
    """
    checks.instance(maps, "the maps", NoiseMaps)
    x = maps.start
    for k, (sigma, _, down, _) in enumerate(maps.levels()):
        clean = denoised(denoise, x, sigma)
        x = mean_step(x, clean, sigma, down) + maps.residuals[k]
        if on_step is not None:
            on_step(k, clean)
    return finished(x, maps.start, denoise)


def edit(
    denoise_source: Denoiser,
    denoise_target: Denoiser,
    x0: Tensor,
    sigmas: Tensor,
    *,
    seed: Seed,
    indices: Sequence[int] | None = None,
    eta: float = 1.0,
    skip: int = 0,
    noise_sigmas: Tensor | None = None,
    weight: float = 1.0,
    bound: float | None = None,
    on_step: OnStep | None = None,
) -> Tensor:
    """Return the edit (B, ...), extraction and replay in one walk that stores no maps:

        y' = c Y' + (mu_source(y) - c mu_source(Y)) + w (mu_target(y) - mu_source(y))

    with Y the source's states. w = `weight` strengthens the change of prompt (1.5 in TurboEdit); other than 1
    it costs a third call a step. c is 1, but on the last step at most `bound` sqrt(D / 16384) over the norm
    of the last map, which is no longer exact. Without both, equal to extract then replay, and exactly x0
    where source and target are one. Raises as `extract` does.
    """
    checks.number(weight, "weight")
    if bound is not None:
        checks.number(bound, "bound", 0)
    walk = _walk(x0, sigmas, seed, indices, eta, skip, noise_sigmas)
    x = walk.states[0]
    for k, (sigma, down) in enumerate(walk.steps):
        source, after = walk.states[k], walk.states[k + 1]
        target = denoised(denoise_target, x, sigma)
        on_source = mean_step(source, denoised(denoise_source, source, sigma), sigma, down)
        moved = mean_step(x, target, sigma, down)
        if weight != 1:
            straight = mean_step(x, denoised(denoise_source, x, sigma), sigma, down)
            moved = straight + weight * (moved - straight)
        if bound is not None and k == len(walk.steps) - 1:
            c = norm_limit(after - on_source, bound)
            after, on_source = c * after, c * on_source
        x = after + (moved - on_source)
        if on_step is not None:
            on_step(k, target)
    return finished(x, walk.x0, denoise_source, denoise_target)


def turbo_sigmas(sigmas: Tensor) -> Tensor:
    """Return TurboEdit's noise levels, (n + 1,) -> (n,): each step noises the picture only to the next level,
    the last one to none, while the network is asked at its own.

    With few steps, states of independent noise lie further apart than in sampling; shifted levels bring them
    to where the network expects them.
    """
    descending(sigmas, to_zero=False)
    return sigmas[1:]


class _Walk(NamedTuple):
    """The source's states y[k] for every level from `skip` on, x0 last, and (sigma, s_down) of its steps."""

    x0: Tensor
    sigmas: Tensor
    states: list[Tensor]
    steps: list[tuple[float, float]]


def _walk(x0, sigmas, seed, indices, eta, skip, noise_sigmas) -> _Walk:
    whole = descending(sigmas, to_zero=False)
    count, least = len(whole) - 1, float(whole[-1])
    checks.number(eta, "eta", 0, 1)
    if eta == 0:
        raise ValueError("got eta 0, which adds no noise, so there are no maps; expected one in (0, 1]")
    checks.whole(skip, "skip", 0)
    if skip >= count:
        raise ValueError(f"got skip {skip} for {count} steps; it must leave at least one")
    noised = whole[:-1] if noise_sigmas is None else torch.as_tensor(noise_sigmas).cpu().double()
    if len(noised) != count or not bool((torch.isfinite(noised) & (noised >= least)).all()):
        raise ValueError(
            f"got {len(noised)} noise levels for {count} steps; expected one per step, finite and not below "
            f"the schedule's last sigma {least:.4g}"
        )
    x0 = rows_for(working_copy(x0), seed)
    noise = _independent(x0, count, noise_rows(len(x0), seed, indices))
    added = (noised**2 - least**2).sqrt()  # to the noise already in x0
    levels = list(zip(noise, added.tolist(), noised.tolist(), whole.tolist(), strict=False))[skip:]
    states = [rescaled(x0 + add * e, sigma, to) for e, add, sigma, to in levels]
    down, _ = ancestral_split(whole[skip:-1], whole[skip + 1 :], eta)
    steps = list(zip(whole[skip:-1].tolist(), down.tolist(), strict=True))
    return _Walk(x0, whole[skip:], [*states, x0], steps)


def _independent(x0: Tensor, count: int, rows: list[tuple[int, int]]) -> Tensor:
    """Return e (count, B, ...): level k of row b is a function of its (seed, index) and of k alone."""
    generators = [stream(*row, "edit-friendly") for row in rows]
    levels = [[torch.randn(x0.shape[1:], generator=g) for g in generators] for _ in range(count)]
    return torch.stack([torch.stack(level) for level in levels]).to(x0)


def _denoise_levels(
    denoise: Denoiser, states: list[Tensor], steps: list[tuple[float, float]]
) -> list[Tensor]:
    """Denoise several levels in one call: states (B, ...) each, at the sigmas of the first steps."""
    rows = torch.cat(states)
    levels = rows.new_tensor([sigma for sigma, _ in steps[: len(states)]]).repeat_interleave(len(states[0]))
    return list(denoised(denoise, rows, levels).chunk(len(states)))
