"""Everything of ours that makes numbers from a seed, each as a function of which pictures are asked for.

    GENERATORS[name](ask) -> {part: tensor}, a row for each of ask.rows; row i is picture i at batch index i
    WHOLES[name](ask)     -> {part: tensor}, without rows: sums over pictures, files, figures as bytes

Pictures are 4 x size x size, smooth as latents are; size is a multiple of 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

import img2noise as n
from img2noise import Whitener
from img2noise.denoisers import Denoiser
from img2noise.inversion import ddim, first_step
from img2noise.sigmas import ddim_uniform, scaled_linear

from .networks import pointwise

COUNT, SIZE = 8, 96  # 4 x 96 x 96 values: more than torch adds up in one thread
SEED, PICTURES, SIGMA = 5, 1000, 13.04
SIGMAS = ddim_uniform(scaled_linear(), 10)
STEPS = 300  # of a search: a few of its blocks
STRUCTURES = n.whitening.STRUCTURES
SEARCH, LOSSES = "annealed noise, with its losses", "losses of annealing"
MOMENTS, FITTED = "moments of photos", "whiteners fitted"
FILES = "files stored, and loaded"


@dataclass(frozen=True)
class Asked:
    """Which pictures, under which network, on which device; sums take them `batch` at a time."""

    rows: tuple[int, ...] = tuple(range(COUNT))
    denoise: Denoiser = pointwise()
    device: str = "cpu"
    size: int = SIZE
    batch: int = COUNT

    @property
    def x(self) -> Tensor:
        """The pictures, model space."""
        return pictures(self.size)[list(self.rows)].to(self.device)

    @property
    def how(self) -> dict:
        """Seed and batch indices."""
        return dict(seed=SEED, indices=list(self.rows))

    @property
    def maps(self) -> n.NoiseMaps:
        """The pictures' noise maps."""
        return n.extract(self.denoise, self.x, SIGMAS, skip=2, **self.how)


