"""A network over a schedule of timesteps as denoise(x, sigma), and classifier-free guidance.

    EpsDenoiser   D(x, sigma) = x - sigma eps(x_vp, t)
    VDenoiser     D(x, sigma) = a^2 x - sigma a v(x_vp, t)   (Salimans and Ho 2022, appendix D)
    VelocityDenoiser    D(x, t) = x - t v(x, t), x = (1 - t) x0 + t n   (Lipman et al. 2023)
    guided        D = D_uncond + scale (D_cond - D_uncond)   (Ho and Salimans 2022, Eq. 6, scale = 1 + w)

with a = 1 / sqrt(1 + sigma^2), x_vp = a x and t = t(sigma), which inverts the schedule, linear in log sigma
between its timesteps (Karras et al. 2022, appendix C.3). x (B, ...) may have any number of further axes.
Arithmetic is in float32 (float64 where x is), the network runs in its own dtype, the result is in x's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from . import checks
from .denoisers import Denoiser
from .sigmas import per_row, scaled_linear, to_vp

Network = Callable[[Tensor, Tensor], Any]  # (x_vp (B, ...), t (B,)) -> a tensor (B, ...), or one in .sample
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True, eq=False)
class NetworkDenoiser(ABC):
    """A network(x_vp, t), whose answer is a tensor or has one in `.sample`, as `denoise(x, sigma)`.

    `schedule` (T,) is the sigma of each timestep, ascending; default Stable Diffusion's. `dtype` is that of
    the network's input; by default that of the network or its parameters, also through functools.partial,
    else that of the arithmetic. Gradients pass, so sample under torch.no_grad(). Raises TypeError or
    ValueError for a bad schedule.
    """

    network: Network
    schedule: Tensor = field(default_factory=scaled_linear)
    dtype: torch.dtype | None = None

    def __post_init__(self):
        _check(self.network, self.dtype)
        object.__setattr__(self, "schedule", _ascending(self.schedule))

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        """Return the network's E[x0 | x], in x's dtype; sigma is a number or (B,)."""
        checks.tensor(x, "x")
        state = x.to(torch.promote_types(x.dtype, torch.float32))
        x_vp = to_vp(state, sigma)
        sigma = torch.as_tensor(sigma, dtype=state.dtype, device=x.device).expand(len(x))
        out = _asked(self.network, x_vp, self.timestep(sigma), self._dtype())
        column = sigma.view(-1, *[1] * (x.ndim - 1))
        return self._clean(state, out, column).to(x.dtype)

    @property
    def precision(self) -> str | None:
        """The name of the network's dtype, such as "float16"; None where it is not known."""
        return _name(self._dtype())

    def timestep(self, sigma: Tensor) -> Tensor:
        """Return t(sigma), float32 (B,), fractional, within the schedule; a whole number at its sigmas."""
        sigma = sigma.detach().float()
        table = self.schedule.float().to(sigma.device)
        gaps = self.schedule.log().diff(append=self.schedule.new_tensor([torch.inf])).float()
        below = (torch.searchsorted(table, sigma.contiguous(), right=True) - 1).clamp_min(0)
        at = table[below]
        t = below + torch.log1p((sigma - at) / at) / gaps.to(sigma.device)[below]
        return t.clamp(0, len(table) - 1)

    def _dtype(self) -> torch.dtype | None:
        return self.dtype or _dtype_of(self.network)

    @abstractmethod
    def _clean(self, x: Tensor, out: Tensor, sigma: Tensor) -> Tensor:
        """Return x0 from the network's output at x; sigma (B, 1, ...)."""


class EpsDenoiser(NetworkDenoiser):
    """An eps-network as `denoise(x, sigma)`: Stable Diffusion 1.x, 2.x base, SDXL."""

    def _clean(self, x: Tensor, out: Tensor, sigma: Tensor) -> Tensor:
        return x - sigma * out


class VDenoiser(NetworkDenoiser):
    """A network of v = (eps - sigma x0) / sqrt(1 + sigma^2) as `denoise(x, sigma)`: Stable Diffusion 2.x at
    768 pixels.
    """

    def _clean(self, x: Tensor, out: Tensor, sigma: Tensor) -> Tensor:
        a = (1 + sigma**2).rsqrt()
        return a**2 * x - sigma * a * out


