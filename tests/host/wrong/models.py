"""Schedules, models and whiteners that do not fit each other or the node."""

from __future__ import annotations

DESCEND = "expected finite ones that descend at every step and end in 0"
TWO = "expected a list of at least two, that descends"
SCHEDULES = {
    "5": f"got sigmas of shape (1,); {TWO}",
    "5 1": f"got 2 sigmas 5 ... 1; {DESCEND}",
    "9 4 1": f"got 3 sigmas 9 ... 1; {DESCEND}",
    "9 nan 0": f"got 3 sigmas 9 ... 0; {DESCEND}",
    "inf 4 0": f"got 3 sigmas inf ... 0; {DESCEND}",
    "9 4 4 0": f"got 4 sigmas 9 ... 0; {DESCEND}",
    "1 9 4 0": f"got 4 sigmas 1 ... 0; {DESCEND}",
    "9 -1 0": f"got 3 sigmas 9 ... 0; {DESCEND}",
}
NONE = {"": f"got sigmas of shape (0,); {TWO}"}
FROM_ABOVE_0 = {"0.5 1 2": f"got 3 sigmas 2 ... 0.5; {DESCEND}"}  # flipped, where either order will do
UPWARDS = {"0 1 4 9": f"got 4 sigmas 0 ... 9; {DESCEND}"}
ASKED = {
    "Inversion Sampler": SCHEDULES | FROM_ABOVE_0,  # core asks no sampler about no sigmas
    "Inverted Noise": SCHEDULES | NONE | FROM_ABOVE_0,
    "Edit-Friendly Inversion": SCHEDULES | NONE | UPWARDS,
    "Edit-Friendly Edit": SCHEDULES | NONE | UPWARDS,
    "Edit-Friendly Sampler": {
        values: f"got {len(values.split())} sigmas that are not the 3 of the noise maps; wire the sigmas of "
        "Edit-Friendly Sampler"
        for values in ("9 5 1 0", "9 4 1 0", "4 2 0", "4", "4 nan 0", "0 1 4")
    },
}
FLOW = (
    "got a flow model, of SD15 latents; expected one that predicts noise or v: SD 1.x, SD 2.x, SDXL or a "
    "Turbo of them"
)
ZERO_SNR = (
    "got a model that predicts noise on a schedule of zero terminal SNR (sigma to 4519), where noise alone "
    "tells nothing of a picture; choose v_prediction in ModelSamplingDiscrete if the model was trained so, "
    "else turn zsnr off"
)
GUIDED = {
    "Inversion Sampler": "guider",
    "First-Step Inversion": "guider",
    "Edit-Friendly Inversion": "guider",
    "Edit-Friendly Edit": "source",
    "Edit-Friendly Sampler": "guider",
    "Recolor Noise Maps": "guider",
}
SD, SDXL, RGB = (
    "sd latents (SD 1.x, SD 2.x, SD-Turbo; 4 channels, scale 0.18215)",
    "sdxl latents (SDXL, SDXL-Turbo; 4 channels, scale 0.13025)",
    "rgb latents (pixels in [-1, 1]; 3 channels, scale 1.0)",
)
SD15, THE_SDXL = "SD15 latents (4 channels, scale 0.18215)", "SDXL latents (4 channels, scale 0.13025)"
OTHERS_MAPS = (
    "got noise maps of sd latents for a model of sdxl latents; use the model family they were made with"
)
ONE_SIZE = (
    "got pictures of 8 x 8 for a kronecker whitener of 4 x 4 alone; fit one at your size, or use a "
    "stationary one"
)
NO_WHITENER = "for a whitener; wire Load Whitener or Fit Whitener"


def mismatch(whitener: str, model: str) -> str:
    return f"got a whitener of {whitener} and a model of {model}; load the whitener that belongs to the model"


def whitener(name: str):
    return lambda b: b.whitener(name)


def model(family: str):
    return lambda b: b.model(family)


WHITENED = {  # of the nodes that have a model to compare a whitener with
    "sdxl's whitener": (dict(whitener=whitener("sdxl")), mismatch(SDXL, SD15)),
    "the whitener of pixels": (dict(whitener=whitener("rgb")), mismatch(RGB, SD15)),
    "a whitener of another size": (dict(whitener=lambda b: b.fitted("kronecker")), ONE_SIZE),
    "moments for a whitener": (
        dict(whitener=lambda b: b.anew(b.moments())),
        f"got a Moments {NO_WHITENER}",
    ),
}
OF_PIXELS = (
    "got a latent of 4 channels for rgb (pixels in [-1, 1]), which has 3; use the whitener and the VAE of "
    "one model"
)
ALONE = WHITENED | {"the whitener of pixels": (dict(whitener=whitener("rgb")), OF_PIXELS)}
del ALONE["sdxl's whitener"]
TILED = "got pictures of 8 x 10 for a dense whitener of 4 x 4; expected multiples"
ROWS = {
    "Whiten Latent": ALONE
    | {
        "nothing for a whitener": (
            dict(whitener=lambda b: b.anew(b.odd("nothing"))),
            f"got None {NO_WHITENER}",
        ),
        "a whitener of tiles": (
            dict(whitener=lambda b: b.fitted("dense"), latent=lambda b: b.photo(width=10)),
            TILED,
        ),
    },
    "Dewhiten Latent": ALONE,
    "Annealed Noise": WHITENED | {"sdxl's model": (dict(model=model("sdxl")), mismatch(SD, THE_SDXL))},
    "Correlated Noise": WHITENED | {"sdxl's model": (dict(model=model("sdxl")), mismatch(SD, THE_SDXL))},
    "KSampler": WHITENED | {"sdxl's model": (dict(model=model("sdxl")), mismatch(SD, THE_SDXL))},
    "First-Step Inversion": {
        "continuous levels": (
            dict(guider=lambda b: b.guider(model=b.continuous())),
            "got a model with continuous noise levels, which has no timesteps of 1000; expected one of SD "
            "1.x, SD 2.x, SDXL or a Turbo of them",
        ),
        "acceleration past its stop": (
            dict(anderson_window=5),
            "got acceleration with stop 'unit_std', which it skips past; choose 'converged' or 'iterations'",
        ),
    },
    "Edit-Friendly Edit": {
        "a flow model's target": (dict(target=lambda b: b.guider(model=b.flow())), FLOW),
        "a zero SNR target": (dict(target=lambda b: b.guider(model=b.zero_snr())), ZERO_SNR),
        "a target of another family": (
            dict(target=lambda b: b.guider("sdxl")),
            "got a source model of SD15 latents and a target of SDXL; use two of one family",
        ),
    },
    "Edit-Friendly Sampler": {"sdxl's model": (dict(guider=lambda b: b.guider("sdxl")), OTHERS_MAPS)},
    "Recolor Noise Maps": {"sdxl's model": (dict(guider=lambda b: b.guider("sdxl")), OTHERS_MAPS)},
}
CASES = (
    {
        (scene, f"sigmas {v!r}"): (dict(sigmas=lambda b, v=v: b.sigmas(v)), s)
        for scene, t in ASKED.items()
        for v, s in t.items()
    }
    | {
        (scene, "a flow model"): ({wire: lambda b: b.guider(model=b.flow())}, FLOW)
        for scene, wire in GUIDED.items()
    }
    | {
        (scene, "zero SNR"): ({wire: lambda b: b.guider(model=b.zero_snr())}, ZERO_SNR)
        for scene, wire in GUIDED.items()
    }
    | {(scene, name): row for scene, rows in ROWS.items() for name, row in rows.items()}
)
