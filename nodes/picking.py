"""Nodes that show what noises will make before they are sampled: pick one of several, preview, compare."""

from __future__ import annotations

import numpy as np
import torch
from comfy_api.latest import io
from comfy_execution.graph_utils import ExecutionBlocker

from ..img2noise import checks, correlated_noise
from ..img2noise.diagnostics import plots
from . import inputs
from .host import candidates, latents
from .host.candidates import PickedNoise, Sight
from .host.noises import ask

MOST, SEEDS, SUCH = 16, 2**64, "0.9, 0.7, 0.5"
FREE = "pick", "wait"  # inputs that the candidates do not depend on


class Img2NoisePickNoise(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoisePickNoise",
            display_name="Pick Noise",
            category="img2noise/variations",
            description="Shows what several noises will make. Click one and press Run: only that one is"
            " sampled.",
            search_aliases=["image chooser", "seed picker", "choose seed", "cherry pick", "grid", "preview"],
            is_output_node=True,
            hidden=[io.Hidden.unique_id, io.Hidden.prompt],
            inputs=_picking(),
            outputs=[
                inputs.noise_output(),
                io.Latent.Output("latent", tooltip="The latent to sample, for each candidate."),
                io.Image.Output("preview", tooltip="What the pick or each candidate will make."),
            ],
        )

    @classmethod
    def execute(cls, noise, latent, count, pick, wait, whitener=None, vae=None, guider=None) -> io.NodeOutput:
        checks.whole(count, "count", 2, MOST)
        checks.whole(pick, "pick", 0, MOST)
        count = max(count, pick)  # a pick beyond them is one more candidate, not a fault
        sight = Sight(noise, whitener, vae, guider)
        fitted = sight.fitted(latent)
        samples = [fitted[number % len(fitted)][None] for number in range(count)]
        rows = [candidates.row(noise, sample, number) for number, sample in enumerate(samples)]
        if all(torch.equal(rows[0], other) for other in rows[1:]):
            raise ValueError(
                f"got {count} candidates that are all the same noise; connect one that has a seed, such as "
                "RandomNoise or Noise from Image"
            )
        made_from = candidates.fingerprint(cls.hidden.prompt or {}, str(cls.hidden.unique_id), *FREE)
        name = candidates.digest(made_from, *samples, *rows)
        files = [candidates.place(name, number) for number in range(count)]
        numbers = [pick - 1] if pick else list(range(count))
        kept = all(file.is_file() for file in files)
        report, pictures = latents.progress(count), {}
        for number in numbers if kept else range(count):
            pictures[number] = sight.picture(rows[number], samples[number])
            candidates.keep(pictures[number], files[number])
            report(number + 1)
        preview = torch.cat([pictures[number] for number in numbers])
        shown = [{"filename": file.name, "subfolder": "", "type": "temp"} for file in files]
        ui = {"img2noise_pick": [{"pictures": shown, "fingerprint": made_from}]}
        if wait and not pick:
            return io.NodeOutput(ExecutionBlocker(None), ExecutionBlocker(None), preview, ui=ui)
        one = PickedNoise(noise, pick - 1) if pick else noise
        return io.NodeOutput(one, candidates.chosen(latent, numbers), preview, ui=ui)


class Img2NoisePreviewNoise(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoisePreviewNoise",
            display_name="Preview Noise",
            category="img2noise/variations",
            description="Shows the layout and colors that a noise will make, before anything is sampled.",
            search_aliases=["noise preview", "see noise", "decode noise", "noise to image"],
            inputs=[
                _noise("Any noise."),
                io.Latent.Input("latent", tooltip="The latent you will sample."),
                io.Vae.Input("vae", tooltip="The VAE of your model."),
                _whitener(),
            ],
            outputs=[io.Image.Output("preview", tooltip="A picture for each row of the latent.")],
        )

    @classmethod
    def execute(cls, noise, latent, vae, whitener=None) -> io.NodeOutput:
        sight, samples, z = Sight(noise, whitener, vae), latents.samples_of(latent), ask(noise, latent)
        report, pictures = latents.progress(len(z)), []
        for i, one in enumerate(z):
            pictures.append(sight.picture(one[None], samples[i : i + 1]))
            report(i + 1)
        return io.NodeOutput(torch.cat(pictures))


