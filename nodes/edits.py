"""Nodes of edit-friendly inversion: a picture as noise maps, their replay under a prompt, and both in one."""

from __future__ import annotations

import logging
from dataclasses import replace

import comfy.sampler_helpers
import torch
from comfy_api.latest import io
from torch import Tensor

from ..img2noise import NoiseMaps, checks, extract, replay
from ..img2noise.inversion.edit_friendly import edit, turbo_sigmas
from ..img2noise.inversion.noise_maps import LAST_NORM, clip_last_map, statistics
from ..img2noise.sigmas import descending
from . import inputs
from .host import batches, guiders, latents
from .host.noises import rows_asked
from .host.samplers import NoiseMapsNoise, NoiseMapsSampler, moved, numbers_of_maps

logger = logging.getLogger(__name__)
FEW_STEPS = ("auto", "on", "off")
FEW = 8  # steps up to which a schedule counts as a few-step model's


class Img2NoiseEditFriendlyInversion(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseEditFriendlyInversion",
            display_name="Edit-Friendly Inversion",
            category="img2noise/edit friendly",
            description="Takes a picture apart into noise maps, one for each step. Replayed with the same "
            "prompt they give the picture back, whatever the guidance; with another prompt, its edit. Maps "
            "can be moved, mirrored, recolored and saved.",
            search_aliases=["ddpm inversion", "edit friendly ddpm", "noise maps", "unsample", "ledits"],
            inputs=[
                io.Guider.Input("guider", tooltip="Model and the prompt that describes your picture."),
                inputs.sigmas(),
                inputs.picture(),
                *inputs.noising(),
                inputs.few_steps(),
                io.Int.Input(
                    "levels_per_call",
                    default=1,
                    min=1,
                    max=64,
                    advanced=True,
                    tooltip="How many steps go through the model together. 1 gives the picture back exactly; "
                    "more is faster, approximate, and needs memory.",
                ),
            ],
            outputs=[
                inputs.noise_maps_output("Wire them to Edit-Friendly Sampler, or change them first."),
                io.String.Output("report", tooltip="Steps, how loud the maps are, the few-step remedy."),
            ],
        )

    @classmethod
    def execute(
        cls, guider, sigmas, latent, eta, skip, noise_seed, few_steps, levels_per_call
    ) -> io.NodeOutput:
        checks.whole(levels_per_call, "levels per call", 1)
        work = Inversion(guider, sigmas, latent, eta, skip, noise_seed, few_steps)
        maps = work.extract(guider, levels_per_call)
        return io.NodeOutput(maps, "\n".join([*describe(maps), *work.why]))


class Img2NoiseEditFriendlySampler(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseEditFriendlySampler",
            display_name="Edit-Friendly Sampler",
            category="img2noise/edit friendly",
            description="Plays noise maps in SamplerCustomAdvanced: wire all four outputs to it and the "
            "new prompt to its guider. A noise mask on latent_image limits the edit to it.",
            search_aliases=["replay noise maps", "ddpm inversion", "prompt edit"],
            inputs=[inputs.noise_maps()],
            outputs=[
                io.Sampler.Output("sampler", tooltip="Starts from the maps, whatever noise it is given."),
                io.Noise.Output(
                    "noise",
                    tooltip="Connect to noise. It tells the sampler which maps belong to which picture.",
                ),
                io.Sigmas.Output("sigmas", tooltip="Those the maps were made for; others are refused."),
                io.Latent.Output("latent", tooltip="An empty latent of the maps' size."),
            ],
        )

    @classmethod
    def execute(cls, noise_maps) -> io.NodeOutput:
        checks.instance(noise_maps, "the noise maps", NoiseMaps)
        empty = latents.to_latent(torch.zeros_like(noise_maps.start))
        empty = batches.numbered(empty, numbers_of_maps(noise_maps))
        sigmas, sampler = noise_maps.sigmas.float(), NoiseMapsSampler(noise_maps)
        return io.NodeOutput(sampler, NoiseMapsNoise(noise_maps), sigmas, empty)


class Img2NoiseEditFriendlyEdit(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseEditFriendlyEdit",
            display_name="Edit-Friendly Edit",
            category="img2noise/edit friendly",
            description="Changes a picture by its prompt and leaves the rest as it is: inversion and new "
            "sampling in one. Each seed makes another edit. A noise mask on the latent limits it.",
            search_aliases=["prompt edit", "ddpm inversion", "turbo edit", "edit image"],
            inputs=[
                io.Guider.Input("source", tooltip="Model and the prompt that describes your picture."),
                io.Guider.Input("target", tooltip="Model and the prompt you want, often at more guidance."),
                inputs.sigmas(),
                inputs.picture(),
                *inputs.noising(),
                inputs.few_steps(),
                io.Float.Input(
                    "weight",
                    default=1.0,
                    min=0.0,
                    max=5.0,
                    step=0.05,
                    tooltip="How strongly the change of prompt counts. 1 is plain; 1.5 suits few-step "
                    "models, whose guidance is off. Other than 1 takes half as long again.",
                ),
            ],
            outputs=[io.Latent.Output("latent", tooltip="The edited picture; wire it to VAE Decode.")],
        )

    @classmethod
    def execute(
        cls, source, target, sigmas, latent, eta, skip, noise_seed, few_steps, weight
    ) -> io.NodeOutput:
        work = Inversion(source, sigmas, latent, eta, skip, noise_seed, few_steps)
        guiders.check(target, work.samples)
        guiders.check_together(source, target)
        samples = target.model_patcher.get_model_object("process_latent_out")(
            work.edit(source, target, weight)
        )
        if latent.get("noise_mask") is not None:
            mask = comfy.sampler_helpers.prepare_mask(latent["noise_mask"], samples.shape, samples.device)
            samples = work.samples + mask * (samples - work.samples)
        return io.NodeOutput(latents.to_latent(samples, latent))


