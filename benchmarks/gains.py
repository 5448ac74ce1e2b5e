"""`python -m benchmarks gains`: what samplers pass of their noise, and what noise made for them gains.

Shares r = gain / sqrt(lam) of N Euler steps; the squared distance of few-step pictures from their reference,
over its power, for plain noise, ZCA noise and noise raised by 1 / r (at most 2); and, with COMFYUI_DIR set,
the shares of the host's own samplers, each run once on a diagonal Gaussian.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path

import torch
from torch import Tensor

from img2noise import Whitener, draw, load, scaled_linear
from img2noise.noise import compensated, euler_gain, sampled_gain
from img2noise.noise.gains import Level, clipped

from .report import show_table

RATIOS = (1, 3, 10, 30, 100, 300, 1000)
PICTURES = 64
STEPS = (4, 8, 9, 20, 28, 50)
LAM = (0.06, 0.2, 1.0, 10.0, 100.0, 1300.0)
FLOWS = {  # steps, shift
    "4, shift 1": (4, 1.0),
    "4, shift 3": (4, 3.0),
    "8, shift 3": (8, 3.0),
    "20, shift 3.158": (20, math.exp(1.15)),
    "28, shift 3": (28, 3.0),
}
HOST = Path(__file__).with_name("gains_in_comfyui.py")


def run() -> None:
    """Three tables; the third where a ComfyUI is at hand."""
    rows = [(str(n), *(f"{float(s):.3f}" for s in shares(flow(n, 1.0), RATIOS))) for n in STEPS]
    show_table("share of N Euler steps at lam / shift^2", ("N", *map(str, RATIOS)), rows)
    lam = load("sd").at_size(64, 64).eigenvalues(torch.zeros(1, dtype=torch.float64)).double()
    ways = {name: (flow(*way), 1.0) for name, way in FLOWS.items()}
    ways |= {f"SD-Turbo {n}": turbo(n) for n in (1, 2, 4)}
    rows = [(name, *(f"{d:.3f}" for d in distances(lam, *way))) for name, way in ways.items()]
    headings = ("sampler", "plain noise", "ZCA", "for the sampler", "variance that passes")
    show_table("squared distance from the reference, spectrum of sd at 64 x 64", headings, rows)
    rows = [
        (name, *(f"{d:.3f}" for d in sampled(load("sd").at_size(64, 64), *way))) for name, way in ways.items()
    ]
    show_table(f"the same, of {PICTURES} pictures sampled", headings[:-1], rows)
    folder = os.environ.get("COMFYUI_DIR")
    if folder:
        show_host(Path(folder))


def flow(steps: int, shift: float) -> list[Level]:
    """Return the levels of `simple` on a flow model."""
    t = [shift * k / (steps + (shift - 1) * k) for k in range(steps, -1, -1)]
    return [(1 - v, v) for v in t]


def turbo(steps: int) -> tuple[list[Level], float]:
    """Return the levels of SDTurboScheduler, and what ComfyUI multiplies noise by at the first."""
    sigmas = [float(scaled_linear()[1000 - 100 * k - 1]) for k in range(steps)]
    return [(1.0, s) for s in (*sigmas, 0.0)], math.sqrt(1 + sigmas[0] ** 2)


def shares(levels: list[Level], lam, amplitude: float | None = None) -> Tensor:
    """Return gain / sqrt(lam)."""
    values = torch.as_tensor(lam, dtype=torch.float64)
    return euler_gain(values, levels, amplitude) / values.sqrt()


def distances(lam: Tensor, levels: list[Level], amplitude: float) -> tuple[float, ...]:
    """Return the distances of three noises that hold the whole picture, and the share of variance."""
    gain, root = euler_gain(lam, levels, amplitude), lam.sqrt()
    power = lam.sum()
    raised = gain * root / clipped(gain, root)
    off = (gain.square() + lam, (gain - root).square(), (raised - root).square())
    return (*(float(d.sum() / power) for d in off), float(gain.square().sum() / power))


def sampled(whitener: Whitener, levels: list[Level], amplitude: float) -> tuple[float, ...]:
    """Return the distances of what Euler's steps make of three noises, with the exact denoiser of the whole
    Gaussian: white, the picture's own, and that one made for these steps.
    """
    x0 = whitener.dewhiten(draw((PICTURES, *whitener.shape), list(range(PICTURES))))
    z = whitener.whiten(x0)

    def gain(lam: Tensor) -> Tensor:
        return euler_gain(lam, levels, amplitude)

    noises = draw(x0.shape, [PICTURES + seed for seed in range(PICTURES)]), z, compensated(z, whitener, gain)
    u, found = whitener.analyze(x0), []
    for noise in noises:
        off = _walked(whitener, noise, levels, amplitude) - u
        found.append(float(off.square().sum() / u.square().sum()))
    return tuple(found)


def _walked(whitener: Whitener, noise: Tensor, levels: list[Level], amplitude: float) -> Tensor:
    """Return the coordinates of the picture: each step moves x = a x0 + b n by its guess of x0 and n."""
    lam = whitener.eigenvalues(noise)
    x = amplitude * whitener.unrotate(noise)
    for (a, b), (to_a, to_b) in zip(levels, levels[1:], strict=False):
        clean = a * lam * x / (a * a * lam + b * b)
        x = to_a * clean + to_b * (x - a * clean) / b
    return x


def show_host(folder: Path) -> None:
    """Show shares of the host's samplers beside the library's run of Euler."""
    levels = flow(8, 3.0)
    ask = json.dumps(dict(lam=LAM, t=[b for _, b in levels]))
    python = os.environ.get("COMFYUI_PYTHON", str(folder / ".venv" / "bin" / "python"))
    command = [python, str(HOST), str(folder)]
    done = subprocess.run(command, input=ask, capture_output=True, text=True, check=True, cwd=folder)
    found = json.loads(done.stdout.splitlines()[-1])
    lam = torch.tensor(LAM, dtype=torch.float64)
    ours = {"closed form, euler": shares(levels, LAM), "our run, euler": _ours(lam, levels) / lam.sqrt()}
    rows = [(name, *(f"{float(s):.3f}" for s in r)) for name, r in ours.items()]
    rows += [(name, *(f"{s:.3f}" for s in r)) for name, r in found.items()]
    show_table("share of 8 steps at shift 3, ComfyUI's samplers", ("sampler", *map(str, LAM)), rows)


def _ours(lam: Tensor, levels: list[Level]) -> Tensor:
    def sample(denoise, x: Tensor) -> Tensor:
        for (_, t), (_, to) in zip(levels, levels[1:], strict=False):
            x = x + (to - t) * (x - denoise(x, t)) / t
        return x

    return sampled_gain(sample, lam)
