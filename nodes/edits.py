"""Nodes of edit-friendly inversion: turn a picture into noise maps, sample them under a prompt, or both."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from comfy_api.latest import io
from torch import Tensor

from ..img2noise import NoiseMaps, checks, extract, replay
from ..img2noise.denoisers import Denoiser, OnStep
from ..img2noise.inversion.edit_friendly import edit, turbo_sigmas
from ..img2noise.inversion.noise_maps import LAST_NORM, clip_last_map, later, statistics
from ..img2noise.sigmas import Levels, descending
from . import inputs
from .host import batches, guiders, models, stored_maps
from .host.stored_maps import moved

CATEGORY = "img2noise/edit"
FEW_STEPS = ("auto", "on", "off")
FEW = 8  # steps up to which a schedule counts as a few-step model's
ETAS = {"edit-friendly": 1.0, "FlowEdit": 0.0}
AUTO = {"flow": 0.0, "ve": 0.0, "few steps": 1.0}  # eta of "auto" by the kind of noise levels
VARIANCES = {"large areas": 100.0, "objects": 10.0, "fine detail": 1.0}  # of latents, in model space


class Img2NoiseImageToNoiseMaps(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseImageToNoiseMaps",
            display_name="Image to Noise Maps",
            category=CATEGORY,
            description="Turns a picture into noise maps: with its prompt they return it, with another "
            "they edit it.",
            search_aliases=[
                "edit-friendly inversion",
                "ddpm inversion",
                "ledits",
                "flowedit",
                "rf inversion",
            ],
            inputs=[
                io.Guider.Input("guider", tooltip="The model with your picture's prompt."),
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
                    tooltip="Steps per model call: 1 is exact; more is faster.",
                ),
            ],
            outputs=[
                inputs.noise_maps_output("Connect to Sample Noise Maps."),
                io.String.Output("report", tooltip="Steps and strength of the maps."),
            ],
        )

    @classmethod
    def execute(
        cls, guider, sigmas, latent, method, eta, skip, noise_seed, few_steps, levels_per_call
    ) -> io.NodeOutput:
        checks.whole(levels_per_call, "levels per call", 1)
        picture = guiders.picture(guider, latent)
        settings = checked(guider, sigmas, method, eta, skip, noise_seed, few_steps)
        maps = extracted(guider, picture, settings, levels_per_call)
        return io.NodeOutput(maps, "\n".join([*describe(maps), *outlook(settings), *settings.notes]))


class Img2NoiseSampleNoiseMaps(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseSampleNoiseMaps",
            display_name="Sample Noise Maps",
            category=CATEGORY,
            description="Samples noise maps: with their prompt your picture, with another its edit.",
            search_aliases=["edit-friendly sampler", "replay noise maps", "ddpm inversion", "prompt edit"],
            inputs=[
                io.Guider.Input(
                    "guider", tooltip="The model with the prompt you want; 7 to 15 is a good cfg."
                ),
                inputs.noise_maps(),
                io.Float.Input(
                    "skip",
                    default=0.0,
                    **inputs.UNIT,
                    tooltip="Higher keeps more of the picture; 0 takes all maps.",
                ),
                io.Latent.Input(
                    "latent",
                    optional=True,
                    tooltip="Optional: your picture with a noise mask, to keep what lies outside.",
                ),
            ],
            outputs=[io.Latent.Output("latent", tooltip="Connect to VAE Decode.")],
        )

    @classmethod
    def execute(cls, guider, noise_maps, skip, latent=None) -> io.NodeOutput:
        maps, picture = stored_maps.asked(noise_maps, guider, latent)
        maps = later(maps, skipped(skip, maps.steps))
        return io.NodeOutput(guiders.finish(sampled(guider, picture, maps), guider, picture))


class Img2NoisePromptEdit(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoisePromptEdit",
            display_name="Prompt Edit (Edit-Friendly DDPM)",
            category=CATEGORY,
            description="Changes a picture by its prompt and keeps the rest. A noise mask limits where.",
            search_aliases=[
                "edit-friendly edit",
                "ddpm inversion",
                "flowedit",
                "rf inversion",
                "turbo edit",
                "ledits",
                "edit image",
            ],
            inputs=[
                io.Guider.Input("source", tooltip="The model with your picture's prompt."),
                io.Guider.Input("target", tooltip="The model with the new prompt, often at higher cfg."),
                inputs.sigmas(),
                inputs.picture(),
                *inputs.noising(),
                inputs.few_steps(),
                *inputs.strengthening(),
            ],
            outputs=[
                io.Latent.Output("latent", tooltip="The edit; connect to VAE Decode."),
                io.String.Output("report", tooltip="Where the edit starts, and how much color can change."),
            ],
        )

    @classmethod
    def execute(
        cls,
        source,
        target,
        sigmas,
        latent,
        method,
        eta,
        skip,
        noise_seed,
        few_steps,
        weight,
        average,
        free_steps,
    ) -> io.NodeOutput:
        picture = guiders.picture(source, latent)
        guiders.check_pair(source, target, picture)
        settings = checked(target, sigmas, method, eta, skip, noise_seed, few_steps)
        checks.whole(free_steps, "free steps", 0)
        how = dict(weight=weight, average=average, free_steps=min(free_steps, settings.steps))
        x = edited(source, target, picture, settings, **how)
        report = "\n".join([*outlook(settings, **how), *settings.notes])
        return io.NodeOutput(guiders.finish(x, target, picture), report)


@dataclass(frozen=True, eq=False)
class Settings:
    """How a picture is inverted: levels (n + 1), noise per step, steps left out, seed, few-step mode."""

    levels: Levels
    eta: float
    skip: int
    seed: int
    few: bool
    notes: tuple[str, ...]

    @property
    def steps(self) -> int:
        """The number of steps that are taken."""
        return len(self.levels) - 1 - self.skip

    @property
    def sigmas(self) -> Tensor:
        return self.levels.told

    @property
    def noise_sigmas(self) -> Tensor | None:
        return turbo_sigmas(self.levels) if self.few else None

    @property
    def bound(self) -> float | None:
        return LAST_NORM if self.few else None

    def reporter(self, guider) -> OnStep:
        return guiders.reporter(guider, self.steps)


def checked(
    guider, sigmas: Tensor, method: str, eta: float, skip: float, seed: int, few_steps: str
) -> Settings:
    """Return the settings, with `skip` in steps; ValueError for bad ones."""
    checks.choice(method, "method", inputs.EDITS)
    checks.choice(few_steps, "few steps", FEW_STEPS)
    checks.number(eta, "eta", 0, 1)
    levels = models.levels_of(guider.model_patcher, descending(sigmas))
    steps = len(levels) - 1
    turbo = few_steps == "on" or (few_steps == "auto" and steps <= FEW)
    eta = ETAS.get(method, eta)
    if method == "auto":
        eta = AUTO["few steps" if turbo and levels.kind == "ve" else levels.kind]
    few = few_steps == "on" or (turbo and eta > 0)
    notes = tuple(few_step_mode(few, few_steps, steps, eta))
    return Settings(levels, eta, skipped(skip, steps), seed, few, notes)


def skipped(share: float, steps: int) -> int:
    """Return how many of the noisiest steps are left out: the share rounded down, so that the default leaves
    out none of one to three steps and one of four; at least one step is taken.
    """
    checks.number(share, "skip", 0, 1)
    return min(math.floor(share * steps + 1e-9), steps - 1)


def extracted(guider, picture: guiders.Picture, settings: Settings, levels_per_call: int = 1) -> NoiseMaps:
    """Return the picture's noise maps, on the CPU."""
    on_step = settings.reporter(guider)

    def work(ready: guiders.Ready) -> NoiseMaps:
        return extract(
            ready,
            ready.x0,
            settings.levels,
            eta=settings.eta,
            skip=settings.skip,
            seed=settings.seed,
            indices=batches.draws(picture.numbers),
            levels_per_call=levels_per_call if ready.rows_alike() else 1,
            noise_sigmas=settings.noise_sigmas,
            on_step=on_step,
        )

    maps = guiders.run(guider, picture.samples, settings.sigmas, work, settings.seed)
    maps = clip_last_map(maps, settings.bound) if settings.few else maps
    plain = picture.numbers == list(range(len(picture.numbers)))
    numbers = () if plain else tuple(picture.numbers)
    return replace(moved(maps, "cpu"), space=guiders.space_name(guider.model_patcher), numbers=numbers)


