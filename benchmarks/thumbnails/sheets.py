"""Photos in, sheets of four pictures with captions out."""

from __future__ import annotations

import io

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from img2noise.storage import SHIPPED

FOLDER = SHIPPED.parent / "workflows"
SIZE, CELL, GAP = 256, 198, 4
BYTES = 50_000  # a template browser loads all of them


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
    (FOLDER / f"{name}.jpg").write_bytes(_jpeg(page))


def _jpeg(page: Image.Image) -> bytes:
    """The page in at most BYTES, as good as that allows."""
    for quality in range(75, 30, -5):
        file = io.BytesIO()
        page.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= BYTES:
            break
    return file.getvalue()


def curves(rows: Tensor, title: str) -> Image.Image:
    """Rows (B, steps) over their steps, a line each, from 0 up."""
    figure = Figure(figsize=(4, 4), dpi=100)
    axes = figure.subplots()
    axes.plot(rows.T.numpy())
    axes.set(ylim=(0, None), xticks=[0, rows.shape[1] // 2, rows.shape[1] - 1])
    axes.set_title(title, fontsize=18)
    axes.tick_params(labelsize=14)
    figure.tight_layout()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
