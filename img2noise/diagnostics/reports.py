"""Inspections and comparisons as text for people, and as figures for machines."""

from __future__ import annotations

import math

from ..files.noise_files import Noises, map_figures
from .inspection import Inspection
from .least_squares import Comparison
from .populations import TopCorrelation, top_correlation
from .verdict import verdict

ENOUGH = 8  # samples: with fewer, correlations over the samples say nothing


def inspection_figures(found: Inspection, noises: Noises) -> dict:
    """Everything found, as plain numbers, lists and words."""
    rows = [dict(name=name, **figures) for name, figures in zip(noises.names, found.figures(), strict=True)]
    whole = dict(verdict=verdict(found, noises.names), noises=rows)
    if noises.maps is not None:
        return whole | dict(maps=map_figures(noises.maps))
    top = _population(noises)
    return whole | ({} if top is None else dict(top_correlation=top._asdict()))


def inspection_report(found: Inspection, noises: Noises) -> str:
    """The verdict, then the figures of each noise beside what white noise has."""
    lines = [*verdict(found, noises.names), ""]
    for name, row in zip(noises.names, found.figures(), strict=True):
        across, down = (row["autocorrelation"][way][0] for way in ("across", "down"))
        lines.append(
            f"{name}: mean {row['mean']:+.4f} (0), std {row['std']:.4f} (1), skew {row['skew']:+.3f} (0), "
            f"kurtosis {row['kurtosis']:.3f} (3), neighbors {across:+.4f} across "
            f"{down:+.4f} down (0), KL {row['kl']:.4f} (0), normal with "
            f"probability {row['normality']:.3g}"
        )
        lines.append("  std per channel " + ", ".join(f"{std:.3f}" for std in row["channels"]["std"]))
        if found.areas is not None:
            lines.append("  " + _areas(row["areas"]))
        if found.photo is not None:
            photo = row["photo"]
            lines.append(
                f"  with the photo: correlation {photo['correlation']:+.4f} (0), angle {photo['angle']:.1f} "
                "degrees (90)"
            )
    return "\n".join(lines + _of_all(noises))


def comparison_figures(found: list[Comparison]) -> list[dict]:
    """Each comparison as plain numbers, NaN as None."""
    return [
        dict(
            name=c.name,
            mse=c.fit.mse,
            r2=c.fit.r2,
            r2_scaled=c.scaled_fit.r2,
            scale=c.scale,
            distance={k: _none(v) for k, v in c.distance._asdict().items()},
            distance_scaled={k: _none(v) for k, v in c.scaled_distance._asdict().items()},
        )
        for c in found
    ]


def comparison_report(found: list[Comparison]) -> str:
    """Which whitening is nearest, and a table."""
    whitenings = [c for c in found if not c.name.startswith("diff")]
    best = max(whitenings, key=lambda c: c.scaled_fit.r2)
    titles = ("R2", "MSE", "R2 scaled", "2-norm", "Frob.", "2 scaled", "F scaled")
    head = f"{'':20}" + "".join(f"{title:>10}" for title in titles)
    rows = [
        f"{c.name:20}{c.fit.r2:10.3f}{c.fit.mse:10.4g}{c.scaled_fit.r2:10.3f}"
        + "".join(_cell(v) for v in (*c.distance, *c.scaled_distance))
        for c in found
    ]
    said = (
        f"of the whitenings, {best.name} is nearest to what inversion did: it explains "
        f"{100 * best.scaled_fit.r2:.1f} % of the noise of pictures held out, the best linear map "
        f"{100 * found[0].scaled_fit.r2:.1f} %"
    )
    return "\n".join([said, "", head, *rows])


def _areas(areas: dict) -> str:
    if areas["plain"] is None or areas["other"] is None:
        return "the picture is " + ("nowhere" if areas["plain"] is None else "everywhere") + " smooth"
    share = areas["plain_count"] / (areas["plain_count"] + areas["other_count"])
    return f"std {areas['plain']:.4f} in smooth areas ({share:.0%}), {areas['other']:.4f} in the rest (alike)"


def _of_all(noises: Noises) -> list[str]:
    if noises.maps is not None:
        figures = map_figures(noises.maps)
        following = ", ".join(f"{r:+.2f}" for r in figures["correlation_with_next"])
        return [f"correlation of each map with the next (0 for native noise, about -0.5 here): {following}"]
    top = _population(noises)
    if top is None:
        return []
    return [
        f"top-20 correlation in patches over {top.count} noises: {top.mean:.4f} +- {top.std:.4f} "
        f"(white noise of as many: {top.null:.4f})"
    ]


def _population(noises: Noises) -> TopCorrelation | None:
    return top_correlation(noises.z) if len(noises.z) >= ENOUGH and noises.maps is None else None


def _cell(value: float) -> str:
    return f"{'-':>10}" if math.isnan(value) else f"{value:10.4g}"


def _none(value: float) -> float | None:
    return None if math.isnan(value) else value
