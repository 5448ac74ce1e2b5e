"""Inversion: round trips beside other packs' update rules on a toy whose denoiser is exact, and time over
bare network calls.

Toy: a mixture of 64 Gaussians in 256 dimensions, sigmas of Karras et al. (2022) over SD's range, inverted by
each rule and sampled back by plain Euler. Rules are named after the packs that use them. Time: on the CPU a
convolutional network of the size of a small UNet stands in for the model, with `--device cuda` a UNet of SD
1.5's size in float16, with random weights; whatever an algorithm spends outside of it is its overhead.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

import torch
import typer
from torch import Tensor, nn

from img2noise import draw, extract, replay
from img2noise.denoisers import Denoiser
from img2noise.inversion import ddim, first_step
from img2noise.sigmas import ddim_uniform, scaled_linear

from . import inversion_schemes
from .report import show, show_table

STEPS = (10, 20, 50)
COMPONENTS, SIZE, SPREAD = 64, (4, 8, 8), 0.3


def run(device: Annotated[str, typer.Option(help="Where the timed network runs: cpu, cuda, mps.")] = "cpu"):
    """Print the tables."""
    round_trips()
    inversion_schemes.run()
    overhead(device)


def round_trips() -> None:
    """Relative RMS error of inversion and back, per rule and number of steps."""
    denoise = mixture_denoiser()
    x0 = draw((32, *SIZE), seed=2) * SPREAD + _centers()[torch.arange(32)]
    rows = []
    for name, rule in RULES.items():
        errors = []
        for steps in STEPS:
            sigmas = karras(steps)
            back = ddim.sample(denoise, rule(denoise, x0, sigmas), sigmas)
            errors.append(f"{float((back - x0).square().mean().sqrt() / x0.std()):.4f}")
        rows.append((name, *errors, "<= 0.005 at 20" if name.endswith("5 iterations") else ""))
    show_table("round trip, relative RMS", ("rule", *(f"{n} steps" for n in STEPS), "claim"), rows)


def overhead(device: str = "cpu") -> None:
    """Print the time of each algorithm over that of the network calls it makes, and levels per call side by
    side.
    """
    small = torch.device(device).type == "cpu"
    network = Timed(_network() if small else sd15(device))
    sigmas, x0 = ddim_uniform(scaled_linear(), 20), (draw((1, 4, 64, 64), seed=1) * 0.9).to(device)
    maps = extract(network, x0, sigmas, seed=0)
    works = {
        "extract": lambda: extract(network, x0, sigmas, seed=0),
        "replay": lambda: replay(network, maps),
        "DDIM inversion": lambda: ddim.invert(network, x0, sigmas),
        "implicit inversion": lambda: ddim.invert(network, x0, sigmas, scheme="implicit", iterations=3),
        "first step": lambda: first_step.invert(network, x0, 13.04, iterations=20, stop="iterations"),
    }
    rows = []
    for name, work in works.items():
        seconds, share = network.measure(work)
        rows.append((f"{name} / its network calls", f"{share:.3f} x of {seconds:.3f} s", "<= 1.02 x"))
    one, _ = network.measure(lambda: extract(network, x0, sigmas, seed=0))
    for count in (4, 16):
        many, _ = network.measure(
            lambda count=count: extract(network, x0, sigmas, seed=0, levels_per_call=count)
        )
        rows.append((f"extract, one level a call / {count} levels a call", f"{one / many:.2f} x", ""))
    show(f"inversion, {'a small network' if small else 'SD 1.5 in size, float16'} on {device}", rows)


class Timed:
    """A network as denoise(x, sigma) that adds up the time spent in it."""

    def __init__(self, network: nn.Module):
        self.network, self.seconds = network, 0.0

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        start = time.perf_counter()
        column = sigma.view(-1, 1, 1, 1)
        with torch.inference_mode():
            out = x - column * self.network(x / (1 + column**2).sqrt())
        if x.device.type != "cpu":
            getattr(torch, x.device.type).synchronize()
        self.seconds += time.perf_counter() - start
        return out

    def measure(self, work: Callable[[], object]) -> tuple[float, float]:
        """Return the seconds of the fastest of three runs, and the least share of a run's time over its time
        in the network.
        """
        runs = [self._run(work) for _ in range(3)]
        return min(total for total, _ in runs), min(total / inside for total, inside in runs)

    def _run(self, work: Callable[[], object]) -> tuple[float, float]:
        self.seconds, start = 0.0, time.perf_counter()
        work()
        return time.perf_counter() - start, self.seconds


def karras(steps: int, low: float = 0.0291672, high: float = 14.614641, rho: float = 7.0) -> Tensor:
    """Descending sigmas (steps + 1,), the last 0 (Karras et al. 2022, Eq. 5)."""
    ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
    return torch.cat(
        [(high ** (1 / rho) + ramp * (low ** (1 / rho) - high ** (1 / rho))) ** rho, ramp.new_zeros(1)]
    )


def mixture_denoiser() -> Denoiser:
    """E[x0 | x] for equal Gaussians of standard deviation SPREAD around the centers."""
    centers = _centers().flatten(1)  # (K, D)

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        flat, variance = x.flatten(1), sigma[:, None].to(x) ** 2 + SPREAD**2
        weights = (-(torch.cdist(flat, centers.to(x)) ** 2) / (2 * variance)).softmax(1)  # (B, K)
        nearest = weights @ centers.to(x)
        return (nearest + SPREAD**2 / variance * (flat - nearest)).view_as(x)

    return denoise


def _centers() -> Tensor:
    return draw((COMPONENTS, *SIZE), seed=1)


def _eps(denoise: Denoiser, y: Tensor, sigma: float) -> Tensor:
    return (y - denoise(y, torch.full((len(y),), sigma))) / sigma


def _flipped_euler(denoise: Denoiser, y: Tensor, sigmas: Tensor) -> Tensor:
    """Euler over the flipped list, its 0 replaced by 1e-4."""
    levels = [1e-4, *sigmas.flip(0)[1:].tolist()]
    for low, high in zip(levels[:-1], levels[1:], strict=True):
        y = y + (high - low) * _eps(denoise, y, low)
    return y


def _evaluate_ahead(denoise: Denoiser, y: Tensor, sigmas: Tensor) -> Tensor:
    """Euler evaluated at the level ahead, then divided by its deviation and scaled to the first sigma."""
    levels = sigmas.flip(0).tolist()
    for low, high in zip(levels[:-1], levels[1:], strict=True):
        y = y + (high - low) * _eps(denoise, y, high)
    return y / y.std() * levels[-1]


def _sigma_adjusted(denoise: Denoiser, y: Tensor, sigmas: Tensor) -> Tensor:
    """Euler evaluated behind; the first step at the second level with half a slope."""
    levels = sigmas.flip(0).tolist()
    for k, (low, high) in enumerate(zip(levels[:-1], levels[1:], strict=True)):
        slope = _eps(denoise, y, high) / 2 if k == 0 else _eps(denoise, y, low)
        y = y + (high - low) * slope
    return y


def _ours(scheme: str, iterations: int = 1) -> Callable:
    return lambda denoise, x0, sigmas: ddim.invert(denoise, x0, sigmas, scheme=scheme, iterations=iterations)


RULES = {
    "core FlipSigmas + euler, Unsampler": _flipped_euler,
    "A1111 img2img alternative": _evaluate_ahead,
    "A1111 sigma adjustment, InversedNoise": _sigma_adjusted,
    "img2noise, target": _ours("target"),
    "img2noise, implicit, 5 iterations": _ours("implicit", 5),
    "img2noise, implicit, 10 iterations": _ours("implicit", 10),
}


class _Conditioned(nn.Module):
    """A UNet of latents, given one prompt of zeros and one timestep, which cost what others do."""

    def __init__(self, unet: nn.Module, device: str):
        super().__init__()
        self.unet, self.prompt = unet, torch.zeros(1, 77, 768, dtype=torch.float16, device=device)

    def forward(self, x: Tensor) -> Tensor:
        prompt = self.prompt.expand(len(x), -1, -1)
        return self.unet(x.half(), 500, encoder_hidden_states=prompt).sample.to(x.dtype)


def sd15(device: str) -> nn.Module:
    """Return a UNet of SD 1.5's shape in float16 (Rombach et al. 2022), with random weights, through
    diffusers.
    """
    from diffusers import UNet2DConditionModel

    with torch.random.fork_rng(), torch.device(device):
        unet = UNet2DConditionModel(cross_attention_dim=768)
    return _Conditioned(unet.half().eval(), device)


def _network(width: int = 320, depth: int = 6) -> nn.Module:
    """Convolutions as wide as SD's at half a latent's resolution: the work of a very small UNet."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        inner = [layer for _ in range(depth) for layer in (nn.SiLU(), nn.Conv2d(width, width, 3, 1, 1))]
        ends = nn.Conv2d(4, width, 3, 2, 1), nn.Upsample(scale_factor=2), nn.Conv2d(width, 4, 3, 1, 1)
        return nn.Sequential(ends[0], *inner, *ends[1:]).eval()
