"""Templates that start from noise made for an image."""

from __future__ import annotations

from .graph import Drawing
from .models import Model
from .parts import (
    BELOW,
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


def varied(d: Drawing, m: Model) -> str:
    scene = "sunset with window"
    with d.column(LEFT, group="1. Your image"):
        image = sample(d, m, scene)
    with d.column(LEFT, BELOW, group="Your model"):
        loaded = m.load(d)
        latent = empty(d, m, 3, "How many, and how large")
    with d.column(SECOND, BELOW, group="2. What you want to see"):
        positive = words(d, loaded[1], shown_by(scene, place=False))
        negative = avoided(d, m, loaded[1])
    with d.column(SECOND, group="3. Variations"):
        made = d(
            "Img2NoiseKSampler",
            **dict(model=loaded[0], positive=positive, negative=negative, latent_image=latent),
            **dict(image=image[0], vae=loaded[2], similarity=0.6, seed=SEED, steps=m.steps, cfg=m.cfg),
            **dict(sampler_name=m.sampler, scheduler=m.scheduler),
        )
    with d.column(THIRD):
        d.preview("your image", image[0])
    with d.column(THIRD, BELOW):
        pictures = decoded(d, made[0], loaded[2])
    with d.column(FOURTH):
        d.preview("variation", pictures, shown=3, wide=420)
    return (
        "Three new pictures that keep where things are in yours and what color they have. The prompt does not say where "
        "the cone stands: the noise does.\n\n1. **Run.**\n2. **similarity** of *KSampler (from Image)*: 0.9 stays close, "
        "0.7 keeps layout and colors, 0.3 only a hint.\n3. **seed**: another gives other variations."
    )


def strongly_changed(d: Drawing, m: Model) -> str:
    with d.column(LEFT, group="1. Your image"):
        image = sample(d, m, "two objects")
    with d.column(LEFT, BELOW, group="Your model"):
        loaded = m.load(d)
        latent = encoded(d, image[0], loaded[2])
    with d.column(SECOND, BELOW, group="2. What it should become"):
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
    with d.column(THIRD, BELOW):
        picture = decoded(d, made[0], loaded[2])
    with d.column(FOURTH):
        d.preview("changed", picture, wide=420)
    return (
        "Img2img at a high denoise loses your image; at a low one it changes little. Noise from your image lets nearly all "
        "change and keeps the composition.\n\n1. **Run.** Colors, floor and wall are new, things stay where they were.\n"
        "2. **denoise**: 0.7 keeps more, 0.95 changes nearly all.\n3. **similarity**: higher keeps more of the composition."
    )


def picked(d: Drawing, m: Model) -> str:
    scene = "sunset with window"
    with d.column(LEFT, group="1. Your image"):
        image = sample(d, m, scene)
    with d.column(LEFT, BELOW, group="Your model"):
        loaded = m.load(d)
        latent = empty(d, m)
        how = sampling(d, m, loaded[0])
    with d.column(SECOND, BELOW, group="2. What you want to see"):
        positive = words(d, loaded[1], shown_by(scene, place=False))
        who = guider(d, loaded, positive, avoided(d, m, loaded[1]), m.cfg)
    with d.column(SECOND, group="3. Noises"):
        wires = dict(image=image[0], vae=loaded[2], model=loaded[0], similarity=0.4, noise_seed=SEED)
        noise = d("Img2NoiseNoiseFromImage", **wires)
    with d.column(THIRD, group="4. Click one"):
        wires = dict(noise=noise[0], latent=latent, count=3, pick=2, vae=loaded[2], guider=who)
        pick = d("Img2NoisePickNoise", wide=360, **wires)
    with d.column(THIRD, BELOW):
        picture = decoded(d, started(d, pick[0], who, how, pick[1]), loaded[2])
        d.show("candidate", pick, 3)
    with d.column(FOURTH):
        d.preview("picked", picture, wide=420)
    return (
        "Three noises and what each will make, before anything is sampled. Choose one, and only that is sampled.\n\n"
        "1. **Run**: the second is picked.\n2. **Click another** in *Pick Noise* and *Run*; **Show** makes the small pictures "
        "alone, **Reroll** draws others. **pick** 0 samples all.\n3. **similarity** of *Noise from Image*: lower makes the "
        "candidates differ more.\n\n*Pick Noise* takes any noise, also that of *RandomNoise*. Without *guider* its pictures "
        "are free; with it each costs one step of the model and follows the prompt."
    )


def kept(d: Drawing, m: Model) -> str:
    scene = "on grass"
    with d.column(LEFT, group="1. Your image, and what to keep"):
        image = sample(d, m, scene)
    with d.column(LEFT, BELOW, group="Your model"):
        loaded = m.load(d)
        latent = empty(d, m, 3, "How many, and how large")
    with d.column(SECOND, BELOW, group="2. What you want to see"):
        text = "a white ball left of a purple cube on a floor"
        positive = words(d, loaded[1], text)
        negative = avoided(d, m, loaded[1])
    with d.column(SECOND, group="3. Variations of the rest"):
        made = d(
            "Img2NoiseKSampler",
            **dict(model=loaded[0], positive=positive, negative=negative, latent_image=latent),
            **dict(image=image[0], vae=loaded[2], keep_mask=image[1], similarity=0.9),
            **dict(seed=SEED, steps=m.steps, cfg=m.cfg, sampler_name=m.sampler, scheduler=m.scheduler),
        )
    with d.column(THIRD):
        d.preview("your image", image[0])
    with d.column(THIRD, BELOW):
        pictures = decoded(d, made[0], loaded[2])
    with d.column(FOURTH):
        d.preview("variation", pictures, shown=3, wide=420)
    return (
        "The noise resembles your image where the mask is white and is drawn anew where it is black: what is masked stays "
        "where it is, the rest varies.\n\n1. **Run.** The mask is of the left object.\n2. **similarity** is how much of the "
        "masked part is kept.\n3. For **your own image** right-click *Load Image*, *Open in MaskEditor*, and paint what should stay."
    )


def of_two(d: Drawing, m: Model) -> str:
    with d.column(LEFT, group="1. Two images"):
        layout = sample(d, m, "two objects", "Layout of this one")
        color = sample(d, m, "sunset with window", "Colors of this one")
    with d.column(LEFT, BELOW, group="Your model"):
        loaded = m.load(d)
        latent = empty(d, m, 2, "How many, and how large")
        how = sampling(d, m, loaded[0])
    with d.column(SECOND, group="2. Noise of both"):
        wires = dict(layout_image=layout[0], color_image=color[0], vae=loaded[2], model=loaded[0])
        noise = d("Img2NoiseNoiseFromTwoImages", similarity=0.8, noise_seed=SEED, **wires)
        d.preview("the noise's preview", noise[1], shown=0)
    with d.column(SECOND, BELOW, group="3. What you want to see"):
        positive = words(d, loaded[1], "a cube left of a cone on a floor")
        who = guider(d, loaded, positive, avoided(d, m, loaded[1]), m.cfg)
        pictures = decoded(d, started(d, noise[0], who, how, latent), loaded[2])
    with d.column(THIRD):
        d.preview("layout", layout[0])
        d.preview("colors", color[0])
    with d.column(FOURTH):
        d.preview("both", pictures, shown=2, wide=420)
    return (
        "*Noise from Two Images* takes where things are from one image and its colors from another.\n\n1. **Run.** The prompt "
        "names no color.\n2. **similarity**: higher keeps more of both.\n3. **noise_seed**: other variations."
    )
