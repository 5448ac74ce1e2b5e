"""Algorithm 1: simulated annealing for noise correlated with a picture, a block of proposals at a time.

    z' = sin(pi alpha / 2) z + cos(pi alpha / 2) e,   accepted with probability exp((L(z) - L(z')) / T_k)
    L_forward = |W^-1 z - x|^2,   L_backward = |z - W x|^2,   L_baseline = |z - x|^2,   x = x0 - mean

Source: First-step de-whitening (Eq. 10, 11 and Algorithm 1). In the eigenbasis each loss is |g q - t|^2 with
a gain g per coordinate: g = sqrt(lam), or the sampler's (see `gains`), or 1. White noise is white there too,
so proposals are drawn there and de-whitening is one multiplication. Within a block z stays in the span of its
start and the proposals; losses need only their Gram matrix. Losses are sums over D, in float64.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .. import checks
from ..whitening.whitener import Whitener
from . import sums
from .draw import Seed, draw_rows, noise_rows, rows_for, stream
from .gains import Gain, gain_at

LOSSES = ("forward", "backward", "baseline")
BLOCK = 64  # proposals per Gram matrix: its cost grows with the block, the cost of recombining falls with it
TARGET_ACCEPTANCE = 0.25  # of an adaptive step: random-walk Metropolis is best near it (Roberts 1997)


@dataclass(frozen=True, eq=False)
class Annealed:
    """The result of a search, a row per picture or seed.

    `z` (B, C, H, W) is the best noise, `z_last` the last one accepted (at a fixed temperature an unbiased
    sample), `loss_ratio` (B,) the best loss over the first, `losses` (B, steps + 1) the loss after each step,
    `acceptance` (B,) the share accepted; these three are on the CPU.
    """

    z: Tensor
    z_last: Tensor
    loss_ratio: Tensor
    losses: Tensor
    acceptance: Tensor


def anneal(
    x0: Tensor,
    whitener: Whitener,
    iterations: int = 5000,
    *,
    loss: str = "forward",
    alpha: float = 0.97,
    temperature: tuple[float, float] = (100.0, 5.0),
    seed: Seed,
    indices: Sequence[int] | None = None,
    adapt_step: bool = False,
    gain: Gain | None = None,
    on_step: Callable[[int, Tensor], object] | None = None,
) -> Annealed:
    """Return noises whose de-whitened pictures resemble x0 (B, C, H, W), searched from `draw(x0.shape, seed,
    indices)` row by row.

    `temperature` is the first and last T_k, linear in k, in units of the mean eigenvalue of the loss; at T <=
    0 only improvements and ties are accepted. `alpha` near 1 is a small step, 0 an independent draw; with
    `adapt_step` each row's step follows its acceptance. `gain` is the sampler's, sqrt(lam) by default. A list
    of seeds searches one row per seed.
    `on_step(step, loss_ratio)` is called after each block of 64 and stops the search by returning True: the
    best so far is returned. Runs on the CPU. Raises ValueError for bad shapes, NaN, or ranges.
    """
    _check(whitener, loss, iterations, alpha, temperature)
    fitted = whitener.at_size_of(x0)
    pictures = rows_for(x0, seed).detach().cpu()
    rows = noise_rows(len(pictures), seed, indices)
    starts = draw_rows(pictures.shape[1:], rows)
    chains = []
    for i, row in enumerate(rows):
        # Each row alone, in its own memory: a product of matrices rounds a row by the rows beside it.
        passing, target = _target(pictures[i : i + 1].clone(), fitted, loss, gain)
        start = fitted.unrotate(starts[i : i + 1].to(passing, copy=True))
        chains.append(_Chain(start[0], passing, target[0], row, alpha, adapt_step))
    first, last = (t * sums.mean(passing.double().square()) for t in temperature)
    scratch = passing.new_empty(2, min(BLOCK, iterations), len(passing))
    for taken in range(0, iterations, BLOCK):
        steps = range(taken + 1, min(taken + BLOCK, iterations) + 1)
        temperatures = [first + (last - first) * k / iterations for k in steps]
        for chain in chains:
            chain.advance(temperatures, scratch)
        ratios = torch.tensor([c.best / c.losses[0] for c in chains])
        if on_step is not None and on_step(steps[-1], ratios):
            break
    z, z_last = (
        torch.cat([fitted.rotate(getattr(c, q)[None]) for c in chains]).to(x0) for q in ("q_best", "q")
    )
    losses = torch.from_numpy(np.array([c.losses for c in chains]))  # (B, steps + 1)
    ratio = torch.tensor([c.best for c in chains], dtype=torch.float64) / losses[:, 0]
    acceptance = torch.tensor([c.accepted / max(1, losses.shape[1] - 1) for c in chains])
    return Annealed(z, z_last, ratio, losses, acceptance)


def _check(whitener: Whitener, loss: str, iterations: int, alpha: float, temperature) -> None:
    checks.instance(whitener, "the whitener", Whitener)
    checks.choice(loss, "loss", LOSSES)
    checks.whole(iterations, "iterations", 0)
    checks.number(alpha, "alpha", 0, 1)
    if not isinstance(temperature, Sequence) or len(temperature) != 2:
        raise ValueError(f"got temperature {checks.kind(temperature)}; expected two finite numbers")
    for t in temperature:
        checks.number(t, "temperature")


def loss_of(
    z: Tensor, x0: Tensor, whitener: Whitener, loss: str = "forward", gain: Gain | None = None
) -> Tensor:
    """Return L(z) against x0 (B, C, H, W) as Algorithm 1 sums it, with sqrt(lam) or the sampler's gain for
    the forward loss: float64 (B,) on the CPU.
    """
    checks.instance(whitener, "the whitener", Whitener)
    checks.choice(loss, "loss", LOSSES)
    fitted = whitener.at_size_of(x0)
    checks.finite(z, "the noise", 4)
    if len(z) != len(x0):
        raise ValueError(f"got {len(z)} noises for {len(x0)} pictures; expected one for each")
    passing, target = _target(x0, fitted, loss, gain)
    off = passing * fitted.unrotate(z.to(x0)) - target
    return sums.row_dots(off, off)  # not every device has float64


def _target(x0: Tensor, fitted: Whitener, loss: str, gain: Gain | None) -> tuple[Tensor, Tensor]:
    """Return gain (D,) and target (B, D) of the loss |gain q - target|^2 over eigenbasis coordinates."""
    u = fitted.analyze(x0)
    lam = fitted.eigenvalues(u)
    if loss == "forward":
        return gain_at(fitted, u, gain), u
    target = u * lam.rsqrt() if loss == "backward" else fitted.unrotate(fitted.center(x0))
    return torch.ones_like(lam), target


class _Chain:
    """The search of one row over coordinates q (D,): its state, best, random stream and step size."""

    def __init__(
        self, q: Tensor, gain: Tensor, target: Tensor, row: tuple[int, int], alpha: float, adapt_step: bool
    ):
        self.q = self.q_best = q
        self.gain, self.target, self.adapt_step = gain, target, adapt_step
        self.keep, self.move = math.sin(math.pi * alpha / 2), math.sin(math.pi * (1 - alpha) / 2)
        self.generator = stream(*row, "annealing")  # `draw` starts the search from another stream
        off = gain.double() * q.double() - target.double()
        self.losses = array("d", [sums.dot(off, off)])
        self.best, self.accepted = self.losses[0], 0

    def propose(self, count: int, out: Tensor | None = None) -> tuple[Tensor, list[float]]:
        """Return `count` white proposals (count, D), in `out` if given, and as many log-uniforms."""
        log_u = torch.rand(count, dtype=torch.float64, generator=self.generator).log().tolist()
        shape = count, len(self.q)
        return torch.randn(shape, dtype=self.q.dtype, generator=self.generator, out=out), log_u

    def advance(self, temperatures: list[float], scratch: Tensor) -> None:
        """Decide one proposal per temperature, through the Gram matrix of the proposals' pictures.

        `scratch` (2, at least K, D) is overwritten: an allocator would hand such blocks back at every step.
        """
        room = scratch[:, : len(temperatures)]
        e, log_u = self.propose(len(temperatures), out=room[0])
        u = torch.mul(e, self.gain, out=room[1])  # (K, D)
        a = self.gain * self.q
        gram = (u @ u.T).double().numpy()
        with_state, with_target = (u @ torch.stack([a, self.target], 1)).double().T.numpy()  # (K,) each
        a, t = a.double(), self.target.double()
        inner = gram, with_state, with_target, sums.dot(a, a), sums.dot(a, t), sums.dot(t, t)
        last, best, accepted = self._walk(inner, temperatures, log_u)
        weights = torch.from_numpy(np.stack([last, last if best is None else best])).to(self.q.dtype)
        q, q_best = weights[:, :1] * self.q + weights[:, 1:] @ e  # (2, D)
        if best is not None:
            self.q_best = q_best
        if accepted:
            self.q = q
        self.accepted += accepted
        if self.adapt_step:
            surplus = accepted / len(temperatures) - TARGET_ACCEPTANCE
            self.move = min(1.0, max(1e-4, self.move * math.exp(surplus / 2)))
            self.keep = math.sqrt(1 - self.move**2)

    def _walk(self, inner, temperatures, log_u):
        """Return weights (1 + K,) of start and proposals in the last state, in the best if it is new, and how
        many proposals were accepted.

        Algorithm 1 over a block, in inner products alone. a is the picture of the state, u_k that of proposal
        k, t the target: gram[j, k] = u_j.u_k, with_state[k] = a.u_k, with_target[k] = u_k.t, a.a, a.t, t.t.
        """
        gram, with_state, with_target, aa, at, tt = inner
        s, c = self.keep, self.move
        weights = np.zeros(1 + len(temperatures))
        weights[0] = 1.0
        current, best, accepted = self.losses[-1], None, 0
        own, on_target = gram.diagonal().tolist(), with_target.tolist()
        for k, temperature in enumerate(temperatures):
            state = float(with_state[k])
            new_aa = s * s * aa + 2 * s * c * state + c * c * own[k]
            new_at = s * at + c * on_target[k]
            new = new_aa - 2 * new_at + tt
            rise = new - current
            if rise <= 0 or (temperature > 0 and log_u[k] < -rise / temperature):
                aa, at, current, accepted = new_aa, new_at, new, accepted + 1
                with_state = s * with_state + c * gram[k]
                weights *= s
                weights[1 + k] += c
                if new < self.best:
                    self.best, best = new, weights.copy()
            self.losses.append(current)
        return weights, best, accepted
