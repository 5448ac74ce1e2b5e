"""Edit-friendly DDPM inversion: noise maps that rebuild a picture exactly and survive a change of prompt.

    y[k] = x0 + sqrt(sigma[k]^2 - sigma[n]^2) e[k], e independent for every k (Eq. 6)
    r[k] = y[k + 1] - mu(y[k]),   then   y[k + 1] <- mu(y[k]) + r[k]

The last assignment is the correction row of Algorithm 1: it changes nothing but rounding, and makes the
inversion visit bit for bit the states that a replay visits. Source: Huberman-Spiegelglas, Kulikov, Michaeli
(2024); for few steps the remedy of Deutch et al. (2024, TurboEdit). eta enters squared, as DDIM's process
does. State (B, ...) is float32 (float64 where x0 is) in variance-exploding units on x0's device, from which
a walk reads back once; sigmas (n + 1,) descend, to 0 or, for a part of the way, to the noise level of x0.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .. import checks
from ..denoisers import Denoiser, OnStep, denoised, finished, rescaled, working_copy
from ..noise.draw import noise_rows, rows_for, stream
from ..sigmas import ancestral_split, descending
from .noise_maps import NoiseMaps, mean_step, norm_limit


def extract(
    denoise: Denoiser,
    x0: Tensor,
    sigmas: Tensor,
    *,
    eta: float = 1.0,
    skip: int = 0,
    seed: int | Sequence[int],
    indices: Sequence[int] | None = None,
    levels_per_call: int = 1,
    zero_last: bool = False,
    noise_sigmas: Tensor | None = None,
    on_step: OnStep | None = None,
) -> NoiseMaps:
    """Return the maps of pictures x0 (B, ...) under `denoise`; `replay` of them gives x0 back.

    `eta` in (0, 1]. `skip` leaves out that many of the noisiest steps. Different seeds are different maps of
    the same picture. `levels_per_call` above 1 sends as many levels to the network together: faster, and
    approximate, since a network rounds other batches otherwise and a replay carries that on (in half
    precision until the picture is gone). `zero_last` drops the last map, as the published code does; the
    picture is then not exact. `noise_sigmas` (n,) noises the picture to other levels than the network is asked at
    (see `turbo_sigmas`). `on_step(k, denoised)` reports each level. Raises ValueError for eta, skip, sigmas
    or seeds out of range, and for NaN or infinity from the network.
    """
    checks.function(denoise, "a denoiser", "denoise(x, sigma)")
    checks.whole(levels_per_call, "levels per call")
    if levels_per_call < 1:
        raise ValueError(f"got {levels_per_call} levels per call; expected at least 1")
    walk = _Walk(x0, sigmas, eta, skip, seed, indices, noise_sigmas)
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
    if zero_last:
        residuals[-1] = torch.zeros_like(residuals[-1])
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
    eta: float = 1.0,
    skip: int = 0,
    seed: int | Sequence[int],
    indices: Sequence[int] | None = None,
    noise_sigmas: Tensor | None = None,
    weight: float = 1.0,
    bound: float | None = None,
    on_step: OnStep | None = None,
) -> Tensor:
    """Return the edit (B, ...), extraction and replay in one walk with nothing stored:

        y' = c Y' + (mu_source(y) - c mu_source(Y)) + w (mu_target(y) - mu_source(y))

    with Y the source's states. w = `weight` strengthens the change of prompt (1.5 in TurboEdit); other than 1
    it costs a third call a step. c is 1, but on the last step at most `bound` sqrt(D / 16384) over the norm
    of the last map, which tames it and gives up exactness. Without both, equal to extract then replay, and
    exactly x0 where source and target are one. Raises as `extract` does.
    """
    checks.number(weight, "weight")
    if bound is not None:
        checks.number(bound, "bound", 0)
    walk = _Walk(x0, sigmas, eta, skip, seed, indices, noise_sigmas)
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
    """TurboEdit's noise levels: each step noises the picture only to the next level of the grid, while the
    network is asked at its own.

    With few steps, states of independent noise lie further apart than sampling ever goes; shifting brings
    them to where the network expects them. (n + 1,) -> (n,), the last level clean.
    """
    descending(sigmas, to_zero=False)  # raises ValueError for what is no schedule
    return sigmas[1:]


class _Walk:
    """The source's states y[k] for every level from `skip` on, the picture last, and the (sigma, s_down) of
    its steps.
    """

    def __init__(self, x0, sigmas, eta, skip, seed, indices, noise_sigmas):
        whole = descending(sigmas, to_zero=False)
        count = len(whole) - 1
        checks.number(eta, "eta")
        checks.whole(skip, "skip")
        if not 0 < eta <= 1:
            reason = (
                "eta = 0 adds no noise, so there are no maps to extract" if eta == 0 else "eta lies in (0, 1]"
            )
            raise ValueError(f"got eta {eta}; {reason}, choose one up to 1")
        if not 0 <= skip < count:
            raise ValueError(
                f"got skip {skip} for {count} steps; it counts steps and must leave at least one"
            )
        noised = whole[:-1] if noise_sigmas is None else torch.as_tensor(noise_sigmas).cpu().double()
        least = float(whole[-1])
        if len(noised) != count or not bool((torch.isfinite(noised) & (noised >= least)).all()):
            raise ValueError(
                f"got {len(noised)} noise levels for {count} steps; give one per step, finite, not negative"
                + (f" and not below sigma {least:.4g}, where the schedule ends" if least else "")
            )
        self.x0 = x0 = rows_for(working_copy(x0), seed)
        noise = _independent(x0, count, noise_rows(len(x0), seed, indices))
        self.sigmas = whole[skip:]
        added = (noised**2 - least**2).sqrt()  # to what x0 holds of noise already
        levels = list(zip(noise, added.tolist(), noised.tolist(), whole.tolist(), strict=False))[skip:]
        self.states = [*(rescaled(x0 + add * e, sigma, to) for e, add, sigma, to in levels), x0]
        down, _ = ancestral_split(self.sigmas[:-1], self.sigmas[1:], eta)
        self.steps = list(zip(self.sigmas[:-1].tolist(), down.tolist(), strict=True))


def _independent(x0: Tensor, count: int, rows: list[tuple[int, int]]) -> Tensor:
    """e (count, B, C, H, W): level k of row b is a function of (seed, index) of b and of k, not of the others
    or of skip.
    """
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