def sampled(guider, picture: guiders.Picture, maps: NoiseMaps, seed: int = 0) -> Tensor:
    """Return the picture (B, C, ...) that the maps make under a guider, in model space, on the CPU."""
    on_step = guiders.reporter(guider, len(maps.residuals))

    def work(ready: guiders.Ready) -> Tensor:
        return replay(ready, moved(maps, ready.x0), on_step=on_step).cpu()

    return guiders.run(guider, picture.samples, maps.levels.told, work, seed)


def edited(
    source,
    target,
    picture: guiders.Picture,
    settings: Settings,
    weight: float,
    average: int,
    free_steps: int,
) -> Tensor:
    """Return the edit (B, C, ...) in model space, on the CPU: in one walk where both guiders fit in memory
    together, else one after the other.
    """
    samples, sigmas, on_step = picture.samples, settings.sigmas, settings.reporter(target)

    def walk(first: Denoiser, second: Denoiser, x0: Tensor) -> Tensor:
        return edit(
            first,
            second,
            x0,
            settings.levels,
            eta=settings.eta,
            skip=settings.skip,
            seed=settings.seed,
            indices=batches.draws(picture.numbers),
            noise_sigmas=settings.noise_sigmas,
            weight=weight,
            average=average,
            free_steps=free_steps,
            bound=settings.bound,
            on_step=on_step,
        ).cpu()

    if guiders.can_be_ready_together(source, target):
        return guiders.run_together(source, target, samples, sigmas, walk, settings.seed)
    if (weight, average, free_steps) == (1, 1, 0):
        return sampled(target, picture, extracted(source, picture, settings), settings.seed)
    apart = [guiders.OneCallAtATime(guider, samples, sigmas) for guider in (source, target)]
    return walk(*apart, source.model_patcher.get_model_object("process_latent_in")(samples))


