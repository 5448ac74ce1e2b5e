"""How each node is tried: a few wires around it, and what of them is looked at.

A try is one graph, or two of which the first leaves a file for the second. Where a way there and back exists
its end is shown beside its beginning: whitening, noise in a latent, files, noise maps, DDIM inversion by its
exact steps, and the first denoising step.
"""

from __future__ import annotations

from img2noise.sigmas import scaled_linear

from .. import scenes
from .places import FEW, FLOWS, Source

FIRST = 980  # the timestep of the first step
EXACT = dict(scheme="implicit", forward_fraction=0.0, iterations=4)


def sample_image(p: Source) -> None:
    node = p.graph("Img2NoiseSampleImage", scene="red ball", size=64)
    for output in (0, 2):
        p.show(node[output])


def load_whitener(p: Source) -> None:
    loaded = p.graph("Img2NoiseLoadWhitener", whitener_name=f"{_file(p)}_00001_.safetensors")
    p.show(loaded[0])
    p.show(loaded[1])
    p.show(*(_whitened(p, p.photo, found) for found in (loaded[0], p.whitener)))


def save_whitener(p: Source) -> None:
    p.graph("Img2NoiseSaveWhitener", whitener=p.whitener, filename_prefix=_file(p))


def fit_whitener(p: Source) -> None:
    fitted = _fitted(p)
    p.show(fitted[0])
    p.show(fitted[1])


def fit_whitener_from_folder(p: Source) -> None:
    how = dict(latent_space=p.family.space, folder="matrix", size=64, shrinkage=0.1)  # of a dozen photos
    fitted = p.graph("Img2NoiseFitWhitenerFromFolder", vae=p.vae, **how)
    for output in range(3):
        p.show(fitted[output])


def whiten_latent(p: Source) -> None:
    p.show(_whitened(p, p.photo, p.whitener))


def dewhiten_latent(p: Source) -> None:
    z = _whitened(p, p.photo, p.whitener)
    p.show(p.graph("Img2NoiseDewhitenLatent", latent=z, whitener=p.whitener)[0], p.photo)


def annealed_noise(p: Source) -> None:
    wires = dict(latent=p.photo, whitener=p.whitener, model=p.model)
    node = p.graph("Img2NoiseAnnealedNoise", **wires, iterations=200)
    p.show(node[1])
    p.show(node[2])
    _noise(p, node[0])


def correlated_noise(p: Source) -> None:
    node = p.graph("Img2NoiseCorrelatedNoise", latent=p.photo, whitener=p.whitener, model=p.model)
    p.show(node[1])
    _noise(p, node[0])


def latent_to_noise(p: Source) -> None:
    z = _white(p)
    _noise(p, p.graph("Img2NoiseLatentToNoise", latent=z, normalize=True)[0])


def noise_to_latent(p: Source) -> None:
    z = _white(p)
    noise = p.graph("Img2NoiseLatentToNoise", latent=z)[0]
    p.show(p.graph("Img2NoiseNoiseToLatent", noise=noise, latent=p.photo)[0], z)
    p.show(p.graph("Img2NoiseNoiseToLatent", noise=_random(p, 3), latent=p.photo)[0])


def blend_noises(p: Source) -> None:
    _noise(p, p.graph("Img2NoiseBlendNoises", noise_a=_random(p, 1), noise_b=_random(p, 2))[0])


def pick_noise(p: Source) -> None:
    wires = dict(noise=_random(p, 1), latent=p.photo, guider=p.guider())
    node = p.graph("Img2NoisePickNoise", **wires, count=2, pick=2)
    p.show(node[2])
    p.show(p.sampled(node[0], node[1]))


def preview_noise(p: Source) -> None:
    wires = dict(noise=_random(p, 1), latent=p.photo, vae=p.vae)
    p.show(p.graph("Img2NoisePreviewNoise", **wires)[0])


def noise_sheet(p: Source) -> None:
    how = dict(similarities="0.8, 0.5", seeds=2)
    p.show(p.graph("Img2NoiseNoiseSheet", latent=p.photo, whitener=p.whitener, **how)[0])


def noise_from_image(p: Source) -> None:
    made = dict(sampler=scenes.euler(p.graph), sigmas=p.levels())
    node = p.graph("Img2NoiseNoiseFromImage", **_image(p), model=p.model, **made)
    p.show(node[1])
    _noise(p, node[0])


def noise_from_two_images(p: Source) -> None:
    first, other = _image(p), _image(p, 5)
    images = dict(layout_image=first.pop("image"), color_image=other["image"])
    node = p.graph("Img2NoiseNoiseFromTwoImages", **images, **first, model=p.model)
    p.show(node[1])
    _noise(p, node[0])


def ksampler(p: Source) -> None:
    how = dict(steps=p.family.turbo or 3, cfg=p.cfg, sampler_name="euler", scheduler="sgm_uniform")
    wires = dict(model=p.model, **p.prompts(), **_image(p))
    p.show(p.graph("Img2NoiseKSampler", **wires, **how, latent_image=p.photo)[0])


