"""Noise levels, x = a x0 + b n, n ~ N(0, I), and the step between two of them.

    VE (SD, SDXL): a = 1, b = sigma = sqrt((1 - alpha_bar) / alpha_bar);   flow, scale s: a = 1 - t, b = s t

b / a is the VE sigma of any level, so a time shift t' = s t / (1 + (s - 1) t) multiplies it by s. A schedule
is a 1-D float64 tensor, ascending: `schedule[t]` is the sigma of timestep t. Levels to sample with descend,
to 0 for the whole way. Sources: Ho et al. (2020), Eq. 4; Song et al. (2021, DDIM), Eq. 16; Karras et al.
(2022), Algorithm 2; Rombach et al. (2022), scaled-linear betas; Esser et al. (2024), Eq. 23 (time shift).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from . import checks

KINDS = ("ve", "flow")


def amplitudes(told: Tensor, kind: str = "ve", scale: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return a and b of x = a x0 + b n at levels `told`: sigma of "ve", t of "flow" with this noise scale."""
    return (1 - told, scale * told) if kind == "flow" else (torch.ones_like(told), told)


class Step(NamedTuple):
    """The step x' = c x + gain D(x) + s z from the level `told`, gain = a' - c a."""

    told: float
    c: float
    gain: float
    s: float

    def mean(self, x: Tensor, clean: Tensor) -> Tensor:
        """Return x' without its noise."""
        return self.c * x + self.gain * clean


@dataclass(frozen=True, eq=False)
class Levels:
    """Noise levels x = a x0 + b n, float64 tensors of one shape on the CPU. `told` is the number that the
    denoiser is given for a level, `m` what x is divided by before its network sees it: x taken for another
    level is x m' / m.
    """

    a: Tensor
    b: Tensor
    m: Tensor
    told: Tensor

    @classmethod
    def ve(cls, sigmas: Tensor) -> Levels:
        """Return a = 1, b = sigma, of networks in VP units: SD 1.x, 2.x, SDXL."""
        sigmas = _numbers(sigmas)
        return cls(*amplitudes(sigmas), (1 + sigmas**2).sqrt(), sigmas)

    @classmethod
    def flow(cls, t: Tensor, scale: float = 1.0) -> Levels:
        """Return a = 1 - t, b = scale t, t in [0, 1]: SD3, Flux, Z-Image, Qwen-Image, Wan."""
        checks.number(scale, "the noise scale", 0)
        t = _numbers(t)
        if scale == 0 or not bool(((t >= 0) & (t <= 1)).all()):
            raise ValueError(
                f"got t {t.tolist()} and noise scale {scale}; expected t in [0, 1], a scale above 0"
            )
        return cls(*amplitudes(t, "flow", scale), torch.ones_like(t), t)

    @property
    def sigmas(self) -> Tensor:
        """b / a, the VE levels; infinite at a = 0."""
        return self.b / self.a

    @property
    def kind(self) -> str:
        """ "ve" where a is 1 everywhere, else "flow"."""
        return "ve" if bool((self.a == 1).all()) else "flow"

    @property
    def scale(self) -> float:
        """The noise scale b / told."""
        return float(self.b.max() / self.told.max())

    def __len__(self) -> int:
        return len(self.told)

    def __getitem__(self, at: int | slice) -> Levels:
        return Levels(*(x[at] for x in (self.a, self.b, self.m, self.told)))

    def flip(self) -> Levels:
        """Return the levels in the opposite order."""
        return Levels(*(x.flip(0) for x in (self.a, self.b, self.m, self.told)))

    def at(self, sigma: float) -> Levels:
        """Return one level of the same kind, at a VE sigma: t = sigma / (scale + sigma) of a flow model."""
        level = torch.tensor(sigma, dtype=torch.float64)
        if self.kind == "ve":
            return Levels.ve(level)
        return Levels.flow(level / (self.scale + level), self.scale)

    def shifted(self, factor: float) -> Levels:
        """Return the levels whose VE sigmas are `factor` times these: the time shift of a flow model."""
        checks.number(factor, "the shift", 0)
        if self.kind == "ve":
            return Levels.ve(factor * self.told)
        return Levels.flow(factor * self.told / (1 + (factor - 1) * self.told), self.scale)

    def above(self, low: Levels) -> tuple[Tensor, Tensor]:
        """Return r and s, for which r x + s z is at these levels where x is at the one level `low`, a > 0."""
        ratio = self.a / low.a
        return ratio, (self.b**2 - (ratio * low.b) ** 2).sqrt()

    def steps(self, eta: float = 0.0) -> list[Step]:
        """Return the step from each level to the next, lower one: DDIM for eta = 0, the DDPM posterior for
        eta = 1.

        s^2 = eta^2 b'^2 (1 - (a b' / (a' b))^2),  c = sqrt(b'^2 - s^2) / b: no division by a, so a = 0 at the
        top is a level like any other.
        """
        checks.number(eta, "eta", 0, 1)
        a, b, high, low = self.a[:-1], self.b[:-1], self.a[1:], self.b[1:]
        variance = (eta * low) ** 2 * (1 - (a * low / (high * b)) ** 2)
        c = (low**2 - variance).sqrt() / b
        rows = self.told[:-1], c, high - c * a, variance.sqrt()
        return [Step(*row) for row in zip(*(x.tolist() for x in rows), strict=True)]


