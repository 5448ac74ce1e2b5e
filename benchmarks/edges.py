"""`python -m benchmarks edges`: what exactness at the edges costs or saves, the old way beside ours.

Replay: the shipped network of photo32 in half precision extracts noise maps of scikit-image's photos with
several levels a call or with one, and replays them one level at a time. First step: rows that the network is
given, all of them until the last has stopped, or those that go on.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from img2noise import draw, extract, load, replay
from img2noise.denoisers import Denoiser
from img2noise.inversion import first_step
from img2noise.networks import guided
from img2noise.sigmas import ddim_uniform, scaled_linear

from .papers.worlds import NETWORK, crops
from .report import show_table
from .stored_network import load_network

STEPS, ROWS, LEVELS = 50, 1, 16
PRECISIONS = (torch.float32, torch.bfloat16, torch.float16)
GUIDANCE = (1.0, 5.0)


def run() -> None:
    """Both tables."""
    replays()
    finished_rows()


def replays() -> None:
    """RMS error of extraction and replay over the RMS of the pictures, at skip 0."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    x0, rows = crops([], ROWS).to(device), []
    for precision in PRECISIONS:
        for scale in GUIDANCE:
            denoise = network(precision, scale, device)
            errors = [replay_error(denoise, x0, levels) for levels in (LEVELS, 1)]
            name = f"{str(precision).removeprefix('torch.')}, guidance {scale:g}"
            rows.append((name, *(f"{error:.1e}" for error in errors), "1e-3"))
    headings = ("network", f"{LEVELS} levels a call", "one level a call", "bound")
    show_table(f"replay, {STEPS} steps, relative RMS error, {device}", headings, rows)


def replay_error(denoise: Denoiser, x0: Tensor, levels_per_call: int, steps: int = STEPS) -> float:
    """RMS of what a replay differs from x0 by, over the RMS of x0."""
    sigmas = ddim_uniform(scaled_linear(), steps)
    maps = extract(denoise, x0, sigmas, seed=0, levels_per_call=levels_per_call)
    return float((replay(denoise, maps) - x0).norm() / x0.norm())


def network(precision: torch.dtype, scale: float = 1.0, device: str = "cpu") -> Denoiser:
    """The shipped network in a precision; guided away from what it makes of the mirrored picture."""
    loaded = load_network(NETWORK)
    denoise = type(loaded)(copy.deepcopy(loaded.network).to(device, precision), loaded.schedule)

    def mirrored(x: Tensor, sigma: Tensor) -> Tensor:
        return denoise(x.flip(-1), sigma).flip(-1)

    return denoise if scale == 1 else guided(denoise, mirrored, scale)


def finished_rows() -> None:
    """Row evaluations of a first-step inversion to unit deviation, pictures of several contrasts."""
    whitener = load("sd").at_size(32, 32)
    x0 = whitener.dewhiten(draw((4, *whitener.shape), 1000))
    x0 = x0 * torch.tensor([0.15, 0.5, 1.0, 4.0]).view(-1, 1, 1, 1)
    lam = whitener.eigenvalues(x0).mean()
    rows = []
    for name, alike in (("all rows until the last one stops", False), ("those that go on", True)):
        given: list[int] = []

        def denoise(x: Tensor, sigma: Tensor, given: list[int] = given) -> Tensor:
            given.append(len(x))
            return x * (lam / (lam + sigma.view(-1, 1, 1, 1) ** 2))

        first_step.invert(denoise, x0, 13.04, iterations=500, rows_alike=alike)
        rows.append((name, f"{len(given)}", f"{sum(given)}"))
    show_table("first step of 4 pictures", ("rows given to the network", "calls", "rows"), rows)
