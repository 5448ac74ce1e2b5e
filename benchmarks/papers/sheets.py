"""The report's pictures, small on purpose: at most a few dozen kilobytes each."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from img2noise.diagnostics.plots import figure, pixels
from img2noise.photos.decode import to_pixels

from .worlds import SHOWN


def columns(sets: dict[str, Tensor], enlarge: int = 2) -> np.ndarray:
    """The first pictures of each set (N, 3, 32, 32) in a column, in the order of `sets`."""
    stacked = [torch.cat(list(x[:SHOWN].float()), dim=1) for x in sets.values()]
    gap = torch.ones(3, stacked[0].shape[1], 2)
    sheet = torch.cat([part for column in stacked for part in (column, gap)][:-1], dim=2)
    return next(to_pixels(sheet[None])).repeat(enlarge, 0).repeat(enlarge, 1)


def grid(x: Tensor, across: int) -> Tensor:
    """Pictures (N, 3, H, W) as one of rows of `across`."""
    rows = [torch.cat(list(row), dim=2) for row in x.split(across)]
    return torch.cat(rows, dim=1)


def maps(by_name: dict[str, Tensor]) -> np.ndarray:
    """Square maps side by side."""
    drawn, axes = figure(6, 3, 1, len(by_name))
    for ax, (name, values) in zip(np.ravel(axes), by_name.items(), strict=True):
        ax.imshow(values.numpy(), cmap="gray")
        ax.set_title(name, fontsize=9)
        ax.axis("off")
    return pixels(drawn)


def lines(across: str, up: str, series: dict[str, Tensor]) -> np.ndarray:
    """Series against their index, counted from 1."""
    drawn, ax = figure(6, 3.2)
    for name, values in series.items():
        ax.plot(range(1, len(values) + 1), values.numpy(), linewidth=1.2, label=name)
    ax.set(xlabel=across, ylabel=up)
    ax.grid(alpha=0.3)
    ax.legend(frameon=False, fontsize=8)
    return pixels(drawn)


def histogram(across: str, sets: dict[str, Tensor]) -> np.ndarray:
    """Shares of each set by whole numbers from 60 to 180."""
    drawn, ax = figure(6, 2.8)
    for name, values in sets.items():
        ax.hist(values.numpy(), bins=range(60, 181), alpha=0.6, density=True, label=name)
    ax.set(xlabel=across, ylabel="share")
    ax.legend(frameon=False, fontsize=8)
    return pixels(drawn)


def fits(compared: dict[int, dict], closed: dict[int, tuple[float, float]]) -> np.ndarray:
    """R^2 against iterations, as it is and scaled, a line per map; dotted, the closed form of ZCA."""
    drawn, axes = figure(9, 3.4, 1, 2)
    counts = list(compared)
    for ax, kind, place in zip(axes, ("fit", "scaled_fit"), (0, 1), strict=True):
        for name in compared[counts[0]]:
            ax.plot(
                counts,
                [max(getattr(compared[n][name], kind).r2, -1) for n in counts],
                "o-",
                markersize=3,
                label=name,
            )
        ax.plot(
            counts, [max(closed[n][place], -1) for n in counts], ":", color="black", label="zca, closed form"
        )
        ax.set(xlabel="iterations", xscale="log", ylim=(-1, 1), title=("as it is", "scaled")[place])
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("R2, held out")
    axes[1].legend(frameon=False, fontsize=6.5)
    return pixels(drawn)


def gains(rows: Iterable[tuple]) -> np.ndarray:
    """Gain against eigenvalue, both logarithmic: measured, and the three laws."""
    drawn, ax = figure(6, 3.6)
    lam, fitted, power, closed, end, zca = (np.array(c) for c in zip(*rows, strict=True))
    ax.loglog(lam, np.maximum(fitted, 1e-3), "o", label="network, fitted")
    ax.loglog(lam, power, "s", markersize=4, label="network, by power")
    for name, values, style in (("closed form", closed, "-"), ("sigma / lam", end, "--"), ("ZCA", zca, ":")):
        ax.loglog(lam, values, style, color="black", label=name)
    ax.set(xlabel="eigenvalue", ylabel="gain")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False, fontsize=8)
    return pixels(drawn)
