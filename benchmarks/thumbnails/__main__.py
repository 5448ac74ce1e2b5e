"""`python -m benchmarks.thumbnails`: draws the thumbnail of every workflow, the icon and the banner anew."""

from __future__ import annotations

import img2noise

from . import banner, correlated, inverted

if __name__ == "__main__":
    rgb = img2noise.load("rgb")
    correlated.draw(rgb)
    inverted.draw(rgb)
    banner.draw(rgb)
