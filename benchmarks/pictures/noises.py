"""Pictures of noise made for an image, and of what becomes of it."""

from __future__ import annotations

from functools import cache

import torch
from PIL import Image
from torch import Tensor

from img2noise import anneal, correlated_noise, ddim, draw, load, slerp
from img2noise.diagnostics import plots
from img2noise.noise import euler_gain, measured_transfer, shared_noise
from img2noise.noise.gains import bands_of
from img2noise.sigmas import ddim_uniform, scaled_linear
from samples import PHOTOS
from samples import load as load_photo
from world import model
from world.render import trace
from world.scenes import SAMPLES
from world.sheets import PROMPTS

from .views import GUIDANCE, Pictures, grains, photo, preview, sample, statistics, unit, view

LUMA = 0.277, 0.416, 0.05, -0.299  # of SD's latents, by ComfyUI's colors of them
BALL, PAIR, BOX = 42, 15, 26  # a ball on grass; a ball and a cone on stone; a cube on wood


def made(number: int, seed: int, temperature: float = 5.0) -> Tensor:
    """Return noise for a scene."""
    return correlated_noise(view(number).x0, statistics(), temperature=temperature, seed=seed)


@cache
def varied() -> Pictures:
    scene = view(BALL)
    world = scene.source(GUIDANCE, place=False)
    return {"your image": scene.x0} | {f"seed {s}": sample(world, made(BALL, s)) for s in (1, 2, 3)}


def sampled() -> Pictures:
    scene, found = view(BALL), varied()
    plain = sample(scene.source(GUIDANCE, place=False), draw(scene.x0.shape, 5))
    return {"your image": scene.x0, "similarity 0": plain} | {k: found[k] for k in ("seed 1", "seed 2")}


def temperatures() -> Pictures:
    cup, levels = photo("coffee"), (0.3, 1.0, 5.0)
    found = {t: correlated_noise(cup, statistics(), temperature=t, seed=1) for t in levels}
    return {"your photo": cup} | {f"temperature {t:g}": preview(z) for t, z in found.items()}


def similarities() -> Pictures:
    cup = photo("coffee")
    found = {s: correlated_noise(cup, statistics(), similarity=s, seed=1) for s in (0.9, 0.7, 0.4)}
    return {"your image": cup} | {f"similarity {s:g}": preview(z) for s, z in found.items()}


def _of_two() -> tuple[Tensor, Tensor, Tensor]:
    first, second = photo("astronaut"), photo("coffee")
    z = shared_noise(first, statistics(), luma=LUMA, colors_of=second, seed=1)
    return first, second, correlated_noise(statistics().dewhiten(z), statistics(), similarity=0.9, seed=1)


def two_images() -> Pictures:
    first, second, z = _of_two()
    return {"layout": first, "colors": second, "its preview": preview(z)}


def passed_by_formula() -> Pictures:
    """What Euler passes on a flow model of shift 3, by the number of steps."""
    lam = load("flux").at_size(64, 64).eigenvalues(torch.zeros(1)).double()
    found = {}
    for steps in (4, 8, 20):
        t = [3 * k / (steps + 2 * k) for k in range(steps, -1, -1)]
        gain = euler_gain(lam, [(1 - v, v) for v in t])
        found[f"{steps} steps"] = _chart(lam, gain / lam.sqrt())
    return found


def passed_measured() -> Pictures:
    """What arrives of 32 noises in the little world."""
    world, whitener = model.load().denoiser([PROMPTS[0]] * 32, 1.0), statistics().at_size(16, 16)
    z, found = draw((32, 4, 16, 16), 1), {}
    lam = whitener.eigenvalues(z).double()
    for steps in (2, 4, 20):
        levels = ddim_uniform(scaled_linear(), steps)
        made = ddim.sample(world, z * (1 + levels[0] ** 2).sqrt(), levels)
        transfer = measured_transfer(z, made, bands_of(z))
        shares = transfer.gain(whitener).double() / lam.sqrt()
        found[f"{steps} steps"] = _chart(lam, shares, transfer.coherences(whitener))
    return found


