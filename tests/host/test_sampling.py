"""KSampler (from Image) beside core's KSampler and beside the sampler made of parts."""

from __future__ import annotations

import pytest
import torch

from . import checkpoints, scenes
from .graphs import Graph

HOW = dict(seed=7, steps=3, cfg=3.0, scheduler="normal")


def parts(graph: Graph, family: str = "sd", rows: int = 1) -> dict:
    """Model, conditioning, latent and whitener as both samplers take them."""
    dim = checkpoints.CONTEXT[family]
    return dict(
        model=graph("CheckpointLoaderSimple", ckpt_name=checkpoints.name(family))[0],
        positive=graph("TestConditioning", seed=1, dim=dim)[0],
        negative=graph("TestConditioning", seed=2, dim=dim)[0],
        latent_image=graph("TestLatent", seed=3, batch_size=rows)[0],
    )


def ours(graph: Graph, family: str = "sd", **inputs) -> list:
    image = graph("EmptyImage", width=128, height=128, color=0x3080C0)[0]
    vae = graph("CheckpointLoaderSimple", ckpt_name=checkpoints.name(family))[2]
    return graph("Img2NoiseKSampler", image=image, vae=vae, **HOW, **inputs)[0]


def half_masked(graph: Graph, latent: list) -> list:
    """The latent with a mask over its left half."""
    empty = graph("SolidMask", value=0.0, width=128, height=128)[0]
    full = graph("SolidMask", value=1.0, width=64, height=128)[0]
    half = graph("MaskComposite", destination=empty, source=full, x=0, y=0, operation="add")[0]
    return graph("SetLatentNoiseMask", samples=latent, mask=half)[0]


@pytest.mark.parametrize("case", ["one", "three", "partial", "masked", "picked", "ancestral", "sdxl"])
def test_at_similarity_0_it_is_cores_ksampler_bit_for_bit(server, graph, case):
    family = "sdxl" if case == "sdxl" else "sd"
    wires = parts(graph, family, rows=3 if case in ("three", "picked") else 1)
    if case == "masked":
        wires["latent_image"] = half_masked(graph, wires["latent_image"])
    if case == "picked":
        wires["latent_image"] = graph(
            "LatentFromBatch", samples=wires["latent_image"], batch_index=1, length=2
        )[0]
    wires["denoise"] = 1.0 if case in ("one", "three") else 0.6
    wires["sampler_name"] = "euler_ancestral" if case == "ancestral" else "euler"
    graph("TestDump", value=graph("KSampler", **HOW, **wires)[0], name="core")
    graph("TestDump", value=ours(graph, family, **wires, similarity=0.0), name="plain")
    graph("TestDump", value=ours(graph, family, **wires, similarity=0.6), name="correlated")
    server.run(graph)
    core, plain, correlated = (server.tensors(name) for name in ("core", "plain", "correlated"))
    assert core.keys() == plain.keys()
    assert all(torch.equal(core[key], plain[key]) for key in core)
    assert not torch.equal(core["samples"], correlated["samples"])


@pytest.mark.parametrize("rows", [1, 3])
def test_it_is_the_sampler_made_of_parts(server, graph, rows):
    wires = parts(graph, rows=rows)
    graph("TestDump", value=ours(graph, **wires, sampler_name="euler", denoise=0.8), name="whole")
    latent = wires.pop("latent_image")
    noise = graph(
        "Img2NoiseNoiseFromImage",
        image=graph("EmptyImage", width=128, height=128, color=0x3080C0)[0],
        vae=graph("CheckpointLoaderSimple", ckpt_name=checkpoints.name("sd"))[2],
        model=wires["model"],
        noise_seed=HOW["seed"],
    )
    sampled = graph(
        "SamplerCustomAdvanced",
        noise=noise[0],
        guider=graph("CFGGuider", **wires, cfg=HOW["cfg"])[0],
        sampler=graph("KSamplerSelect", sampler_name="euler")[0],
        sigmas=graph("BasicScheduler", model=wires["model"], scheduler="normal", steps=3, denoise=0.8)[0],
        latent_image=latent,
    )
    graph("TestDump", value=sampled[0], name="parts")
    server.run(graph)
    assert torch.equal(server.tensors("whole")["samples"], server.tensors("parts")["samples"])


@pytest.mark.parametrize("sampler", ["euler_ancestral", "dpmpp_2m_sde"])
def test_inverted_noise_under_a_stochastic_sampler_follows_its_own_seed(server, graph, sampler):
    model, latent = scenes.model(graph), scenes.photo(graph, width=8, height=8)
    levels = scenes.written(graph, "9 4 1 0")
    wires = dict(sampler=graph("KSamplerSelect", sampler_name=sampler)[0], sigmas=levels, latent_image=latent)
    for name, seed in (("first", 1), ("again", 1), ("other", 2)):
        who = graph("TestGuider", guider=scenes.guider(graph, model), again=f"{sampler} {name}")[0]
        noise = graph("Img2NoiseInvertedNoise", model=model, sigmas=levels, latent=latent, noise_seed=seed)[0]
        scenes.dump(graph, **{name: scenes.sampled(graph, noise=noise, guider=who, **wires)})
    server.run(graph)
    first, again, other = scenes.samples(server, "first", "again", "other")
    assert torch.equal(first, again) and not torch.equal(first, other)
