"""Pictures of the help pages about whiteners, noise and what is measured of it; two thumbnails."""

from __future__ import annotations

import torch
from PIL import Image
from skimage import data
from torch import Tensor

import img2noise
from img2noise import Whitener, anneal, correlated_noise, fit, measure, slerp
from img2noise.diagnostics import plots

from .correlated import tissue, tissue_whitener
from .sheets import SIZE, photo, picture, plot, sheet, strip

LOUD = 3  # deviations of noise between gray and white


def draw(rgb: Whitener) -> None:
    """Draw all of them."""
    cat, portrait = photo(data.chelsea(), (75, 0), 300), photo(data.astronaut(), (60, 0), 360)
    tissues = tissue_whitener()
    noise_for_a_photo(rgb, cat, portrait)
    blended(rgb, cat, portrait)
    bridges(rgb, cat)
    whitened(rgb, cat)
    whiteners(rgb, tissues)
    fitted(rgb, tissues)
    compared(rgb)


def noise_for_a_photo(rgb: Whitener, cat: Tensor, portrait: Tensor) -> None:
    def made(**how) -> Image.Image:
        return picture(rgb.dewhiten(correlated_noise(cat, rgb, **how)))

    yours = picture(cat), "your photo"
    temperatures = [(made(seed=1, temperature=float(t)), f"temperature {t}") for t in (0, 5, 1000)]
    strip("Img2NoiseCorrelatedNoise", [yours, *temperatures])
    plain = picture(rgb.dewhiten(img2noise.draw(cat.shape, 1))), "correlate off"
    strip("Img2NoiseKSampler", [yours, plain, *((made(seed=s), f"seed {s}") for s in (1, 2))])
    searches = []
    for steps in (0, 1000, 10000):
        found = anneal(portrait, rgb, steps, seed=1)
        searches.append((picture(rgb.dewhiten(found.z)), f"{steps} iterations"))
    strip("Img2NoiseAnnealedNoise", [(picture(portrait), "your photo"), *searches])


def blended(rgb: Whitener, cat: Tensor, portrait: Tensor) -> None:
    a, b = (correlated_noise(x, rgb, temperature=0.5, seed=i) for i, x in enumerate((cat, portrait)))
    weights = (0.0, 0.35, 0.65, 1.0)
    strip("Img2NoiseBlendNoises", [(picture(rgb.dewhiten(slerp(a, b, w))), f"weight {w:g}") for w in weights])


def bridges(rgb: Whitener, cat: Tensor) -> None:
    noises = img2noise.draw(cat.shape, 1), correlated_noise(cat, rgb, temperature=1.0, seed=1)
    cells = []
    for z, name in zip(noises, ("random noise", "noise for a photo"), strict=True):
        cells += [(gray(z), name), (picture(rgb.dewhiten(z)), "what it makes")]
    strip("Img2NoiseNoiseToLatent", cells)
    z = rgb.whiten(cat)
    z = (z - z.mean()) / z.std()
    weak = [
        (picture(rgb.dewhiten(f * z)), name) for f, name in ((0.3, "too weak: painted"), (1, "normalize"))
    ]
    strip("Img2NoiseLatentToNoise", [(gray(z), "a latent of noise"), *weak])


def whitened(rgb: Whitener, cat: Tensor) -> None:
    steps = [(gray(unit(rgb.whiten(cat, s)), 0.0), f"strength {s:g}") for s in (0.4, 0.7, 1.0)]
    strip("Img2NoiseWhitenLatent", [(picture(cat), "your photo"), *steps])
    z = correlated_noise(cat, rgb, temperature=0.5, seed=1)
    back = [(gray(unit(rgb.dewhiten(z, s)), 0.0), f"strength {s:g}") for s in (0.4, 0.7)]
    strip(
        "Img2NoiseDewhitenLatent",
        [(gray(z), "noise"), *back, (picture(rgb.dewhiten(z)), "strength 1")],
    )


