"""The front page's sheets; the icon and the banner of the registry: a photo that dissolves into its noise."""

from __future__ import annotations

import torch
from PIL import Image
from skimage import data
from torch import Tensor

from img2noise.diagnostics.plots import contact_sheet
from img2noise.photos.decode import read_photo
from world import demo, model

from .sheets import ROOT, encoded
from .views import pixels, shown, statistics

DOCS = ROOT / "docs"
BANNER, ICON, STRENGTHS = (896, 384), 400, 24


def front() -> None:
    """Write the sheets of `make demo` that the front page shows."""
    cells, _ = demo.previews(read_photo(demo.sample_photo(), demo.PHOTO, square=True), seed=0)
    sheets = {"contact-sheet": (demo.variations(0), 7), "previews": (cells, 4)}
    for name, (found, columns) in sheets.items():
        page = Image.fromarray(contact_sheet(found, columns))
        page = page.resize((1280, round(1280 * page.height / page.width)), Image.Resampling.LANCZOS)
        (DOCS / f"{name}.jpg").write_bytes(encoded(page, "JPEG", 140_000))


def draw() -> None:
    """Write both."""
    cat = Image.fromarray(data.chelsea())
    wide = cat.crop((0, 40, 448, 232)).resize(BANNER)
    across = torch.linspace(-0.35, 1.6, BANNER[0] // 8).expand(BANNER[1] // 8, -1)
    dissolved(model.encode(pixels(wide)), across).save(DOCS / "banner.png")
    square = cat.crop((75, 0, 375, 300)).resize((ICON, ICON))
    ramp = torch.linspace(-0.6, 1.3, ICON // 8)
    diagonal = ramp[:, None] / 2 + ramp[None] / 2 + 0.25
    dissolved(model.encode(pixels(square)), diagonal).save(DOCS / "icon.png")


def dissolved(x: Tensor, strength: Tensor) -> Image.Image:
    """Return a latent whitened at each place's strength, at its contrast: 0 is the photo, 1 white noise."""
    mean, deviation = x.mean((2, 3), keepdim=True), x.std()
    steps = []
    for level in torch.linspace(0, 1, STRENGTHS):
        y = statistics().whiten(x, float(level))
        y = (y - y.mean((2, 3), keepdim=True)) / y.std() * deviation
        steps.append(y + mean * (1 - level))
    place = (strength.clamp(0, 1) * (STRENGTHS - 1)).round().long()  # (H, W)
    return shown(torch.cat(steps).gather(0, place.expand(1, x.shape[1], *place.shape)))
