"""Sizes, numbers, noises, masks and pictures that do not belong together."""

from __future__ import annotations

from .bench import NOISES, PICTURE, Bench, output

OTHER_SIZE = (
    "got noise of 4 x 8 x 8 for a latent of {} (channels, height, width); sample at the size of the picture "
    "that the noise was made from"
)
NUMBERS = "got 1 batch indices for 2 latents; expected one for each"
TOO_FEW = (
    "got 2 stored noises of pictures numbered 0, 1 for 3 latents numbered 0, 1, 2; sample as many latents, "
    "in that order, or store a single noise for all of them"
)
FOLLOWS = "from a noise for a latent of 1 x 4 x 8 x 8; use a noise that follows the latent's size and number"
NO_NOISE = "for a noise; wire RandomNoise, say, or one of img2noise"
SPOILT = "got noise that holds NaN or infinity; look for the node that made it so"
COLOUR = (
    "got a color of {} for noise maps of 1 x 4 x 8 x 8 (batch, channels, height, width); encode one as "
    "large as the inverted picture"
)
MASKS = "got 3 masks for noise maps of 1 pictures; give one for all or each"
EMPTY_MASK = "got a tensor of shape (0, 64, 64) for the mask; expected a tensor, not empty"
NO_MAPS = "got None for the {}maps; expected NoiseMaps"
BATCHES = (
    "got pictures of {} and noises of {}; expected two equal batches (N, C, H, W) of at least 3, a noise for "
    "each picture in the same order"
)


def photo(**size):
    return lambda b: b.photo(**size)


def odd(kind: str, what: str = "Latent"):
    return lambda b: b.odd(kind, what)


def nothing(b: Bench) -> list:
    return b.anew(b.odd("nothing"))


def blended(noise_a=Bench.random, noise_b=Bench.random):
    return output(0, "Img2NoiseBlendNoises", noise_a=noise_a, noise_b=noise_b)


def stored(b: Bench, sign: float = 1.0) -> list:
    latent = b.graph("LatentMultiply", samples=b.photo(), multiplier=sign)[0]
    return b.graph("Img2NoiseLatentToNoise", latent=latent)[0]