def whiteners(rgb: Whitener, tissues: Whitener) -> None:
    z = img2noise.draw((1, 3, SIZE, SIZE), 3)
    made = [(picture(rgb.dewhiten(z)), "as photos look"), (picture(tissues.dewhiten(z)), "as tissue looks")]
    strip("Img2NoiseLoadWhitener", [(gray(z), "one noise"), *made])
    strip("Img2NoiseSaveWhitener", [(similarity(w), n) for w, n in ((rgb, "photos"), (tissues, "tissue"))])


def similarity(whitener: Whitener, side: int = 64) -> Image.Image:
    """How alike two pixels are by where the second lies from the first: what a stationary whitener holds."""
    dot = torch.zeros(1, 3, SIZE, SIZE)
    dot[..., SIZE // 2, SIZE // 2] = 1
    answer = (whitener.dewhiten(dot) - whitener.dewhiten(0 * dot)).mean(1)  # (1, H, W)
    low, high = (SIZE - side) // 2, (SIZE + side) // 2
    answer = answer[:, low:high, low:high] / answer.abs().max()
    shown = answer.sign() * answer.abs() ** 0.4  # faint likeness shows as well
    return picture(shown.expand(3, -1, -1)[None])


def fitted(rgb: Whitener, tissues: Whitener) -> None:
    z, sample = img2noise.draw((1, 3, SIZE, SIZE), 3), photo(data.immunohistochemistry(), (0, 0), 256)
    few = tissue()[::60]
    cells = [(picture(sample), "of your pictures")]
    for shrinkage in (0.0005, 0.05):
        own = fit(measure(few, space="rgb"), shrinkage=shrinkage)
        cells.append((picture(own.dewhiten(z)), f"shrinkage {shrinkage:g}"))
    strip("Img2NoiseFitWhitener", [*cells[:1], (gray(z), "noise"), *cells[1:]])
    cells = [(picture(sample), "of your folder")]
    cells += [(picture(w.dewhiten(z)), name) for w, name in ((rgb, "shipped whitener"), (tissues, "yours"))]
    strip("Img2NoiseFitWhitenerFromFolder", cells)
    sheet("fit-a-whitener", [*cells[:1], (gray(z), "one noise"), *cells[1:]])


def compared(rgb: Whitener) -> None:
    """The chart of whitenings against the first step of the exact model, on crops of four photos."""
    model = img2noise.GaussianDenoiser(rgb)
    x = crops()
    z = img2noise.first_step.invert(model, x, 14.0, iterations=30).z
    chart = plots.comparison_chart(img2noise.diagnostics.compare_whitenings(x, z, patch=8, shrinkage=0.01))
    plot("Img2NoiseCompareWhitenings", chart, 520)
    cells = [(grid(x), "pictures"), (grid(unit(z)), "the noise behind them")]
    cells += [(grid(unit(rgb.whiten(x))), "whitened"), (Image.fromarray(chart[: len(chart) // 2]), "")]
    sheet("compare-whitenings", cells)


def grid(x: Tensor) -> Image.Image:
    """The first nine, three by three."""
    return picture(x[:9].unflatten(0, (3, 3)).permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)[None])


def crops() -> Tensor:
    """(60, 3, 32, 32) of four photos in turn, so that what is held out is of all four."""
    sources = (
        (data.chelsea(), (75, 0)),
        (data.astronaut(), (60, 0)),
        (data.coffee(), (100, 0)),
        (data.rocket(), (120, 0)),
    )
    tiles = [photo(pixels, corner, 300)[0].unfold(1, 32, 64).unfold(2, 32, 64) for pixels, corner in sources]
    rows = [t.permute(1, 2, 0, 3, 4).reshape(-1, 3, 32, 32) for t in tiles]  # (16, C, 32, 32) each
    return torch.stack(rows, 1).flatten(0, 1)[:60]


def unit(x: Tensor) -> Tensor:
    """x at mean 0 and the contrast of a photo."""
    return (x - x.mean()) / x.std() * 0.5


def gray(z: Tensor, loud: float = LOUD) -> Image.Image:
    """Noise as a picture, 0 in gray; or x itself, at loud 0."""
    return picture(z / loud if loud else z)
