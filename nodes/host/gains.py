"""What the host's samplers pass of their noise: two runs on a Gaussian, every element another variance.

    gain(lam) = (out(1) - out(-1)) / 2,   D(x) = a lam x / (a^2 lam + b^2)

Both runs draw the same fresh noise, which their difference takes away. No network is called.
"""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass
from types import SimpleNamespace

import torch
from torch import Tensor

from ...img2noise import Whitener
from ...img2noise.noise import Gain, Transfer, passed
from . import guiders, latents, models

LOW, HIGH, COUNT = -5.0, 7.0, 1025  # log10 of the variances, and how many
FORGETS = 0.1  # of layout and of texture
FORGETFUL = "this sampler forgets its noise; use euler or res_multistep"
SIDE = 512  # pixels, of the pictures that a sentence is about
logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Shares:
    """A gain as a function of the eigenvalues: gain / sqrt(lam) at `COUNT` of them, interpolated between."""

    shares: Tensor

    def __call__(self, lam: Tensor) -> Tensor:
        place = ((lam.double().clamp_min(1e-300).log10() - LOW) / (HIGH - LOW) * (COUNT - 1)).clamp(
            0, COUNT - 1.001
        )
        left, shares = place.long(), self.shares.to(lam.device)
        part = place - left
        return ((1 - part) * shares[left] + part * shares[left + 1]).to(lam) * lam.sqrt()


class Gaussian:
    """The exact denoiser where the host's samplers look for a guider."""

    def __init__(self, model, lam: Tensor):
        self.model, self.model_patcher, self.lam = model, model, lam
        self.model_options: dict = {"transformer_options": {}}
        self.cfg, self.conds = 1.0, {}
        self.inner_model = SimpleNamespace(model_sampling=model.get_model_object("model_sampling"))

    def __call__(self, x: Tensor, sigma: Tensor, model_options=None, seed=None) -> Tensor:
        level = models.levels_of(self.model, sigma.flatten()[:1])
        a, b = float(level.a), float(level.b)
        clean = (a * self.lam / (a * a * self.lam + b * b)).to(x) * x
        for after in (model_options or {}).get("sampler_post_cfg_function", []):
            both = dict(denoised=clean, cond_denoised=clean, uncond_denoised=clean, cond=None, uncond=None)
            clean = after(
                both | dict(model=self, sigma=sigma, input=x, cond_scale=1.0, model_options=model_options)
            )
        return clean


def of_sampler(model, sampler, sigmas: Tensor) -> Shares:
    """Return what a SAMPLER passes with these sigmas and a model's noise levels; ValueError for one that does
    not run, or not to the end.
    """
    check_sigmas(sigmas)
    models.levels_of(model, sigmas[:1])
    if not callable(getattr(sampler, "sample", None)):
        raise ValueError("got no sampler that could be run; connect KSamplerSelect")
    lam = torch.logspace(LOW, HIGH, COUNT, dtype=torch.float64).view(1, 1, 1, -1)
    with latents.random_state_kept():
        try:
            first, second = (_run(model, sampler, sigmas, lam, sign) for sign in (1.0, -1.0))
        except Exception as error:  # whatever another pack's sampler looks for in a model
            logger.debug("a sampler without its model", exc_info=True)
            raise ValueError(
                f"got a sampler that does not run without its model ({type(error).__name__}: {error}); "
                "leave sampler and sigmas unconnected, or use Measure Sampler"
            ) from error
    shares = ((first - second) / 2 / lam.sqrt()).flatten()
    if not bool(torch.isfinite(shares).all()):
        raise ValueError("got a sampler whose picture holds NaN; choose another sampler or other sigmas")
    return Shares(shares)


def _run(model, sampler, sigmas: Tensor, lam: Tensor, sign: float) -> Tensor:
    torch.manual_seed(0)
    x = torch.full(lam.shape, sign)
    who = Gaussian(model, lam)
    extra = {"model_options": dict(who.model_options), "seed": 0}
    out = sampler.sample(
        who, sigmas.detach().cpu().float(), extra, None, x, torch.zeros_like(x), None, disable_pbar=True
    )
    return out.double()


def check_sigmas(sigmas: Tensor) -> None:
    """Raise ValueError unless sigmas are at least two numbers that descend."""
    if not isinstance(sigmas, Tensor) or sigmas.ndim != 1 or len(sigmas) < 2:
        raise ValueError("got sigmas of no steps; connect BasicScheduler or another scheduler")
    if not bool(torch.isfinite(sigmas).all()) or bool((sigmas.diff() > 0).any()):
        raise ValueError("got sigmas that do not descend; connect BasicScheduler or another scheduler")


def wired(model, whitener: Whitener, sampler, sigmas, measured, node: str) -> Shares | Transfer | None:
    """Return the gain that noise is made for: measured, or of a sampler and its sigmas, else None. A sampler
    that forgets its noise is warned of, and has none. ValueError for wires that do not go together.
    """
    if measured is not None:
        if sampler is not None or not isinstance(measured, Transfer):
            raise ValueError("got a sampler beside a measured gain, or no such gain; connect one of them")
        return measured
    if sampler is None and sigmas is None:
        return None
    if sampler is None or sigmas is None:
        raise ValueError("got a sampler without sigmas, or sigmas without a sampler; connect both or neither")
    found = of_sampler(model, sampler, sigmas)
    if forgets(shares_of(found, whitener)):
        logger.warning("%s: %s", node, FORGETFUL)
        return None
    return found


def at(gain: Shares | Transfer | None, fitted: Whitener) -> Gain | None:
    """Return a gain for pictures of a whitener's size."""
    return gain.gain(fitted) if isinstance(gain, Transfer) else gain


def shares_of(gain: Shares | Transfer, whitener: Whitener) -> tuple[float, float]:
    """Return the shares of layout and of texture that a gain passes, of pictures of `SIDE` pixels."""
    lam, found = spectrum(whitener), at(gain, _usual(whitener))
    return passed(lam, found(lam) if callable(found) else found)


def spectrum(whitener: Whitener) -> Tensor:
    """Return the eigenvalues (D,) of pictures of `SIDE` pixels, float64."""
    return _usual(whitener).eigenvalues(torch.zeros(1, dtype=torch.float64))


def _usual(whitener: Whitener) -> Whitener:
    side = SIDE // latents.space_of(whitener).stride
    return whitener.at_size(side, side)


def empty_row(guider, latent: dict) -> Tensor:
    """Return an empty row like those of a LATENT, with the axes of a guider's model; ValueError unless it
    fits.
    """
    samples = models.format_of(guider.model_patcher).framed(latents.samples_of(latent))[:1]
    guiders.check(guider, samples)
    return torch.zeros_like(samples)


def sampled(guider, sampler, sigmas: Tensor, z: Tensor, empty: Tensor, seed: int) -> Tensor:
    """Return the latents that a guider makes of noise z beside an empty latent, on the CPU."""
    with latents.random_state_kept():
        x = copy.copy(guider).sample(z, empty, sampler, sigmas.float(), disable_pbar=True, seed=seed)
    return x.detach().cpu().float()


def forgets(shares: tuple[float, float]) -> bool:
    """Return whether so little passes that noise made for a picture is in vain."""
    return max(shares) < FORGETS


def sentence(shares: tuple[float, float]) -> str:
    """Return in words what passes."""
    if forgets(shares):
        return FORGETFUL
    layout, texture = (f"{100 * share:.0f} %" for share in shares)
    return f"this sampler passes {layout} of the layout and {texture} of the texture of its noise"
