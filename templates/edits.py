"""Templates that change an image and keep the rest, and those that go from images to their noise."""

from __future__ import annotations

from dataclasses import dataclass

from .graph import Drawing, Wire
from .models import Loaded, Model
from .parts import (
    FIFTH,
    FOURTH,
    LEFT,
    SECOND,
    THIRD,
    avoided,
    decoded,
    editing,
    encoded,
    guider,
    sample,
    shown_by,
    started,
    words,
)

SEED = 1


def edit_box(m: Model, before: str, after: str) -> Drawing:
    """Prompt Edit with its prompts, its guiders and its steps, to be drawn as one node."""
    d = Drawing("Edit with a prompt")
    image, model = d.inlet("image", "IMAGE"), d.inlet("model", "MODEL")
    loaded: Loaded = model, d.inlet("clip", "CLIP"), d.inlet("vae", "VAE")
    texts = {
        "before": d.inlet("before", "STRING", "what it shows", before),
        "after": d.inlet("after", "STRING", "what it should show", after),
    }
    skip = d.inlet("skip", "FLOAT", value=m.skip)
    strength = d.inlet("weight", "FLOAT", value=m.weight) if m.plain else None
    cfg = None if m.plain else d.inlet("cfg", "FLOAT", "guidance", m.after)
    with d.column(0):
        latent = encoded(d, image, loaded[2])
        levels = editing(d, m, model)
    with d.column(360):
        prompts = {name: words(d, loaded[1], wire, name) for name, wire in texts.items()}
        negative = avoided(d, m, loaded[1]) if not (m.plain or m.distilled) else None
    with d.column(720):
        source = _guided(d, m, loaded, prompts["before"], negative, m.before)
        target = _guided(d, m, loaded, prompts["after"], negative, m.after if cfg is None else cfg)
    with d.column(1080):
        given = dict(source=source, target=target, sigmas=levels, latent=latent, skip=skip, noise_seed=SEED)
        edit = d("Img2NoisePromptEdit", weight=m.weight if strength is None else strength, **given)
    with d.column(1440):
        d.outlet(decoded(d, edit[0], loaded[2]), "image")
    d.outlet(edit[1], "report")
    d.controls = [(edit.number, "noise_seed"), (edit.number, "control_after_generate")]
    return d


def _guided(d: Drawing, m: Model, loaded: Loaded, text: Wire, negative: Wire | None, cfg) -> Wire:
    if m.distilled:
        text = d("FluxGuidance", conditioning=text, guidance=cfg)[0]
        cfg = 1.0
    return guider(d, loaded, text, negative, cfg)


def edited(d: Drawing, m: Model) -> None:
    scene, after = "red ball", "a blue ball in the middle of a wooden floor, teal wall"
    with d.column(LEFT, group="1. Your image"):
        image = sample(d, m, scene)
    with d.column(LEFT, below=True, group="Your model"):
        loaded = m.load(d)
    with d.column(SECOND, group="2. What it shows, and what it should show"):
        wires = dict(image=image[0], before=image[2], model=loaded[0], clip=loaded[1], vae=loaded[2])
        made = d.box(edit_box(m, shown_by(scene), after), "Edit with a prompt", 360, **wires)
    with d.column(THIRD + 40):
        d.preview("your image", image[0])
    with d.column(FOURTH + 40):
        d.preview("edited", made[0], wide=420)


@dataclass(frozen=True)
class Taken:
    """An image, its mask, the model, and the image's noise maps with the guider of its own words."""

    image: Wire
    mask: Wire
    loaded: Loaded
    who: Wire
    maps: Wire


def taken_apart(
    d: Drawing,
    m: Model,
    scene: str,
    skip: float,
    copies: int = 1,
    text: str | None = None,
) -> Taken:
    with d.column(LEFT, group="1. Your image"):
        image = sample(d, m, scene)
    with d.column(LEFT, below=True, group="Your model"):
        loaded = m.load(d)
        latent = encoded(d, image[0], loaded[2])
        if copies > 1:
            latent = d("RepeatLatentBatch", "How many edits", samples=latent, amount=copies)[0]
        levels = editing(d, m, loaded[0])
    with d.column(SECOND, below=True, group="What it shows"):
        text = shown_by(scene) if text is None else text
        prompt = words(d, loaded[1], text, "What your image shows")
        who = guider(d, loaded, prompt, None, 1.0, "The image's own words")
        wires = dict(guider=who, sigmas=levels, latent=latent, method="edit-friendly", skip=skip)
        maps = d("Img2NoiseImageToNoiseMaps", noise_seed=SEED, eta=1.0, **wires)
    return Taken(image[0], image[1], loaded, who, maps[0])


def several(d: Drawing, m: Model) -> None:
    scene, after = "two objects", "a green ball left of a red cylinder on a stone floor, beige wall"
    taken = taken_apart(d, m, scene, 0.08, copies=3)
    loaded = taken.loaded
    with d.column(SECOND, group="2. What it should show"):
        text = words(d, loaded[1], after, "What it should show")
        who = guider(d, loaded, text, avoided(d, m, loaded[1]), m.after, "The new words")
        new = d("Img2NoiseSampleNoiseMaps", guider=who, noise_maps=taken.maps)
    with d.column(THIRD, below=True):
        pictures = decoded(d, new[0], loaded[2])
    with d.column(THIRD):
        d.preview("your image", taken.image)
    with d.column(FOURTH):
        d.preview("edit", pictures, shown=3, wide=420)


