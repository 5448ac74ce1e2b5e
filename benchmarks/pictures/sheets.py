"""Layout: pictures side by side with their captions, in as few bytes as asked."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw, ImageFont

from img2noise.files.storage import SHIPPED

from .views import Pictures, shown

ROOT = SHIPPED.parent
GAP, BAR, CHART = 4, 18, 540  # between cells; a caption's height; width of a chart
LATENT = 48  # pixels of a latent are few, and stay squares


def strip(node: str, pictures: Pictures) -> None:
    """Write a row of pictures as the picture of that node's help page; one alone is a chart."""
    alone = len(pictures) == 1
    page = scaled(*pictures.values(), CHART) if alone else laid_out(pictures, len(pictures), 150)
    path = ROOT / "web" / "docs" / "pictures" / f"Img2Noise{node}.webp"
    path.write_bytes(encoded(page, "WEBP", 15_000))


def laid_out(pictures: Pictures, columns: int, cell: int) -> Image.Image:
    """Return square cells, their captions white on black in a corner."""
    rows = -(-len(pictures) // columns)
    page = Image.new("RGB", [n * (cell + GAP) - GAP for n in (columns, rows)], "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(12)
    for i, (caption, picture) in enumerate(pictures.items()):
        x, y = i % columns * (cell + GAP), i // columns * (cell + GAP)
        page.paste(scaled(picture, cell).resize((cell, cell)), (x, y))
        if caption:
            y += cell - BAR
            draw.rectangle((x, y, x + draw.textlength(caption, font) + 10, y + BAR), fill="black")
            draw.text((x + 5, y + 1), caption, fill="white", font=font)
    return page


def scaled(picture, width: int) -> Image.Image:
    """Return a picture, or a latent decoded, as wide as that."""
    picture = picture if isinstance(picture, Image.Image) else shown(picture)
    how = Image.Resampling.NEAREST if picture.width <= LATENT else Image.Resampling.LANCZOS
    return picture.resize((width, round(width * picture.height / picture.width)), how)


def encoded(page: Image.Image, kind: str, most: int) -> bytes:
    """Return the page in at most so many bytes, as good as that allows."""
    for quality in range(90, 10, -5):
        file = io.BytesIO()
        page.save(file, kind, quality=quality, **(dict(optimize=True) if kind == "JPEG" else dict(method=6)))
        if file.tell() <= most:
            return file.getvalue()
    raise ValueError(f"got a picture of {file.tell()} bytes at the lowest quality; expected at most {most}")
