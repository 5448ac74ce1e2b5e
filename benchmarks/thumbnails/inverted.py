"""Thumbnails of the workflows that go back to a photo's noise, or take it apart into noise maps.

A prompt is a model's mean here: another prompt, another mean, with the same covariance.
"""

from __future__ import annotations

import torch
from skimage import data
from torch import Tensor

from img2noise import GaussianDenoiser, Whitener, extract, replay, slerp
from img2noise.denoisers import Denoiser
from img2noise.inversion import ddim, first_step
from img2noise.inversion.edit_friendly import edit, turbo_sigmas
from img2noise.inversion.noise_maps import LAST_NORM, flip, recolor, shift
from img2noise.sigmas import ddim_uniform, scaled_linear

from .sheets import SIZE, photo, picture, sheet

STEPS = ddim_uniform(scaled_linear(), 50)
FEW = torch.cat([scaled_linear()[[799, 599, 399, 199]], torch.zeros(1)])
TINT = torch.tensor([0.9, 1.0, 1.0]).view(1, 3, 1, 1)


def draw(rgb: Whitener) -> None:
    """Draw all eight."""
    model = GaussianDenoiser(rgb)
    cat, portrait = photo(data.chelsea(), (75, 0), 300), photo(data.astronaut(), (60, 0), 360)
    words(model, cat)
    diversity(model, cat)
    moves(model, portrait)
    sheet("edit-friendly-recolor", recolored(model, portrait))
    replaced(model, photo(data.rocket(), (120, 0), 427))
    between(model, photo(data.coffee(), (100, 0), 400), portrait)
    first_beside_whitening(model, cat)
    sheet("turbo-edit", [(picture(cat), "your photo"), *weighted(model, cat)])


def words(model: GaussianDenoiser, cat: Tensor) -> None:
    change = stripes()
    edits = []
    for skip in (0, 36):
        maps = extract(model, cat, STEPS, skip=skip, seed=1)
        edits.append((picture(replay(prompted(model, change), maps)), f"edit, skip {skip} of 50"))
    sheet(
        "edit-friendly-edit", [(picture(cat), "your photo"), (picture(change), "the change of words"), *edits]
    )


def diversity(model: GaussianDenoiser, cat: Tensor) -> None:
    """Edits differ where the new words leave something open: here which of four stripes it is to be."""
    steps, target = ddim_uniform(scaled_linear(), 20), any_of(model, waves())
    edits = []
    for seed in (1, 2, 3):
        maps = extract(model, cat, steps, seed=seed)
        edits.append((picture(replay(target, maps)), f"seed {seed}"))
    sheet("edit-friendly-diversity", [(picture(cat), "your photo"), *edits])


def moves(model: GaussianDenoiser, portrait: Tensor) -> None:
    maps = extract(model, portrait, STEPS, skip=5, seed=1)
    moved = {
        "right 60": shift(maps, right=60),
        "down 40, right 60": shift(maps, down=40, right=60),
        "mirrored": flip(maps),
    }
    cells = [(picture(replay(model, changed)), name) for name, changed in moved.items()]
    sheet("edit-friendly-shift", [(picture(portrait), "your photo"), *cells])


def recolored(model: GaussianDenoiser, portrait: Tensor) -> list:
    """The photo, what is painted, and two strengths of blue, with their captions."""
    maps = extract(model, portrait, STEPS, skip=5, seed=1)
    mask = suit(portrait)
    blue = torch.tensor([-0.6, -0.1, 0.6]).view(1, 3, 1, 1)
    cells = [
        (picture(portrait), "your photo"),
        (picture(2 * mask.expand(1, 3, -1, -1) - 1), "what is painted"),
    ]
    for strength in (0.05, 0.2):
        pulled = recolor(model, maps, blue.expand_as(portrait), mask, strength=strength)
        cells.append((picture(replay(model, pulled)), f"strength {strength}"))
    return cells


def replaced(model: GaussianDenoiser, rocket: Tensor) -> None:
    noises = [ddim.invert(model, rocket, STEPS, forward_steps=f, seed=1) for f in (0, 2)]
    z = [picture(x / float(STEPS[0]) / 3) for x in noises]
    back = picture(ddim.sample(model, noises[1], STEPS))
    cells = [
        (picture(rocket), "your photo"),
        (z[0], "plain: its noise"),
        (back, "back from replaced"),
        (z[1], "replaced: its noise"),
    ]
    sheet("ddim-forward-replaced", cells)