def _chart(lam: Tensor, shares: Tensor, coherence: Tensor | None = None) -> Image.Image:
    return Image.fromarray(plots.passed_curve(lam, shares, coherence, 4, 4))


@cache
def searched() -> Pictures:
    found = anneal(view(BOX).x0, statistics(), 10000, seed=[1, 2])
    figure, axes = plots.figure(4, 4)
    axes.plot((found.losses / found.losses[:, :1]).T.numpy())
    axes.set(ylim=(0, None), xticks=[0, 5000, 10000])
    axes.set_title("loss of two searches", fontsize=18)
    made = sample(view(BOX).source(GUIDANCE, place=False), found.z)
    curve = Image.fromarray(plots.pixels(figure))
    return {"your image": view(BOX).x0, "": curve, "search 1": made[:1], "search 2": made[1:]}


def blended() -> Pictures:
    pair = photo("coffee"), photo("astronaut")
    a, b = (correlated_noise(x, statistics(), temperature=0.5, seed=i) for i, x in enumerate(pair))
    return {f"weight {w:g}": preview(slerp(a, b, w)) for w in (0.0, 0.35, 0.65, 1.0)}


def picked() -> Pictures:
    """Candidates for a scene as Pick Noise shows them, and what the last becomes."""
    z = correlated_noise(view(BALL).x0.repeat(3, 1, 1, 1), statistics(), seed=1)
    found = {f"candidate {k}": preview(z[k - 1 : k]) for k in (1, 2, 3)}
    return found | {"3, picked": sample(view(BALL).source(GUIDANCE, place=False), z[2:])}


def seen_before() -> Pictures:
    z, world = made(BALL, 1), view(BALL).source(GUIDANCE, place=False)
    return {"a noise": grains(z), "its preview": preview(z), "what it becomes": sample(world, z)}


def table() -> Pictures:
    """Cells of Noise Sheet."""
    ways, x0 = [(s, seed) for s in (0.9, 0.5) for seed in (1, 2)], view(BALL).x0
    found = {way: correlated_noise(x0, statistics(), similarity=way[0], seed=way[1]) for way in ways}
    return {f"{s:g}, seed {seed}": preview(z) for (s, seed), z in found.items()}


def as_latents() -> Pictures:
    plain, found = draw(view(BALL).x0.shape, 5), made(BALL, 1)
    world = view(BALL).source(GUIDANCE, place=False)
    return {
        "random noise": grains(plain),
        "what it becomes": sample(world, plain),
        "noise for a picture": grains(found),
        "what that becomes": sample(world, found),
    }


def too_weak() -> Pictures:
    z, world = unit(statistics().whiten(view(BALL).x0)), view(BALL).source(GUIDANCE)
    return {
        "a latent of noise": grains(z),
        "a third as strong": sample(world, z / 3),
        "normalize": sample(world, z),
    }


@cache
def painted() -> Pictures:
    """What the little world makes of four prompts."""
    words = list(PROMPTS[:4])
    made = sample(model.load().denoiser(words, GUIDANCE), draw((4, 4, 16, 16), 1))
    return {w.split(" on ")[0]: made[i : i + 1] for i, w in enumerate(words)}


def samples() -> Pictures:
    """Return some of the pictures to start from, and a mask."""
    drawn = {name: trace(SAMPLES[name], 300) for name in ("red ball", "sunset with window")}
    found = {name: Image.fromarray((255 * picture).astype("uint8")) for name, (picture, _) in drawn.items()}
    mask = Image.fromarray((255 * drawn["red ball"][1][0]).astype("uint8")).convert("RGB")
    cup, _ = load_photo(PHOTOS["coffee cup"], 300)
    found["coffee cup"] = Image.fromarray((255 * cup).astype("uint8"))
    return {"red ball": found.pop("red ball"), "its mask": mask, **found}
