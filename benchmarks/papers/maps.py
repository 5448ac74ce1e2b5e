"""Edit-friendly noise maps beside those of native DDPM sampling, on pictures that the network made with them.

native     y' = mu(y) + s_up z, z white and independent
closed form of edit-friendly z per eigenvalue (g = (lam + s^2) / (lam + S^2)):
Var r = (1 - g)^2 lam + s^2 + g^2 S^2,   Cov(r, next r) = (1 - g)(1 - g') lam - g' s^2
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from img2noise import NoiseMaps, draw, extract, replay
from img2noise.inversion.noise_maps import shift, statistics
from img2noise.noise.draw import stream
from img2noise.sigmas import Levels, ddim_uniform, scaled_linear

from . import measures, sheets
from .claims import Section
from .worlds import World

STEPS, SHIFTS = 100, (1, 2, 4, 8)


@dataclass
class Both:
    """The maps that pictures were made with, the pictures, the maps extracted from them, and those
    replayed.
    """

    native: NoiseMaps
    pictures: Tensor
    found: NoiseMaps
    again: Tensor


def make(world: World) -> Both:
    """Pictures by DDPM sampling with known noise, and their edit-friendly maps."""
    sigmas = ddim_uniform(scaled_linear(), STEPS)
    up = torch.tensor([step.s for step in Levels.ve(sigmas).steps(1.0)])
    shape = (world.scale.maps, *world.noises.shape[1:])
    generator = stream(11, 0, "native maps")
    z = torch.randn((STEPS, *shape), generator=generator)
    start = draw(shape, seed=11) * float((1 + sigmas[0] ** 2).sqrt())
    native = NoiseMaps(start, z * up.view(-1, 1, 1, 1, 1), sigmas)
    pictures = replay(world.denoise, native)
    found = extract(world.denoise, pictures, sigmas, seed=12)
    return Both(native, pictures, found, replay(world.denoise, found))


def compare(network: World, twin: World) -> Section:
    """Figures 5, 6 and 11."""
    section = Section("Edit-friendly noise maps beside native ones")
    both, of_twin = make(network), make(twin)
    stds, correlations = zip(*(statistics(m) for m in (both.native, both.found, of_twin.found)), strict=True)
    closed = closed_form(twin.eigenvalues, both.native.levels.told)
    error = measures.rms(both.again - both.pictures)
    rows = [
        ("std of z, median over steps", *(float(s.median()) for s in stds), float(closed[0].median())),
        ("std of z, largest", *(float(s.max()) for s in stds), float(closed[0].max())),
        (
            "correlation of consecutive z, median",
            *(float(c.median()) for c in correlations),
            float(closed[1].median()),
        ),
    ]
    section.say(f"{len(both.pictures)} pictures made by DDPM sampling with {STEPS} steps, then inverted.")
    section.table(("figure", "native", "edit-friendly, network", "edit-friendly, twin", "closed form"), rows)
    section.say(f"Pictures rebuilt from the edit-friendly maps miss by {error:.1e} (RMS).")
    series = {"native": stds[0], "edit-friendly": stds[1], "twin": stds[2], "closed form": closed[0]}
    section.show("maps-std", "Standard deviation of z by step", sheets.lines("step", "std of z", series))
    angles = [_angles(m) for m in (both.native, both.found)]
    section.show(
        "maps-angles",
        "Angles of consecutive maps: native, edit-friendly",
        sheets.histogram("degrees", dict(zip(("native", "edit-friendly"), angles, strict=True))),
    )
    turbo_sigmas = _shifts(network, both, section)
    _decide(section, rows, angles, error, turbo_sigmas)
    return section


def closed_form(lam: Tensor, sigmas: Tensor) -> tuple[Tensor, Tensor]:
    """std of z per step and correlation with the next, of a Gaussian with eigenvalues lam, eta = 1."""
    levels = sigmas.tolist()
    ups = torch.tensor([step.s for step in Levels.ve(sigmas).steps(1.0)], dtype=torch.float64)
    gains = [(lam + s**2) / (lam + big**2) for big, s in zip(levels[:-1], levels[1:], strict=True)]
    variances = [
        ((1 - g) ** 2 * lam + s**2 + g**2 * big**2).mean()
        for g, big, s in zip(gains, levels[:-1], levels[1:], strict=True)
    ]
    covariances = [
        ((1 - g) * (1 - after) * lam - after * s**2).mean()
        for g, after, s in zip(gains[:-1], gains[1:], levels[1:-1], strict=True)
    ]
    std = torch.stack(variances).sqrt()
    correlation = torch.stack(covariances) / (std[:-1] * std[1:])
    usable = ups > 0
    return std[usable] / ups[usable], correlation[usable[1:]]


def _shifts(network: World, both: Both, section: Section) -> list[tuple]:
    rows, shown = [], {"picture": both.pictures[:6]}
    for by in SHIFTS:
        row = [by]
        for name, maps in (("native", both.native), ("edit-friendly", both.found)):
            moved = replay(network.denoise, shift(maps, right=by))
            row.append(float((moved[..., by:] - both.pictures[..., :-by]).square().mean()))
            if by in SHIFTS[1::2]:
                shown[f"{name}, {by}"] = moved[:6]
        rows.append(tuple(row))
    variance = float((both.pictures - both.pictures.mean(0)).square().mean())
    section.say(
        "Maps moved right by so many pixels and replayed: mean squared error on the valid pixels. The "
        f"pictures' own variance is {variance:.3f}."
    )
    section.table(("pixels", "native", "edit-friendly"), rows)
    section.show(
        "maps-shift",
        "Picture; native and edit-friendly maps moved by 2, then by 8 pixels",
        sheets.columns(shown),
    )
    return rows


def _decide(section: Section, rows: list, angles: list[Tensor], error: float, turbo_sigmas: list) -> None:
    (_, native, std, twin, closed), _, (_, none, correlation, of_twin, formula) = rows
    shown = f"std {std:.2f}, native {native:.2f}"
    section.claim("map std", shown, std > 1.2 > native, f"{twin:.2f}; closed form {closed:.2f}")
    shown = f"{correlation:.3f}, native {none:.3f}"
    formula = f"{of_twin:.3f}; closed form {formula:.3f}"
    section.claim("map correlation", shown, correlation < -0.2 < none, formula)
    straight, wide = (float(a.mean()) for a in angles)
    shown, held = f"mean {wide:.0f}, native {straight:.0f}", wide > 100 and abs(straight - 90) < 3
    section.claim("map angles", shown, held, "120 where the correlation is -1/2")
    section.claim("exact", f"RMS {error:.1e}", error < 1e-5, "0")
    shown = "; ".join(f"{by} px: {e:.3f}, native {n:.3f}" for by, n, e in turbo_sigmas)
    section.claim("shift", shown, all(e < n / 2 for _, n, e in turbo_sigmas))


def _angles(maps: NoiseMaps) -> Tensor:
    """Degrees between consecutive maps of each picture."""
    flat = maps.residuals[:-1].flatten(2).double()  # the last step adds no noise
    a, b = flat[:-1].flatten(0, 1), flat[1:].flatten(0, 1)
    return torch.rad2deg(measures.cosine(a, b).clamp(-1, 1).acos())
