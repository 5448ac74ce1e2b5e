"""Fits that cannot be made, and files and names that are not what they say."""

from __future__ import annotations

from .bench import Bench
from .sizes import nothing, odd, photo

MOMENTS = "cannot add moments of {} and {}; structure, shape and space must be equal"
HERE = "('{}', (4, 8, {}), '{}')"
SINGULAR = "the covariance of 1 samples of 4 x 8 x 8 is singular; measure at least 5"
CARRY = (
    "got method 'cholesky', which a stationary covariance cannot carry; choose one of zca, zca-cor, pca, "
    "pca-cor"
)
NONE_USED = "none of the photos could be used; the first: BASE/input/"
OUTSIDE = "got '../escaped', which lies outside BASE/{}/img2noise; expected a name inside"
NAMES = {
    "": "got the file name '', in which a part is empty or begins or ends with a space or dot; {}",
    "CON": "got the file name 'CON'; Windows keeps 'CON' for a device, so {}",
    ".hidden": "got the file name '.hidden', which begins with a dot and so is hidden; {}",
    "a:b": "got the file name 'a:b', which holds one of < > : \" | ? * \\; {}",
}
UNREADABLE = "is no readable safetensors file, perhaps truncated or damaged: ..."
FILES = {
    "truncated": UNREADABLE,
    "text": UNREADABLE,
    "empty": UNREADABLE,
    "later": "has version '9' of the format; expected version 1",
    "foreign": "is not an img2noise file; its header says format None, type None",
}
WHITENERS = FILES | {
    "other": "holds a NoiseMaps and no whitener; choose another file",
    "nan": "holds NaN or infinity in 'block_0'; it is damaged, so make it again",
    "flat": "is not a sound img2noise whitener: its covariance is not positive definite",
}
MAPS = FILES | {
    "other": "holds a Stationary and no noise maps; choose another file",
    "nan": "holds NaN or infinity in 'sigmas'; it is damaged, so make it again",
    "upwards": "is not a sound img2noise noise_maps: got 5 sigmas 1 ... 1; expected finite ones that descend "
    "at every step and end at 0 or above",
}


def named(folder: str, example: str) -> dict:
    """Names that no file should have."""
    refused = {name: said.format(f"expected a name such as {example}") for name, said in NAMES.items()}
    refused["../escaped"] = OUTSIDE.format(folder)
    return {f"named {name!r}": (dict(filename=name), said) for name, said in refused.items()}


ROWS = {
    "Load Whitener": {
        name: (dict(whitener_name=f"{name}.safetensors"), f"BASE/models/img2noise/{name}.safetensors {said}")
        for name, said in WHITENERS.items()
    },
    "Load Noise Maps": {
        name: (dict(file=f"{name}.safetensors"), f"BASE/output/img2noise/{name}.safetensors {said}")
        for name, said in MAPS.items()
    },
    "Save Whitener": named("models", "my_whitener")
    | {
        "nothing": (
            dict(whitener=nothing),
            "got None for a whitener; wire Load Whitener or Fit Whitener",
        )
    },
    "Save Noise Maps": named("output", "noise_maps"),
    "Fit Whitener": {
        "one picture": (dict(latents=Bench.photo), SINGULAR),
        "a picture of one value": (dict(latents=odd("constant")), SINGULAR),
        "stationary and cholesky": (dict(method="cholesky"), CARRY),
        "tiles that do not fit": (
            dict(structure="dense", patch=3),
            "got pictures of 8 x 8 for patches of 3 x 3; expected multiples of the patch",
        ),
        "tiles for stationary": (
            dict(patch=4),
            "got patches for stationary moments; they are for dense ones",
        ),
        "dense and large": (
            dict(structure="dense", latents=photo(batch_size=4, width=64, height=64)),
            "got 16384 numbers per sample for a dense covariance, more than 4096; pass a patch, or use a "
            "stationary structure",
        ),
        "dense and few": (
            dict(structure="dense"),
            "the covariance of 16 samples of 4 x 8 x 8 is singular; measure at least 257, or pass "
            "shrinkage=0.01",
        ),
        "moments of another structure": (
            dict(moments=lambda b: b.moments(structure="kronecker")),
            MOMENTS.format(HERE.format("kronecker", 8, "sd"), HERE.format("stationary", 8, "sd")),
        ),
        "moments of another space": (
            dict(moments=lambda b: b.moments(latent_space="sdxl")),
            MOMENTS.format(HERE.format("stationary", 8, "sdxl"), HERE.format("stationary", 8, "sd")),
        ),
        "moments of another size": (
            dict(
                structure="kronecker", moments=lambda b: b.moments(structure="kronecker", size=dict(width=12))
            ),
            MOMENTS.format(HERE.format("kronecker", 12, "sd"), HERE.format("kronecker", 8, "sd")),
        ),
    },
    "Fit Whitener from Folder": {
        "an empty folder": (dict(folder="no photos"), "found no photos in BASE/input/no photos"),
        "damaged photos alone": (
            dict(folder="damaged"),
            f"{NONE_USED}damaged/page.png cannot be read as a photo: ...",
        ),
        "one photo": (dict(folder="one photo"), SINGULAR),
        "one photo of many": (dict(limit=1), SINGULAR),
        "photos too small": (
            dict(structure="kronecker", size=512),
            f"{NONE_USED}right/00.png is 96 x 80; its short side must be at least 512",
        ),
        "stationary and cholesky": (dict(method="cholesky"), CARRY),
    },
}
CASES = {(scene, name): row for scene, rows in ROWS.items() for name, row in rows.items()}