def as_levels(levels: Levels | Tensor, to_zero: bool = True) -> Levels:
    """Return levels (n + 1,) to walk down, n >= 1, on the CPU; a plain tensor means VE sigmas. Raises
    ValueError unless they are finite and descend, to 0 unless `to_zero` is False.
    """
    told = descending(levels.told if isinstance(levels, Levels) else levels, to_zero)
    return levels if isinstance(levels, Levels) else Levels.ve(told)


def scaled_linear(beta_start: float = 0.00085, beta_end: float = 0.012, count: int = 1000) -> Tensor:
    """Return sigma(t) for t = 0 .. count - 1, float64 (count,), where sqrt(beta) grows linearly (defaults: SD
    1.x, 2.x, SDXL).
    """
    beta = torch.linspace(beta_start**0.5, beta_end**0.5, count, dtype=torch.float64) ** 2
    return sigma_from_alpha_bar(torch.cumprod(1 - beta, dim=0))


def sigma_from_alpha_bar(alpha_bar: Tensor) -> Tensor:
    """Return sqrt((1 - alpha_bar) / alpha_bar), elementwise."""
    return ((1 - alpha_bar) / alpha_bar).sqrt()


def alpha_bar_from_sigma(sigma: Tensor) -> Tensor:
    """Return 1 / (1 + sigma^2), elementwise: the inverse of `sigma_from_alpha_bar`."""
    return 1 / (1 + sigma**2)


def ddim_uniform(schedule: Tensor, steps: int) -> Tensor:
    """Return sigmas (steps + 1,) at t = 1, 1 + stride, ..., descending, then 0.

    This is diffusers' "leading" spacing with an offset of one, and ComfyUI's `ddim_uniform` scheduler. Raises
    ValueError unless `steps` divides the length of the schedule and is smaller.
    """
    count = len(schedule)
    if steps < 1 or count % steps or steps == count:
        raise ValueError(
            f"got {steps} steps for a schedule of {count}; steps must divide {count} and be smaller than it"
        )
    timesteps = torch.arange(1, count, count // steps).flip(0)
    return torch.cat([schedule[timesteps], schedule.new_zeros(1)])


def descending(sigmas: Tensor, to_zero: bool = True) -> Tensor:
    """Return sigmas (n + 1,), n >= 1, as float64 on the CPU. Raises ValueError unless they are finite and
    descend, to 0 unless `to_zero` is False.
    """
    sigmas = _numbers(sigmas)
    if sigmas.ndim != 1 or len(sigmas) < 2:
        raise ValueError(f"got sigmas of shape {tuple(sigmas.shape)}; expected a list of at least two")
    last = float(sigmas[-1])
    falls = bool(torch.isfinite(sigmas).all()) and bool((sigmas.diff() < 0).all())
    if not falls or last < 0 or (to_zero and last != 0):
        end = "end in 0" if to_zero else "end at 0 or above"
        got = f"got {len(sigmas)} sigmas {float(sigmas[0]):.4g} ... {last:.4g}"
        raise ValueError(f"{got}; expected finite ones that descend at every step and {end}")
    return sigmas


def _numbers(sigmas: Tensor) -> Tensor:
    """Return a list of numbers as float64 on the CPU: not every device has float64."""
    try:
        sigmas = torch.as_tensor(sigmas).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"got {checks.kind(sigmas)} for the sigmas; expected a list of numbers") from None
    if sigmas.is_complex() or sigmas.dtype == torch.bool:
        raise TypeError(f"got sigmas of {sigmas.dtype}; expected floating-point numbers")
    return sigmas.double()


def to_vp(x: Tensor, sigma: float | Tensor) -> Tensor:
    """Return x / sqrt(1 + sigma^2): x (B, ...) at noise level sigma, a number or (B,), in the
    variance-preserving units of eps- and v-networks and of diffusers' pipelines.
    """
    checks.tensor(x, "x")
    return (x / _vp_scale(x, sigma)).to(x.dtype)


def from_vp(x: Tensor, sigma: float | Tensor) -> Tensor:
    """Return x sqrt(1 + sigma^2), the inverse of `to_vp`."""
    checks.tensor(x, "x")
    return (x * _vp_scale(x, sigma)).to(x.dtype)


def _vp_scale(x: Tensor, sigma: float | Tensor) -> Tensor:
    return (1 + per_row(x, sigma) ** 2).sqrt()


def per_row(x: Tensor, sigma: float | Tensor) -> Tensor:
    """Return sigma, a number or (B,), to broadcast over x (B, ...), in float32, or in float64 where x is."""
    if not isinstance(sigma, Tensor):
        checks.number(sigma, "sigma", 0)
    sigma = torch.as_tensor(sigma, dtype=torch.promote_types(x.dtype, torch.float32), device=x.device)
    if sigma.numel() != 1 and sigma.shape != x.shape[:1]:
        raise ValueError(
            f"got sigma of shape {tuple(sigma.shape)} for x of shape {tuple(x.shape)}; expected one per row"
        )
    return sigma.reshape(-1, *[1] * (x.ndim - 1))
