"""Pictures of the help pages about inversion and noise maps; thumbnails of three workflows."""

from __future__ import annotations

import torch
from skimage import data
from torch import Tensor

import img2noise
from img2noise import GaussianDenoiser, NoiseMaps, Whitener, extract, replay
from img2noise.diagnostics import plots
from img2noise.inversion import ddim, first_step
from img2noise.inversion.noise_maps import flip, shift
from img2noise.sigmas import ddim_uniform, scaled_linear

from .inverted import STEPS, prompted, recolored, stripes, weighted
from .pages import gray, unit
from .sheets import photo, picture, plot, sheet, strip


def draw(rgb: Whitener) -> None:
    """Draw all of them."""
    model = GaussianDenoiser(rgb)
    cat, portrait = photo(data.chelsea(), (75, 0), 300), photo(data.astronaut(), (60, 0), 360)
    inverted(model, photo(data.rocket(), (120, 0), 427))
    first(model, cat)
    taken_apart(model, cat)
    moved(model, portrait)


def inverted(model: GaussianDenoiser, rocket: Tensor) -> None:
    plain, mended = (ddim.invert(model, rocket, STEPS, forward_steps=f, seed=1) for f in (0, 2))
    noises = [(gray(x / STEPS[0]), name) for x, name in ((plain, "forward 0"), (mended, "forward 0.04"))]
    yours, back = (picture(rocket), "your photo"), picture(ddim.sample(model, mended, STEPS))
    strip("Img2NoiseInversionSampler", [yours, *noises, (back, "back from 0.04")])
    steps, ways = ddim_uniform(scaled_linear(), 10), []
    for how in ("current", "implicit"):
        x = ddim.invert(model, rocket, steps, scheme=how, iterations=20)
        ways.append((picture(ddim.sample(model, x, steps)), f"back, {how}"))
    strip("Img2NoiseInvertedNoise", [yours, noises[0], *ways])
    z = torch.cat([plain, mended]) / STEPS[0]
    found = img2noise.diagnostics.inspect(z, rocket.expand(2, -1, -1, -1))
    drawn = plots.inspection_sheet(found, ["inverted plainly", "first steps replaced"])
    plot("Img2NoiseInspectNoise", drawn, 560)
    flat = (slice(None), slice(None), slice(0, 96), slice(0, 96))  # of sky
    close = [
        (gray(x[flat]), name)
        for x, name in zip(z.split(1), ("plain, the sky", "replaced, the sky"), strict=True)
    ]
    sheet("inspect-noise", [yours, (noises[0][0], "its noise, plainly inverted"), *close])


def first(model: GaussianDenoiser, cat: Tensor) -> None:
    sigma, cells = float(scaled_linear()[980]), [(picture(cat), "your photo")]
    for stop, iterations in (("unit_std", 200), ("converged", 2000)):
        found = first_step.invert(model, cat, sigma, stop=stop, iterations=iterations)
        cells.append((picture(unit(found.z)), stop))
    shown = picture(model(sigma * found.z, sigma)), "its first step"
    strip("Img2NoiseFirstStepInversion", [*cells, shown])


def taken_apart(model: GaussianDenoiser, cat: Tensor) -> None:
    maps, yours = extract(model, cat, STEPS, skip=18, seed=1), (picture(cat), "your photo")
    change = stripes()
    steps = [(one_map(maps, i), f"map {i + 1} of {len(maps.residuals)}") for i in (0, 15, 30)]
    strip("Img2NoiseEditFriendlyInversion", [yours, *steps])
    strip("Img2NoiseSaveNoiseMaps", steps)
    sheet("noise-maps-keep", [yours, *steps])
    own = picture(replay(model, maps)), "its own words"
    other = picture(replay(prompted(model, change), maps)), "other words"
    strip("Img2NoiseEditFriendlySampler", [steps[1], own, (picture(change), "the change of words"), other])
    turned = picture(replay(prompted(model, change), flip(maps))), "mirrored, other words"
    strip("Img2NoiseLoadNoiseMaps", [steps[1], own, other, turned])
    sheet("noise-maps-replay", [steps[1], own, other, turned])
    strip("Img2NoiseEditFriendlyEdit", [yours, *weighted(model, cat)])


def moved(model: GaussianDenoiser, portrait: Tensor) -> None:
    maps, yours = extract(model, portrait, STEPS, skip=5, seed=1), (picture(portrait), "your photo")
    shifts = dict(right=60), dict(down=40), dict(down=-40, right=-40)
    names = "right", "down", "up and left"
    ways = [(picture(replay(model, shift(maps, **s))), n) for s, n in zip(shifts, names, strict=True)]
    strip("Img2NoiseShiftNoiseMaps", [yours, *ways])
    turns = [flip(maps), flip(maps, horizontal=False, vertical=True)]
    names = "horizontal", "vertical"
    ways = [(picture(replay(model, m)), n) for m, n in zip(turns, names, strict=True)]
    strip("Img2NoiseFlipNoiseMaps", [yours, *ways])
    strip("Img2NoiseRecolorNoiseMaps", recolored(model, portrait))


def one_map(maps: NoiseMaps, index: int):
    """A map as a picture, at its own loudness."""
    return picture(unit(maps.residuals[index]))
