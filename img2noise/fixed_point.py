"""Anderson acceleration of a fixed-point iteration x <- G(x), for one sample at a time.

    x' = sum a_i G(x_i),   a = argmin |sum a_i (G(x_i) - x_i)|,   sum a_i = 1,   over m + 1 iterates

Source: Anderson (1965); Walker, Ni (2011), Eq. 2.2. The fixed point is that of the plain iteration; what lies
between is not.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from . import sums

RIDGE = 1e-10  # of the Gram matrix's trace: enough for float32, whose differences turn parallel


class Anderson:
    """The memory of one sample's iteration; `window` m = 0 is the plain one."""

    def __init__(self, window: int):
        self.window, self.residual = window, float("inf")
        self.last: tuple[Tensor, Tensor] | None = None  # G(x) and G(x) - x of the iterate before
        self.moves: list[tuple[Tensor, Tensor]] = []  # how both changed from iterate to iterate

    def next(self, x: Tensor, image: Tensor) -> Tensor:
        """The next iterate from x and G(x), both (D,); `residual` becomes the RMS of G(x) - x.

        Where the residual has more than doubled the extrapolation went astray, and memory starts anew.
        """
        difference = (image - x).cpu().double()  # not every device has float64
        before, self.residual = self.residual, (sums.dot(difference, difference) / len(x)) ** 0.5
        if self.window == 0:
            return image
        if self.residual > 2 * before:
            self.last, self.moves = None, []
        if self.last is not None:
            move = image - self.last[0], difference - self.last[1]
            self.moves = [*self.moves, move][-self.window :]
        self.last = image, difference
        return self._extrapolated(image, difference) if self.moves else image

    def _extrapolated(self, image: Tensor, difference: Tensor) -> Tensor:
        images, differences = zip(*self.moves, strict=True)
        differences = torch.stack(differences)  # (m, D)
        gram = sums.gram(differences, differences)
        ridge = max(RIDGE * float(gram.trace()), 1e-300) * np.eye(len(gram))
        gamma = np.linalg.solve(gram + ridge, sums.gram(differences, difference[None])[:, 0])
        for share, move in zip(gamma.tolist(), images, strict=True):
            image = image - share * move
        return image
