"""Templates that start from noise made for an image."""

from __future__ import annotations

from .graph import Drawing
from .models import Model
from .parts import (
    FOURTH,
    LEFT,
    SECOND,
    THIRD,
    avoided,
    decoded,
    empty,
    encoded,
    guider,
    sample,
    sampling,
    shown_by,
    started,
    words,
)

SEED = 1


def varied(d: Drawing, m: Model) -> None:
    scene = "sunset with window"
    _varied(d, m, scene, shown_by(scene, place=False), similarity=0.6)


def kept(d: Drawing, m: Model) -> None:
    _varied(d, m, "on grass", "a white ball left of a purple cube on a floor", similarity=0.9, masked=True)


def _varied(d: Drawing, m: Model, scene: str, text: str, similarity: float, masked: bool = False) -> None:
    with d.column(LEFT, group="1. Your image"):
        image = sample(d, m, scene)
    with d.column(LEFT, below=True, group="Your model"):
        loaded = m.load(d)
        latent = empty(d, m, 3, "How many, and how large")
    with d.column(SECOND, below=True, group="2. What you want to see"):
        positive = words(d, loaded[1], text)
        negative = avoided(d, m, loaded[1])
    with d.column(SECOND, group="3. Variations"):
        made = d(
            "Img2NoiseKSampler",
            **dict(model=loaded[0], positive=positive, negative=negative, latent_image=latent),
            **dict(image=image[0], vae=loaded[2], similarity=similarity, seed=SEED, steps=m.steps),
            **dict(cfg=m.cfg, sampler_name=m.sampler, scheduler=m.scheduler),
            **(dict(keep_mask=image[1]) if masked else {}),
        )
    with d.column(THIRD):
        d.preview("your image", image[0])
    with d.column(THIRD, below=True):
        pictures = decoded(d, made[0], loaded[2])
    with d.column(FOURTH):
        d.preview("variation", pictures, shown=3, wide=420)


def strongly_changed(d: Drawing, m: Model) -> None:
    with d.column(LEFT, group="1. Your image"):
        image = sample(d, m, "two objects")
    with d.column(LEFT, below=True, group="Your model"):
        loaded = m.load(d)
        latent = encoded(d, image[0], loaded[2])
    with d.column(SECOND, below=True, group="2. What it should become"):
        text = "a purple ball left of a white cone on a grassy floor, mint wall"
        positive = words(d, loaded[1], text, "What it should become")
        negative = avoided(d, m, loaded[1])
    with d.column(SECOND, group="3. The change"):
        made = d(
            "Img2NoiseKSampler",
            **dict(model=loaded[0], positive=positive, negative=negative, latent_image=latent),
            **dict(image=image[0], vae=loaded[2], similarity=0.7, seed=SEED, steps=m.steps, cfg=m.cfg),
            **dict(sampler_name=m.sampler, scheduler=m.scheduler, denoise=0.85),
        )
    with d.column(THIRD):
        d.preview("your image", image[0])
    with d.column(THIRD, below=True):
        picture = decoded(d, made[0], loaded[2])
    with d.column(FOURTH):
        d.preview("changed", picture, wide=420)


def picked(d: Drawing, m: Model) -> None:
    scene = "sunset with window"
    with d.column(LEFT, group="1. Your image"):
        image = sample(d, m, scene)
    with d.column(LEFT, below=True, group="Your model"):
        loaded = m.load(d)
        latent = empty(d, m)
        how = sampling(d, m, loaded[0])
    with d.column(SECOND, below=True, group="2. What you want to see"):
        positive = words(d, loaded[1], shown_by(scene, place=False))
        who = guider(d, loaded, positive, avoided(d, m, loaded[1]), m.cfg)
    with d.column(SECOND, group="3. Noises"):
        wires = dict(image=image[0], vae=loaded[2], model=loaded[0], similarity=0.4, noise_seed=SEED)
        noise = d("Img2NoiseNoiseFromImage", **wires)
    with d.column(THIRD, group="4. Click one"):
        wires = dict(noise=noise[0], latent=latent, count=3, pick=2, vae=loaded[2], guider=who)
        pick = d("Img2NoisePickNoise", wide=360, **wires)
    with d.column(THIRD, below=True):
        picture = decoded(d, started(d, pick[0], who, how, pick[1]), loaded[2])
        d.show("candidate", pick, 3)
    with d.column(FOURTH):
        d.preview("picked", picture, wide=420)


def of_two(d: Drawing, m: Model) -> None:
    with d.column(LEFT, group="1. Two images"):
        layout = sample(d, m, "two objects", "Layout of this one")
        color = sample(d, m, "sunset with window", "Colors of this one")
    with d.column(LEFT, below=True, group="Your model"):
        loaded = m.load(d)
        latent = empty(d, m, 2, "How many, and how large")
        how = sampling(d, m, loaded[0])
    with d.column(SECOND, group="2. Noise of both"):
        wires = dict(layout_image=layout[0], color_image=color[0], vae=loaded[2], model=loaded[0])
        noise = d("Img2NoiseNoiseFromTwoImages", similarity=0.8, noise_seed=SEED, **wires)
        d.preview("the noise's preview", noise[1], shown=0)
    with d.column(SECOND, below=True, group="3. What you want to see"):
        positive = words(d, loaded[1], "a cube left of a cone on a floor")
        who = guider(d, loaded, positive, avoided(d, m, loaded[1]), m.cfg)
        pictures = decoded(d, started(d, noise[0], who, how, latent), loaded[2])
    with d.column(THIRD):
        d.preview("layout", layout[0])
        d.preview("colors", color[0])
    with d.column(FOURTH):
        d.preview("both", pictures, shown=2, wide=420)
