"""Thumbnails, and the larger pictures of docs/: what the first Run of a template shows."""

from __future__ import annotations

import time
from pathlib import Path

from PIL import Image

from benchmarks.pictures.sheets import encoded, laid_out
from tests.host.graphs import to_api

from .wishes import Template, templates

ROOT = Path(__file__).resolve().parents[1]
SIDE, CELL, INSET, MARGIN, WIDE = 400, 198, 140, 12, 320  # pixels: of a thumbnail, its parts, a cell in docs/
MOST, MOST_WIDE = 4, 5  # cells


def first_run(server, template: Template) -> dict[str, Image.Image]:
    """Run a template as it is; return what its thumbnail shows of it, by captions."""
    outputs = server.run(to_api(template.workflow(), server.object_info))
    found: dict[str, Image.Image] = {}
    for number, which, caption in template.drawing.shown:
        of = outputs[str(number)]
        images = of["images"] if "images" in of else of["img2noise_pick"][0]["pictures"]
        found[caption] = Image.fromarray(server.picture(images[which]))
    return found


def thumbnail(cells: dict[str, Image.Image]) -> Image.Image:
    """Return a square of four cells, or of the last with the first in its corner."""
    cells = dict(list(cells.items())[:MOST])
    if len(cells) != 2:
        return laid_out(cells, 2, CELL)
    (before, small), (after, large) = cells.items()
    page = laid_out({after: large}, 1, SIDE)
    page.paste(laid_out({before: small}, 1, INSET), (MARGIN, MARGIN))
    return page


def picture_all(server, wishes: list[str]) -> None:
    """Write the thumbnail of every template of these wishes, which begin so, from its little world."""
    (ROOT / "docs" / "wishes").mkdir(exist_ok=True)
    drawn = list(templates())
    for template in drawn:
        if not template.model.little or (wishes and not template.wish.startswith(tuple(wishes))):
            continue
        start = time.perf_counter()
        cells = first_run(server, template)
        small = encoded(thumbnail(cells), "JPEG", 50_000)
        more = dict(list(cells.items())[:MOST_WIDE])
        for same in drawn:
            if same.wish == template.wish:
                (ROOT / "workflows" / f"{same.name}.jpg").write_bytes(small)
        wide = encoded(laid_out(more, len(more), WIDE), "WEBP", 60_000)
        (ROOT / "docs" / "wishes" / f"{template.wish[:2]}.webp").write_bytes(wide)
        print(f"{time.perf_counter() - start:5.1f} s  {template.wish}: {', '.join(cells)}", flush=True)
