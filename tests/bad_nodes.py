"""What is given wrongly to each node: kinds of wrongness by the kind of an input.

Each row exchanges one input of those that `host/alone.py` has for the node. Values that only a host can make
are functions of its `World`. The host looks at constants before a node does; over a wire comes whatever
another pack makes.
"""

from __future__ import annotations

import torch

NAN, INF = float("nan"), float("inf")
X = torch.linspace(-1, 1, 256).view(1, 4, 8, 8)
NARROW, TWO = {"samples": X[..., :4]}, {"samples": X.repeat(2, 1, 1, 1)}

NOISY = [None, {}, {"samples": X.tolist()}, X, {"samples": X[0]}, {"samples": X[:0]}]
NOISY += [lambda w: {"samples": w.nested(X)}, {"samples": X * NAN}, {"samples": X / 0}]
BLANK, WIDE = [{"samples": X * 0}], [{"samples": X.repeat(1, 4, 1, 1)}, {"samples": X[:, :, None]}]
PICTURES = NOISY + BLANK + WIDE
WHITENERS = [None, "sd", lambda w: w.whitener("rgb"), lambda w: w.moments()]
WHITENERS += [lambda w: w.library.fit(w.moments("kronecker", side=4), shrinkage=0.1)]
FITTING = [*WHITENERS, lambda w: w.whitener("sdxl")]  # where a model says which it needs
SIGMAS = [torch.tensor(s) for s in ([1.0], [NAN, 1.0, 0.0], [3.0, 4.0, 0.0], [3.0, 2.0, 1.0])]
SIGMAS += [torch.ones(2, 2)]
SEEDS = [-1, 2**64, 0.5, "one"]
COUNTS = [1.5, "2", None]
UNIT = [NAN, INF, "1"]
TEMPERATURE = [NAN, -1.0, "5"]
FILENAMES = ["../x", "/x/y", "a\0b", "x" * 300, None]
COLORS = ["red", "#fff", "", None, X]
FOLDERS = ["../..", "nowhere", "a\0b", None]
MAPS = [None, {"samples": X}]
NOISES = [X, lambda w: w.noise(X[..., :4]), lambda w: w.noise(X * NAN), lambda w: w.noise(None)]
GUIDERS = [lambda w: w.guider(w.patched("Discrete", "img_to_img", False))]
GUIDERS += [lambda w: w.guider(w.patched("Discrete", "eps", True))]
FAMILIES = [*GUIDERS, lambda w: w.guider(w.model("sdxl"))]
UNEVEN = {**TWO, "batch_index": [0]}
ASKED = [NARROW, {"samples": X, "batch_index": [0, 1]}, UNEVEN]
UNKNOWN = ["x"]
FITS = dict(
    structure=[*UNKNOWN, "dense"], method=[*UNKNOWN, "cholesky"], shrinkage=UNIT, latent_space=UNKNOWN
)
SDXL = [lambda w: w.model("sdxl")]
SEARCH = dict(latent=PICTURES, whitener=FITTING, model=SDXL, noise_seed=SEEDS, batch_size=COUNTS)
WALK = dict(
    sigmas=SIGMAS, latent=[*PICTURES, UNEVEN], skip=[*UNIT, -0.1, 1.1], noise_seed=SEEDS, few_steps=UNKNOWN
)
WALK |= dict(method=UNKNOWN)

IMAGES = [None, X, torch.ones(1, 8, 8, 1), torch.ones(0, 8, 8, 3), torch.full((1, 8, 8, 3), NAN)]
MASKS = [X, torch.full((1, 8, 8), NAN), torch.full((1, 8, 8), 2.0)]
VAES = [None, X, lambda w: w.vae(16)]
FROM_IMAGE = dict(vae=VAES, similarity=UNIT, noise_seed=SEEDS, whitener=FITTING[1:])
CANDIDATES = dict(latent=NOISY, whitener=WHITENERS[1:], vae=[lambda w: w.vae(16)])

