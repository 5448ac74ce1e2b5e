"""`python -m benchmarks.thumbnails`: draws the thumbnail of every workflow, the picture of every help page,
the icon and the banner anew.
"""

from __future__ import annotations

import img2noise

from . import banner, correlated, inverted, pages, pages_inverted

if __name__ == "__main__":
    rgb = img2noise.load("rgb")
    correlated.draw(rgb)
    inverted.draw(rgb)
    pages.draw(rgb)
    pages_inverted.draw(rgb)
    banner.draw(rgb)
