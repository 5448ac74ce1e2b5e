"""Guiders as denoisers: algorithms run inside a guider's own sample call, the only way a model is called.

    run(guider, samples, sigmas, work):  work(ready), ready(x, sigma) -> x0, ready.x0 in model space

Prompts, guidance, ControlNet, LoRA, areas and the kind of prediction are then the host's. State is float32;
the network works in its own precision. An input guider is copied, never changed.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import comfy.model_management
import comfy.sampler_helpers
import comfy.samplers
import latent_preview
import torch
from comfy.model_sampling import EPS
from torch import Tensor

from ...img2noise import checks
from ...img2noise.denoisers import OnStep
from ...img2noise.whitening import SPACES
from . import latents, models

Result = TypeVar("Result")
logger = logging.getLogger(__name__)
STEEP = 1000.0  # sigmas that only schedules of zero terminal SNR reach
WINDOWS = ("timestep_start", "timestep_end", "hooks")  # what makes a prompt change from step to step
CHANGES = (  # functions of a model's options that may do another thing at another noise level
    *("model_function_wrapper", "sampler_cfg_function", "sampler_calc_cond_batch_function"),
    *("sampler_pre_cfg_function", "sampler_post_cfg_function", "context_handler"),
)


class Ready:
    """A guider inside its own sample call: models loaded, conditioning prepared for `x0`'s size. It is a
    denoiser; `precision` is that in which its network computes.
    """

    def __init__(self, guider, extra_args: dict, x0: Tensor):
        self.guider, self.extra_args, self.x0 = guider, extra_args, x0
        self.precision = precision_of(guider.model_patcher)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Return E[x0 | x] by the guider; raise the host's exception after a cancel."""
        comfy.model_management.throw_exception_if_processing_interrupted()
        return self.guider(x, sigma, **self.extra_args)

    def rows_alike(self) -> bool:
        """Return whether a row gets the same answer whichever rows and noise levels share its call.

        Not where anything may change from level to level, since the host looks at a batch's first sigma
        alone, nor where conditioning has several rows, since the host tiles those over the rows of a call.
        """
        return _constant(self.guider, self.extra_args["model_options"]) and not _rows(self.guider)


class Probe(comfy.samplers.Sampler):
    """A sampler that samples nothing: it calls `work` with the ready model and keeps the result."""

    def __init__(self, work: Callable[[Ready], Result]):
        self.work, self.result = work, None

    def sample(
        self, guider, sigmas, extra_args, callback, noise, latent_image=None, denoise_mask=None, no_bar=False
    ):
        self.result = self.work(Ready(guider, extra_args, latent_image))
        return latent_image


def run(guider, samples: Tensor, sigmas: Tensor, work: Callable[[Ready], Result], seed: int = 0) -> Result:
    """Return `work(ready)` of a guider made ready for these samples (B, C, ...), VAE units."""
    probe = Probe(work)
    with latents.random_state_kept():
        copy.copy(guider).sample(
            torch.zeros_like(samples), samples, probe, sigmas.float(), disable_pbar=True, seed=seed
        )
    return probe.result


def guider_of(model, positive, negative, cfg: float):
    """Return the host's guider for two prompts at that guidance."""
    checks.number(cfg, "cfg", 0)
    guider = comfy.samplers.CFGGuider(model)
    guider.set_conds(positive, negative)
    guider.set_cfg(cfg)
    return guider


def sampled(guider, picture: Picture, sampler, sigmas: Tensor) -> Tensor:
    """Return what a sampler makes of a picture without noise, (B, C, ...) in VAE units on the CPU, with the
    host's progress bar and preview.
    """
    report = latent_preview.prepare_callback(guider.model_patcher, len(sigmas) - 1)
    zeros, mask = torch.zeros_like(picture.samples), picture.latent.get("noise_mask")
    with latents.random_state_kept():
        return guider.sample(
            zeros,
            picture.samples,
            sampler,
            sigmas,
            denoise_mask=mask,
            callback=report,
            disable_pbar=True,
            seed=0,
        ).cpu()


