"""Edit-friendly noise maps as data: their statistics, and edits made on the maps alone.

    y[k + 1] = mu(y[k]) + r[k],   mu(y) = c y + (a' - c a) D,   r[k] = s z[k]

r is kept instead of z: no division, and steps without noise (the last one, and all for eta 0) keep their map.
Source: Huberman-Spiegelglas et al. (2024), section 3 and appendix A. Shapes: start (B, ...) at levels[0],
residuals (K, B, ...), levels (K + 1,) descending; `shift`, `flip` and `recolor` take (B, ..., H, W).
Everything is float32 (float64 where x0 was), in the model's units (y = a x0 + b eps), model space.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .. import checks
from ..denoisers import Denoiser, OnStep, denoised, finished
from ..sigmas import Levels, as_levels

LAST_NORM = 15.5  # of the last map at 4 x 64 x 64 (Deutch et al. 2024, TurboEdit's published setting)


@dataclass(frozen=True, eq=False)
class NoiseMaps:
    """A start and a residual per step, without the first `skip` steps of the schedule. `levels` are those of
    its steps; a plain tensor means VE sigmas. `numbers` are the rows of a larger batch that these rows are,
    () for 0, 1, 2 ... `states` (K - 1, B, ...) are those of the inversion at the levels between, from which
    `later` starts.
    """

    start: Tensor
    residuals: Tensor
    levels: Levels
    eta: float = 1.0
    skip: int = 0
    space: str = ""
    numbers: tuple[int, ...] = ()
    states: Tensor | None = None

    def __post_init__(self):
        object.__setattr__(self, "levels", as_levels(self.levels, to_zero=False))

    @property
    def steps(self) -> int:
        """The number of steps of the whole schedule, skipped ones included."""
        return self.skip + len(self.residuals)


def statistics(maps: NoiseMaps) -> tuple[Tensor, Tensor]:
    """Return the std of z per step, and the correlation of each z with the next: float64 (K',), (K' - 1,) on
    the CPU, for steps with s > 0.

    Native DDPM noise has 1 and 0; edit-friendly maps have more and about -1/2 (section 3.2 and Fig. 5, 6 of
    the paper). Two steps at a time are in memory as float64.
    """
    checks.instance(maps, "the maps", NoiseMaps)
    powers, products, before = [], [], None
    for residual, step in zip(maps.residuals, maps.levels.steps(maps.eta), strict=True):
        if step.s > 0:
            z = residual.cpu().double().flatten() / step.s  # (B * D,)
            z -= z.mean()
            powers.append(float(z.square().mean()))
            if before is not None:
                products.append(float((before * z).mean()))
            before = z
    power, product = (torch.tensor(of, dtype=torch.float64) for of in (powers, products))
    std = power.sqrt()
    return std, product / (std[:-1] * std[1:])


def clip_last_map(maps: NoiseMaps, bound: float = LAST_NORM) -> NoiseMaps:
    """Return the maps with each sample's last one scaled down to a norm of at most `bound` sqrt(D / 16384).

    TurboEdit's remedy for few steps, whose last map has far more variance than the noise of sampling. A
    replay is then no longer exact.
    """
    checks.instance(maps, "the maps", NoiseMaps)
    checks.number(bound, "bound", 0)
    last = maps.residuals[-1]
    return replace(maps, residuals=torch.cat([maps.residuals[:-1], (norm_limit(last, bound) * last)[None]]))


def norm_limit(last: Tensor, bound: float) -> Tensor:
    """Return c per sample (B, 1, ...), at most 1, so that c times the last map (B, ...) stays within `bound`
    sqrt(D / 16384).
    """
    limit = bound * (last[0].numel() / 16384) ** 0.5
    return (limit / last.flatten(1).norm(dim=1)).clamp(max=1.0).view(-1, *[1] * (last.ndim - 1))


def later(maps: NoiseMaps, skip: int) -> NoiseMaps:
    """Return the maps without the first `skip` steps of the schedule, to start at the inversion's own state
    there; the maps as they are where they leave out as many. ValueError where no step is left, or for maps
    without states.
    """
    checks.instance(maps, "the maps", NoiseMaps)
    checks.whole(skip, "skip", 0, maps.steps - 1)
    more = skip - maps.skip
    if more <= 0:
        return maps
    if maps.states is None:
        raise ValueError(
            "got noise maps without the states of their inversion; extract them again to skip more"
        )
    return replace(
        maps,
        start=maps.states[more - 1],
        residuals=maps.residuals[more:],
        levels=maps.levels[more:],
        skip=skip,
        states=maps.states[more:],
    )


def shift(maps: NoiseMaps, down: int = 0, right: int = 0) -> NoiseMaps:
    """Return the maps moved by whole latent pixels, negative for up and left.

    The free strip is filled with a strip of the map before the move that starts at 50/256 of the side, the
    same for all maps (appendix A). Raises ValueError for a move as large as the picture.
    """
    checks.instance(maps, "the maps", NoiseMaps)
    checks.whole(down, "the shift down")
    checks.whole(right, "the shift right")
    height, width = maps.start.shape[-2:]
    if abs(down) >= height or abs(right) >= width:
        raise ValueError(
            f"got a shift of {down}, {right}; it must be smaller than the maps, {height} x {width}"
        )
    return _mapped(maps, lambda x: _moved(_moved(x, down, -2), right, -1))


def flip(maps: NoiseMaps, horizontal: bool = True, vertical: bool = False) -> NoiseMaps:
    """Return the maps mirrored left to right, top to bottom, or both."""
    dims = [d for d, chosen in ((-1, horizontal), (-2, vertical)) if chosen]
    return _mapped(maps, lambda x: x.flip(dims))


def recolor(
    denoise: Denoiser,
    maps: NoiseMaps,
    target: Tensor,
    mask: Tensor,
    *,
    strength: float = 0.05,
    band: tuple[float, float] = (0.2, 0.7),
    closed: bool = True,
    on_step: OnStep | None = None,
) -> NoiseMaps:
    """Return maps that pull the masked part towards `target`: z += s B (M - P) for steps in `band` (Eq. 7).

    `target` M (B or 1, C, H, W) is the color in model space, `mask` B (B or 1, 1, H, W) in [0, 1]. `band`
    counts from the clean end, as shares of the steps. P is the denoised picture: of the edited trajectory if
    `closed`, which limits itself, else of the source's, as the paper prints it. s is scaled by sqrt(100 /
    steps), since the reach of a map grows with the root of their number, and counts in units of the noise of
    a step with eta 1, so maps of every eta are pulled alike. Raises ValueError for a band or
    strength out of range, and for NaN or infinity from the network. Costs one network call a step.
    """
    _check(maps, target, mask, strength, band)
    pull = strength * (100 / maps.steps) ** 0.5
    x, residuals = maps.start, []
    for k, (step, native) in enumerate(zip(*(maps.levels.steps(e) for e in (maps.eta, 1.0)), strict=True)):
        share = (len(maps.residuals) - k) / maps.steps
        clean = denoised(denoise, x, step.told)
        residual = maps.residuals[k]
        if band[0] <= share <= band[1]:
            residual = residual + native.s * pull * mask * (target - clean)
        residuals.append(residual)
        x = step.mean(x, clean) + (residual if closed else maps.residuals[k])
        if on_step is not None:
            on_step(k, clean)
    return replace(maps, residuals=finished(torch.stack(residuals), maps.start, denoise))


def _check(maps: NoiseMaps, target: Tensor, mask: Tensor, strength: float, band) -> None:
    checks.instance(maps, "the maps", NoiseMaps)
    checks.number(strength, "strength", 0)
    if not isinstance(band, tuple | list) or len(band) != 2:
        raise ValueError(f"got band {band}; expected two numbers in [0, 1]")
    for share in band:
        checks.number(share, "band", 0, 1)
    if band[0] > band[1]:
        raise ValueError(f"got band {band}; expected its first share not above its last")
    checks.batch(target, "the color")
    checks.batch(mask, "the mask")
    sizes = [tuple(t.shape) for t in (target, mask, maps.start)]
    fits = [len(s) == len(sizes[2]) and all(map(lambda n, m: n in (1, m), s, sizes[2])) for s in sizes[:2]]
    if not all(fits):
        raise ValueError(f"got a color of {sizes[0]} and a mask of {sizes[1]} for maps of {sizes[2]}")


def _mapped(maps: NoiseMaps, change: Callable[[Tensor], Tensor]) -> NoiseMaps:
    checks.instance(maps, "the maps", NoiseMaps)
    if maps.start.ndim < 3:
        raise ValueError(f"got maps of {tuple(maps.start.shape)}; expected pictures, (B, ..., H, W)")
    states = None if maps.states is None else change(maps.states)
    return replace(maps, start=change(maps.start), residuals=change(maps.residuals), states=states)


def _moved(x: Tensor, by: int, dim: int) -> Tensor:
    """Return x moved along `dim`, the free strip filled with one of x."""
    if by == 0:
        return x
    side, size = x.shape[dim], abs(by)
    first = min(round(50 / 256 * side), side - size)
    fill = x.narrow(dim, first, size)
    kept = x.narrow(dim, 0 if by > 0 else size, side - size)
    return torch.cat([fill, kept] if by > 0 else [kept, fill], dim)