def inspect_sampler(p: Source) -> None:
    wires = dict(model=p.model, sampler=scenes.euler(p.graph), sigmas=p.levels())
    node = p.graph("Img2NoiseInspectSampler", **wires)
    p.show(node[0])
    p.show(node[1])


def measure_sampler(p: Source) -> None:
    wires = dict(guider=p.guider(), sampler=scenes.euler(p.graph), sigmas=p.levels(), latent=p.photo)
    node = p.graph("Img2NoiseMeasureSampler", **wires, whitener=p.whitener, count=6)
    p.show(node[0])
    p.show(node[1])
    p.show(node[2])
    _noise(p, p.graph("Img2NoiseNoiseFromImage", **_image(p), model=p.model, gain=node[0])[0])


def there_and_back(p: Source) -> None:
    sampler = p.graph("Img2NoiseInversionSampler", **EXACT)[0]
    x = p.sampled(scenes.no_noise(p.graph), sampler=sampler)
    noise = p.graph("Img2NoiseInvertedNoise", model=p.model, sigmas=p.levels(), latent=x)[0]
    p.show(x)
    p.show(noise)
    p.show(p.sampled(noise), p.photo)


def unsample(p: Source) -> None:
    how = dict(scheme="exact", forward_share=0.0, iterations=4, steps=p.family.turbo or 3, cfg=p.cfg)
    node = p.graph("Img2NoiseUnsample", model=p.model, **p.prompts(), latent=p.photo, **how)
    p.show(node[0])
    wires = dict(sampler=node[2], sigmas=node[3])
    p.show(p.sampled(node[0], node[1], **wires), p.photo)


def first_step_inversion(p: Source) -> None:
    how = dict(timestep=FIRST, stop="converged", tolerance=1e-5, anderson_window=5, iterations=10)
    wires = dict(guider=p.guider(), latent=p.photo)
    node = p.graph("Img2NoiseFirstStepInversion", **wires, **how, normalize=False)
    p.show(node[1])
    p.show(node[2])
    sigma = float(scaled_linear()[FIRST])
    told = sigma / (1 + sigma) if p.family in FLOWS else sigma
    step = scenes.written(p.graph, f"{told} 0")
    p.show(p.sampled(node[0], sigmas=step), p.photo)


def image_to_noise_maps(p: Source) -> None:
    node = _maps(p)
    p.show(node[0])
    p.show(node[1])


def sample_noise_maps(p: Source) -> None:
    maps = _maps(p)[0]
    p.show(_replayed(p, maps), p.photo)
    p.show(_replayed(p, maps, seed=2))


def prompt_edit(p: Source) -> None:
    def edited(**how) -> list:
        wires = dict(source=p.guider(), sigmas=p.levels(), latent=p.photo)
        return p.graph("Img2NoisePromptEdit", **wires, **{**p.taken_apart, **how})[0]

    p.show(edited(target=p.guider()), p.photo)
    p.show(edited(target=p.guider(2), weight=1.5, few_steps="auto"))


def transform_noise_maps(p: Source) -> None:
    maps = _maps(p)[0]
    there = p.graph("Img2NoiseTransformNoiseMaps", noise_maps=maps, down=16, right=32)[0]
    p.show(there)
    p.show(_replayed(p, there))
    for _ in range(2):
        maps = p.graph("Img2NoiseTransformNoiseMaps", noise_maps=maps, flip_horizontal=True)[0]
        p.show(maps)
    p.show(_replayed(p, maps), p.photo)


def recolor_noise_maps(p: Source) -> None:
    mask = p.graph("SolidMask", value=0.5, width=64, height=64)[0]
    wires = dict(guider=p.guider(), noise_maps=_maps(p)[0], vae=p.vae, mask=mask)
    how = dict(band_start=0.0, band_end=1.0)
    p.show(_replayed(p, p.graph("Img2NoiseRecolorNoiseMaps", **wires, **how)[0]))
    p.show(_replayed(p, p.graph("Img2NoiseRecolorNoiseMaps", **wires, **how, strength=0.0)[0]), p.photo)


def save_noise_maps(p: Source) -> None:
    p.graph("Img2NoiseSaveNoiseMaps", noise_maps=_maps(p)[0], filename_prefix=_file(p))


def load_noise_maps(p: Source) -> None:
    maps = p.graph("Img2NoiseLoadNoiseMaps", file=f"{_file(p)}_00001_.safetensors")[0]
    p.show(maps)
    p.show(_replayed(p, maps), p.photo)


def inspect_noise(p: Source) -> None:
    large = p.picture(3, width=8, height=8) if p.family in FLOWS else p.photo
    pixels = p.graph("VAEDecode", samples=large, vae=p.vae)[0]
    beside = dict(picture=pixels, vae=p.vae)
    node = p.graph("Img2NoiseInspectNoise", latent=large, noise=_random(p, 3), **beside)
    p.show(node[0])
    p.show(node[1])