def few_step_mode(on: bool, few_steps: str, steps: int, eta: float) -> list[str]:
    """Return notes on whether few-step mode is on, why, and what it costs."""
    reason = f"{steps} steps are {'at most' if steps <= FEW else 'more than'} {FEW}"
    reason = reason if eta or steps > FEW else "FlowEdit does without"
    why = f"because {reason}" if few_steps == "auto" else "as chosen"
    cost = ["replaying with the same prompt returns the picture nearly, not exactly"] if on else []
    return [f"few-step mode: {'on' if on else 'off'}, {why}", *cost]


def describe(maps: NoiseMaps) -> list[str]:
    """Return a report: what the maps are, and how far from native noise."""
    size = " x ".join(map(str, maps.start.shape))
    lines = [f"{maps.steps} steps, the noisiest {maps.skip} skipped: {len(maps.residuals)} maps of {size}"]
    if not maps.eta:
        return lines
    std, neighbors = statistics(maps)
    return [
        *lines,
        f"std of z: {_spread(std)} (native noise: 1)",
        f"correlation of neighboring z: {_spread(neighbors)} (native noise: 0)",
    ]


def outlook(settings: Settings, weight: float = 1.0, average: int = 1, free_steps: int = 0) -> list[str]:
    """Return where the walk starts, and what share of a change of color can arrive from there."""
    levels, steps = settings.levels[settings.skip :], settings.steps
    kind = next((name for name, eta in ETAS.items() if eta == settings.eta), "between both")
    top, told = float(levels.sigmas[0]), float(levels.told[0])
    where = f"sigma {top:.4g}"
    if levels.kind == "flow":
        where = f"t {told:.4g}, {f'which is {where}' if told < 1 else 'pure noise'}"
    share = [
        f"{100 * weight * arriving(levels, settings.eta, variance, free_steps):.0f} % in {place}"
        for place, variance in VARIANCES.items()
    ]
    return [
        f"from {where}: {steps} of {steps + settings.skip} steps, {kind} (eta {settings.eta:g})",
        f"of a change of color can arrive {', '.join(share)}; a lower skip lets more of it through",
    ]


def arriving(levels: Levels, eta: float, variance: float, free_steps: int = 0) -> float:
    """Return the share of a mean's change that an edit of Gaussian data of this variance takes over:

        1 - prod g,   g = rho + (1 - rho) w,   w = a^2 lam / (a^2 lam + b^2),   1 - rho = (a' - c a) / a'

    The last `free_steps` of the steps have eta 0.
    """
    left, ends = 1.0, len(levels) - 1 - free_steps
    for k, (step, free) in enumerate(zip(levels.steps(eta), levels.steps(0.0), strict=True)):
        a, b, after = float(levels.a[k]), float(levels.b[k]), float(levels.a[k + 1])
        gain = (step if k < ends else free).gain
        left *= 1 - gain / after * b**2 / (a**2 * variance + b**2)
    return 1 - left


def _spread(values: Tensor) -> str:
    if not len(values):
        return "none, with so few steps"
    return f"{float(values.min()):.3g} to {float(values.max()):.3g}, median {float(values.median()):.3g}"