BAD_NODES = {
    "Img2NoiseLoadLittleWorld": {},
    "Img2NoiseSampleImage": dict(scene=[*UNKNOWN, None, X], size=[*COUNTS, 0, 5000]),
    "Img2NoiseLoadWhitener": dict(
        whitener_name=[f"{name}.safetensors" for name in ("nowhere", "noise", "damaged", "../../secret")]
    ),
    "Img2NoiseSaveWhitener": dict(filename_prefix=FILENAMES, whitener=[None]),
    "Img2NoiseFitWhitener": dict(
        latents=[*PICTURES, TWO],
        patch=[-1, "8", 4],
        moments=["moments", X, lambda w: w.moments("kronecker"), lambda w: w.moments(space="sdxl")],
        **FITS,
    ),
    "Img2NoiseFitWhitenerFromFolder": dict(
        vae=[lambda w: w.vae(16)],
        folder=[*FOLDERS, "no photos", "damaged"],
        size=[0, "512"],
        limit=["3", -1, 1],
        **FITS,
    ),
    "Img2NoiseWhitenLatent": dict(latent=PICTURES, whitener=WHITENERS, strength=UNIT),
    "Img2NoiseDewhitenLatent": dict(latent=NOISY + WIDE, whitener=WHITENERS, strength=UNIT),
    "Img2NoiseAnnealedNoise": SEARCH
    | dict(iterations=[*COUNTS, -1], loss=UNKNOWN, alpha=UNIT)
    | dict(temperature_start=[NAN, "5"], temperature_end=[NAN, INF]),
    "Img2NoiseCorrelatedNoise": SEARCH | dict(temperature=TEMPERATURE, strength=UNIT, asked=ASKED),
    "Img2NoiseLatentToNoise": dict(latent=NOISY + BLANK, asked=ASKED),
    "Img2NoiseNoiseToLatent": dict(noise=[None, *NOISES], latent=[None]),
    "Img2NoiseBlendNoises": dict(
        noise_a=[None, *NOISES, lambda w: w.noise(-w.noises[1])],
        noise_b=[None, *NOISES],
        weight=[*UNIT, -0.1],
        method=UNKNOWN,
        cut_off=[NAN, -1.0, "1"],
        variation_seed=SEEDS,
        variation_strength=[*UNIT, 1.1],
    ),
    "Img2NoisePickNoise": CANDIDATES
    | dict(count=[*COUNTS, 1, 17], pick=[*COUNTS, -1, 17], noise=[None, *NOISES, lambda w: w.noise(X)]),
    "Img2NoisePreviewNoise": CANDIDATES | dict(noise=[None, *NOISES]),
    "Img2NoiseNoiseSheet": dict(latent=PICTURES, whitener=WHITENERS, noise_seed=SEEDS)
    | dict(similarities=["", "near", "-1", "nan", None], seeds=[*COUNTS, 0, 17]),
    "Img2NoiseNoiseFromImage": FROM_IMAGE
    | dict(image=IMAGES, keep_mask=MASKS, layout=UNIT, color=UNIT, detail=UNIT, temperature=TEMPERATURE)
    | dict(
        sampler=[None, X], sigmas=[None, *SIGMAS[:3]], gain=[X], asked=[UNEVEN, WIDE[0], {"samples": X[0]}]
    ),
    "Img2NoiseNoiseFromTwoImages": FROM_IMAGE | dict(layout_image=IMAGES, color_image=IMAGES),
    "Img2NoiseInspectSampler": dict(sampler=[None, X], sigmas=SIGMAS[:3]),
    "Img2NoiseMeasureSampler": dict(guider=GUIDERS, latent=NOISY, count=[*COUNTS, 1], noise_seed=SEEDS)
    | dict(sigmas=SIGMAS[:3], whitener=FITTING[1:]),
    "Img2NoiseKSampler": dict(image=IMAGES, vae=VAES, similarity=UNIT, keep_mask=MASKS, whitener=FITTING[1:])
    | dict(latent_image=[None, {"samples": X * NAN}, UNEVEN]),
    "Img2NoiseUnsample": dict(latent=[*PICTURES, UNEVEN], scheme=UNKNOWN, forward_share=[NAN, 2.0, "1"])
    | dict(noise_seed=SEEDS, iterations=[*COUNTS, 0], steps=[*COUNTS, 0], cfg=[NAN, -1.0, "1"], asked=ASKED)
    | dict(model=[lambda w: w.patched("Discrete", "img_to_img", False)]),
    "Img2NoiseInversionSampler": dict(scheme=UNKNOWN, forward_fraction=[NAN, 2.0, "1"], forward_seed=SEEDS)
    | dict(iterations=[*COUNTS, 0], latent=BLANK, sigmas=SIGMAS, guider=GUIDERS),
    "Img2NoiseInvertedNoise": dict(latent=PICTURES, sigmas=SIGMAS, asked=ASKED),
    "Img2NoiseFirstStepInversion": dict(guider=GUIDERS, latent=PICTURES, timestep=["980", 0, 1000])
    | dict(iterations=[*COUNTS, 0], stop=UNKNOWN, anderson_window=[*COUNTS, -1], tolerance=[NAN, "0"]),
    "Img2NoiseImageToNoiseMaps": WALK | dict(guider=GUIDERS, eta=[-0.1, NAN, "1"], levels_per_call=[0, "2"]),
    "Img2NoiseSampleNoiseMaps": dict(
        noise_maps=MAPS,
        skip=[*UNIT, -0.1, 1.1],
        guider=FAMILIES,
        latent=[*NOISY[1:], *WIDE, NARROW, TWO, {"samples": X * 0, "noise_mask": torch.ones(1, 64, 64)}],
    ),
    "Img2NoisePromptEdit": WALK
    | dict(source=GUIDERS, target=FAMILIES, eta=[1.1, NAN], weight=[NAN, "1"])
    | dict(average=[*COUNTS, 0], free_steps=[*COUNTS, -1]),
    "Img2NoiseTransformNoiseMaps": dict(noise_maps=MAPS, down=COUNTS, right=COUNTS),
    "Img2NoiseRecolorNoiseMaps": dict(guider=FAMILIES, noise_maps=MAPS, color=COLORS)
    | dict(
        vae=[lambda w: w.vae(16)],
        mask=[torch.ones(3, 64, 64), torch.ones(64), torch.full((1, 64, 64), NAN), None],
    )
    | dict(strength=[NAN, -0.1, "1"], band_start=[-0.1, NAN], band_end=[1.5, "1"]),
    "Img2NoiseSaveNoiseMaps": dict(noise_maps=[*MAPS, lambda w: w.whitener("sd")], filename_prefix=FILENAMES),
    "Img2NoiseLoadNoiseMaps": dict(
        file=["nowhere.safetensors", "../../secret.safetensors", "noise.safetensors", None]
    ),
    "Img2NoiseInspectNoise": dict(latent=[*NOISY, NARROW], noise=NOISES, smoothness=[NAN, -1.0, "1"])
    | dict(picture=[torch.full((1, 64, 64, 3), NAN), torch.ones(1, 64, 128, 3), torch.ones(2, 64, 64, 3)]),
    "Img2NoiseCompareWhitenings": dict(
        latents=[*PICTURES, TWO], noises=[*NOISY, *WIDE, TWO], latent_space=UNKNOWN, shrinkage=[NAN, 2.0, "0"]
    ),
}
NODE_ROWS = [
    (node, argument, value)
    for node, arguments in BAD_NODES.items()
    for argument, values in arguments.items()
    for value in values
]