def compare_whitenings(p: Source) -> None:
    pictures = p.picture(**FEW)
    wires = dict(latents=pictures, noises=_whitened(p, pictures, _fitted(p)[0]))
    node = p.graph("Img2NoiseCompareWhitenings", **wires, latent_space=p.family.space, shrinkage=0.1)
    p.show(node[0])
    p.show(node[1])


def _image(p: Source, seed: int = 3) -> dict:
    """An image of pixels, and what encodes it."""
    pixels = p.graph("VAEDecode", samples=p.picture(seed), vae=p.vae)[0]
    return dict(image=pixels, vae=p.vae, whitener=p.whitener)


def _file(p: Source) -> str:
    return "-".join(["matrix", p.family.name, p.condition, p.again]).replace(",", "")


def _random(p: Source, seed: int) -> list:
    return p.anew(p.graph("RandomNoise", noise_seed=seed)[0])


def _noise(p: Source, noise: list) -> None:
    """A noise is shown as a sampler gets it, and sampled."""
    p.show(noise)
    p.show(p.sampled(noise))


def _white(p: Source) -> list:
    """Noise in a latent: the photo whitened, or core's where the family's latents have no whitener."""
    if p.family.kind != "wan22":
        return _whitened(p, p.photo, p.whitener)
    return p.graph("Img2NoiseNoiseToLatent", noise=_random(p, 5), latent=p.photo)[0]


def _whitened(p: Source, latent: list, whitener: list) -> list:
    return p.graph("Img2NoiseWhitenLatent", latent=latent, whitener=whitener)[0]


def _fitted(p: Source):
    how = dict(latent_space=p.family.space, shrinkage=0.1)
    return p.graph("Img2NoiseFitWhitener", latents=p.picture(**FEW), **how)


def _maps(p: Source):
    wires = dict(guider=p.guider(), sigmas=p.levels(), latent=p.photo, **p.taken_apart)
    return p.graph("Img2NoiseImageToNoiseMaps", **wires)


def _replayed(p: Source, maps: list, seed: int = 1) -> list:
    beside = dict(latent=p.photo) if p.condition == "mask" else {}
    return p.graph("Img2NoiseSampleNoiseMaps", guider=p.guider(seed), noise_maps=maps, **beside)[0]


TRIES = {  # by node id: the graphs that are run one after the other
    "Img2NoiseSampleImage": [sample_image],
    "Img2NoiseLoadWhitener": [save_whitener, load_whitener],
    "Img2NoiseSaveWhitener": [save_whitener, load_whitener],
    "Img2NoiseFitWhitener": [fit_whitener],
    "Img2NoiseFitWhitenerFromFolder": [fit_whitener_from_folder],
    "Img2NoiseWhitenLatent": [whiten_latent],
    "Img2NoiseDewhitenLatent": [dewhiten_latent],
    "Img2NoiseNoiseFromImage": [noise_from_image],
    "Img2NoiseNoiseFromTwoImages": [noise_from_two_images],
    "Img2NoiseInspectSampler": [inspect_sampler],
    "Img2NoiseMeasureSampler": [measure_sampler],
    "Img2NoiseAnnealedNoise": [annealed_noise],
    "Img2NoiseCorrelatedNoise": [correlated_noise],
    "Img2NoiseLatentToNoise": [latent_to_noise],
    "Img2NoiseNoiseToLatent": [noise_to_latent],
    "Img2NoiseBlendNoises": [blend_noises],
    "Img2NoisePickNoise": [pick_noise],
    "Img2NoisePreviewNoise": [preview_noise],
    "Img2NoiseNoiseSheet": [noise_sheet],
    "Img2NoiseKSampler": [ksampler],
    "Img2NoiseUnsample": [unsample],
    "Img2NoiseInversionSampler": [there_and_back],
    "Img2NoiseInvertedNoise": [there_and_back],
    "Img2NoiseFirstStepInversion": [first_step_inversion],
    "Img2NoiseImageToNoiseMaps": [image_to_noise_maps],
    "Img2NoiseSampleNoiseMaps": [sample_noise_maps],
    "Img2NoisePromptEdit": [prompt_edit],
    "Img2NoiseTransformNoiseMaps": [transform_noise_maps],
    "Img2NoiseRecolorNoiseMaps": [recolor_noise_maps],
    "Img2NoiseSaveNoiseMaps": [save_noise_maps, load_noise_maps],
    "Img2NoiseLoadNoiseMaps": [save_noise_maps, load_noise_maps],
    "Img2NoiseInspectNoise": [inspect_noise],
    "Img2NoiseCompareWhitenings": [compare_whitenings],
}
SAMPLING = {
    "Img2NoiseMeasureSampler",
    "Img2NoisePickNoise",
    "Img2NoiseKSampler",
    "Img2NoiseUnsample",
    "Img2NoiseInversionSampler",
    "Img2NoiseInvertedNoise",
    "Img2NoiseFirstStepInversion",
    "Img2NoiseImageToNoiseMaps",
    "Img2NoiseSampleNoiseMaps",
    "Img2NoisePromptEdit",
}