@lru_cache(maxsize=4)
def pictures(size: int) -> Tensor:
    """Return all of them, (COUNT, 4, size, size): draws at four scales, without a product or a sum."""
    scales = [n.draw((COUNT, 4, size // s, size // s), PICTURES + s) for s in (1, 2, 4, 8)]
    return sum(
        x.repeat_interleave(size // x.shape[-1], 2).repeat_interleave(size // x.shape[-1], 3) for x in scales
    )


@lru_cache(maxsize=8)
def whitener(structure: str, size: int) -> Whitener:
    """Return `fitted(structure, size)`, made once."""
    return fitted(structure, size)


@lru_cache(maxsize=4)
def moments(size: int) -> n.Moments:
    """Return the pictures' moments, made once."""
    return n.measure(pictures(size))


def forget() -> None:
    """Drop what is kept between calls."""
    for kept in (pictures, whitener, moments):
        kept.cache_clear()


def fitted(structure: str, size: int) -> Whitener:
    """Fit one of each structure to draws: stationary is the shipped one, dense of 8 x 8 patches."""
    if structure == "stationary":
        return n.load("sd")
    side = 8 if structure == "dense" else size
    return n.fit(n.measure(n.draw((300, 4, side, side), 77), structure), "zca", 0.3)


def by_rows(maps: n.NoiseMaps) -> dict[str, Tensor]:
    """Maps with their rows first."""
    return dict(start=maps.start, residuals=maps.residuals.movedim(1, 0))


def _correlated(structure: str):
    def make(ask: Asked) -> dict[str, Tensor]:
        w = whitener(structure, ask.size)
        made = dict(noise=n.correlated_noise(ask.x, w, **ask.how))
        if structure == "dense":  # a whole picture, not tiles of one
            made["whole"] = n.correlated_noise(ask.x[..., :8, :8], w, **ask.how)
        return made

    return make


def _whitened(structure: str):
    def make(ask: Asked) -> dict[str, Tensor]:
        methods = whitener(structure, ask.size).methods
        each = {m: n.whitening.with_method(whitener(structure, ask.size), m) for m in methods}
        z = {f"{m} whitened": w.whiten(ask.x) for m, w in each.items()}
        return z | {f"{m} dewhitened": w.dewhiten(ask.x) for m, w in each.items()}

    return make


def _annealed(*parts: str):
    def make(ask: Asked) -> dict[str, Tensor]:
        found = {}
        for adapt_step in (False, True):
            a = n.anneal(ask.x, whitener("stationary", ask.size), STEPS, adapt_step=adapt_step, **ask.how)
            found |= {f"{k} {adapt_step}": getattr(a, k) for k in parts}
        return found

    return make


def _blended(ask: Asked) -> dict[str, Tensor]:
    other = pictures(ask.size).flip(0)[list(ask.rows)].to(ask.device)
    return dict(slerp=n.slerp(ask.x, other, 0.3), lerp=n.lerp(ask.x, other, 0.3))


def _gaussian(ask: Asked) -> dict[str, Tensor]:
    denoise = n.GaussianDenoiser(whitener("stationary", ask.size))
    return dict(denoised=denoise(ask.x, SIGMA), flow=denoise.flow(SIGMA * ask.x, SIGMA, 0.0))


def _extracted(ask: Asked) -> dict[str, Tensor]:
    return by_rows(ask.maps)


def _extracted_together(ask: Asked) -> dict[str, Tensor]:
    return by_rows(n.extract(ask.denoise, ask.x, SIGMAS, levels_per_call=4, **ask.how))


def _replayed(ask: Asked) -> dict[str, Tensor]:
    return dict(picture=n.replay(ask.denoise, ask.maps))


def _edited(ask: Asked) -> dict[str, Tensor]:
    return dict(picture=n.edit_friendly.edit(ask.denoise, _target(ask.denoise), ask.x, SIGMAS, **ask.how))


def _edited_in_few(ask: Asked) -> dict[str, Tensor]:
    how = dict(weight=1.5, bound=1.0, noise_sigmas=n.edit_friendly.turbo_sigmas(SIGMAS), **ask.how)
    return dict(picture=n.edit_friendly.edit(ask.denoise, _target(ask.denoise), ask.x, SIGMAS, **how))


def _target(denoise: Denoiser) -> Denoiser:
    """Return what stands for another prompt."""
    return lambda x, sigma: 0.9 * denoise(x, sigma)


def _inverted(*evaluations: str):
    def make(ask: Asked) -> dict[str, Tensor]:
        how = dict(forward_steps=1, seed=SEED, indices=list(ask.rows))
        return {e: ddim.invert(ask.denoise, ask.x, SIGMAS, scheme=e, **how) for e in evaluations}

    return make


def _sampled(ask: Asked) -> dict[str, Tensor]:
    return dict(picture=ddim.sample(ask.denoise, SIGMA * ask.x, SIGMAS))


def _first_step(**how):
    def make(ask: Asked) -> dict[str, Tensor]:
        found = first_step.invert(ask.denoise, ask.x, SIGMA, iterations=8, **how)
        return dict(z=found.z, **(dict(residuals=found.residuals.T) if "anderson_window" in how else {}))

    return make


def _moved(ask: Asked) -> dict[str, Tensor]:
    return by_rows(n.noise_maps.flip(n.noise_maps.shift(ask.maps, 3, -2)))


def _bounded(ask: Asked) -> dict[str, Tensor]:
    return by_rows(n.noise_maps.clip_last_map(ask.maps, 1.0))


def _recolored(ask: Asked) -> dict[str, Tensor]:
    color = torch.ones(1, 4, ask.size, ask.size, device=ask.device)
    return by_rows(n.noise_maps.recolor(ask.denoise, ask.maps, color, color[:, :1]))


def _measured(ask: Asked) -> dict[str, Tensor]:
    found = {}
    for structure in STRUCTURES:
        how = dict(patch=8) if structure == "dense" else {}
        first, *others = (n.measure(x, structure, **how) for x in pictures(ask.size).split(ask.batch))
        total = sum(others, first)
        parts = dict(enumerate(total.products)) | dict(total=total.total)
        found |= {
            f"{structure} {k}": torch.view_as_real(t) if t.is_complex() else t for k, t in parts.items()
        }
    return found


def _fitted(ask: Asked) -> dict[str, Tensor]:
    return {s: fitted(s, ask.size).whiten(pictures(ask.size)) for s in STRUCTURES}


def _stored(ask: Asked) -> dict[str, Tensor]:
    x = pictures(ask.size)
    things = dict(noise=x, maps=ask.maps, whitener=whitener("kronecker", ask.size), moments=moments(ask.size))
    with TemporaryDirectory() as folder:
        paths = {k: n.save(thing, Path(folder, k), source="a test", size=3) for k, thing in things.items()}
        return {k: _bytes(path) for k, path in paths.items()} | dict(loaded=n.load(paths["noise"]))


def _bytes(path: Path) -> Tensor:
    return torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)


NETWORKED = {
    "edit-friendly maps": _extracted,
    "edit-friendly maps, four levels a call": _extracted_together,
    "edit-friendly replay": _replayed,
    "edit-friendly edit": _edited,
    "edit-friendly edit, few steps": _edited_in_few,
    "DDIM inversion, forward replaced: target, current": _inverted("target", "current"),
    "DDIM inversion, implicit": _inverted("implicit"),
    "DDIM sampling": _sampled,
    "first step, plain": _first_step(stop="iterations"),
    "first step, stopped at unit deviation": _first_step(stop="unit_std"),
    "first step, Anderson": _first_step(stop="iterations", anderson_window=5),
    "maps shifted and flipped": _moved,
    "maps with the last one bounded": _bounded,
    "maps recolored": _recolored,
}
GENERATORS = {
    "white noise (draw)": lambda ask: dict(noise=n.draw(ask.x.shape, **ask.how)),
    **{f"correlated noise, {s}": _correlated(s) for s in STRUCTURES},
    SEARCH: _annealed("z", "z_last", "losses", "loss_ratio"),
    LOSSES: _annealed("losses", "loss_ratio"),
    **{f"whitening and back, {s}, every method": _whitened(s) for s in STRUCTURES},
    "blends: slerp, lerp": _blended,
    "Gaussian denoiser and flow": _gaussian,
    **NETWORKED,
}
WHOLES = {
    MOMENTS: _measured,
    FITTED: _fitted,
    FILES: _stored,
}
EXACT = {  # draws, moves and arithmetic on each value: no product, sum or transform
    "white noise (draw)",
    "blends: slerp, lerp",  # whose angle numpy sums, each row in one thread
    "edit-friendly maps",
    "edit-friendly maps, four levels a call",
    "edit-friendly replay",
    "edit-friendly edit",
    "DDIM inversion, forward replaced: target, current",
    "DDIM sampling",
    "first step, plain",
    "maps shifted and flipped",
    "maps recolored",
    FILES,
}
