"""Latents that nodes cannot work with: on which wire, and what is said of them."""

from __future__ import annotations

from .bench import Bench

SHAPE = "expected (batch, channels, height, width), as SD and SDXL make them"
NO_SAMPLES = (
    "got a latent that holds no samples; wire one from VAE Encode or from another node that makes latents"
)
NAN = "got a latent that holds NaN or infinity; look for the node that made it so"
OTHER_VAE = "(batch, 4, height, width); use the VAE of the model"
SAID = {
    "nan": NAN,
    "infinity": NAN,
    "video": f"got a latent of shape (1, 4, 1, 8, 8), of a video or sound model; {SHAPE}",
    "three axes": f"got a latent of shape (4, 8, 8), of a video or sound model; {SHAPE}",
    "nested": "got a nested latent, of a model of video with sound; expected one of SD or SDXL",
    "no samples": NO_SAMPLES,
    "a list": NO_SAMPLES,
    "nothing": NO_SAMPLES,
    "no rows": "got a latent of shape (0, 4, 8, 8), a batch of nothing; expected at least one",
    "empty": "got an empty latent where a picture is needed; wire a VAE Encode of your picture",
    "16 channels": "got a latent of 16 channels for sd (SD 1.x, SD 2.x, SD-Turbo), which has 4; use the "
    "whitener and the VAE of one model",
}
ANY = tuple(kind for kind in SAID if kind not in ("empty", "16 channels"))
WRONG = {  # by scene and wire
    ("Whiten Latent", "latent"): tuple(SAID),
    ("Dewhiten Latent", "latent"): (*ANY, "16 channels"),
    ("Annealed Noise", "latent"): tuple(SAID),
    ("Correlated Noise", "latent"): tuple(SAID),
    ("KSampler", "reference"): tuple(SAID),
    ("KSampler", "latent_image"): ANY,
    ("Fit Whitener", "latents"): tuple(SAID),
    ("Latent to Noise", "latent"): ANY,
    ("Noise to Latent", "latent"): ("nested", "no samples", "a list", "nothing"),
    ("Inversion Sampler", "latent_image"): ("empty",),
    ("Inverted Noise", "latent"): (*ANY, "empty"),
    ("Inverted Noise, sampled", "latent_image"): ("nan", "infinity"),
    ("First-Step Inversion", "latent"): (*ANY, "empty"),
    ("Edit-Friendly Inversion", "latent"): (*ANY, "empty"),
    ("Edit-Friendly Edit", "latent"): (*ANY, "empty"),
    ("Recolor Noise Maps", "color"): ANY,
    ("Inspect Noise", "latent"): ANY,
    ("Compare Whitenings", "latents"): tuple(SAID),
    ("Compare Whitenings", "noises"): (*ANY, "16 channels"),
}
SAID_OF_THE_MODEL = {  # where a guider says which latents it takes
    "video": f"got a latent of shape (1, 4, 1, 8, 8) for a model of SD15 latents, {OTHER_VAE}",
    "16 channels": f"got a latent of shape (1, 16, 8, 8) for a model of SD15 latents, {OTHER_VAE}",
    "nan": "got NaN or infinity in a picture; expected finite numbers",
    "infinity": "got NaN or infinity in a picture; expected finite numbers",
}
WRONG_FOR_THE_MODEL = {
    ("Inversion Sampler", "latent_image"): tuple(SAID_OF_THE_MODEL),
    ("First-Step Inversion", "latent"): ("16 channels",),
    ("Edit-Friendly Inversion", "latent"): ("16 channels",),
    ("Edit-Friendly Edit", "latent"): ("16 channels",),
    ("Recolor Noise Maps", "color"): ("16 channels",),
}


def wire(kind: str):
    """What puts such a latent on a wire of a bench."""
    if kind == "empty":
        return Bench.empty
    if kind == "16 channels":
        return lambda b: b.photo(channels=16)
    return lambda b: b.odd(kind)


CASES = {
    (scene, f"{name}: {kind}"): ({name: wire(kind)}, said[kind])
    for table, said in ((WRONG, SAID), (WRONG_FOR_THE_MODEL, SAID_OF_THE_MODEL))
    for (scene, name), kinds in table.items()
    for kind in kinds
}
