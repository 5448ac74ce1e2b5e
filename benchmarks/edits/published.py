"""Published implementations run on the same edits, from checkouts in a folder: nothing of them is copied.

    DDPM_inversion  inbarhub: inversion_forward_process, inversion_reverse_process (edit-friendly inversion)
    FlowEdit        fallenshock: FlowEditSD3, its velocities made of our denoiser
    turbo-edit      GiilDe: its scheduler's step, four steps
    taba            luk-st: its DDIM schedulers with forward diffusion in place of the first steps
    diffusers       DDIMInverseScheduler and DDIMScheduler, installed

They are given what they ask a pipeline for: a network, prompts and a scheduler. A checkout that is not there
is left out. They draw from torch's global generator, which is forked.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import torch
from diffusers import DDIMInverseScheduler, DDIMScheduler, DDPMScheduler
from torch import Tensor

from .methods import GUIDANCE, SEED, STEPS, Method, white
from .network import SCHEDULE, Network, grid
from .scenes import Batch

BETAS = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False)
DDIM = dict(**BETAS, steps_offset=1)
TURBO = (799, 599, 399, 199)


def published(checkouts: Path) -> list[Method]:
    """Return the methods whose checkouts are in the folder, and diffusers' own."""
    found = {
        "DDPM_inversion/ddm_inversion/inversion_utils.py": [
            (f"skip {skip}, guidance {GUIDANCE:g}", partial(ddpm_inversion, skip=skip)) for skip in (7, 12)
        ],
        "FlowEdit/FlowEdit_utils.py": [
            (f"skip {skip}, guidance {GUIDANCE:g}", partial(flow_edit, skip=skip)) for skip in (7, 12)
        ],
        "turbo-edit/utils.py": [("4 steps, w 1.5", turbo_edit)],
        "taba/taba/ddim/schedulers.py": [
            (f"forward {f / STEPS:.0%}, guidance 1", partial(taba, forward=f)) for f in (0, 1)
        ],
    }
    out = [
        Method("published", f"{path.split('/')[0]}, {setting}", partial(run, module(checkouts / path)))
        for path, runs in found.items()
        if (checkouts / path).is_file()
        for setting, run in runs
    ]
    return [*out, Method("published", "diffusers, DDIMInverseScheduler, guidance 1", diffusers)]


