"""Edit-friendly inversion: noise maps that rebuild a picture exactly and survive a change of prompt.

    y[k] = a[k] x0 + b[k] e[k], e independent for every k (Eq. 6)
    r[k] = y[k + 1] - mu(y[k]),   then   y[k + 1] <- mu(y[k]) + r[k]

The last assignment is the correction row of Algorithm 1: it changes nothing but rounding, and makes the
inversion visit bit for bit the states of a replay. eta 1 is edit-friendly DDPM (Huberman-Spiegelglas,
Kulikov, Michaeli 2024; few steps: Deutch et al. 2024, TurboEdit), eta 0 FlowEdit (Kulikov et al. 2024), for
every kind of levels. States (B, ...) are float32 (float64 where x0 is) in the model's units on x0's device,
from which a walk reads back once; levels (n + 1,) descend, to 0 or to the level of x0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from .. import checks
from ..denoisers import Denoiser, OnStep, denoised, finished, working_copy
from ..noise.draw import Seed, noise_rows, rows_for, stream
from ..sigmas import Levels, Step, as_levels
from .noise_maps import NoiseMaps, norm_limit


def extract(
    denoise: Denoiser,
    x0: Tensor,
    sigmas: Tensor | Levels,
    *,
    seed: Seed,
    indices: Sequence[int] | None = None,
    eta: float = 1.0,
    skip: int = 0,
    noise_sigmas: Tensor | Levels | None = None,
    levels_per_call: int = 1,
    on_step: OnStep | None = None,
) -> NoiseMaps:
    """Return the maps of pictures x0 (B, ...) under `denoise`; `replay` of them gives x0 back.

    `eta` is in [0, 1]; `skip` leaves out that many of the noisiest steps; different seeds are different maps
    of the same picture. `noise_sigmas` (n,) are other levels to noise the picture to (see `turbo_sigmas`).
    `levels_per_call` above 1 sends as many levels to the network together: faster, and approximate, since a
    network rounds other batches otherwise (in half precision until the picture is lost). `on_step(k,
    denoised)` reports each level. Raises ValueError for eta, skip, sigmas or seeds out of range, and for NaN
    or infinity from the network.
    """
    checks.function(denoise, "a denoiser", "denoise(x, sigma)")
    checks.whole(levels_per_call, "levels per call", 1)
    walk = _walk(x0, sigmas, seed, indices, eta, skip, noise_sigmas)
    states: list[Tensor] = [*walk.states(), walk.x0]
    start, residuals, cleaned = states[0], [], []
    for k, step in enumerate(walk.steps):
        if k % levels_per_call == 0:
            cleaned = _denoise_levels(denoise, states[k:-1][:levels_per_call], walk.steps[k:])
        clean = cleaned[k % levels_per_call]
        mean = step.mean(states[k], clean)
        residuals.append(states[k + 1] - mean)
        states[k + 1] = mean + residuals[-1]
        if on_step is not None:
            on_step(k, clean)
    maps = finished(torch.stack(residuals), walk.x0, denoise)
    between = torch.stack(states[1:-1]) if len(states) > 2 else maps[:0]
    return NoiseMaps(start, maps, walk.levels, eta, skip, states=between)


def replay(denoise: Denoiser, maps: NoiseMaps, *, on_step: OnStep | None = None) -> Tensor:
    """Return the picture (B, ...) that the maps make under `denoise`: the one they came from, or its edit by
    another denoiser. Raises ValueError for NaN or infinity from the network.
    """
    checks.instance(maps, "the maps", NoiseMaps)
    x = maps.start
    for k, step in enumerate(maps.levels.steps(maps.eta)):
        clean = denoised(denoise, x, step.told)
        x = step.mean(x, clean) + maps.residuals[k]
        if on_step is not None:
            on_step(k, clean)
    return finished(x, maps.start, denoise)


def edit(
    denoise_source: Denoiser,
    denoise_target: Denoiser,
    x0: Tensor,
    sigmas: Tensor | Levels,
    *,
    seed: Seed,
    indices: Sequence[int] | None = None,
    eta: float = 1.0,
    skip: int = 0,
    noise_sigmas: Tensor | Levels | None = None,
    weight: float = 1.0,
    bound: float | None = None,
    average: int = 1,
    free_steps: int = 0,
    on_step: OnStep | None = None,
) -> Tensor:
    """Return the edit x0 + d (B, ...), extraction and replay in one walk that stores no maps:

        d' = c d + (a' - c a) (D_target(Y + d) - D_source(Y)),   from d = 0

    with Y the source's states: a moving average of the difference of two denoised pictures. `average` takes
    its mean over that many draws of Y. `weight` w other than 1 strengthens the change of prompt, D_target <-
    D_source + w (D_target - D_source) at Y + d (1.5 in TurboEdit), and costs a third call. `bound` scales
    down the last map to a norm of at most `bound` sqrt(D / 16384). The last `free_steps` steps sample the
    target freely, with eta 0, from Y + d. Without all four, equal to extract then replay, and exactly x0
    where source and target are one. Raises as `extract` does.
    """
    checks.number(weight, "weight")
    if bound is not None:
        checks.number(bound, "bound", 0)
    walk = _walk(x0, sigmas, seed, indices, eta, skip, noise_sigmas)
    checks.whole(average, "average", 1)
    checks.whole(free_steps, "free steps", 0, len(walk.steps))
    coupled, d = len(walk.steps) - free_steps, torch.zeros_like(walk.x0)
    draws = [walk.states(draw) for draw in range(average)]
    for k, (step, *states) in enumerate(zip(walk.steps[:coupled], *draws, strict=False)):
        change = torch.zeros_like(d)
        for y in states:
            source = denoised(denoise_source, y, step.told)
            target = denoised(denoise_target, y + d, step.told)
            if weight != 1:
                straight = denoised(denoise_source, y + d, step.told)
                target = straight + weight * (target - straight)
            change = change + (target - source) / average
        d = step.c * d + step.gain * change
        if bound is not None and k == len(walk.steps) - 1:
            last = walk.x0 - step.mean(y, source)
            d = d - (1 - norm_limit(last, bound)) * last
        if on_step is not None:
            on_step(k, target)
    x = walk.x0 + d if not free_steps else next(islice(walk.states(), coupled, None)) + d
    for k, step in enumerate(walk.levels.steps()[coupled:], coupled):
        clean = denoised(denoise_target, x, step.told)
        x = step.mean(x, clean)
        if on_step is not None:
            on_step(k, clean)
    return finished(x, walk.x0, denoise_source, denoise_target)


def turbo_sigmas(sigmas: Tensor | Levels) -> Tensor | Levels:
    """Return TurboEdit's noise levels, (n + 1,) -> (n,): each step noises the picture only to the next level,
    the last one to none, while the network is asked at its own.

    With few steps, states of independent noise lie further apart than in sampling; shifted levels bring them
    to where the network expects them.
    """
    as_levels(sigmas, to_zero=False)
    return sigmas[1:]


@dataclass(frozen=True, eq=False)
class _Walk:
    """The levels from `skip` on, their steps, and what their states are made of."""

    x0: Tensor
    levels: Levels
    steps: list[Step]
    rows: list[tuple[int, int]]
    skip: int
    figures: list[tuple[float, float]]  # of each level, skipped ones too: shares of x0 and of e

    def states(self, draw: int = 0) -> Iterator[Tensor]:
        """Yield the source's state of each level but the last: level k of row b is a function of its (seed,
        index), of k and of the number of the draw alone.
        """
        purpose = f"edit-friendly {draw}" if draw else "edit-friendly"
        generators = [stream(*row, purpose) for row in self.rows]
        for k, (of_x0, of_e) in enumerate(self.figures):
            noise = [torch.randn(self.x0.shape[1:], generator=g) for g in generators]
            if k >= self.skip:
                yield of_x0 * self.x0 + of_e * torch.stack(noise).to(self.x0)


def _walk(x0, sigmas, seed, indices, eta, skip, noise_sigmas) -> _Walk:
    whole = as_levels(sigmas, to_zero=False)
    count, last = len(whole) - 1, whole[-1]
    checks.number(eta, "eta", 0, 1)
    checks.whole(skip, "skip", 0)
    if skip >= count:
        raise ValueError(f"got skip {skip} for {count} steps; it must leave at least one")
    noised = whole[:-1] if noise_sigmas is None else noise_sigmas
    noised = noised if isinstance(noised, Levels) else Levels.ve(noised)
    if len(noised) != count or not bool((torch.isfinite(noised.told) & (noised.told >= last.told)).all()):
        raise ValueError(
            f"got {len(noised)} noise levels for {count} steps; expected one per step, finite and not below "
            f"the schedule's last level {float(last.told):.4g}"
        )
    x0 = rows_for(working_copy(x0), seed)
    rows = noise_rows(len(x0), seed, indices)
    figures = (torch.stack(noised.above(last)) * whole.m[:-1] / noised.m).T.tolist()
    return _Walk(x0, whole[skip:], whole[skip:].steps(eta), rows, skip, figures)


def _denoise_levels(denoise: Denoiser, states: list[Tensor], steps: list[Step]) -> list[Tensor]:
    """Denoise several levels in one call: states (B, ...) each, at the levels of the first steps."""
    rows = torch.cat(states)
    told = rows.new_tensor([step.told for step in steps[: len(states)]]).repeat_interleave(len(states[0]))
    return list(denoised(denoise, rows, told).chunk(len(states)))
