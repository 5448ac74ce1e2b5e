"""The methods, each a function of a network and a batch of edits that returns latents; and their settings.

All take `STEPS` steps unless they say otherwise, ask for the source at guidance 1 and for the target at
`GUIDANCE`, and draw from seed 0, row by row. eta 0 is FlowEdit (Kulikov et al. 2024), 1 is edit-friendly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import torch
from torch import Tensor

from img2noise import correlated_noise, ddim, draw, first_step, load
from img2noise.inversion import edit_friendly
from img2noise.inversion.noise_maps import LAST_NORM

from .network import SCHEDULE, Network, grid
from .scenes import Batch

STEPS, GUIDANCE, SEED = 25, 3.0, 0
FIRST_STEP = 13.04  # sigma of timestep 980


@dataclass(frozen=True)
class Method:
    """`group` is its table, `curve` the line in the plots that joins it, `quick` one of the short run."""

    group: str
    name: str
    run: Callable[[Network, Batch], Tensor]
    curve: str = ""
    quick: bool = False


def source(network: Network, batch: Batch, guidance: float = 1.0):
    return network.denoiser(batch.prompts[0], guidance, keep=True)


def target(network: Network, batch: Batch, guidance: float = GUIDANCE):
    return network.denoiser(batch.prompts[1], guidance)


def white(batch: Batch, seed: int = SEED) -> Tensor:
    return draw(batch.x0.shape, seed, batch.numbers)


@cache
def whitener():
    return load("sd")


def correlated(batch: Batch, temperature: float, seed: int = SEED) -> Tensor:
    return correlated_noise(batch.x0, whitener(), temperature=temperature, seed=seed, indices=batch.numbers)


def sdedit(
    network: Network, batch: Batch, *, denoise: float, temperature=None, guidance=GUIDANCE, seed=SEED
) -> Tensor:
    """Noise the picture, denoise it under the target (Meng et al. 2022); white noise without temperature."""
    levels = grid(STEPS)[STEPS - round(denoise * STEPS) :]
    noise = white(batch, seed) if temperature is None else correlated(batch, temperature, seed)
    return ddim.sample(target(network, batch, guidance), batch.x0 + levels[0].float() * noise, levels)


def from_noise(network: Network, batch: Batch, *, noise: Callable[..., Tensor], guidance=GUIDANCE) -> Tensor:
    """Sample the target from the top, out of noise(network, batch) alone."""
    levels = grid(STEPS)
    start = noise(network, batch) * (1 + levels[0].float() ** 2).sqrt()
    return ddim.sample(target(network, batch, guidance), start, levels)


def first_step_noise(network: Network, batch: Batch) -> Tensor:
    denoise = source(network, batch)
    return first_step.invert(denoise, batch.x0, FIRST_STEP, iterations=20, rows_alike=False).z


def inversion(
    network: Network,
    batch: Batch,
    *,
    scheme="target",
    forward=0,
    guidance=GUIDANCE,
    steps=STEPS,
    seed=SEED,
) -> Tensor:
    """Invert by DDIM under the source, sample under the target."""
    noise = ddim.invert(
        source(network, batch), batch.x0, grid(steps), seed=seed, indices=batch.numbers,
        forward_steps=forward, scheme=scheme,
    )  # fmt: skip
    back = "midpoint" if scheme == "midpoint" else "euler"
    return ddim.sample(target(network, batch, guidance), noise, grid(steps), scheme=back)


def edit(
    network: Network, batch: Batch, *, eta=1.0, skip=0, guidance=GUIDANCE, source_guidance=1.0,
    levels=None, seed=SEED, **more,
) -> Tensor:  # fmt: skip
    """Edit-friendly inversion and replay in one walk; FlowEdit at eta 0."""
    return edit_friendly.edit(
        source(network, batch, source_guidance), target(network, batch, guidance), batch.x0,
        grid(STEPS) if levels is None else levels,
        seed=seed, indices=batch.numbers, eta=eta, skip=skip, **more,
    )  # fmt: skip


def stored(network: Network, batch: Batch, *, skip: int) -> Tensor:
    """The same by maps: extract under the source, replay under the target."""
    maps = edit_friendly.extract(
        source(network, batch), batch.x0, grid(STEPS), seed=SEED, indices=batch.numbers, skip=skip
    )
    return edit_friendly.replay(target(network, batch), maps)


def few(network: Network, batch: Batch, *, remedy: bool, **more) -> Tensor:
    """Four steps from timesteps 799, 599, 399 and 199, as TurboEdit takes them."""
    levels = torch.cat([SCHEDULE[[799, 599, 399, 199]], SCHEDULE.new_zeros(1)])
    extra = dict(noise_sigmas=edit_friendly.turbo_sigmas(levels), bound=LAST_NORM) if remedy else {}
    return edit(network, batch, levels=levels, **extra, **more)


def methods() -> list[Method]:
    """Return every method at every setting; the order is that of the tables."""
    return [
        Method("references", "rendered truth", lambda network, batch: batch.truth, quick=True),
        Method("references", "nothing", lambda network, batch: batch.x0, quick=True),
        *_noised(),
        *_inverted(),
        *_edited(),
        *_few(),
    ]


def _noised() -> list[Method]:
    out = [
        Method(
            "noise", f"SDEdit, {name}, denoise {d:g}", partial(sdedit, denoise=d, temperature=t),
            f"SDEdit, {name}", d == 0.7,
        )
        for name, t in (("white noise", None), ("correlated T 1", 1.0), ("correlated T 5", 5.0))
        for d in (0.5, 0.7, 0.85)
    ]  # fmt: skip
    for t in (0.3, 1.0, 5.0):
        alone = partial(from_noise, noise=lambda network, batch, t=t: correlated(batch, t))
        out.append(Method("noise", f"correlated noise alone, T {t:g}", alone, "correlated noise alone"))
    alone = partial(from_noise, noise=first_step_noise)
    return [*out, Method("noise", "first-step noise alone", alone, "first-step noise alone")]


def _inverted() -> list[Method]:
    settings = [("target", w, forward) for w in (1.0, 3.0) for forward in (0, 1, 3)]
    settings += [("current", 1.0, 0), ("implicit", 1.0, 0), ("implicit", 3.0, 0), ("midpoint", 1.0, 0)]
    return [
        Method(
            "inversion", f"DDIM, {scheme}, forward {forward / STEPS:.0%}, guidance {w:g}",
            partial(inversion, scheme=scheme, forward=forward, guidance=w),
            f"DDIM inversion, {scheme}, guidance {w:g}", scheme == "target" and w == 1 and forward < 2,
        )
        for scheme, w, forward in settings
    ]  # fmt: skip


def _edited() -> list[Method]:
    def one(eta: float, skip=12, guidance=GUIDANCE, curve="", quick=False, **more) -> Method:
        extra = [f"{name.replace('_', ' ')} {value:g}" for name, value in more.items()]
        name = ", ".join([f"eta {eta:g}", *extra, f"skip {skip}", f"guidance {guidance:g}"])
        run = partial(edit, eta=eta, skip=skip, guidance=guidance, **more)
        return Method("edits", name, run, curve, quick)

    both = {1.0: "edit-friendly, eta 1", 0.0: "FlowEdit, eta 0"}
    out = [
        one(eta, skip, curve=f"{name}, by skip", quick=skip in (0, 7, 12))
        for eta, name in both.items()
        for skip in (0, 7, 10, 12, 15, 18)
    ]
    out += [
        one(eta, 12, w, curve=f"{name}, skip 12, by guidance")
        for eta, name in both.items()
        for w in (1.0, 2.0, 4.5, 6.0)
    ]
    out += [one(eta, curve="skip 12, by eta") for eta in (0.1, 0.3, 0.6)]
    out += [one(eta, source_guidance=3.0) for eta in both]
    out += [one(eta, guidance=1.0, weight=2.0) for eta in both]
    out += [one(0.0, average=2), one(0.0, free_steps=4)]
    return [*out, Method("edits", "eta 1, by stored maps, skip 12, guidance 3", partial(stored, skip=12))]


def _few() -> list[Method]:
    return [
        Method(
            "few", f"4 steps, eta {eta:g}, {how}{', remedy' if remedy else ''}",
            partial(few, eta=eta, remedy=remedy, **more), quick=eta == 1 and how.startswith("w"),
        )
        for eta in (1.0, 0.0)
        for how, more in (
            ("weight 1.5", dict(guidance=1.0, weight=1.5)),
            ("guidance 3", dict(guidance=3.0)),
        )
        for remedy in (False, True)
    ]  # fmt: skip
