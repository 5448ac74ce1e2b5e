"""`python -m benchmarks.thumbnails`: the pictures of the example workflows, drawn without a network.

The model is the exact one of the shipped RGB whitener: what a noise makes there is the de-whitened noise, and
sampling from a noisy photo is the closed-form flow. Photos are scikit-image's.
"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont
from skimage import data
from torch import Tensor

import img2noise
from img2noise.storage import SHIPPED

FOLDER = SHIPPED.parent / "workflows"
SIZE, CELL, GAP = 256, 198, 4


def photo(pixels: np.ndarray, corner: tuple[int, int], side: int) -> Tensor:
    """The square of that corner (x, y) and side as (1, 3, SIZE, SIZE) in [-1, 1]."""
    x, y = corner
    square = Image.fromarray(pixels).crop((x, y, x + side, y + side)).resize((SIZE, SIZE))
    return torch.from_numpy(np.array(square)).permute(2, 0, 1)[None] / 127.5 - 1


def picture(x: Tensor) -> Image.Image:
    """The first of pictures in [-1, 1]."""
    return Image.fromarray(((x[0].clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy())


def sheet(name: str, cells: list[tuple[Image.Image, str]]) -> None:
    """Two by two pictures with their captions, written as the thumbnail of that workflow."""
    side = 2 * CELL + GAP
    page, font = Image.new("RGB", (side, side), "white"), ImageFont.load_default(13)
    draw = ImageDraw.Draw(page)
    for i, (cell, caption) in enumerate(cells):
        x, y = (k * (CELL + GAP) for k in (i % 2, i // 2))
        page.paste(cell.resize((CELL, CELL), Image.Resampling.LANCZOS), (x, y))
        if caption:
            draw.rectangle(
                (x, y + CELL - 18, x + draw.textlength(caption, font) + 10, y + CELL), fill="black"
            )
            draw.text((x + 5, y + CELL - 17), caption, fill="white", font=font)
    page.save(FOLDER / f"{name}.jpg", quality=75, optimize=True)


def curves(losses: Tensor) -> Image.Image:
    """Losses (B, steps) over their first, a line each."""
    figure = Figure(figsize=(4, 4), dpi=100)
    axes = figure.subplots()
    axes.plot((losses / losses[:, :1]).T.numpy())
    axes.set(ylim=(0, 1), xticks=[0, losses.shape[1] // 2, losses.shape[1] - 1])
    axes.set_title("loss of two searches", fontsize=18)
    axes.tick_params(labelsize=14)
    figure.tight_layout()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def tissue_whitener() -> img2noise.Whitener:
    """A second model, which knows one picture alone: stained tissue."""
    x = torch.from_numpy(data.immunohistochemistry().copy()).permute(2, 0, 1)[None] / 127.5 - 1
    corners = range(0, 385, 16)
    tiles = torch.cat([x[:, :, i : i + 128, j : j + 128] for i in corners for j in corners])
    return img2noise.fit(img2noise.measure(tiles, space="rgb"), shrinkage=0.0005)


def main() -> None:
    rgb, sigma = img2noise.load("rgb"), 3.0
    cat, portrait = photo(data.chelsea(), (75, 0), 300), photo(data.astronaut(), (60, 0), 360)

    varied = img2noise.correlated_noise(cat, rgb, seed=[1, 2, 3])
    seeds = [(picture(rgb.dewhiten(varied[i : i + 1])), f"seed {i + 1}") for i in range(3)]
    sheet("variations", [(picture(cat), "your photo"), *seeds])

    found = img2noise.anneal(portrait, rgb, 10000, seed=[1, 2])
    searches = [(picture(rgb.dewhiten(found.z[i : i + 1])), f"search {i + 1}") for i in range(2)]
    sheet("annealed-variations", [(picture(portrait), "your photo"), (curves(found.losses), ""), *searches])

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


if __name__ == "__main__":
    main()
