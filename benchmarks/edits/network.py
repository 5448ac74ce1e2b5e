"""The little world as denoise(x, sigma) under the prompts of a batch of edits; counts what goes through it.

A row is one picture through the network once; guidance other than 1 makes it two. What the source prompts
give at a state is kept: many methods ask the same, which saves time here and is counted all the same.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from img2noise import VDenoiser, ddim_uniform, scaled_linear
from img2noise.denoisers import Denoiser
from world.model import LittleWorld

SCHEDULE = scaled_linear()


class Network:
    def __init__(self, model: LittleWorld, bfloat16: bool = False):
        self.model, self.bfloat16, self.rows = model, bfloat16, 0
        self._kept: dict[tuple, Tensor] = {}

    def denoiser(self, prompts: list[str], guidance: float = 1.0, keep: bool = False) -> Denoiser:
        """Return D(x, sigma) with one prompt a row."""
        inner = self.model.denoiser(prompts, guidance)

        def denoise(x: Tensor, sigma: Tensor) -> Tensor:
            self.rows += len(x) * (1 if guidance == 1 else 2)
            if not keep:
                return self._run(inner, x, sigma)
            place = (tuple(prompts), guidance, float(sigma[0]), x.numpy().tobytes())
            if place not in self._kept:
                self._kept[place] = self._run(inner, x, sigma)
            return self._kept[place]

        return denoise

    def v(self, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
        """Return the network's answer to x_vp (B, 4, H, W) at timestep t, one or (B,)."""
        self.rows += len(x)
        return self._run(self.model, x, t.expand(len(x)).float(), context).float()

    def clean(self, x: Tensor, sigma: float, context: Tensor) -> Tensor:
        """Return D(x, sigma), with a context (B, L, W)."""
        return VDenoiser(lambda x, t: self.v(x, t, context), dtype=self.model.dtype)(x, sigma)

    def forget(self) -> None:
        """Drop what was kept, between batches."""
        self._kept.clear()

    def _run(self, function, *arguments) -> Tensor:
        half: AbstractContextManager = (
            torch.autocast("cpu", torch.bfloat16) if self.bfloat16 else nullcontext()
        )
        with half:
            return function(*arguments)


def grid(steps: int) -> Tensor:
    """Return the sigmas of `steps` DDIM steps."""
    return ddim_uniform(SCHEDULE, steps)
