"""DDIM inversion: what its latents keep of the picture, and what replacing the first steps cures."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from img2noise.diagnostics import (
    assignment,
    kl_divergence,
    most_probable_triangle,
    smooth_mask,
    top_correlation,
    triangle_angles,
)
from img2noise.inversion import ddim

from . import measures, sheets
from .claims import Section
from .worlds import World

REPLACED = (0, 1, 2, 3, 5, 10)  # of 50 steps
FORWARD_SEED = 1000


@dataclass
class Inverted:
    """A world's pictures inverted with so many steps replaced: latents and what they become again."""

    latents: dict[int, Tensor]
    again: dict[int, Tensor]


def invert(world: World) -> Inverted:
    """Every count of replaced steps, 50 steps up and 50 down."""
    x0, latents = world.pictures[: world.scale.inverted], {}
    for f in REPLACED:
        y = ddim.invert(world.denoise, x0, world.sigmas, forward_steps=f, seed=FORWARD_SEED)
        latents[f] = y / world.top
    return Inverted(latents, {f: world.generate(z) for f, z in latents.items()})


def replaced(network: World, twin: World, of: Inverted, of_twin: Inverted) -> Section:
    """Tables 2 to 5, 8 and 9 with 0 to 10 of 50 steps replaced."""
    section = Section("DDIM inversion, its first steps replaced by forward diffusion")
    rows = {
        name: _figures(w, found) for name, w, found in (("network", network, of), ("twin", twin, of_twin))
    }
    section.say(
        f"{network.scale.inverted} pictures of each world, 50 steps, the first f of the inversion replaced "
        "by one draw of noise. "
        "Correlations are the mean of the 20 largest in 8 x 8 patches, whose level under white noise stands "
        "beside them; "
        "errors are mean absolute ones; angles are the most probable at picture, noise, latent; assignment "
        "is in 8 parts."
    )
    for name, by_f in rows.items():
        section.say(f"**{name}**")
        section.table(("figure", *(f"f = {f}" for f in REPLACED)), _transposed(by_f))
    lam = twin.eigenvalues
    closed = {f: float(measures.latent_std(lam, twin.sigmas, f).square().mean().sqrt()) for f in REPLACED}
    section.say(
        "Closed form of the twin's latents, standard deviation: "
        + ", ".join(f"f = {f}: {s:.4f}" for f, s in closed.items())
        + "."
    )
    noise, picture = (
        top_correlation(x[: network.scale.inverted]) for x in (network.noises, network.pictures)
    )
    section.say(
        f"Top correlation of the network's noises {noise.mean:.3f} (white noise: {noise.null:.3f}), of its "
        f"pictures {picture.mean:.3f}."
    )
    section.show(
        "latents",
        "Picture, its noise, and its latents with f steps replaced: " + ", ".join(map(str, REPLACED)),
        sheets.columns(
            {"picture": network.pictures[:6], "noise": network.noises[:6] / 3}
            | {f"f = {f}": z[:6] / 3 for f, z in of.latents.items()}
        ),
    )
    _decide(section, rows, noise, picture, closed)
    return section


def _figures(world: World, found: Inverted) -> dict[int, dict[str, object]]:
    x0, z = world.pictures[: world.scale.inverted], world.noises[: world.scale.inverted]
    plain, by_f = smooth_mask(x0)[:, None].expand_as(x0), {}
    for f, latent in found.latents.items():
        top, error = top_correlation(latent), (latent - z).abs()
        to_latent, rotate = assignment(x0, latent), assignment(x0, z)
        by_f[f] = {
            "top-20 correlation": top.mean,
            "its level under white noise": top.null,
            "standard deviation": float(latent.std()),
            "std, plain areas": float(latent[plain].std()),
            "std, elsewhere": float(latent[~plain].std()),
            "error to the noise, plain": float(error[plain].mean()),
            "error to the noise, elsewhere": float(error[~plain].mean()),
            "KL from N(0, 1)": float(kl_divergence(latent.mean(), latent.std())),
            "angles": " / ".join(map(str, most_probable_triangle(triangle_angles(x0, z, latent)))),
            "picture finds its latent": to_latent.forth,
            "latent finds its picture": to_latent.back,
            "picture finds its noise": rotate.forth,
            "noise finds its picture": rotate.back,
            "by chance": rotate.chance,
            "error of the picture made again": float((found.again[f] - x0).abs().mean()),
        }
    return by_f


def _transposed(by_f: dict[int, dict[str, object]]) -> list[tuple]:
    return [(name, *(by_f[f][name] for f in REPLACED)) for name in by_f[REPLACED[0]]]


def _decide(section: Section, rows: dict, noise, picture, closed: dict[int, float]) -> None:
    ours, twin = rows["network"], rows["twin"]

    def of(name: str, *counts: int, by=ours, style: str = ".3f") -> str:
        return " to ".join(format(by[f][name], style) for f in counts)

    top, std, kl = "top-20 correlation", "standard deviation", "KL from N(0, 1)"
    again, plain, other = "error of the picture made again", "std, plain areas", "std, elsewhere"
    first, two, ten = ours[0], ours[2], ours[10]
    margin = (
        3 * noise.std / 16**0.5
    )  # standard errors of the mean, as if only the 16 patches were independent
    between = noise.mean + margin < first[top] < picture.mean
    shown = f"{of(top, 0)} between {noise.mean:.3f} and {picture.mean:.3f}"
    section.claim("correlated", shown, between, of(top, 0, by=twin))
    variance, of_twin = first[std] ** 2, twin[0][std] ** 2
    formula = f"{of_twin:.3f}; closed form {closed[0] ** 2:.3f}"
    section.claim("variance", f"{variance:.3f}", variance < 0.98, formula)
    section.claim("plain std", f"{of(plain, 0)}, {of(other, 0)}", first[plain] < first[other])
    errors = "error to the noise, plain", "error to the noise, elsewhere"
    section.claim("plain error", ", ".join(of(e, 0) for e in errors), first[errors[0]] > first[errors[1]])
    angles = [int(a) for a in first["angles"].split(" / ")]
    section.claim("angles", first["angles"], angles[2] == max(angles), twin[0]["angles"])
    ways = "picture finds its noise", "noise finds its picture"
    held = first[ways[0]] > 0.9 > first[ways[1]]
    section.claim("assignment", _ways(first, ways), held, _ways(twin[0], ways))
    falls = two[top] < first[top] and two[kl] < first[kl]
    shown = f"f = 2: {of(top, 0, 2)}, {of(kl, 0, 2, style='.1e')}"
    section.claim("replaced", shown, falls, of(top, 0, 2, by=twin))
    near = two[top] < 1.1 * two["its level under white noise"] and two[again] < 0.1
    white, errors = of("its level under white noise", 2), of(again, 0, 2, style=".4f")
    section.claim(
        "four percent",
        f"top-20 {of(top, 2)} (white {white}); error {errors}",
        near,
        f"error {of(again, 0, 2, by=twin, style='.4f')}",
    )
    gaps = [abs(row[plain] - row[other]) for row in (first, ten)]
    section.claim(
        "alike", f"difference of std {gaps[0]:.3f} to {gaps[1]:.3f} at f = 10", gaps[1] < gaps[0] / 5
    )


def _ways(row: dict[str, object], ways: tuple[str, str]) -> str:
    return ", ".join(f"{row[way]:.0%}" for way in ways)