class Inversion:
    """A picture, its schedule and settings, checked; `why` tells whether the few-step remedy is on."""

    def __init__(self, guider, sigmas, latent, eta, skip, seed, few_steps):
        checks.choice(few_steps, "few steps", FEW_STEPS)
        checks.whole(skip, "skip", 0)
        self.samples, self.sigmas = guiders.picture(guider, latent), descending(sigmas)
        self.steps, self.seed = len(self.sigmas) - 1, seed
        few = self.steps <= FEW if few_steps == "auto" else few_steps == "on"
        held = min(skip, self.steps - 1)
        self.why = [*held_back(skip, held, self.steps), *remedy(few, few_steps, self.steps)]
        numbers = rows_asked(latent, self.samples.shape[1:])
        self.numbers = () if numbers == list(range(len(numbers))) else tuple(numbers)
        self.how = dict(eta=eta, skip=held, seed=seed, indices=batches.draws(numbers))
        self.how["noise_sigmas"] = turbo_sigmas(self.sigmas) if few else None
        self.bound = LAST_NORM if few else None

    def run(self, guider, work):
        return guiders.run(guider, self.samples, self.sigmas, work, self.seed)

    def on_step(self, guider):
        return guiders.reporter(guider, max(1, self.steps - self.how["skip"]))

    def extract(self, guider, levels_per_call: int = 1) -> NoiseMaps:
        """The picture's maps, on the CPU."""
        how = dict(**self.how, on_step=self.on_step(guider))

        def work(ready: guiders.Ready) -> NoiseMaps:
            levels = levels_per_call if ready.rows_alike() else 1
            return extract(ready, ready.x0, self.sigmas, levels_per_call=levels, **how)

        maps = self.run(guider, work)
        maps = maps if self.bound is None else clip_last_map(maps, self.bound)
        space = guiders.space_name(guider.model_patcher)
        return replace(moved(maps, "cpu"), space=space, numbers=self.numbers)

    def edit(self, source, target, weight: float) -> Tensor:
        """The edit (B, C, H, W) in model space, on the CPU, in the way that the two models allow."""
        how = dict(**self.how, weight=weight, bound=self.bound)
        if guiders.can_be_ready_together(source, target):
            on_step = self.on_step(target)
            return self.run(
                source,
                lambda first: self.run(
                    target,
                    lambda second: edit(first, second, second.x0, self.sigmas, on_step=on_step, **how).cpu(),
                ),
            )
        if weight == 1:
            maps, on_step = self.extract(source), self.on_step(target)
            return self.run(target, lambda ready: replay(ready, moved(maps, ready.x0), on_step=on_step).cpu())
        apart = [guiders.OneCallAtATime(guider, self.samples, self.sigmas) for guider in (source, target)]
        x0 = source.model_patcher.get_model_object("process_latent_in")(self.samples)
        return edit(*apart, x0, self.sigmas, on_step=self.on_step(target), **how)


def held_back(skip: int, held: int, steps: int) -> list[str]:
    """Say that fewer steps are skipped than asked for, which is also logged; nothing where they are not."""
    if held == skip:
        return []
    said = f"skip lowered from {skip} to {held}, so that one of {steps} steps is left"
    logger.info("Edit-Friendly Inversion: %s", said)
    return [said]


def remedy(on: bool, few_steps: str, steps: int) -> list[str]:
    """Whether the few-step remedy is on, why, and what that means."""
    reason = f"{steps} steps are {'at most' if on else 'more than'} {FEW}"
    why = f"since {reason}" if few_steps == "auto" else "as chosen"
    means = ["the same prompt then gives the picture back nearly, not exactly"] if on else []
    return [f"few-step remedy: {'on' if on else 'off'}, {why}", *means]


def describe(maps: NoiseMaps) -> list[str]:
    """What the maps are and how far from native noise, in words."""
    std, neighbors = statistics(maps)
    size = " x ".join(map(str, maps.start.shape))
    return [
        f"{maps.steps} steps, the noisiest {maps.skip} skipped: {len(maps.residuals)} maps of {size}",
        f"from sigma {float(maps.sigmas[0]):.4g}, eta {maps.eta:g}",
        f"std of z: {_spread(std)} (native noise: 1)",
        f"correlation of neighboring z: {_spread(neighbors)} (native noise: 0)",
    ]


def _spread(values: Tensor) -> str:
    if not len(values):
        return "none, with so few steps"
    return f"{float(values.min()):.3g} to {float(values.max()):.3g}, median {float(values.median()):.3g}"
