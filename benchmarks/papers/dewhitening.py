"""First-step de-whitening: noise and picture correlate; which loss of the search keeps the layout; SDEdit."""

from __future__ import annotations

from torch import Tensor

from img2noise import anneal, correlated_noise, draw
from img2noise.inversion import ddim
from img2noise.noise import LOSSES

from . import measures, sheets
from .claims import Section
from .worlds import World

LEVELS = (0.4, 0.6, 0.8, 0.96)  # of the schedule, at which SDEdit starts
GENERATING = 25


def correlation(network: World, twin: World) -> Section:
    """Figure 2: noises and the pictures made of them."""
    section = Section("Noise and the picture made of it")
    rows, maps = [], {}
    for world in (network, twin):
        z, x = world.noises, world.pictures
        strangers = x.roll(1, 0)
        own, other = (float(measures.pearson(z, t).mean()) for t in (x, strangers))
        maps[world.name] = measures.cross_correlation(z, x)
        peak, following = maps[world.name].abs().flatten().topk(2).values.tolist()
        centered = int(maps[world.name].argmax()) == 16 * 32 + 16
        distances = measures.rms(z - x), measures.rms(z - strangers)
        rows.append((world.name, len(z), own, other, *distances, peak / following, centered))
    gain = measures.euler_gain(twin.eigenvalues, twin.sigmas)
    closed = float(gain.mean() / gain.square().mean().sqrt())
    section.say(
        "White noises became pictures in 50 DDIM steps; each is compared with its own noise and another's."
    )
    section.table(
        ("world", "N", "r, own", "r, another's", "RMS, own", "RMS, another's", "peak / next", "peak at 0"),
        rows,
    )
    section.say(f"Closed form of the twin's r, all pictures together: mean gain over its RMS, {closed:.3f}.")
    section.show("cross-correlation", "Cross-correlation of noise and picture by shift", sheets.maps(maps))
    (_, _, r, stranger, *_, peak, centered), of_twin = rows
    twins = f"{of_twin[2]:.3f}; closed form {closed:.3f}"
    section.claim("pairs", f"r {r:.3f}, strangers {stranger:.3f}", r > 0.1 and r > 10 * abs(stranger), twins)
    section.claim("peak", f"{peak:.1f} x the next", centered and peak > 1.2, f"{of_twin[6]:.1f} x")
    return section


def losses(network: World, found: dict[str, Tensor]) -> Section:
    """Figure 7: pictures made of noises found by each loss, against the photo."""
    section = Section("Which loss of the search keeps the layout")
    rows, made = [], {}
    for name, z in found.items():
        made[name] = network.generate(z, GENERATING)
        bands = measures.band_correlations(made[name], network.photos)
        rows.append((name, *bands, measures.finest_power(made[name], network.photos), float(z.std())))
    section.say(
        f"Noises were found for {len(network.photos)} photos by 5,000 iterations of each loss with the "
        "whitener of the "
        f"network's own pictures, and made into pictures in {GENERATING} steps. Correlation of picture and "
        "photo by "
        "frequency band (up to 1/16, 1/8, 1/4 and beyond, in cycles per pixel); power of the finest band "
        "over the photo's."
    )
    section.table(("noise", *measures.BAND_NAMES, "finest power", "std of the noise"), rows)
    columns = {"photo": network.photos} | made
    section.show("losses", "Photo, and what each noise becomes: " + ", ".join(made), sheets.columns(columns))
    finest = {row[0]: row[5] for row in rows}
    low = {row[0]: (row[1] + row[2]) / 2 for row in rows}
    shown = "coarse correlation: " + ", ".join(f"{n} {r:.2f}" for n, r in low.items())
    section.claim("forward", shown, low["forward"] == max(low[n] for n in LOSSES))
    shown = f"finest power {finest['baseline']:.2f} of the photos', white noise's {finest['white']:.2f}"
    section.claim("baseline", shown, finest["baseline"] < 0.8 * finest["white"])
    shown = f"coarse correlation {low['backward']:.2f}, forward {low['forward']:.2f}"
    section.claim("backward", shown, low["backward"] < low["forward"] / 2)
    return section


def search(network: World) -> dict[str, Tensor]:
    """A noise for each photo: white, by each loss, and in one shot."""
    photos, whitener = network.photos, network.whitener
    found = {"white": draw(photos.shape, seed=7)}
    for loss in LOSSES:
        found[loss] = anneal(photos, whitener, 5000, loss=loss, seed=7, adapt_step=True).z
    found["one shot"] = correlated_noise(photos, whitener, seed=7)
    return found


def sdedit(network: World, found: dict[str, Tensor]) -> Section:
    """Figure 10: a photo noised to some level with correlated or with white noise, and denoised."""
    section = Section("SDEdit with correlated noise")
    rows, made = [], {"photo": network.photos}
    for level in LEVELS:
        sigmas = network.sigmas[round((1 - level) * 50) :]
        for name in ("white", "forward"):
            start = network.photos + float(sigmas[0]) * found[name]
            x = ddim.sample(network.denoise, start, sigmas)
            made[f"{level:.0%} {name}"] = x
            bands = measures.band_correlations(x, network.photos)
            power = measures.finest_power(x, network.photos)
            rows.append((f"{level:.0%}, {name}", float(sigmas[0]), *bands, power))
    section.say(
        "The photo plus sigma times the noise, denoised from there; the columns are those of the table "
        "before."
    )
    section.table(("level, noise", "sigma", *measures.BAND_NAMES, "finest power"), rows)
    section.show("sdedit", "Photo; then for each level white and correlated noise", sheets.columns(made))
    (_, _, white, *_), (_, _, forward, *_) = rows[-2:]
    shown = f"at {LEVELS[-1]:.0%}, coarsest {forward:.2f} against {white:.2f}"
    section.claim("sdedit high", shown, forward > white + 0.1)
    (_, _, white, *_), (_, _, forward, *_) = rows[:2]
    shown = f"at {LEVELS[0]:.0%}, coarsest {forward:.2f} and {white:.2f}"
    section.claim("sdedit low", shown, min(white, forward) > 0.9)
    return section
