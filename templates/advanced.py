"""Templates that look at noise, measure, fit, and keep."""

from __future__ import annotations

from .edits import SEED, taken_apart
from .graph import MUTED, Drawing, Node, Wire
from .models import Loaded, Model
from .parts import (
    FIFTH,
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


def _given(d: Drawing, m: Model) -> tuple[Node, Loaded, Wire, Node, Wire, tuple[Wire, Wire]]:
    """An image, the model, the image's latent, a profile, a guider of its words, and how it is sampled."""
    scene = "sunset with window"
    image, loaded = sample(d, m, scene), m.load(d)
    latent = encoded(d, image[0], loaded[2])
    profile = d("Img2NoiseLoadWhitener", whitener_name="sd")
    positive = words(d, loaded[1], shown_by(scene, place=False))
    who = guider(d, loaded, positive, avoided(d, m, loaded[1]), m.cfg)
    return image, loaded, latent, profile, who, sampling(d, m, loaded[0])


def inspected(d: Drawing, m: Model) -> None:
    with d.column(LEFT, group="1. Noise for an image"):
        image, loaded, latent, profile, who, how = _given(d, m)
        d.preview("your image", image[0])
    with d.column(SECOND, group="2. Is it noise?"):
        wires = dict(image=image[0], vae=loaded[2], model=loaded[0], similarity=0.7, noise_seed=SEED)
        noise = d("Img2NoiseNoiseFromImage", **wires)
        wires = dict(latent=latent, noise=noise[0], picture=image[0], vae=loaded[2])
        _told(d, d("Img2NoiseInspectNoise", **wires), 0, 1, "is it noise?")
    with d.column(THIRD, group="3. And this, by plain inversion?"):
        backward = d("Img2NoiseInversionSampler", scheme="current", forward_fraction=0.0)
        still = d("DisableNoise")[0]
        back = started(d, still, who, (backward[0], how[1]), latent)
        inverted = d("Img2NoiseInvertedNoise", model=loaded[0], sigmas=how[1], latent=back)
        wires = dict(latent=latent, noise=inverted[0], picture=image[0], vae=loaded[2])
        _told(d, d("Img2NoiseInspectNoise", **wires), 0, 1, "inverted", shown=0)
    with d.column(FOURTH, group="4. What it will make"):
        wires = dict(noise=noise[0], latent=latent, vae=loaded[2], whitener=profile[0])
        d.preview("its preview", d("Img2NoisePreviewNoise", **wires)[0])
        kept = d("Img2NoiseNoiseToLatent", noise=inverted[0], latent=latent)
        seen = d("Img2NoiseDewhitenLatent", latent=kept[0], whitener=profile[0])
        d.preview("of the inverted noise", decoded(d, seen[0], loaded[2]), shown=0)
        wires = dict(latent=latent, whitener=profile[0], vae=loaded[2], similarities="0.9, 0.7, 0.4")
        d.preview(
            "similarities by seeds", d("Img2NoiseNoiseSheet", noise_seed=SEED, seeds=3, **wires)[0], shown=0
        )
    with d.column(FIFTH, group="5. How much of it a sampler passes on"):
        found = d("Img2NoiseInspectSampler", model=loaded[0], sampler=how[0], sigmas=how[1])
        _told(d, found, 1, 0, "what arrives")
        wires = dict(guider=who, sampler=how[0], sigmas=how[1], latent=latent, whitener=profile[0], count=8)
        _told(d, d("Img2NoiseMeasureSampler", **wires), 2, 1, "measured", shown=0)


def _told(d: Drawing, node: Node, text: int, plot: int, title: str, shown: int = 1) -> None:
    d("PreviewAny", f"{title}: in words", source=node[text])
    d.preview(title, node[plot], shown)


def fitted(d: Drawing, m: Model) -> None:
    with d.column(LEFT, group="1. Images"):
        loaded = m.load(d)
        text = words(d, loaded[1], "a red ball on a wooden floor", "What to make")
        negative = avoided(d, m, loaded[1])
        latent = empty(d, m, 8, "How many")
        made = d(
            "KSampler",
            **dict(model=loaded[0], positive=text, negative=negative, latent_image=latent, seed=SEED),
            **dict(steps=m.steps, cfg=m.cfg, sampler_name=m.sampler, scheduler=m.scheduler),
        )
    with d.column(SECOND, group="2. A profile of them"):
        how = dict(latent_space="sd", structure="cosine", method="zca")
        profile = d("Img2NoiseFitWhitener", latents=made[0], shrinkage=0.05, **how)
        image = sample(d, m, "red ball")
        seen = encoded(d, image[0], loaded[2])
        noise = d(
            "Img2NoiseCorrelatedNoise", latent=seen, whitener=profile[0], temperature=0.5, noise_seed=SEED
        )
    with d.column(THIRD, group="Result"):
        d.preview("made by the model", decoded(d, made[0], loaded[2]), shown=3)
        d.preview("noise by their profile", decoded(d, noise[1], loaded[2]))
    with d.column(FOURTH, group="3. Which whitening is nearest to an inversion?"):
        who = guider(d, loaded, words(d, loaded[1], "", "Nothing: no words are needed"), None, 1.0)
        found = d("Img2NoiseFirstStepInversion", guider=who, latent=made[0], iterations=20)
        compared = d("Img2NoiseCompareWhitenings", latents=made[0], noises=found[1], latent_space="sd")
        _told(d, compared, 0, 1, "which is nearest", shown=0)
    with d.column(FIFTH, group="4. Of a folder; to keep (off: unmute with Ctrl+M)"):
        folder = d("Img2NoiseFitWhitenerFromFolder", mode=MUTED, vae=loaded[2], size=m.size)
        d("PreviewAny", "What was measured", mode=MUTED, source=folder[2])
        d("Img2NoiseSaveWhitener", mode=MUTED, whitener=profile[0], filename_prefix="my_profile")


def replayed(d: Drawing, m: Model) -> None:
    taken = taken_apart(d, m, "red ball", 0.28)
    loaded, found = taken.loaded, {}
    with d.column(SECOND, group="2. Edits of one inversion"):
        negative = avoided(d, m, loaded[1])
        for title, text in (
            ("green", "a green ball in the middle of a wooden floor, teal wall"),
            ("at night", "a red ball in the middle of a wooden floor, teal wall, at night"),
        ):
            who = guider(d, loaded, words(d, loaded[1], text, title), negative, m.after)
            found[title] = d("Img2NoiseSampleNoiseMaps", guider=who, noise_maps=taken.maps)
    with d.column(THIRD, below=True):
        same = d("Img2NoiseSampleNoiseMaps", "Under its own words", guider=taken.who, noise_maps=taken.maps)
        pictures = {title: decoded(d, node[0], loaded[2]) for title, node in found.items()}
        back = decoded(d, same[0], loaded[2])
    with d.column(THIRD):
        d.preview("your image", taken.image)
        d.preview("its own words", back)
    with d.column(FOURTH):
        for title, picture in pictures.items():
            d.preview(title, picture)
    with d.column(FIFTH, group="To keep (off: unmute with Ctrl+M)"):
        d("Img2NoiseSaveNoiseMaps", mode=MUTED, noise_maps=taken.maps, filename_prefix="my_image")
        loaded_maps = d("Img2NoiseLoadNoiseMaps", mode=MUTED)
        d("Img2NoiseSampleNoiseMaps", mode=MUTED, guider=taken.who, noise_maps=loaded_maps[0])


def compared(d: Drawing, m: Model) -> None:
    with d.column(LEFT, group="1. Your image"):
        image, loaded, latent, profile, who, how = _given(d, m)
        plain = guider(d, loaded, words(d, loaded[1], "", "Nothing: no words are needed"), None, 1.0)
        start = empty(d, m)
        d.preview("your image", image[0])
    with d.column(SECOND, group="2. By whitening, at once"):
        white = d("Img2NoiseWhitenLatent", latent=latent, whitener=profile[0])
        noise = d("Img2NoiseLatentToNoise", latent=white[0])
        _sampled(d, "whitening", loaded, started(d, noise[0], who, how, start))
    with d.column(THIRD, group="3. In one shot, with a seed"):
        noise = d(
            "Img2NoiseCorrelatedNoise", latent=latent, whitener=profile[0], noise_seed=SEED, temperature=0.5
        )
        _sampled(d, "in one shot", loaded, started(d, noise[0], who, how, start))
    with d.column(FOURTH, group="4. By search"):
        search = dict(
            latent=latent, whitener=profile[0], noise_seed=SEED, iterations=10000, temperature_end=5.0
        )
        noise = d("Img2NoiseAnnealedNoise", **search)
        d.preview("its loss", noise[2], shown=0)
        _sampled(d, "search", loaded, started(d, noise[0], who, how, start))
    with d.column(FIFTH, group="5. By the model's first step"):
        noise = d("Img2NoiseFirstStepInversion", guider=plain, latent=latent)
        d.preview("its way", noise[2], shown=0)
        _sampled(d, "first step", loaded, started(d, noise[0], who, how, start))


def _sampled(d: Drawing, title: str, loaded: Loaded, latent: Wire) -> None:
    d.preview(title, decoded(d, latent, loaded[2]))