class Img2NoiseNoiseSheet(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Img2NoiseNoiseSheet",
            display_name="Noise Sheet",
            category="img2noise/variations",
            description="Shows what noises for your picture will make: rows by similarity, columns by seed.",
            search_aliases=["xy plot", "contact sheet", "compare similarities", "compare seeds", "grid"],
            inputs=[
                io.Latent.Input("latent", tooltip="Your picture from VAE Encode."),
                inputs.whitener(),
                io.String.Input(
                    "similarities",
                    default="0.9, 0.7, 0.5, 0.2",
                    tooltip="From 0 to 1, a row each; higher keeps more.",
                ),
                inputs.noise_seed("The first column's seed; each column adds one."),
                io.Int.Input("seeds", default=4, min=1, max=MOST, tooltip="How many columns."),
                _vae(),
            ],
            outputs=[io.Image.Output("sheet", tooltip="Connect to Preview Image.")],
        )

    @classmethod
    def execute(cls, latent, whitener, similarities, noise_seed, seeds, vae=None) -> io.NodeOutput:
        checks.whole(seeds, "seeds", 1, MOST)
        checks.whole(noise_seed, "seed", 0, SEEDS - 1)
        found = [_number(part) for part in str(similarities).replace(",", " ").split()]
        if not 1 <= len(found) <= MOST:
            raise ValueError(f"got {len(found)} similarities; expected 1 to {MOST}, such as {SUCH}")
        x0 = latents.still_samples(latent, latents.whitener_of(whitener))[:1]
        report, cells = latents.progress(len(found) * seeds), []
        for similarity in found:
            for seed in ((noise_seed + column) % SEEDS for column in range(seeds)):
                z = correlated_noise(x0, whitener, similarity=similarity, seed=seed)
                z = latents.as_samples(z, whitener)
                picture = Sight(None, whitener, vae).picture(z, x0)
                pixels = (picture[0] * 255).round().clamp(0, 255).byte().numpy()
                cells.append((f"{similarity:g}, seed {seed}", pixels))
                report(len(cells))
        sheet = plots.contact_sheet(cells, seeds)
        return io.NodeOutput(torch.from_numpy(sheet.astype(np.float32))[None] / 255)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"got similarity {text!r}; expected numbers in [0, 1] such as {SUCH}") from None


def _picking():
    """Return the inputs of Pick Noise."""
    return [
        _noise("Any noise with a seed: Noise from Image, RandomNoise."),
        io.Latent.Input("latent", tooltip="The latent you will sample."),
        io.Int.Input(
            "count",
            default=4,
            min=2,
            max=MOST,
            tooltip="How many candidates to show; 4 to 9 are good.",
        ),
        io.Int.Input(
            "pick",
            default=0,
            min=0,
            max=MOST,
            tooltip="The number of the candidate to sample; 0 samples all in turn.",
        ),
        io.Boolean.Input(
            "wait",
            default=True,
            tooltip="On: samples nothing until you pick. Off: samples all.",
        ),
        _whitener(),
        _vae(),
        io.Guider.Input(
            "guider",
            optional=True,
            tooltip="The model's first step for your prompt: truer, but slower.",
        ),
    ]


def _noise(tooltip: str):
    return io.Noise.Input("noise", tooltip=tooltip)


def _whitener():
    tip = "Optional: another image profile than the noise's own."
    return inputs.WhitenerType.Input("whitener", optional=True, tooltip=tip)


def _vae():
    tip = "The VAE of your model, for sharper previews."
    return io.Vae.Input("vae", optional=True, tooltip=tip)
