"""Where DDIM inversion errs, and what that does to pictures between two latents."""

from __future__ import annotations

import torch
from torch import Tensor

from img2noise import Levels, slerp
from img2noise.denoisers import denoised
from img2noise.diagnostics import inversion_error, smooth_mask
from img2noise.inversion import ddim

from . import measures, sheets
from .claims import Section
from .inversions import Inverted
from .worlds import World

PATH, GENERATING = (1 / 6, 1 / 3, 1 / 2), 25


def steps(network: World) -> Section:
    """Table 6 and Figure 4: at which steps, and where, inversion errs."""
    section = Section("Where inversion errs")
    x0 = network.pictures[: network.scale.inverted]
    found, truth = predictions(network, x0)
    error = inversion_error(found, truth, smooth_mask(x0))
    plain, other = error.first_share(0.1)
    per_pixel = float(error.plain.sum() / error.area), float(error.other.sum() / (1 - error.area))
    section.say(
        "Each inversion step is given sampling's own state, as the paper does; its error is |E of inversion "
        "- E of sampling| over |E|. "
        f"Plain areas are {error.area:.0%} of the pixels. The first tenth of the steps makes {plain:.0%} of "
        f"their error and {other:.0%} of "
        f"the rest's; per pixel, over all steps, plain areas err {per_pixel[0]:.4f} and the rest "
        f"{per_pixel[1]:.4f}."
    )
    section.show(
        "inversion-error",
        "Error by inversion step, per pixel, in plain areas and elsewhere",
        sheets.lines(
            "inversion step",
            "relative error",
            {"plain": error.plain / error.area, "elsewhere": error.other / (1 - error.area)},
        ),
    )
    section.claim("first tenth", f"plain {plain:.0%}, elsewhere {other:.0%}", plain > 0.5)
    shown = f"per pixel {per_pixel[0]:.4f}, elsewhere {per_pixel[1]:.4f}"
    section.claim("plain steps", shown, per_pixel[0] > per_pixel[1])
    return section


def predictions(network: World, x0: Tensor) -> tuple[Tensor, Tensor]:
    """eps of inversion, given sampling's own states, and of sampling: both (T, N, C, H, W) in the order of
    inversion.
    """
    truth, states = [], []

    def recorder(x: Tensor, sigma: Tensor) -> Tensor:
        clean = network.denoise(x, sigma)
        truth.append((x - clean) / sigma.view(-1, 1, 1, 1))
        states.append(x)
        return clean

    ddim.sample(recorder, network.noises[: len(x0)] * network.top, network.sigmas)
    levels, m, found = network.sigmas.tolist(), Levels.ve(network.sigmas).m.tolist(), []
    for k, after in enumerate([*states[1:], x0]):
        asked = after * (m[k] / m[k + 1])
        found.append((asked - denoised(network.denoise, asked, levels[k])) / levels[k])
    return torch.stack(found).flip(0), torch.stack(truth).flip(0)


def paths(network: World, of: Inverted) -> Section:
    """Figure 5 and Table 12: pictures half-way between noises, and half-way between latents."""
    section = Section("Between two noises, and between two latents")
    count = min(network.scale.pairs, network.scale.inverted // 2)
    real = network.pictures[-max(4 * count, 64) :]
    ends = {"noise": network.noises} | {f"latent, f = {f}": of.latents[f] for f in (0, 2)}
    rows = []
    for name, z in ends.items():
        a, b = z[:count], z[count : 2 * count]
        made = [network.generate(slerp(a, b, share), GENERATING) for share in PATH]
        start = network.generate(a, GENERATING)
        rows.append(
            (
                name,
                *(measures.frechet(x, real) for x in (start, *made)),
                measures.finest_power(made[-1], start),
            )
        )
    section.say(
        f"{count} pairs, SLERP at 0, 1/6, 1/3 and 1/2, {GENERATING} steps. Quality is the Frechet distance "
        "of 8 x 8 patches to other pictures "
        "of the network; the last column is the power of the finest band half-way, over that at the end."
    )
    section.table(("between", "0", "1/6", "1/3", "1/2", "finest power"), rows)
    noise, latent, cured = rows
    rise = [row[4] / row[1] for row in rows]
    shown = f"{latent[4]:.2f}, {rise[1]:.2f} x its end; noises {noise[4]:.2f}, {rise[0]:.2f} x"
    section.claim("paths", shown, latent[4] > noise[4] and rise[1] > rise[0])
    section.claim("paths cured", f"f = 2: {cured[4]:.2f}, {rise[2]:.2f} x its end", cured[4] < latent[4])
    return section
