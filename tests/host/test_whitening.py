"""Fitting, saving and loading whiteners in a real ComfyUI."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import img2noise

from . import checkpoints
from .graphs import Graph
from .scenes import newest
from .server import link


def draw_folder(server) -> str:
    """A folder of a dozen photos in ComfyUI's input, drawn once."""
    folder = server.input / "my_photos"
    if folder.exists():
        return folder.name
    folder.mkdir()
    photo = Image.open(server.input / "example.png").convert("RGB")
    for i in range(12):
        left, top = 20 * (i % 4), 30 * (i // 4)
        photo.crop((left, top, left + 300, top + 200)).save(folder / f"{i:02}.png")
    return folder.name


def latents(graph: Graph, seed: int, rows: int = 12) -> list:
    return graph("TestLatent", seed=seed, batch_size=rows)[0]


def whitened(graph: Graph, whitener: list, name: str) -> None:
    """Dump a latent as this whitener whitens it: whiteners are told apart by what they do."""
    photo = graph("TestLatent", seed=99)[0]
    graph("TestDump", value=graph("Img2NoiseWhitenLatent", latent=photo, whitener=whitener)[0], name=name)


def test_a_fit_continued_from_earlier_moments_is_the_fit_of_all(server, graph):
    first = graph("Img2NoiseFitWhitener", latents=latents(graph, 1))
    continued = graph("Img2NoiseFitWhitener", latents=latents(graph, 2), moments=first[1])
    both = graph("LatentBatch", samples1=latents(graph, 1), samples2=latents(graph, 2))[0]
    at_once = graph("Img2NoiseFitWhitener", latents=both)
    for name, fit in (("first", first), ("continued", continued), ("at-once", at_once)):
        whitened(graph, fit[0], name)
    graph("TestDump", value=both, name="pictures")
    graph("TestDump", value=graph("TestLatent", seed=99)[0], name="photo")
    server.run(graph)
    first, continued, at_once = (server.tensors(n)["samples"] for n in ("first", "continued", "at-once"))
    torch.testing.assert_close(continued, at_once)
    assert not torch.allclose(first, at_once, atol=0.01)
    scale = img2noise.whitening.SPACES["sd"].scale_factor
    by_hand = img2noise.fit(img2noise.measure(server.tensors("pictures")["samples"] * scale))
    expected = by_hand.whiten(server.tensors("photo")["samples"] * scale)
    torch.testing.assert_close(at_once, expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("structure", ["stationary", "kronecker", "dense"])
def test_a_saved_whitener_loads_as_it_was(server, graph, structure):
    patch = 4 if structure == "dense" else 0
    fit = graph("Img2NoiseFitWhitener", latents=latents(graph, 1), structure=structure, patch=patch)
    whitener = fit[0]
    kept = graph("Img2NoiseSaveWhitener", whitener=whitener, filename_prefix=f"{structure}-test")
    size = 4 if structure == "dense" else 16
    photo = graph("TestLatent", seed=99, width=size, height=size)[0]
    before = graph("Img2NoiseWhitenLatent", latent=photo, whitener=whitener)[0]
    graph("TestDump", value=before, name="before")
    text = server.run(graph)[kept]["text"][0]
    file = newest(server.models / "img2noise", f"{structure}-test").name
    assert file in text

    again = Graph(server.object_info)
    loaded = again("Img2NoiseLoadWhitener", whitener_name=file)
    photo = again("TestLatent", seed=99, width=size, height=size)[0]
    after = again("Img2NoiseWhitenLatent", latent=photo, whitener=loaded[0])[0]
    again("TestDump", value=after, name="after")
    info = again("PreviewAny", source=loaded[1])
    text = server.run(again)[info]["text"][0]
    assert structure in text
    before, after = (server.tensors(name)["samples"] for name in ("before", "after"))
    torch.testing.assert_close(after, before, atol=1e-3, rtol=1e-3)


TINY = {"taesd": "sd", "taesdxl": "sdxl", "taesd3": "sd3", "taef1": "flux"}  # VAEs and their latent spaces


@pytest.mark.parametrize("name", TINY)
def test_the_latent_space_of_a_folders_whitener_is_that_of_the_wired_vae(server, graph, name):
    weights = Path(os.environ.get("IMG2NOISE_TAESD", ""), f"{name}_encoder.safetensors")
    if not weights.is_file():
        pytest.skip("set IMG2NOISE_TAESD to the tiny autoencoders")
    (server.models / "vae_approx").mkdir(exist_ok=True)
    for part in ("encoder", "decoder"):
        link(
            weights.with_name(f"{name}_{part}.safetensors"),
            server.models / "vae_approx" / f"{name}_{part}.safetensors",
        )
    vae = graph("VAELoader", vae_name=name)[0]
    how = dict(folder=draw_folder(server), size=128, shrinkage=0.1)
    fit = graph("Img2NoiseFitWhitenerFromFolder", vae=vae, **how)
    report = graph("PreviewAny", source=fit[2])
    assert f" left out: {TINY[name]} latents" in server.run(graph)[report]["text"][0]


def test_a_folder_of_photos_is_measured_and_a_damaged_one_is_left_out_by_name(server, graph):
    folder = server.input / "photos"
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    for i in range(12):
        coarse = Image.fromarray(random.integers(0, 255, (6, 8, 3), dtype=np.uint8))
        coarse.resize((96, 80), Image.Resampling.BICUBIC).save(folder / f"photo-{i:02}.png")
    (folder / "damaged.png").write_bytes((folder / "photo-00.png").read_bytes()[:200])
    vae = graph("CheckpointLoaderSimple", ckpt_name=checkpoints.name("sd"))[2]
    fit = graph("Img2NoiseFitWhitenerFromFolder", vae=vae, folder="photos", size=64, latent_space="sd")
    report = graph("PreviewAny", source=fit[2])
    whitened(graph, fit[0], "of-photos")
    text = server.run(graph)[report]["text"][0]
    assert "11 photos measured, 1 held out, 1 left out" in text
    assert "damaged.png" in text
    assert bool(torch.isfinite(server.tensors("of-photos")["samples"]).all())
