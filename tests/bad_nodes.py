"""What is given wrongly to each node, and a part of the sentence that it must answer with.

Each row of BAD_NODES exchanges one input of those that `host/alone.py` has for the node. Values that only a
host can make are functions of its `World`. The host looks at constants before a node does; over a wire comes
whatever another pack makes.
"""

from __future__ import annotations

import torch

NAN, INF = float("nan"), float("inf")
NUMBER, WHOLE = "expected a number", "expected a whole number"
NO_SAMPLES, NOTHING = "got a latent that holds no samples", "a batch of nothing"
X = torch.linspace(-1, 1, 256).view(1, 4, 8, 8)

NOISY = {  # what no LATENT may be
    "nothing": (None, NO_SAMPLES),
    "an empty box": ({}, NO_SAMPLES),
    "a list": ({"samples": X.tolist()}, NO_SAMPLES),
    "a tensor of its own": (X, NO_SAMPLES),
    "video": ({"samples": X[:, :, None]}, "of a video or sound model"),
    "nested": (lambda w: {"samples": w.nested(X)}, "got a nested latent"),
    "NaN": ({"samples": X * NAN}, "NaN or infinity"),
    "infinity": ({"samples": X / 0}, "NaN or infinity"),
    "no rows": ({"samples": X[:0]}, NOTHING),
}
BLANK = {"empty": ({"samples": X * 0}, "got an empty latent where a picture is needed")}
WIDE = {"16 channels": ({"samples": X.repeat(1, 4, 1, 1)}, "16")}
PICTURES = NOISY | BLANK | WIDE
WHITENERS = {
    "nothing": (None, "for a whitener; wire Load Whitener"),
    "a text": ("sd", "for a whitener; wire Load Whitener"),
    "of pixels": (lambda w: w.whitener("rgb"), "rgb"),
}
MODELS = {"of another family": (lambda w: w.whitener("sdxl"), "sdxl latents")}
SIGMAS = {
    "one": (torch.tensor([1.0]), "shape (1,)"),
    "NaN": (torch.tensor([NAN, 1.0, 0.0]), "expected finite ones that descend"),
    "up and down": (torch.tensor([3.0, 4.0, 0.0]), "descend at every step and end in 0"),
    "no end": (torch.tensor([3.0, 2.0, 1.0]), "descend at every step and end in 0"),
    "two axes": (torch.ones(2, 2), "shape (2, 2)"),
}
SEEDS = {
    "negative": (-1, "seeds lie in"),
    "too large": (2**64, "seeds lie in"),
    "a fraction": (0.5, "for the seed"),
    "a text": ("one", "for the seed"),
}
COUNTS = {"a fraction": (1.5, WHOLE), "a text": ("2", WHOLE), "nothing": (None, WHOLE)}
UNIT = {"NaN": (NAN, "nan"), "too large": (INF, "inf"), "a text": ("1", "'1'")}
TEMPERATURE = {"NaN": (NAN, "temperature"), "negative": (-1.0, "temperature"), "a text": ("5", "temperature")}
FILENAMES = {
    "a way out": ("../x", "lies outside"),
    "absolute": ("/x/y", "lies outside"),
    "NUL": ("a\0b", "control characters"),
    "a device": ("CON", "Windows keeps"),
    "too long": ("x" * 300, "at most"),
    "none": ("", "a part is empty"),
    "hidden": (".x", "hidden"),
    "nothing": (None, "for a file name"),
}
FOLDERS = {
    "a way out": ("../..", "lies outside"),
    "none there": ("nowhere", "nowhere"),
    "NUL": ("a\0b", "control characters"),
    "nothing": (None, "for a file name"),
}
MAPS = {
    "nothing": (None, "expected NoiseMaps"),
    "a latent": ({"samples": X}, "expected NoiseMaps"),
}
NOISES = {
    "nothing": (None, "got None for a noise"),
    "a tensor": (X, "for a noise; wire"),
    "of another size": (lambda w: w.noise(X[..., :4]), "from a noise for a latent of"),
    "of NaN": (lambda w: w.noise(X * NAN), "NaN or infinity"),
    "of nothing": (lambda w: w.noise(None), "from a noise for a latent of"),
}
GUIDERS = {"a flow model": (lambda w: w.guider(w.flow()), "got a flow model")}
ASKED = {
    "another size": ({"samples": X[..., :4]}, "got noise of 4 x 8 x 8 for a latent of 4 x 8 x 4"),
    "numbers that are not one each": ({"samples": X, "batch_index": [0, 1]}, "got 2 batch indices for 1"),
}
UNKNOWN = {"unknown": ("x", "'x'")}
FITS = dict(structure=UNKNOWN, method=UNKNOWN, shrinkage=UNIT, latent_space=UNKNOWN)

