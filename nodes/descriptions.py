"""What is known of a whitener and of a survey of photos, in words."""

from __future__ import annotations

from ..img2noise import Whitener
from ..img2noise.diagnostics import whiteness
from ..img2noise.photos.surveys import PhotoStats
from .host import latents


def describe(whitener: Whitener, header: dict[str, str]) -> str:
    """A whitener's facts in words."""
    space, grid = latents.space_of(whitener.space), " x ".join(map(str, whitener.shape))
    sizes = "every size" if whitener.structure == "stationary" else "latents of that size alone"
    lines = [
        f"{whitener.structure} {whitener.method} whitener of {whitener.space} latents ({space.models})",
        f"measured on {whitener.count} samples at {grid}, for {sizes}; shrinkage {whitener.shrinkage:g}",
    ]
    return "\n".join(lines + [f"{key}: {header[key]}" for key in ("source", "command") if header.get(key)])


def describe_survey(survey: PhotoStats, whitener: Whitener) -> str:
    """What was measured, what was left out and why, and how white the photos become that were held out."""
    held_out, left_out = survey.held_out, survey.left_out
    lines = [f"{whitener.count} photos measured, {len(held_out)} held out, {len(left_out)} left out"]
    if held_out:
        found = whiteness(whitener, held_out)
        channels = ", ".join(f"{std:.3f}" for std in found.std)
        lines.append(
            f"held-out photos, whitened: std per channel {channels} (1 is white), neighbor correlation "
            f"{found.before:.3f} before and {found.after:.3f} after (0 is white)"
        )
    return "\n".join(lines + [f"left out: {reason}" for _, reason in left_out])
