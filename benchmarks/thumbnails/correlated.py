"""Thumbnails of the workflows that draw noise for a photo."""

from __future__ import annotations

import torch
from skimage import data

import img2noise

from .sheets import curves, photo, picture, sheet


def tissue_whitener() -> img2noise.Whitener:
    """A second model, which knows one picture alone: stained tissue."""
    return img2noise.fit(img2noise.measure(tissue(), space="rgb"), shrinkage=0.0005)


def tissue() -> torch.Tensor:
    """(625, 3, 128, 128), tiles of a picture of stained tissue."""
    x = torch.from_numpy(data.immunohistochemistry().copy()).permute(2, 0, 1)[None] / 127.5 - 1
    corners = range(0, 385, 16)
    return torch.cat([x[:, :, i : i + 128, j : j + 128] for i in corners for j in corners])


def draw(rgb: img2noise.Whitener) -> None:
    """Draw all four."""
    sigma = 3.0
    cat, portrait = photo(data.chelsea(), (75, 0), 300), photo(data.astronaut(), (60, 0), 360)

    varied = img2noise.correlated_noise(cat, rgb, seed=[1, 2, 3])
    seeds = [(picture(rgb.dewhiten(varied[i : i + 1])), f"seed {i + 1}") for i in range(3)]
    sheet("variations", [(picture(cat), "your photo"), *seeds])

    found = img2noise.anneal(portrait, rgb, 10000, seed=[1, 2])
    searches = [(picture(rgb.dewhiten(found.z[i : i + 1])), f"search {i + 1}") for i in range(2)]
    sheet(
        "annealed-variations",
        [
            (picture(portrait), "your photo"),
            (curves(found.losses / found.losses[:, :1], "loss of two searches"), ""),
            *searches,
        ],
    )

    model = img2noise.GaussianDenoiser(rgb)
    correlated, plain = img2noise.correlated_noise(cat, rgb, seed=4), img2noise.draw(cat.shape, 4)
    edits = [picture(model.flow(cat + sigma * z, sigma, 0.0)) for z in (plain, correlated)]
    promised = picture(rgb.dewhiten(correlated)), "what the noise will make"
    captions = zip(edits, ("ordinary noise", "correlated noise"), strict=True)
    sheet("sdedit-correlated", [(picture(cat), "your photo"), promised, *captions])

    noise = img2noise.correlated_noise(portrait, rgb, temperature=1.0, seed=2)
    models = [(picture(w.dewhiten(noise)), f"model {n}") for w, n in ((rgb, "A"), (tissue_whitener(), "B"))]
    sheet(
        "same-noise-two-models",
        [(picture(portrait), "your photo"), (picture(noise / 3), "one noise"), *models],
    )
