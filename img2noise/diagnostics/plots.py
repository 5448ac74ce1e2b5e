"""Plots: loss curves, diagnostics and contact sheets as uint8 arrays (H, W, 3), by matplotlib, no window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .inspection import BINS, Inspection
from .least_squares import Comparison

MOST = 8  # noises in one plot
BANDS = 24  # of eigenvalues


def loss_curve(losses: Tensor, loss_ratio: Tensor) -> np.ndarray:
    """Plot loss over its first value against iteration, a line per row: losses (B, steps + 1), best (B,)."""
    drawn, axes = figure(7, 4)
    relative = (losses / losses[:, :1]).numpy()
    keep = np.unique(np.linspace(0, relative.shape[1] - 1, 2000).astype(int))  # no more points than pixels
    for row, (line, best) in enumerate(zip(relative, loss_ratio.tolist(), strict=True)):
        axes.plot(keep, line[keep], linewidth=1, label=f"noise {row + 1}: best {best:.3f}")
    axes.set(title="Search for noise", xlabel="iteration", ylabel="loss / first loss", ylim=(0, None))
    axes.grid(alpha=0.3)
    if len(relative) <= 8:
        axes.legend(frameon=False)
    return pixels(drawn)


def first_step_curve(residuals: Tensor, stds: Tensor) -> np.ndarray:
    """Plot the residual and the standard deviation of the noise, both (steps, B), of a first-step inversion
    against iteration, a line per row.
    """
    drawn, (above, below) = figure(7, 5.5, 2)
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
    return pixels(drawn)


def inspection_sheet(found: Inspection, names: Sequence[str] = ()) -> np.ndarray:
    """Plot values, neighbors, spectrum, and areas or channels of each noise beside those of white noise.

    Gray bands hold 99 % of white noise.
    """
    drawn, axes = figure(10, 7, 2, 2)
    (values, neighbors), (spectrum, parts) = axes
    names = names or [f"noise {row + 1}" for row in range(len(found.kl))]
    centers = ((BINS[1:] + BINS[:-1]) / 2).numpy()
    lags = np.arange(1, found.across.shape[1] + 1)
    for row, name in enumerate(names[:MOST]):
        [line] = values.plot(centers, found.histogram[row].numpy() * 8, linewidth=1, label=name)
        neighbors.plot(lags, found.across[row].numpy(), "o-", color=line.get_color(), markersize=3)
        neighbors.plot(lags, found.down[row].numpy(), "s--", color=line.get_color(), markersize=3)
        spectrum.plot(found.frequencies.numpy(), found.spectrum[row].numpy(), color=line.get_color())
    values.plot(centers, np.exp(-(centers**2) / 2) / (2 * np.pi) ** 0.5, ":", color="gray")
    values.set(title="Values, and the normal distribution", xlabel="value", ylabel="density")
    channels, height, width = found.shape
    band = 2.58 / (channels * height * (width - lags)) ** 0.5
    neighbors.fill_between(lags, -band, band, color="gray", alpha=0.25)
    neighbors.set(title="Pixels apart: across o, down []", xlabel="pixels", ylabel="correlation")
    band = 2.58 * (2 / found.ring_sizes.numpy()) ** 0.5
    spectrum.fill_between(
        found.frequencies.numpy(), np.maximum(1 - band, 0.01), 1 + band, color="gray", alpha=0.25
    )
    spectrum.set(title="Spectrum", xlabel="cycles per pixel", ylabel="power, 1 in noise", yscale="log")
    _parts(parts, found, len(names[:MOST]))
    if len(names) > 1:
        values.legend(frameon=False, fontsize=7)
    return pixels(drawn)


def comparison_chart(found: Sequence[Comparison]) -> np.ndarray:
    """Plot R^2 of each map on held-out pictures, unscaled and scaled, and its distance from W_Diff."""
    drawn, (above, below) = figure(8, 6.5, 2)
    names, places = [c.name for c in found], np.arange(len(found))
    for shift, label, fits in ((-0.2, "unscaled", "fit"), (0.2, "scaled", "scaled_fit")):
        above.bar(places + shift, [max(getattr(c, fits).r2, -1) for c in found], 0.4, label=label)
        distances = [getattr(c, fits.replace("fit", "distance")).frobenius for c in found]
        below.bar(places + shift, np.nan_to_num(distances), 0.4, label=label)
    above.set(
        title="Which whitening is nearest to the inversion", ylabel="R2 on held-out pictures", ylim=(-1, 1)
    )
    below.set(ylabel="distance from W_Diff (Frobenius)")
    for axes in (above, below):
        axes.set_xticks(places, names, rotation=15)
        axes.axhline(0, color="gray", linewidth=0.8)
    above.legend(frameon=False)
    return pixels(drawn)


def _parts(axes, found: Inspection, rows: int) -> None:
    """Plot standard deviations of smooth areas and the rest if a picture was given, of channels otherwise."""
    if found.areas is None:
        stds, labels = found.channels.std, [f"channel {c + 1}" for c in range(found.shape[0])]
    else:
        stds = torch.stack([found.areas.plain, found.areas.other], 1)
        labels = ["smooth areas", "elsewhere"]
    for row in range(rows):
        places = np.arange(len(labels)) + (row - (rows - 1) / 2) * 0.8 / rows
        axes.bar(places, stds[row].nan_to_num(0).numpy(), 0.8 / rows)
    axes.set_xticks(np.arange(len(labels)), labels)
    axes.axhline(1, linewidth=1, linestyle=":", color="gray")
    axes.set(title="Standard deviation", ylabel="standard deviation")


def contact_sheet(pictures: Sequence[tuple[str, np.ndarray]], columns: int = 4) -> np.ndarray:
    """Draw titled pictures, uint8 (H, W, 3) or gray (H, W), in rows of `columns`, in cells of the first one's
    size.
    """
    rows = -(-len(pictures) // columns)
    height, width = pictures[0][1].shape[:2]
    cell = 3.2
    drawn, axes = figure(columns * cell, rows * (cell * height / width + 0.35), rows, columns)
    for ax in np.ravel(axes):
        ax.axis("off")
    for ax, (title, picture) in zip(np.ravel(axes), pictures, strict=False):
        ax.imshow(picture, cmap="gray", interpolation="antialiased")
        ax.set_title(title, fontsize=10)
    return pixels(drawn)


def figure(width: float, height: float, rows: int = 1, columns: int = 1):
    """Return a figure of this size in inches, and its axes; raise ImportError without matplotlib."""
    try:  # slow to import
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("plots need matplotlib: install the packages in requirements.txt") from error

    drawn = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(drawn)
    return drawn, drawn.subplots(rows, columns)


def pixels(drawn) -> np.ndarray:
    """Return a figure as uint8 (H, W, 3)."""
    drawn.canvas.draw()
    return np.asarray(drawn.canvas.buffer_rgba())[..., :3].copy()


def passed_curve(
    lam: Tensor, shares: Tensor, coherence: Tensor | None = None, width: float = 7, height: float = 4
) -> np.ndarray:
    """Plot what a sampler passes of its noise, gain / sqrt(lam), all (D,), from the largest shapes to the
    finest detail; with a coherence, also what the noise decides.
    """
    drawn, axes = figure(width, height)
    place = lam.double().log10()
    ends = torch.linspace(float(place.min()) - 1e-6, float(place.max()) + 1e-6, BANDS + 1, dtype=place.dtype)
    band = torch.bucketize(place, ends[1:-1])
    count = torch.bincount(band, minlength=BANDS).clamp_min(1e-9)
    there = count >= 1
    middle = (10 ** ((ends[1:] + ends[:-1]) / 2))[there].numpy()
    for values, label in ((shares, "passes"), (coherence, "decided by the noise")):
        if values is not None:
            means = torch.bincount(band, weights=values.double(), minlength=BANDS) / count
            axes.plot(middle, means[there].numpy(), "o-", markersize=3, label=label)
    axes.axhline(1, linewidth=1, linestyle=":", color="gray")  # all of it
    axes.set(title="What this sampler passes of its noise", ylabel="share of the noise", xscale="log")
    axes.set(xlabel="variance in photos: layout on the left, texture on the right", ylim=(0, None))
    axes.invert_xaxis()
    axes.legend(frameon=False)
    return pixels(drawn)
