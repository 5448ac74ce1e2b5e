"""Inspect Noise and Compare Whitenings, through the wires of a real ComfyUI."""

from __future__ import annotations

import torch

import img2noise
from img2noise.diagnostics.verdict import WHITE

from . import checkpoints
from .graphs import Graph
from .scenes import dump, photo, samples, told

SIZE = dict(width=16, height=16)


def noise_latent(graph: Graph, seed: int = 7, rows: int = 1, noise: list | None = None) -> list:
    noise = noise or graph("RandomNoise", noise_seed=seed)[0]
    return graph("Img2NoiseNoiseToLatent", noise=noise, latent=photo(graph, batch_size=rows, **SIZE))[0]


def inspected(graph: Graph, **wires) -> str:
    """An Inspect Noise whose report is shown and whose plot is written."""
    node = graph("Img2NoiseInspectNoise", **wires)
    dump(graph, plot=node[1])
    graph("PreviewAny", source=node[0])
    return node


def test_cores_noise_is_white_on_either_wire(server, graph):
    noise = graph("RandomNoise", noise_seed=7)[0]
    stored = inspected(graph, latent=noise_latent(graph, noise=noise))
    asked = inspected(graph, latent=photo(graph, **SIZE), noise=noise)
    outputs = server.run(graph)
    assert told(outputs, stored).splitlines()[0] == WHITE
    assert told(outputs, asked) == told(outputs, stored)
    plot = server.tensors("plot")["image"]
    assert plot.shape[0] == 1 and plot.shape[3] == 3 and float(plot.std()) > 0.05


def test_a_picture_is_no_noise_and_the_report_is_the_librarys(server, graph):
    latent = photo(graph, batch_size=2, **SIZE)
    node = inspected(graph, latent=latent)
    dump(graph, latent=latent)
    text = told(server.run(graph), node)
    [z] = samples(server, "latent")
    words = img2noise.diagnostics.verdict(img2noise.diagnostics.inspect(z))
    assert text.splitlines()[: len(words)] == words and len(words) > 2
    assert any("neighbors" in w for w in words) and f"std (1) {float(z[1].double().std()):.3f}" in text


def test_a_picture_tells_smooth_areas_and_a_vae_how_alike_they_are(server, graph):
    vae = graph("CheckpointLoaderSimple", ckpt_name=checkpoints.name("sd"))[2]
    flat = graph("EmptyImage", width=128, height=128, color=0x808080)[0]
    everywhere = inspected(graph, latent=noise_latent(graph), picture=flat)
    encoded = graph("VAEEncode", pixels=flat, vae=vae)[0]
    itself = inspected(graph, latent=encoded, picture=flat, vae=vae)
    outputs = server.run(graph)
    report = told(outputs, everywhere)
    assert "(100%), std elsewhere -" in report and "photo" not in report
    assert "correlation with photo (0) +1.0000, angle in degrees (90) 0.0" in told(outputs, itself)


def test_the_whitening_that_was_used_is_the_nearest(server, graph):
    pictures = photo(graph, batch_size=60, width=14, height=10)  # 2 divides both sides, and no more does
    fitted = graph(
        "Img2NoiseFitWhitener",
        latents=pictures,
        structure="dense",
        patch=2,
        shrinkage=0.01,
        method="cholesky",
    )
    noises = graph("Img2NoiseWhitenLatent", latent=pictures, whitener=fitted[0])[0]
    node = graph("Img2NoiseCompareWhitenings", latents=pictures, noises=noises, shrinkage=0.01)
    graph("PreviewAny", source=node[0])
    dump(graph, plot=node[1], latents=pictures, noises=noises)
    text = told(server.run(graph), node)
    assert "of the whitenings, cholesky is nearest" in text and "2 x 2 latent pixels" in text
    x, z = samples(server, "latents", "noises")
    x = x * img2noise.whitening.SPACES["sd"].scale_factor
    for c in img2noise.diagnostics.compare_whitenings(x, z, patch=2, shrinkage=0.01):
        [line] = [line for line in text.splitlines() if line.startswith(c.name + "  ")]
        assert abs(float(line[len(c.name) :].split()[0]) - c.fit.r2) < 0.01
    assert float(server.tensors("plot")["image"].std()) > 0.05


def test_inspecting_changes_nothing(server, graph):
    latent = noise_latent(graph, rows=2)
    dump(graph, before=latent)
    server.run(graph)
    start = graph("TestRandomState", value=latent)
    node = graph("Img2NoiseInspectNoise", latent=start[0], noise=graph("RandomNoise", noise_seed=3)[0])
    end = graph("TestRandomState", value=node[1])
    graph("TestDump", value=latent, name="after", after=end[0])
    outputs = server.run(graph)
    assert outputs[start]["text"] == outputs[end]["text"]
    assert torch.equal(*samples(server, "before", "after"))
