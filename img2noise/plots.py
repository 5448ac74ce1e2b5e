"""The pictures: loss curves and contact sheets as uint8 arrays (H, W, 3), drawn by matplotlib without a
window.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor


def loss_curve(losses: Tensor, loss_ratio: Tensor, title: str = "Search for noise") -> np.ndarray:
    """Loss over its first value against iteration, a line per row: losses (B, steps + 1), loss_ratio (B,) of
    the best.
    """
    figure, axes = _figure(7, 4)
    relative = (losses / losses[:, :1]).numpy()
    keep = np.unique(
        np.linspace(0, relative.shape[1] - 1, 2000).astype(int)
    )  # more points than pixels show nothing more
    for row, (line, best) in enumerate(zip(relative, loss_ratio.tolist(), strict=True)):
        axes.plot(keep, line[keep], linewidth=1, label=f"noise {row + 1}: best {best:.3f}")
    axes.set(title=title, xlabel="iteration", ylabel="loss / first loss", ylim=(0, None))
    axes.grid(alpha=0.3)
    if len(relative) <= 8:
        axes.legend(frameon=False)
    return _pixels(figure)


def first_step_curve(residuals: Tensor, stds: Tensor) -> np.ndarray:
    """How a first-step inversion went: residual (logarithmic) and standard deviation of the noise, both
    (steps, B), against iteration, a line per row.
    """
    figure, (above, below) = _figure(7, 5.5, 2)
    steps = np.arange(1, len(residuals) + 1)
    for row in range(residuals.shape[1]):
        above.plot(steps, residuals[:, row].numpy(), linewidth=1, label=f"noise {row + 1}")
        below.plot(steps, stds[:, row].numpy(), linewidth=1)
    above.set(title="First-step inversion", ylabel="residual", yscale="log")
    below.set(xlabel="iteration", ylabel="standard deviation")
    below.axhline(1, linewidth=1, linestyle=":", color="gray")  # what models expect
    for axes in (above, below):
        axes.grid(alpha=0.3)
    if residuals.shape[1] <= 8:
        above.legend(frameon=False)
    return _pixels(figure)


def contact_sheet(pictures: Sequence[tuple[str, np.ndarray]], columns: int = 4) -> np.ndarray:
    """Titled pictures, uint8 (H, W, 3) or grey (H, W), in rows of `columns`, all cells as large as the first
    picture's.
    """
    rows = -(-len(pictures) // columns)
    height, width = pictures[0][1].shape[:2]
    cell = 3.2
    figure, axes = _figure(columns * cell, rows * (cell * height / width + 0.35), rows, columns)
    for ax in np.ravel(axes):
        ax.axis("off")
    for ax, (title, picture) in zip(np.ravel(axes), pictures, strict=False):
        ax.imshow(picture, cmap="gray", interpolation="antialiased")
        ax.set_title(title, fontsize=10)
    return _pixels(figure)


def _figure(width: float, height: float, rows: int = 1, columns: int = 1):
    try:  # slow to import, and only pictures need it
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "plots need matplotlib; install it with: pip install -r requirements.txt"
        ) from error

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns)


def _pixels(figure) -> np.ndarray:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