@dataclass(frozen=True, eq=False)
class VelocityDenoiser:
    """A network(x, multiplier t) of v = n - x0 as `denoise(x, t)` of flow levels, x = (1 - t) x0 + t n: SD3,
    Flux, Qwen-Image, Wan. `multiplier` is 1000, or 1 for networks told t itself; dtype as in NetworkDenoiser.
    """

    network: Network
    multiplier: float = 1000.0
    dtype: torch.dtype | None = None

    def __post_init__(self):
        _check(self.network, self.dtype)
        checks.number(self.multiplier, "the multiplier", 0)

    def __call__(self, x: Tensor, t: float | Tensor) -> Tensor:
        """Return x - t v, in x's dtype; t in [0, 1] is a number or (B,)."""
        checks.tensor(x, "x")
        state = x.to(torch.promote_types(x.dtype, torch.float32))
        column = per_row(state, t)
        times = (self.multiplier * column).flatten().expand(len(x)).float()
        v = _asked(self.network, state, times, self.dtype or _dtype_of(self.network))
        return (state - column * v).to(x.dtype)

    @property
    def precision(self) -> str | None:
        """The name of the network's dtype, as of NetworkDenoiser."""
        return _name(self.dtype or _dtype_of(self.network))


@dataclass(frozen=True, eq=False)
class _Guided:
    cond: Denoiser
    uncond: Denoiser
    scale: float

    def __call__(self, x: Tensor, sigma: Any) -> Tensor:  # a number or (B,), as the two take it
        clean = self.uncond(x, sigma)
        return clean + self.scale * (self.cond(x, sigma) - clean)

    @property
    def precision(self) -> str | None:
        """That of the conditional network."""
        return getattr(self.cond, "precision", None)


def guided(cond: Denoiser, uncond: Denoiser, scale: float) -> Denoiser:
    """Return the denoiser uncond + scale (cond - uncond), two calls each; at scale 1 `cond` itself."""
    for denoise in (cond, uncond):
        checks.function(denoise, "a denoiser", "denoise(x, sigma)")
    checks.number(scale, "scale")
    return cond if scale == 1 else _Guided(cond, uncond, scale)


def _asked(network: Network, x: Tensor, times: Tensor, dtype: torch.dtype | None) -> Tensor:
    """Return a network's answer to x (B, ...), in x's dtype."""
    out = network(x.to(dtype or x.dtype), times)
    out = out if isinstance(out, Tensor) else getattr(out, "sample", out)
    if not isinstance(out, Tensor) or out.shape != x.shape:
        raise ValueError(
            f"got {checks.kind(out)} from the network; expected a tensor of shape {tuple(x.shape)}, "
            "or an object that has it as .sample"
        )
    return out.to(x.dtype)


def _check(network: Network, dtype: torch.dtype | None) -> None:
    checks.function(network, "the network", "network(x, t)")
    if dtype is not None and dtype not in FLOATS:
        raise TypeError(f"got {checks.kind(dtype)} for the dtype; expected torch.float16, say")


def _name(dtype: torch.dtype | None) -> str | None:
    return None if dtype is None else str(dtype).removeprefix("torch.")


def _ascending(schedule: Tensor) -> Tensor:
    """Return the schedule as float64 on the CPU, checked."""
    checks.tensor(schedule, "the schedule")
    schedule = schedule.detach().cpu().double()
    sound = schedule.ndim == 1 and bool(torch.isfinite(schedule).all() and schedule[0] > 0)
    if not sound or bool((schedule.diff() <= 0).any()):
        raise ValueError(
            f"got a schedule of shape {tuple(schedule.shape)}; expected one finite sigma per timestep, "
            "ascending from above 0, such as scaled_linear()"
        )
    return schedule


def _dtype_of(network: Network) -> torch.dtype | None:
    """Return a network's dtype, or else that of its first floating-point parameter."""
    while isinstance(network, partial):
        network = network.func
    network = getattr(network, "__self__", network)  # of a method, such as unet.forward
    stated = getattr(network, "dtype", None)
    if stated in FLOATS:
        return stated
    parameters = network.parameters() if isinstance(network, nn.Module) else ()
    return next((p.dtype for p in parameters if p.dtype in FLOATS), None)