def between(model: GaussianDenoiser, first: Tensor, second: Tensor) -> None:
    a, b = (ddim.invert(model, x, STEPS, forward_steps=2, seed=i) for i, x in enumerate((first, second)))
    middle = [(picture(ddim.sample(model, slerp(a, b, w), STEPS)), f"weight {w}") for w in (0.25, 0.75)]
    sheet(
        "interpolate-two-photos",
        [(picture(first), "first photo"), *middle, (picture(second), "second photo")],
    )


def first_beside_whitening(model: GaussianDenoiser, cat: Tensor) -> None:
    rgb, sigma = model.whitener, float(scaled_linear()[980])
    found = first_step.invert(model, cat, sigma, iterations=200)
    z = (found.z - found.z.mean()) / found.z.std()
    white = rgb.whiten(cat)
    sheet(
        "first-step-beside-whitening",
        [
            (picture(z / 3), "first step: noise"),
            (picture(white / white.std() / 3), "whitened: noise"),
            (picture(rgb.dewhiten(z)), "what it makes"),
            (picture(rgb.dewhiten(white)), "what it makes"),
        ],
    )


def weighted(model: GaussianDenoiser, cat: Tensor) -> list:
    """Edits in four steps at three weights, with their captions."""
    change, cells = stripes(), []
    remedy = dict(noise_sigmas=turbo_sigmas(FEW), bound=LAST_NORM)
    for weight in (1.0, 1.5, 2.0):
        made = edit(model, prompted(model, change), cat, FEW, seed=1, weight=weight, **remedy)
        cells.append((picture(made), f"4 steps, weight {weight:g}"))
    return cells


def prompted(model: Denoiser, change: Tensor) -> Denoiser:
    """The model whose mean has changed by that."""
    return lambda x, sigma: model(x - change, sigma) + change


def any_of(model: GaussianDenoiser, changes: Tensor) -> Denoiser:
    """The exact denoiser of a mixture: the mean has changed by any of `changes` (K, C, H, W)."""
    fitted = model.whitener.at_size(SIZE, SIZE)

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        """Of one picture, (1, C, H, W)."""
        apart = x - changes  # (K, C, H, W)
        u = fitted.analyze(apart)  # (K, D)
        distance = (u.double() ** 2 / (fitted.eigenvalues(u) + sigma**2)).sum(1)  # (K,)
        shares = (-distance / 2).softmax(0).view(-1, 1, 1, 1).to(x)
        cleaned = model(apart, sigma.expand(len(changes))) + changes
        return (shares * cleaned).sum(0, keepdim=True)

    return denoise


def stripes() -> Tensor:
    """A tiger's, on the middle of the picture."""
    x, y = plane()
    wave = torch.sin(30 * (y + 0.3 * x**2)).clamp(min=0)
    return -wave * torch.exp(-3 * (x**2 + (y + 0.1) ** 2)) * TINT


def waves() -> Tensor:
    """Upright and lying, each bright or dark in the middle: (4, C, H, W)."""
    x, y = plane()
    spot = 0.6 * torch.exp(-2.5 * (x**2 + (y + 0.1) ** 2)) * TINT
    return torch.cat([sign * torch.cos(26 * along) * spot for along in (x, y) for sign in (1, -1)])


def plane() -> tuple[Tensor, Tensor]:
    """x and y of every pixel, from -1 to 1."""
    y, x = torch.meshgrid(*2 * [torch.linspace(-1, 1, SIZE)], indexing="ij")
    return x, y


def suit(x: Tensor) -> Tensor:
    """A mask of what is orange in the lower half, with soft edges."""
    red, green, blue = x[:, :1], x[:, 1:2], x[:, 2:]
    mask = ((red > blue + 0.5) & (red > green + 0.25)).float()
    mask[..., : SIZE // 2, :] = 0  # her lips are not her suit
    return torch.nn.functional.avg_pool2d(mask, 5, 1, 2)
