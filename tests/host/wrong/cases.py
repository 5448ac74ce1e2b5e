"""What is wrong in each graph: inputs to exchange, by scene, and a word that the refusal may not lack."""

from __future__ import annotations

from .bench import NOISES, PICTURE, Bench, output

LATENTS = {  # kinds of latent that nodes cannot work with
    "nan": "NaN",
    "infinity": "NaN",
    "video": "(1, 4, 1, 8, 8)",
    "three axes": "(4, 8, 8)",
    "nested": "nested",
    "no samples": "latent",
    "a list": "latent",
    "nothing": "latent",
    "no rows": "(0, 4, 8, 8)",
}
EMPTY, DEEP = {"empty": "empty"}, {"16 channels": "16"}
EVERY = LATENTS | EMPTY | DEEP


def of_wires(wires: dict, value) -> list:
    """(scene, exchanged inputs, word) for each kind of latent on each of these wires."""
    return [
        (scene, {wire: value(kind)}, word)
        for (scene, wire), kinds in wires.items()
        for kind, word in kinds.items()
    ]


def latent(kind: str):
    """What puts such a latent on a wire of a bench."""
    return Bench.empty if kind == "empty" else photo(channels=16) if kind == "16 channels" else odd(kind)


def photo(**size):
    return lambda b: b.photo(**size)


def odd(kind: str, what: str = "Latent"):
    return lambda b: b.odd(kind, what)


def nothing(b: Bench) -> list:
    return b.anew(b.odd("nothing"))


def blended(noise_a=Bench.random, noise_b=Bench.random):
    return output(0, "Img2NoiseBlendNoises", noise_a=noise_a, noise_b=noise_b)


def stored(b: Bench, sign: float = 1.0) -> list:
    inverse = b.graph("LatentMultiply", samples=b.photo(), multiplier=sign)[0]
    return b.graph("Img2NoiseLatentToNoise", latent=inverse)[0]


def whitener(name: str):
    return lambda b: b.whitener(name)


def flow(b: Bench) -> list:
    return b.guider(model=b.flow())


def zero_snr(b: Bench) -> list:
    return b.guider(model=b.zero_snr())


def sdxl(b: Bench) -> list:
    return b.guider("sdxl")


WIRES = {
    ("Whiten Latent", "latent"): EVERY,
    ("Dewhiten Latent", "latent"): LATENTS | DEEP,
    ("Annealed Noise", "latent"): EVERY,
    ("Correlated Noise", "latent"): EVERY,
    ("KSampler", "reference"): EVERY,
    ("KSampler", "latent_image"): LATENTS,
    ("Fit Whitener", "latents"): EVERY,
    ("Latent to Noise", "latent"): LATENTS,
    ("Noise to Latent", "latent"): {
        kind: LATENTS[kind] for kind in ("nested", "no samples", "a list", "nothing")
    },
    ("Inversion Sampler", "latent_image"): EMPTY
    | DEEP
    | dict(nan="NaN", infinity="NaN", video="(1, 4, 1, 8, 8)"),
    ("Inverted Noise", "latent"): LATENTS | EMPTY,
    ("Inverted Noise, sampled", "latent_image"): dict(nan="NaN", infinity="NaN"),
    ("First-Step Inversion", "latent"): EVERY,
    ("Edit-Friendly Inversion", "latent"): EVERY,
    ("Edit-Friendly Edit", "latent"): EVERY,
    ("Recolor Noise Maps", "color"): LATENTS | DEEP,
    ("Inspect Noise", "latent"): LATENTS,
    ("Compare Whitenings", "latents"): EVERY,
    ("Compare Whitenings", "noises"): LATENTS | DEEP,
}
UNEVEN = ("5", "5 1", "9 4 1", "9 nan 0", "inf 4 0", "9 4 4 0", "1 9 4 0", "9 -1 0")
SCHEDULES = {  # core asks no sampler about no sigmas, and turns those of a flipped schedule round
    "Inversion Sampler": (*UNEVEN, "0.5 1 2"),
    "Inverted Noise": (*UNEVEN, "", "0.5 1 2"),
    "Edit-Friendly Inversion": (*UNEVEN, "", "0 1 4 9"),
    "Edit-Friendly Edit": (*UNEVEN, "", "0 1 4 9"),
    "Edit-Friendly Sampler": ("9 5 1 0", "9 4 1 0", "4 2 0", "4", "4 nan 0", "0 1 4"),
}
GUIDERS = ["Inversion Sampler", "First-Step Inversion", "Edit-Friendly Inversion", "Edit-Friendly Sampler"]
GUIDERS += ["Recolor Noise Maps"]
WHITENED = "Whiten Latent", "Dewhiten Latent", "Annealed Noise", "Correlated Noise", "KSampler"
SAMPLED = "Annealed Noise, sampled", "Correlated Noise, sampled", "Latent to Noise, sampled"
SAMPLED += "Inverted Noise, sampled", "Edit-Friendly Sampler"
NAMES = {"../escaped": "outside", "/escaped": "outside", "escaped" * 43: "file name"}
FILES = ("truncated", "text", "empty", "later", "foreign", "other", "nan")
BAD_NOISES = {"another size": "(1, 4, 4, 4)", "nothing": "None", "no noise": "noise", "nan": "NaN"}