def recolored(d: Drawing, m: Model) -> None:
    text = "" if m.little else "a ball in the middle of a wooden floor, teal wall"  # not its old color
    taken = taken_apart(d, m, "red ball", 0.08, text=text)
    vae = taken.loaded[2]
    with d.column(SECOND, group="2. The color"):
        wires = dict(guider=taken.who, noise_maps=taken.maps, vae=vae, mask=taken.mask, color="#3080c0")
        new = d("Img2NoiseRecolorNoiseMaps", strength=0.2 if m.little else 0.1, **wires)
        made = d("Img2NoiseSampleNoiseMaps", guider=taken.who, noise_maps=new[0])
    with d.column(THIRD, below=True):
        picture = decoded(d, made[0], vae)
    with d.column(THIRD):
        d.preview("your image", taken.image)
    with d.column(FOURTH):
        d.preview("recolored", picture, wide=420)


def moved(d: Drawing, m: Model) -> None:
    text = "a green cone on a checkered floor, pink wall, at sunset"  # not where it is
    taken = taken_apart(d, m, "sunset with window", 0.08, text=text)
    with d.column(SECOND, group="2. Move, mirror"):
        found = []
        ways = {
            "Right": dict(right=m.size // 4),
            "Mirrored": dict(flip_horizontal=True),
            "Down": dict(down=m.size // 8),
        }
        for title, how in ways.items():
            new = d("Img2NoiseTransformNoiseMaps", title, noise_maps=taken.maps, **how)
            found.append(d("Img2NoiseSampleNoiseMaps", guider=taken.who, noise_maps=new[0]))
    with d.column(THIRD, below=True):
        pictures = [decoded(d, made[0], taken.loaded[2]) for made in found]
    with d.column(THIRD):
        d.preview("your image", taken.image)
    with d.column(FOURTH):
        for title, picture in zip(("moved right", "mirrored", "moved down"), pictures, strict=True):
            d.preview(title, picture)


def freed(d: Drawing, m: Model) -> None:
    scene, after = "red ball", "a red ball in the middle of a grassy floor, mint wall"
    with d.column(LEFT, group="1. Your image"):
        image = sample(d, m, scene)
    with d.column(LEFT, below=True, group="Your model"):
        loaded = m.load(d)
        latent = encoded(d, image[0], loaded[2])
    with d.column(SECOND, below=True, group="2. What it shows, and should show"):
        before = words(d, loaded[1], shown_by(scene), "What it shows")
        text = words(d, loaded[1], after, "What it should show")
        negative = avoided(d, m, loaded[1])
        who = guider(d, loaded, text, negative, 3.0 if m.little else 4.0, "The new words")
    found = {}
    with d.column(SECOND, group="3. Back to its noise"):
        for title, share, seed in (
            ("Plain", 0.0, 1),
            ("Flat areas freed", 0.08, 1),
            ("Freed, another seed", 0.08, 2),
        ):
            wires = dict(model=loaded[0], positive=before, negative=negative, latent=latent, scheme="ddim")
            found[title] = d(
                "Img2NoiseUnsample", title, forward_share=share, noise_seed=seed, steps=50, **wires
            )
    with d.column(THIRD, below=True):
        pictures = {
            title: decoded(d, started(d, node[0], who, (node[2], node[3]), node[1]), loaded[2])
            for title, node in found.items()
        }
    with d.column(THIRD):
        d.preview("your image", image[0])
    with d.column(FOURTH):
        for title, picture in pictures.items():
            d.preview(title.lower(), picture)


def between(d: Drawing, m: Model) -> None:
    with d.column(LEFT, group="1. Two images"):
        images = [sample(d, m, name, title) for name, title in (("red ball", "First"), ("night", "Second"))]
    with d.column(LEFT, below=True, group="Your model"):
        loaded = m.load(d)
        text = words(d, loaded[1], "" if m.little else "an object on a floor", "What both show, or nothing")
        who = guider(d, loaded, text, None, 1.0)
    with d.column(SECOND, group="2. Their noises"):
        found = []
        for image, title in zip(images, ("Noise of the first", "Noise of the second"), strict=True):
            wires = dict(model=loaded[0], positive=text, negative=text)
            wires["latent"] = encoded(d, image[0], loaded[2])
            how = dict(scheme="exact", forward_share=0.0, steps=20)
            found.append(d("Img2NoiseUnsample", title, **wires, **how))
    with d.column(THIRD, group="3. Between them"):
        noises = [
            d(
                "Img2NoiseBlendNoises",
                f"{share:.0%} of the second",
                weight=share,
                noise_a=found[0][0],
                noise_b=found[1][0],
            )
            for share in (0.3, 0.45)
        ]
    with d.column(THIRD, below=True):
        how = found[0][2], found[0][3]
        pictures = [decoded(d, started(d, noise[0], who, how, found[0][1]), loaded[2]) for noise in noises]
    with d.column(FOURTH):
        d.preview("first", images[0][0])
        d.preview("second", images[1][0])
    with d.column(FIFTH):
        d.preview("30 % of the second", pictures[0])
        d.preview("45 % of the second", pictures[1])