BAD_NODES = {
    "Img2NoiseLoadWhitener": dict(
        whitener_name={
            "none there": ("nowhere.safetensors", "not found"),
            "a file of noise": ("noise.safetensors", "holds a Tensor and no whitener"),
            "a damaged file": ("damaged.safetensors", "no readable safetensors file"),
            "a way out": ("../../secret.safetensors", "not found"),
        }
    ),
    "Img2NoiseSaveWhitener": dict(filename=FILENAMES, whitener={"nothing": (None, "for a whitener; wire")}),
    "Img2NoiseFitWhitener": dict(
        latents=PICTURES,
        patch={"negative": (-1, "patch"), "a text": ("8", "patch")},
        moments={"a text": ("moments", "expected Moments"), "a tensor": (X, "expected Moments")},
        **FITS,
    ),
    "Img2NoiseFitWhitenerFromFolder": dict(
        vae={"of 16 channels": (lambda w: w.vae(16), "got a VAE of 16-channel latents")},
        folder=FOLDERS,
        size={"none": (0, "size"), "a text": ("512", "size")},
        limit={"a text": ("3", WHOLE), "negative": (-1, "limit")},
        **FITS,
    ),
    "Img2NoiseWhitenLatent": dict(latent=PICTURES, whitener=WHITENERS, strength=UNIT),
    "Img2NoiseDewhitenLatent": dict(latent=NOISY | WIDE, whitener=WHITENERS, strength=UNIT),
    "Img2NoiseAnnealedNoise": dict(
        latent=PICTURES,
        whitener=WHITENERS | MODELS,
        noise_seed=SEEDS,
        iterations=COUNTS | {"negative": (-1, "-1")},
        batch_size=COUNTS,
        loss=UNKNOWN,
        alpha=UNIT,
        temperature_start={"NaN": (NAN, "temperature"), "a text": ("5", "temperature")},
        temperature_end={"NaN": (NAN, "temperature"), "endless": (INF, "temperature")},
    ),
    "Img2NoiseCorrelatedNoise": dict(
        latent=PICTURES,
        whitener=WHITENERS | MODELS,
        noise_seed=SEEDS,
        temperature=TEMPERATURE,
        strength=UNIT,
        batch_size=COUNTS,
        asked=ASKED,
    ),
    "Img2NoiseLatentToNoise": dict(latent=NOISY, asked=ASKED),
    "Img2NoiseNoiseToLatent": dict(noise=NOISES, latent={"nothing": (None, NO_SAMPLES)}),
    "Img2NoiseBlendNoises": dict(
        noise_a=NOISES, noise_b=NOISES, weight=UNIT | {"negative": (-0.1, "-0.1")}, method=UNKNOWN
    ),
    "Img2NoiseKSampler": dict(
        whitener=WHITENERS | MODELS,
        reference=PICTURES,
        temperature=TEMPERATURE,
        latent_image={"nothing": (None, NO_SAMPLES), "NaN": ({"samples": X * NAN}, "NaN or infinity")}
        | {"another size": ({"samples": X[..., :4] * 0}, "got noise of")},
    ),
    "Img2NoiseInversionSampler": dict(
        scheme=UNKNOWN,
        forward_fraction={"NaN": (NAN, "forward"), "too large": (2.0, "forward"), "a text": ("1", "forward")},
        forward_seed=SEEDS,
        iterations=COUNTS | {"none": (0, "0 iterations")},
        latent=BLANK,
        sigmas=SIGMAS,
        guider=GUIDERS,
    ),
    "Img2NoiseInvertedNoise": dict(latent=NOISY | BLANK, sigmas=SIGMAS, asked=ASKED),
    "Img2NoiseFirstStepInversion": dict(
        guider=GUIDERS,
        latent=PICTURES,
        timestep={"a text": ("980", WHOLE), "none": (0, "timestep"), "beyond": (1000, "timestep")},
        iterations=COUNTS | {"none": (0, "0 iterations")},
        stop=UNKNOWN,
        anderson_window=COUNTS | {"negative": (-1, "window -1")},
        tolerance={"NaN": (NAN, "tolerance"), "a text": ("0", NUMBER)},
    ),
    "Img2NoiseEditFriendlyInversion": dict(
        guider=GUIDERS,
        sigmas=SIGMAS,
        latent=PICTURES,
        eta={"none": (0.0, "eta = 0 adds no noise"), "NaN": (NAN, "eta"), "a text": ("1", NUMBER)},
        skip=COUNTS | {"negative": (-1, "got skip -1")},
        noise_seed=SEEDS,
        few_steps=UNKNOWN,
        levels_per_call={"none": (0, "levels per call"), "a text": ("2", WHOLE)},
    ),
    "Img2NoiseEditFriendlySampler": dict(
        noise_maps=MAPS,
        guider=GUIDERS | {"of another family": (lambda w: w.guider(w.model("sdxl")), "for a model of sdxl")},
        sigmas={"others": (torch.tensor([9.0, 1.0, 0.0]), "got 3 sigmas that are not")},
        latent={"another size": ({"samples": X[..., :4]}, "for noise maps of")},
    ),
    "Img2NoiseEditFriendlyEdit": dict(
        source=GUIDERS,
        target=GUIDERS | {"of another family": (lambda w: w.guider(w.model("sdxl")), "a target of SDXL")},
        sigmas=SIGMAS,
        latent=PICTURES,
        eta={"none": (0.0, "eta = 0 adds no noise"), "NaN": (NAN, "eta")},
        skip=COUNTS | {"negative": (-1, "got skip -1")},
        noise_seed=SEEDS,
        few_steps=UNKNOWN,
        weight={"NaN": (NAN, "weight"), "a text": ("1", NUMBER)},
    ),
    "Img2NoiseShiftNoiseMaps": dict(
        noise_maps=MAPS,
        down=COUNTS | {"the whole side": (8, "must be smaller")},
        right=COUNTS | {"the whole side": (-8, "must be smaller")},
    ),
    "Img2NoiseFlipNoiseMaps": dict(noise_maps=MAPS),
    "Img2NoiseRecolorNoiseMaps": dict(
        guider=GUIDERS,
        noise_maps=MAPS,
        color=NOISY | WIDE | {"another size": ({"samples": X[..., :4]}, "got a color of")},
        mask={"three": (torch.ones(3, 64, 64), "got 3 masks"), "one row": (torch.ones(64), "got a mask")}
        | {"NaN": (torch.full((1, 64, 64), NAN), "NaN or infinity"), "nothing": (None, "mask")},
        strength={"NaN": (NAN, "strength"), "negative": (-0.1, "strength"), "a text": ("1", NUMBER)},
        band_start={"past the end": (0.9, "first < last"), "NaN": (NAN, "first < last")},
        band_end={"past all": (1.5, "first < last"), "a text": ("1", "first < last")},
    ),
    "Img2NoiseSaveNoiseMaps": dict(
        noise_maps=MAPS | {"a whitener": (lambda w: w.whitener("sd"), "expected NoiseMaps")},
        filename=FILENAMES,
    ),
    "Img2NoiseLoadNoiseMaps": dict(
        file={
            "none there": ("nowhere.safetensors", "neither a file"),
            "a way out": ("../../secret.safetensors", "lies outside"),
            "a file of noise": ("noise.safetensors", "holds a Tensor and no noise maps"),
            "nothing": (None, "for a file name"),
        }
    ),
    "Img2NoiseInspectNoise": dict(
        latent=NOISY,
        noise={case: row for case, row in NOISES.items() if case != "nothing"},
        smoothness={"NaN": (NAN, "tau"), "negative": (-1.0, "tau"), "a text": ("1", NUMBER)},
        picture={"NaN": (torch.full((1, 64, 64, 3), NAN), "NaN or infinity")},
    ),
    "Img2NoiseCompareWhitenings": dict(
        latents=PICTURES,
        noises=NOISY | WIDE,
        latent_space=UNKNOWN,
        shrinkage={"NaN": (NAN, "shrinkage"), "too large": (2.0, "shrinkage"), "a text": ("0", "shrinkage")},
    ),
}
NODE_ROWS = [
    (node, argument, case, *row)
    for node, arguments in BAD_NODES.items()
    for argument, cases in arguments.items()
    for case, row in cases.items()
]
