"""Anderson acceleration of fixed-point iterations x <- G(x), one for each row of a batch.

    x' = G(x_0) - sum gamma_i (G(x_i) - G(x_i+1)),   gamma = argmin |f_0 - sum gamma_i (f_i - f_i+1)|,
    f = G(x) - x,   over the last m + 1 iterates, newest first

Source: Anderson (1965); Walker, Ni (2011), Eq. 2.2. The least squares are solved by modified Gram-Schmidt
(Bjorck 1967), which is stable in the state's own precision, so everything stays on x's device and nothing is
read back to the host. The fixed point is that of the plain iteration; the iterates before it are not.
"""

from __future__ import annotations

import torch
from torch import Tensor

DEPENDENT = 16  # rounding units: a column that loses all but this to the newer ones is left out
GROWTH = 2.0  # of a residual from one iterate to the next, past which a row forgets its history


class Anderson:
    """The history of a batch's iterations; `window` is m, 0 for the plain iteration.

    `residual` (B,) is the RMS of the last f = G(x) - x, on x's device.
    """

    def __init__(self, window: int):
        self.window = window
        self.residual = torch.zeros(0)  # of each row; of none before the first step
        self.last: tuple[Tensor, Tensor] | None = None  # G(x) and f of the iterate before, (B, D) each
        self.moves: list[tuple[Tensor, Tensor]] = []  # how both changed at each iterate, newest first

    def next(self, x: Tensor, image: Tensor) -> Tensor:
        """Return the next iterates (B, D) from x and G(x), both (B, D).

        A row whose residual has more than doubled forgets its history and takes a plain step.
        """
        difference = image - x
        before, self.residual = self.residual, difference.square().mean(1).sqrt()
        if self.window == 0:
            return image
        if self.last is not None:
            keep = (self.residual <= GROWTH * before)[:, None]  # (B, 1)
            newest = image - self.last[0], difference - self.last[1]
            moves = [newest, *self.moves][: self.window]
            self.moves = [(torch.where(keep, g, 0), torch.where(keep, f, 0)) for g, f in moves]
        self.last = image, difference
        if not self.moves:
            return image
        images, differences = zip(*self.moves, strict=True)
        shares = least_squares(differences, difference)
        return image - sum(share * move for share, move in zip(shares, images, strict=True))


def least_squares(columns: tuple[Tensor, ...], target: Tensor) -> list[Tensor]:
    """Return gamma_i (B, 1) that minimize |target - sum gamma_i columns_i|, row by row; all are (B, D).

    A column that depends on those before it, or is zero, has gamma 0.
    """
    tiny = DEPENDENT * torch.finfo(target.dtype).eps
    basis: list[Tensor] = []  # Q
    overlaps: list[list[Tensor]] = []  # the part of R above its diagonal
    sizes: list[Tensor] = []  # its diagonal
    shares: list[Tensor] = []  # Q^T b
    for column in columns:
        whole = column.norm(dim=1, keepdim=True)
        above: list[Tensor] = []
        for q in basis:
            above.append(_dot(q, column))
            column = column - above[-1] * q
        size = column.norm(dim=1, keepdim=True)
        independent = size > tiny * whole
        size = torch.where(independent, size, 1)
        basis.append(torch.where(independent, column / size, 0))
        overlaps.append(above)
        sizes.append(size)
        shares.append(_dot(basis[-1], target))
        target = target - shares[-1] * basis[-1]
    for i in reversed(range(len(columns))):  # R gamma = Q^T b, from its last row up
        for j in range(i + 1, len(columns)):
            shares[i] = shares[i] - overlaps[j][i] * shares[j]
        shares[i] = shares[i] / sizes[i]
    return shares


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of each row, (B, 1)."""
    return (a * b).sum(1, keepdim=True)