MANY = (
    of_wires(WIRES, latent)
    + [(s, dict(sigmas=lambda b, v=v: b.sigmas(v)), "sigmas") for s, each in SCHEDULES.items() for v in each]
    + [(s, dict(guider=flow), "flow") for s in GUIDERS]
    + [(s, dict(guider=zero_snr), "zero") for s in GUIDERS]
    + [("Edit-Friendly Edit", {wire: flow}, "flow") for wire in ("source", "target")]
    + [("Edit-Friendly Edit", {wire: zero_snr}, "zero") for wire in ("source", "target")]
    + [(s, dict(guider=sdxl), "sdxl") for s in ("Edit-Friendly Sampler", "Recolor Noise Maps")]
    + [(s, dict(whitener=whitener("rgb")), "rgb") for s in WHITENED]
    + [(s, dict(whitener=lambda b: b.fitted("kronecker")), "kronecker") for s in WHITENED]
    + [(s, dict(whitener=lambda b: b.anew(b.moments())), "whitener") for s in WHITENED]
    + [(s, dict(whitener=whitener("sdxl")), "sdxl") for s in WHITENED[2:]]
    + [(s, dict(model=lambda b: b.model("sdxl")), "sdxl") for s in WHITENED[2:]]
    + [(s, dict(latent_image=photo(width=12)), "4 x 8 x 12") for s in SAMPLED]
    + [(s, dict(latent_image=photo(channels=16)), "16 x 8 x 8") for s in SAMPLED]
    + [(s, dict(latent_image=odd("two of one")), "indices") for s in (*SAMPLED[:4], "KSampler")]
    + [
        (s, dict(latent=odd("two of one")), "indices")
        for s in ("Edit-Friendly Inversion", "Edit-Friendly Edit")
    ]
    + [
        (f"Save {s}", dict(filename_prefix=n), w)
        for s in ("Whitener", "Noise Maps")
        for n, w in NAMES.items()
    ]
    + [("Load Whitener", dict(whitener_name=f"{n}.safetensors"), n) for n in (*FILES, "flat")]
    + [("Load Noise Maps", dict(file=f"{n}.safetensors"), n) for n in (*FILES, "upwards")]
    + [
        (s, dict(noise=odd(k, "Noise")), w)
        for s in ("Noise to Latent", "Inspect Noise")
        for k, w in BAD_NOISES.items()
    ]
    + [("Blend Noises", dict(noise=blended(noise_b=odd(k, "Noise"))), w) for k, w in BAD_NOISES.items()]
    + [(f"{s} Noise Maps", dict(noise_maps=nothing), "maps") for s in ("Shift", "Flip", "Recolor")]
)
HOW = dict(structure="kronecker")
ONES = {
    "Whiten Latent": [
        (dict(whitener=nothing), "whitener"),
        (dict(whitener=lambda b: b.fitted("dense"), latent=photo(width=10)), "8 x 10"),
    ],
    "First-Step Inversion": [
        (dict(guider=lambda b: b.guider(model=b.continuous())), "timesteps"),
        (dict(anderson_window=5), "unit_std"),
    ],
    "Edit-Friendly Edit": [(dict(target=sdxl), "sdxl")],
    "Edit-Friendly Sampler": [
        (dict(latent_image=photo(batch_size=2)), "2 x 4 x 8 x 8"),
        (dict(latent_image=lambda b: b.masked(b.empty())), "mask"),
        (dict(sampler=output(0, "Img2NoiseEditFriendlySampler", noise_maps=nothing)), "maps"),
    ],
    "Save Whitener": [(dict(whitener=nothing), "whitener")],
    "Fit Whitener": [
        (dict(latents=Bench.photo), "singular"),
        (dict(latents=odd("constant")), "singular"),
        (dict(method="cholesky"), "cholesky"),
        (dict(structure="dense", patch=3), "patch"),
        (dict(patch=4), "patch"),
        (dict(structure="dense", latents=photo(batch_size=4, width=64, height=64)), "16384"),
        (dict(structure="dense"), "singular"),
        (dict(moments=lambda b: b.moments(**HOW)), "kronecker"),
        (dict(moments=lambda b: b.moments(latent_space="sdxl")), "sdxl"),
        (dict(**HOW, moments=lambda b: b.moments(**HOW, size=dict(width=12))), "12"),
    ],
    "Fit Whitener from Folder": [
        (dict(folder="no photos"), "no photos"),
        (dict(folder="damaged"), "page.png"),
        (dict(folder="one photo"), "singular"),
        (dict(limit=1), "singular"),
        (dict(**HOW, size=512), "512"),
        (dict(method="cholesky"), "cholesky"),
    ],
    "Annealed Noise, sampled": [
        (
            dict(
                latent_image=photo(batch_size=3),
                noise=output(0, "Img2NoiseAnnealedNoise", **PICTURE, iterations=20, batch_size=2),
            ),
            "3",
        )
    ],
    "Latent to Noise, sampled": [(dict(latent_image=photo(batch_size=3)), "3")],
    "Latent to Noise": [(dict(latent=odd("constant"), normalize=True), "constant")],
    "Noise to Latent": [(dict(latent=photo(width=12), noise=NOISES["Correlated Noise"]), "4 x 8 x 12")],
    "Blend Noises": [
        (dict(noise=blended(odd("nothing", "Noise"))), "None"),
        (dict(noise=blended(NOISES["Correlated Noise"]), latent_image=photo(width=12)), "4 x 8 x 12"),
        (dict(noise=blended(stored, lambda b: stored(b, -1.0))), "opposite"),
    ],
    "KSampler": [(dict(reference=photo(width=12)), "4 x 8 x 12")],
    "Inspect Noise": [
        (dict(latent=photo(width=4, height=4)), "(1, 4, 4, 4)"),
        (dict(picture=lambda b: b.image(128, 64)), "64 x 128"),
        (dict(picture=odd("two", "Image")), "2"),
        (dict(picture=odd("nan", "Image")), "NaN"),
        (dict(picture=odd("no rows", "Image")), "(0, 3, 64, 64)"),
        (dict(picture=lambda b: b.image(128, 128), vae=Bench.vae), "4 x 16 x 16"),
    ],
    "Shift Noise Maps": [(dict(right=8), "8"), (dict(down=-9), "-9")],
    "Recolor Noise Maps": [
        (dict(color=photo(width=12)), "1 x 4 x 8 x 12"),
        (dict(color=photo(batch_size=3)), "3 x 4 x 8 x 8"),
        (dict(mask=lambda b: b.mask(3)), "3 masks"),
        (dict(mask=odd("no rows", "Mask")), "mask"),
        (dict(mask=odd("nan", "Mask")), "NaN"),
        (dict(mask=odd("one row of numbers", "Mask")), "(64,)"),
        (dict(band_start=0.7, band_end=0.2), "0.7"),
    ],
    "Compare Whitenings": [
        (dict(latents=photo(batch_size=2), noises=photo(batch_size=2)), "(2, 4, 8, 8)"),
        (dict(noises=photo(batch_size=15)), "(15, 4, 8, 8)"),
        (dict(noises=photo(batch_size=16, width=12)), "(16, 4, 8, 12)"),
    ],
}
CASES = [*MANY, *((scene, *row) for scene, rows in ONES.items() for row in rows)]
