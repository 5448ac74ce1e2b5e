"""Photos in; sheets of four pictures, and strips of a few, with captions out."""

from __future__ import annotations

import io

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from img2noise.files.storage import SHIPPED

FOLDER = SHIPPED.parent / "workflows"
SIZE, CELL, GAP = 256, 198, 4
BYTES = 50_000  # a template browser loads all of them
PAGES = FOLDER.parent / "web" / "docs" / "pictures"
PAGE_CELL, PAGE_BYTES = 144, 12_000


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
    for i, (cell, caption) in enumerate(cells):
        x, y = (k * (CELL + GAP) for k in (i % 2, i // 2))
        page.paste(cell.resize((CELL, CELL), Image.Resampling.LANCZOS), (x, y))
        if caption:
            _caption(page, (x, y + CELL - 18), caption, font)
    (FOLDER / f"{name}.jpg").write_bytes(_encoded(page, "JPEG", BYTES))


def strip(node: str, cells: list[tuple[Image.Image, str]]) -> None:
    """Pictures side by side with their captions below, written as the picture of that node's help page."""
    width = len(cells) * (PAGE_CELL + GAP) - GAP
    page, font = Image.new("RGB", (width, PAGE_CELL + 18), "black"), ImageFont.load_default(11)
    for i, (cell, caption) in enumerate(cells):
        x = i * (PAGE_CELL + GAP)
        page.paste(cell.resize((PAGE_CELL, PAGE_CELL), Image.Resampling.LANCZOS), (x, 0))
        _caption(page, (x, PAGE_CELL), caption, font)
    _write_page_picture(node, page)


def plot(node: str, pixels: np.ndarray, width: int) -> None:
    """One of the nodes' own plots (H, W, 3), written so wide as the picture of that node's help page."""
    page = Image.fromarray(pixels)
    height = round(page.height * width / page.width)
    _write_page_picture(node, page.resize((width, height), Image.Resampling.LANCZOS))


def _write_page_picture(node: str, page: Image.Image) -> None:
    PAGES.mkdir(exist_ok=True)
    (PAGES / f"{node}.webp").write_bytes(_encoded(page, "WEBP", PAGE_BYTES))


def _caption(page: Image.Image, corner: tuple[int, int], text: str, font) -> None:
    """White on black, 18 pixels high."""
    x, y = corner
    draw = ImageDraw.Draw(page)
    draw.rectangle((x, y, x + draw.textlength(text, font) + 10, y + 18), fill="black")
    draw.text((x + 5, y + 1), text, fill="white", font=font)


def _encoded(page: Image.Image, kind: str, most: int) -> bytes:
    """The page in at most so many bytes, as good as that allows."""
    for quality in range(75, 20, -5):
        file = io.BytesIO()
        page.save(file, kind, quality=quality, **(dict(optimize=True) if kind == "JPEG" else dict(method=6)))
        if file.tell() <= most:
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