def module(path: Path) -> ModuleType:
    """Return a file of a checkout as a module."""
    spec = importlib.util.spec_from_file_location(f"published_{path.parent.name}_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def eps(network: Network, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
    """Return the network's noise for x_vp (B, C, H, W) at timestep t."""
    a = float((1 + SCHEDULE[int(t)] ** 2).rsqrt())
    return a * network.v(x, t, context) + (1 - a**2) ** 0.5 * x


@contextmanager
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        yield


def ddpm_inversion(code: ModuleType, network: Network, batch: Batch, *, skip: int) -> Tensor:
    """A batch goes as one picture of 4 B channels: all it does to pictures is value by value."""
    scheduler = DDIMScheduler(**DDIM, set_alpha_to_one=False)
    scheduler.set_timesteps(STEPS)
    texts = dict(zip(("source", "target"), batch.prompts, strict=True))
    channels, size = 4 * len(batch.edits), batch.x0.shape[-1]

    def forward(x: Tensor, timestep: Tensor, encoder_hidden_states: Tensor) -> SimpleNamespace:
        rows = x.view(-1, 4, size, size)
        return SimpleNamespace(sample=eps(network, rows, timestep, encoder_hidden_states).view_as(x))

    def tokenizer(text, **_) -> SimpleNamespace:
        prompts = texts.get(text if isinstance(text, str) else text[0], [""])
        return SimpleNamespace(input_ids=network.model.encode_prompts(prompts))

    tokenizer.model_max_length = 0  # type: ignore[attr-defined]
    model = SimpleNamespace(
        scheduler=scheduler, device="cpu", tokenizer=tokenizer, text_encoder=lambda context: (context,),
        unet=SimpleNamespace(forward=forward, in_channels=channels, sample_size=size),
    )  # fmt: skip
    with seeded():
        _, maps, states = code.inversion_forward_process(
            model, batch.x0.reshape(1, channels, size, size), etas=1, prompt="source", cfg_scale=1,
            num_inference_steps=STEPS,
        )  # fmt: skip
        x, _ = code.inversion_reverse_process(
            model, states[STEPS - skip][None], etas=1, prompts=["target"], cfg_scales=[GUIDANCE],
            zs=maps[: STEPS - skip],
        )  # fmt: skip
    return x.view_as(batch.x0)


def flow_edit(code: ModuleType, network: Network, batch: Batch, *, skip: int) -> Tensor:
    """Levels t = sigma / (1 + sigma) of our grid; the velocity is (x - D) / t."""
    sigmas = grid(STEPS)[:-1]
    timesteps = (1000 * sigmas / (1 + sigmas)).float()
    scheduler = SimpleNamespace(order=1, timesteps=timesteps)

    def set_timesteps(steps: int, device: object = None) -> None:
        assert steps == len(timesteps)

    scheduler.set_timesteps = set_timesteps

    def transformer(hidden_states: Tensor, timestep: Tensor, encoder_hidden_states: Tensor, **_) -> tuple:
        level = float(timestep[0]) / 1000
        clean = network.clean(hidden_states / (1 - level), level / (1 - level), encoder_hidden_states)
        return ((hidden_states - clean) / level,)

    def encode_prompt(prompt: list[str], **_) -> tuple[Tensor, ...]:
        texts = (prompt, [""] * len(prompt))
        return *(network.model.encode_prompts(text) for text in texts), torch.zeros(1), torch.zeros(1)

    pipe = SimpleNamespace(
        transformer=transformer, encode_prompt=encode_prompt, do_classifier_free_guidance=True
    )
    with seeded():
        return code.FlowEditSD3(
            pipe, scheduler, batch.x0, *batch.prompts, "", T_steps=STEPS, n_max=STEPS - skip,
            src_guidance_scale=1.0, tar_guidance_scale=GUIDANCE,
        )  # fmt: skip


def turbo_edit(code: ModuleType, network: Network, batch: Batch) -> Tensor:
    """Its norm of a map is of one picture, so pictures go one by one, three rows each."""
    timesteps = [torch.tensor(t) for t in TURBO]
    limit = 15.5 * (batch.x0[0].numel() / 16384) ** 0.5
    config = SimpleNamespace(max_norm_zs=[-1, -1, -1, limit])
    out = []
    for number, x0, one, other in zip(batch.numbers, batch.x0, *batch.prompts, strict=True):
        scheduler = DDPMScheduler(**BETAS, prediction_type="v_prediction")
        scheduler.set_timesteps(timesteps=list(TURBO))
        draws = torch.Generator().manual_seed(SEED + number)
        states = code.create_xts(1, None, draws, scheduler, timesteps, x0[None])
        scheduler = code.get_ddpm_inversion_scheduler(scheduler, config, timesteps, [states[0]], states)
        scheduler.w1, context = 1.5, network.model.encode_prompts([one, one, other])
        x = states[0].expand(3, -1, -1, -1)
        for t in timesteps:
            (x,) = scheduler.step(network.v(x, t, context), t, x, return_dict=False)
        out.append(x[2])
    return torch.stack(out)


def taba(code: ModuleType, network: Network, batch: Batch, *, forward: int) -> Tensor:
    """Replace steps as its code for latent models does: noised to the level of step `forward`, which is then
    taken from there.
    """
    inverse = code.AdvancedDDIMInverseScheduler(**DDIM, set_alpha_to_one=True)
    inverse.set_timesteps(STEPS)
    one, other = (network.model.encode_prompts(prompts) for prompts in batch.prompts)
    x = batch.x0
    if forward:
        x = inverse.forward_diffusion(x, inverse.timesteps[forward], white(batch))
    for number, t in list(enumerate(inverse.timesteps))[forward:]:
        x = inverse.step(eps(network, x, t, one), t, x, number).prev_sample
    back = code.AdvancedDDIMScheduler(**DDIM, set_alpha_to_one=True)
    back.set_timesteps(STEPS)
    for number, t in enumerate(back.timesteps):
        x = back.step(eps(network, x, t, other), t, x, number).prev_sample
    return x


def diffusers(network: Network, batch: Batch) -> Tensor:
    """Invert under the source, sample under the target, at guidance 1."""
    x = batch.x0
    for kind, prompts in zip((DDIMInverseScheduler, DDIMScheduler), batch.prompts, strict=True):
        scheduler = kind(**DDIM, set_alpha_to_one=True, prediction_type="v_prediction")
        scheduler.set_timesteps(STEPS)
        context = network.model.encode_prompts(prompts)
        for t in scheduler.timesteps:
            x = scheduler.step(network.v(x, t, context), t, x).prev_sample
    return x
