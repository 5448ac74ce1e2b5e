"""Noise levels of variance-preserving diffusion models, and the ancestral step between two of them.

    sigma = sqrt((1 - alpha_bar) / alpha_bar),   x = x0 + sigma eps   (variance-exploding units, as ComfyUI's)

A schedule is a 1-D float64 tensor, ascending: `schedule[t]` is the sigma of timestep t. Sigmas to sample with
descend, to 0 for the whole way. Sources: Ho et al. (2020), Eq. 4; Song et al. (2021, DDIM), Eq. 16; Karras et
al. (2022), Algorithm 2; Rombach et al. (2022) for the scaled-linear betas of Stable Diffusion.
"""

from __future__ import annotations

import torch
from torch import Tensor

from . import checks


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
    try:
        sigmas = torch.as_tensor(sigmas).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"got {checks.kind(sigmas)} for the sigmas; expected a list of numbers") from None
    if sigmas.is_complex() or sigmas.dtype == torch.bool:
        raise TypeError(f"got sigmas of {sigmas.dtype}; expected floating-point numbers")
    sigmas = sigmas.double()  # on the CPU: not every device has float64
    if sigmas.ndim != 1 or len(sigmas) < 2:
        raise ValueError(f"got sigmas of shape {tuple(sigmas.shape)}; expected a list of at least two")
    last = float(sigmas[-1])
    falls = bool(torch.isfinite(sigmas).all()) and bool((sigmas.diff() < 0).all())
    if not falls or last < 0 or (to_zero and last != 0):
        end = "end in 0" if to_zero else "end at 0 or above"
        got = f"got {len(sigmas)} sigmas {float(sigmas[0]):.4g} ... {last:.4g}"
        raise ValueError(f"{got}; expected finite ones that descend at every step and {end}")
    return sigmas


def ancestral_split(sigma_from: Tensor, sigma_to: Tensor, eta: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return (sigma_down, sigma_up), float64 on the CPU: sigma_up = eta sigma_to sqrt(1 - sigma_to^2 /
    sigma_from^2), squares add to sigma_to^2.

    A step is y_next = D + (sigma_down / sigma_from) (y - D) + sigma_up z: the DDPM posterior for eta = 1,
    DDIM for eta = 0. Raises ValueError unless 0 <= eta <= 1, 0 <= sigma_to <= sigma_from, sigma_from > 0.
    """
    checks.number(eta, "eta", 0, 1)
    sigma_from, sigma_to = (torch.as_tensor(s).detach().cpu().double() for s in (sigma_from, sigma_to))
    if bool(((sigma_to < 0) | (sigma_to > sigma_from) | (sigma_from <= 0)).any()):
        raise ValueError(
            f"got a step from sigma {sigma_from} to {sigma_to}; sigmas must descend to 0 or more"
        )
    up_squared = eta**2 * sigma_to**2 * (1 - (sigma_to / sigma_from) ** 2)
    return (sigma_to**2 - up_squared).sqrt(), up_squared.sqrt()


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
    """Return sqrt(1 + sigma^2), to broadcast over x (B, ...), in float32, or in float64 where x is."""
    if not isinstance(sigma, Tensor):
        checks.number(sigma, "sigma", 0)
    sigma = torch.as_tensor(sigma, dtype=torch.promote_types(x.dtype, torch.float32), device=x.device)
    if sigma.numel() != 1 and sigma.shape != x.shape[:1]:
        raise ValueError(
            f"got sigma of shape {tuple(sigma.shape)} for x of shape {tuple(x.shape)}; expected one per row"
        )
    return (1 + sigma.reshape(-1, *[1] * (x.ndim - 1)) ** 2).sqrt()