def run_together(
    source, target, samples: Tensor, sigmas: Tensor, work: Callable[[Ready, Ready, Tensor], Result], seed: int
) -> Result:
    """Return what `work(first, second, x0)` makes of two guiders of one model, both ready at once.

    source.sample        loads the model and prepares the source's prompt
      target.sample      finds the model loaded and prepares the target's prompt
        work             calls both; what they prepared is dropped again on the way out
    """

    def inside(first: Ready) -> Result:
        return run(target, samples, sigmas, lambda second: work(first, second, second.x0), seed)

    return run(source, samples, sigmas, inside, seed)


class OneCallAtATime:
    """A denoiser that makes its guider ready for every call: slow, but right whatever else is loaded."""

    def __init__(self, guider, samples: Tensor, sigmas: Tensor):
        self.guider, self.samples, self.sigmas = guider, samples, sigmas
        self.precision = precision_of(guider.model_patcher)

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        def work(ready: Ready) -> Tensor:
            return ready(x.to(ready.x0), sigma.to(ready.x0)).to(x)

        return run(self.guider, self.samples, self.sigmas, work)


def precision_of(model) -> torch.dtype | str:
    """Return the precision in which a model's network computes, "" for a network that does not say."""
    found = getattr(model.model, "get_dtype_inference", None)
    return "" if found is None else found()


def can_be_ready_together(source, target) -> bool:
    """Return whether one guider can be made ready inside the other: one model, which neither changes with
    hooks, and no further model that making the second ready could put out of memory.
    """
    lone = not any(
        cond.get(key) is not None
        for guider in (source, target)
        for cond in _all(guider.original_conds)
        for key in ("hooks", "control", "gligen", "additional_models")
    )
    return lone and source.model_patcher is target.model_patcher


def reporter(guider, steps: int) -> OnStep:
    """Return on_step(k, denoised): the host's progress bar and preview; it raises after a cancel."""
    return stepper(latent_preview.prepare_callback(guider.model_patcher, steps), steps)


def stepper(callback, steps: int) -> OnStep:
    """Return on_step(k, denoised) from a callback as samplers get it."""

    def on_step(k: int, clean: Tensor) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        if callback is not None:
            callback(k, clean, clean, steps)

    return on_step


def check(guider, samples: Tensor) -> models.Format:
    """Return the latents of a guider's model; ValueError unless it mixes picture and noise as SD or flow
    models do, and has latents like these.
    """
    model = guider.model_patcher
    sampling, found = model.get_model_object("model_sampling"), models.format_of(model)
    models.levels_of(model, torch.zeros(1))
    if type(sampling).calculate_denoised is EPS.calculate_denoised and float(sampling.sigma_max) > STEEP:
        raise ValueError(
            f"got a model that predicts noise on a schedule of zero terminal SNR (sigma to "
            f"{float(sampling.sigma_max):.4g}), where pure noise holds no picture; choose v_prediction in "
            "ModelSamplingDiscrete if the model was trained with it, else turn zsnr off"
        )
    if samples.ndim != 2 + found.axes or samples.shape[1] != found.channels:
        raise ValueError(
            f"got a latent of shape {tuple(samples.shape)} for a model of {found.name} latents, "
            f"{found.shape}; use the VAE of the model"
        )
    return found