WIDE = {"a wider latent": (dict(latent_image=photo(width=12)), OTHER_SIZE.format("4 x 8 x 12"))}
DEEP = {"16 channels": (dict(latent_image=photo(channels=16)), OTHER_SIZE.format("16 x 8 x 8"))}
INDEXED = {"two of which one has a number": (dict(latent_image=odd("two of one")), NUMBERS)}
THREE = {"three for two": (dict(latent_image=photo(batch_size=3)), TOO_FEW)}
ANSWERS = {
    "another size": f"got a tensor of shape (1, 4, 4, 4) {FOLLOWS}",
    "nothing": f"got None {FOLLOWS}",
    "no noise": f"got an object {NO_NOISE}",
    "nan": SPOILT,
}
EDIT = {"two of which one has a number": (dict(latent=odd("two of one")), NUMBERS)}
ROWS = {
    "Annealed Noise, sampled": WIDE
    | DEEP
    | INDEXED
    | {
        "three for two": (
            dict(
                latent_image=photo(batch_size=3),
                noise=output(0, "Img2NoiseAnnealedNoise", **PICTURE, iterations=20, batch_size=2),
            ),
            TOO_FEW,
        )
    },
    "Correlated Noise, sampled": WIDE | DEEP | INDEXED,
    "Latent to Noise, sampled": WIDE | DEEP | INDEXED | THREE,
    "Inverted Noise, sampled": WIDE | DEEP | INDEXED,
    "Latent to Noise": {
        "normalized, and constant": (
            dict(latent=odd("constant"), normalize=True),
            "got an empty or constant latent, which cannot be normalized; wire one that holds noise",
        )
    },
    "Noise to Latent": {
        "a wider latent": (
            dict(latent=photo(width=12), noise=NOISES["Correlated Noise"]),
            OTHER_SIZE.format("4 x 8 x 12"),
        ),
        **{f"noise: {kind}": (dict(noise=odd(kind, "Noise")), said) for kind, said in ANSWERS.items()},
    },
    "Inspect Noise": {
        **{f"noise: {kind}": (dict(noise=odd(kind, "Noise")), said) for kind, said in ANSWERS.items()},
        "too small": (
            dict(latent=photo(width=4, height=4)),
            "got a tensor of shape (1, 4, 4, 4); expected noise (B, C, H, W) of at least 8 x 8 pixels",
        ),
        "a picture of another shape": (
            dict(picture=lambda b: b.image(128, 64)),
            "got a picture of 64 x 128 pixels for a latent of 8 x 8; expected one side ratio for both sides: "
            "give the picture that the latent was made from",
        ),
        "two pictures": (
            dict(picture=odd("two", "Image")),
            "got 2 pictures for 1 noises; give one for each, or one for all",
        ),
        "NaN in the picture": (
            dict(picture=odd("nan", "Image")),
            "got NaN or infinity in the picture; expected finite numbers",
        ),
        "no picture in the batch": (
            dict(picture=odd("no rows", "Image")),
            "got a tensor of shape (0, 3, 64, 64) for the picture; expected a tensor (B, C, H, W), not empty",
        ),
        "a larger picture's latent": (
            dict(picture=lambda b: b.image(128, 128), vae=Bench.vae),
            "got a photo of 4 x 16 x 16 for noise of 4 x 8 x 8; they must be equal",
        ),
    },
    "Blend Noises": {
        **{
            f"second: {k}": (dict(noise=blended(noise_b=odd(k, "Noise"))), said)
            for k, said in ANSWERS.items()
        },
        "first: nothing": (dict(noise=blended(odd("nothing", "Noise"))), ANSWERS["nothing"]),
        "a wider latent": (
            dict(noise=blended(NOISES["Correlated Noise"]), latent_image=photo(width=12)),
            OTHER_SIZE.format("4 x 8 x 12"),
        ),
        "opposite": (
            dict(noise=blended(stored, lambda b: stored(b, -1.0))),
            "got two opposite noises; between them no shortest arc exists, so change one of the two",
        ),
    },
    "KSampler": {
        "two of which one has a number": INDEXED["two of which one has a number"],
        "a wider reference": (
            dict(reference=photo(width=12)),
            "got noise of 4 x 8 x 12 for a latent of 4 x 8 x 8 (channels, height, width); sample at the "
            "size of the picture that the noise was made from",
        ),
    },
    "Edit-Friendly Inversion": EDIT,
    "Edit-Friendly Edit": EDIT,
    "Edit-Friendly Sampler": {
        "two pictures": (
            dict(latent_image=photo(batch_size=2)),
            "got a latent of 2 x 4 x 8 x 8 for noise maps of 1 x 4 x 8 x 8 (batch, channels, height, width); "
            "sample the latent of Edit-Friendly Sampler, or the inverted picture",
        ),
        **WIDE,
        **DEEP,
        "a mask on nothing": (
            dict(latent_image=lambda b: b.masked(b.empty())),
            "got a noise mask on an empty latent; wire the picture that the mask belongs to",
        ),
        "no maps": (
            dict(sampler=output(0, "Img2NoiseEditFriendlySampler", noise_maps=nothing)),
            NO_MAPS.format("noise "),
        ),
    },
    "Shift Noise Maps": {
        "right": (dict(right=8), "got a shift of 0, 8 for maps of 8 x 8; it must be smaller than them"),
        "up": (dict(down=-9), "got a shift of -9, 2 for maps of 8 x 8; it must be smaller than them"),
        "no maps": (dict(noise_maps=nothing), NO_MAPS.format("")),
    },
    "Flip Noise Maps": {"no maps": (dict(noise_maps=nothing), NO_MAPS.format(""))},
    "Recolor Noise Maps": {
        "a wider color": (dict(color=photo(width=12)), COLOUR.format("1 x 4 x 8 x 12")),
        "three colors": (dict(color=photo(batch_size=3)), COLOUR.format("3 x 4 x 8 x 8")),
        "three masks": (dict(mask=lambda b: b.mask(3)), MASKS),
        "no mask in the batch": (dict(mask=odd("no rows", "Mask")), EMPTY_MASK),
        "NaN in the mask": (
            dict(mask=odd("nan", "Mask")),
            "got NaN or infinity in the mask; expected finite numbers",
        ),
        "a mask of one row": (
            dict(mask=odd("one row of numbers", "Mask")),
            "got a mask of shape (64,); expected (batch, height, width)",
        ),
        "a band from its end": (
            dict(band_start=0.7, band_end=0.2),
            "got band (0.7, 0.2), strength 0.05; expected 0 <= first < last <= 1 and no negative strength",
        ),
        "no maps": (dict(noise_maps=nothing), NO_MAPS.format("noise ")),
    },
    "Compare Whitenings": {
        "two": (
            dict(latents=photo(batch_size=2), noises=photo(batch_size=2)),
            BATCHES.format("(2, 4, 8, 8)", "(2, 4, 8, 8)"),
        ),
        "a noise too few": (
            dict(noises=photo(batch_size=15)),
            BATCHES.format("(16, 4, 8, 8)", "(15, 4, 8, 8)"),
        ),
        "wider noises": (
            dict(noises=photo(batch_size=16, width=12)),
            BATCHES.format("(16, 4, 8, 8)", "(16, 4, 8, 12)"),
        ),
    },
}
CASES = {(scene, name): row for scene, rows in ROWS.items() for name, row in rows.items()}
