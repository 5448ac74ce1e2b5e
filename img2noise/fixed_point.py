"""Anderson acceleration of a fixed-point iteration x <- G(x), for one sample at a time.

    x' = sum a_i G(x_i),   a = argmin |sum a_i (G(x_i) - x_i)|,   sum a_i = 1,   over m + 1 iterates

Source: Anderson (1965); Walker, Ni (2011), Eq. 2.2. The fixed point is that of the plain iteration; what lies
between is not.
"""

from __future__ import annotations

import torch
from torch import Tensor

RIDGE = 1e-10  # of the Gram matrix's trace: enough for float32, whose differences turn parallel


class Anderson:
    """The memory of one sample's iteration; `window` m = 0 is the plain one."""

    def __init__(self, window: int):
        self.window, self.residual = window, float("inf")
        self.images: list[Tensor] = []
        self.differences: list[Tensor] = []

    def next(self, x: Tensor, image: Tensor) -> Tensor:
        """The next iterate from x and G(x), both (D,); `residual` becomes the RMS of G(x) - x.

        Where the residual has more than doubled the extrapolation went astray, and memory starts anew.
        """
        difference = image - x
        before, self.residual = self.residual, float(difference.square().mean().sqrt())
        if self.window == 0:
            return image
        if self.residual > 2 * before:
            self.images, self.differences = [], []
        self.images = [*self.images, image][-self.window - 1 :]
        self.differences = [*self.differences, difference][-self.window - 1 :]
        return self._extrapolated() if len(self.images) > 1 else image

    def _extrapolated(self) -> Tensor:
        r = torch.stack(self.differences).cpu().double()  # (m + 1, D); not every device has float64
        steps = r[1:] - r[:-1]
        gram = steps @ steps.T
        ridge = max(RIDGE * float(gram.trace()), 1e-300) * torch.eye(len(gram), dtype=gram.dtype)
        gamma = torch.linalg.solve(gram + ridge, steps @ r[-1])
        g = torch.stack(self.images)
        return g[-1] - gamma.to(g) @ (g[1:] - g[:-1])