def check_pair(source, target, picture: Picture) -> None:
    """Raise ValueError unless the target's model takes the picture too, and both share one latent space and
    one kind of noise levels; warn where their schedules differ.
    """
    check(target, picture.samples)
    both = [guider.model_patcher for guider in (source, target)]
    ours, theirs = map(models.format_of, both)
    if not ours.equals(theirs):
        raise ValueError(
            f"got a source model of {ours.name} latents and a target of {theirs.name}; use two models of one "
            "family"
        )
    at = torch.tensor([0.5])
    kinds = [models.levels_of(model, at) for model in both]
    if not torch.equal(kinds[0].a, kinds[1].a) or not torch.equal(kinds[0].b, kinds[1].b):
        raise ValueError(
            "got a source and a target model that mix picture and noise differently; use two models of "
            "one family"
        )
    halves = [float(model.get_model_object("model_sampling").percent_to_sigma(0.5)) for model in both]
    if not math.isclose(*halves, rel_tol=1e-3):
        logger.warning(
            "Prompt Edit: source and target have different schedules or shifts (half way at %.3g and "
            "%.3g); connect the sigmas of the target model",
            *halves,
        )


@dataclass(frozen=True, eq=False)
class Picture:
    """A LATENT of pictures that fit a guider's model: `samples` (B, C, H, W), or (B, C, T, H, W) of a
    model with frames, in VAE units on the CPU, the `numbers` of their rows, and the LATENT as it came in.
    """

    samples: Tensor
    numbers: list[int]
    latent: dict


def picture(guider, latent: dict) -> Picture:
    """Return the pictures of a LATENT; ValueError for one that is empty or does not fit the model."""
    samples = models.format_of(guider.model_patcher).framed(latents.samples_of(latent))
    check(guider, samples)
    latents.refuse_empty(samples)
    return Picture(samples, latents.numbers_of(latent), latent)


def finish(x: Tensor, guider, picture: Picture) -> dict:
    """Return x, in model space, as a LATENT; outside the noise mask the picture stays."""
    samples = guider.model_patcher.get_model_object("process_latent_out")(x)
    mask = picture.latent.get("noise_mask")
    if mask is not None:
        mask = comfy.sampler_helpers.prepare_mask(mask, samples.shape, samples.device)
        samples = picture.samples + mask * (samples - picture.samples)
    return latents.to_latent(samples, picture.latent)


def space_name(model) -> str:
    """Return the latent space of a model: that of a whitener, such as "sd", or the host's name for it."""
    found = (name for name, space in SPACES.items() if latents.has_space(model, space))
    return next(found, models.format_of(model).name)


def _constant(guider, options: dict) -> bool:
    """Return whether the guider does the same at every noise level, as far as its options show."""
    patches = options.get("transformer_options", {})
    changed = [options.get(name) for name in CHANGES] + [
        patches.get(name) for name in ("patches", "patches_replace")
    ]
    changed += [table for name in ("wrappers", "callbacks") for table in patches.get(name, {}).values()]
    windows = [cond.get(name) for cond in _all(guider.conds) for name in WINDOWS]
    controls = [control for cond in _all(guider.conds) for control in _chain(cond.get("control"))]
    return (
        type(guider).predict_noise is comfy.samplers.CFGGuider.predict_noise
        and not any(bool(change) for change in changed)
        and all(window is None for window in windows)
        and all(_lasting(control) for control in controls)
    )


def _rows(guider) -> bool:
    """Return whether any part of the conditioning has several rows: prompts, masks or ControlNet images."""
    conds = _all(guider.conds)
    parts = [part for cond in conds for held in cond["model_conds"].values() for part in _parts(held.cond)]
    parts += [cond.get("mask") for cond in conds]
    parts += [c.cond_hint_original for cond in conds for c in _chain(cond.get("control"))]
    return any(isinstance(part, Tensor) and part.ndim > 0 and len(part) > 1 for part in parts)


def _parts(held) -> list:
    return list(held) if isinstance(held, list | tuple) else [held]


def _lasting(control) -> bool:
    """Return whether a ControlNet of the host works from the first step to the last."""
    return type(control).__module__.startswith("comfy.") and control.timestep_percent_range == (0.0, 1.0)


def _chain(control) -> list:
    return [] if control is None else [control, *_chain(control.previous_controlnet)]


def _all(conds: dict) -> list[dict]:
    return [cond for rows in conds.values() for cond in rows]
