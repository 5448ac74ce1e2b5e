"""The nodes that make noise, through the wires of a real ComfyUI, against the library itself."""

from __future__ import annotations

import json

import pytest
import torch

import img2noise

from .graphs import Graph

SCALE = img2noise.whitening.SPACES["sd"].scale_factor


def latent(graph: Graph, seed: int = 3, **size) -> list:
    return graph("TestLatent", seed=seed, **size)[0]


def whitener(graph: Graph, name: str = "sd") -> list:
    return graph("Img2NoiseLoadWhitener", whitener_name=name)[0]


def correlated(graph: Graph, seed: int = 5, rows: int = 1, **inputs):
    photos = latent(graph, batch_size=rows)
    return graph(
        "Img2NoiseCorrelatedNoise", latent=photos, whitener=whitener(graph), noise_seed=seed, **inputs
    )


def said(outputs: dict, node: str) -> dict:
    return json.loads(outputs[node]["text"][0])


def every_noise(graph: Graph) -> dict[str, list]:
    one, two = correlated(graph, seed=5)[0], correlated(graph, seed=6)[0]
    photos = latent(graph)
    search = dict(latent=photos, whitener=whitener(graph), noise_seed=5, iterations=100)
    white = graph("Img2NoiseWhitenLatent", latent=photos, whitener=whitener(graph))[0]
    return {
        "correlated": one,
        "annealed": graph("Img2NoiseAnnealedNoise", **search)[0],
        "stored": graph("Img2NoiseLatentToNoise", latent=white, noise_seed=5)[0],
        "blended": graph("Img2NoiseBlendNoises", noise_a=one, noise_b=two, weight=0.3)[0],
    }


@pytest.mark.parametrize("kind", ["correlated", "annealed", "stored", "blended"])
def test_a_noise_is_a_fresh_float32_cpu_tensor_of_the_samplers_shape_with_a_seed(server, graph, kind):
    asked = latent(graph, seed=9, batch_size=2)
    node = graph("TestDumpNoise", noise=every_noise(graph)[kind], latent=asked, name="noise")
    facts = said(server.run(graph), node)
    assert facts == dict(dtype="torch.float32", device="cpu", seed=5, fresh=True)
    noise = server.tensors("noise")["noise"]
    assert noise.shape == (2, 4, 16, 16) and bool(torch.isfinite(noise).all())


@pytest.mark.parametrize("photos", [1, 3])
def test_a_row_of_a_batch_is_its_own_single_run(server, graph, photos):
    noise, asked = correlated(graph, rows=photos)[0], latent(graph, seed=9, batch_size=3)
    graph("TestDumpNoise", noise=noise, latent=asked, name="batch")
    for row in range(3):
        one = graph("LatentFromBatch", samples=asked, batch_index=row, length=1)[0]
        graph("TestDumpNoise", noise=noise, latent=one, name=f"row-{row}")
    server.run(graph)
    rows = [server.tensors(f"row-{row}")["noise"] for row in range(3)]
    assert torch.equal(torch.cat(rows), server.tensors("batch")["noise"])
    assert not torch.equal(rows[0], rows[1])


def test_correlated_noise_is_the_librarys(server, graph):
    node = correlated(graph, temperature=2.0, strength=0.8)
    graph("TestDump", value=latent(graph), name="photo")
    graph("TestDumpNoise", noise=node[0], latent=latent(graph, seed=9), name="noise")
    graph("TestDump", value=node[1], name="preview")
    server.run(graph)
    x0, sd = server.tensors("photo")["samples"] * SCALE, img2noise.load("sd")
    expected = img2noise.correlated_noise(x0, sd, temperature=2.0, strength=0.8, seed=5)
    torch.testing.assert_close(server.tensors("noise")["noise"], expected, atol=1e-3, rtol=0)
    preview = server.tensors("preview")["samples"] * SCALE
    torch.testing.assert_close(preview, sd.dewhiten(expected), atol=1e-3, rtol=0)


def test_annealed_noise_makes_the_photo_better_than_plain_noise_does(server, graph):
    inputs = dict(latent=latent(graph), whitener=whitener(graph), noise_seed=5, batch_size=2)
    for iterations in (0, 3000):
        node = graph("Img2NoiseAnnealedNoise", **inputs, iterations=iterations)
        graph("TestDumpNoise", noise=node[0], latent=latent(graph, batch_size=2), name=f"z-{iterations}")
        graph("TestDump", value=node[2], name=f"plot-{iterations}")
    graph("TestDump", value=latent(graph), name="photo")
    server.run(graph)
    plain, searched = (server.tensors(f"z-{n}")["noise"] for n in (0, 3000))
    torch.testing.assert_close(plain, img2noise.draw(plain.shape, 5), atol=1e-4, rtol=0)
    x0, sd = server.tensors("photo")["samples"] * SCALE, img2noise.load("sd")
    loss_plain, loss = ((sd.dewhiten(z) - x0).square().sum((1, 2, 3)) for z in (plain, searched))
    assert bool((loss < 0.9 * loss_plain).all())
    assert float(server.tensors("plot-3000")["image"].std()) > 0.05


def test_noise_goes_into_a_latent_and_back_unchanged(server, graph):
    noise, asked = correlated(graph)[0], latent(graph, seed=9, batch_size=2)
    there = graph("Img2NoiseNoiseToLatent", noise=noise, latent=asked)[0]
    back = graph("Img2NoiseLatentToNoise", latent=there)[0]
    for name, one in (("there", noise), ("back", back)):
        graph("TestDumpNoise", noise=one, latent=asked, name=name)
    server.run(graph)
    assert torch.equal(server.tensors("there")["noise"], server.tensors("back")["noise"])


def test_a_blend_goes_from_one_noise_to_the_other_for_cores_noise_too(server, graph):
    asked = latent(graph, batch_size=2)
    a, b = correlated(graph)[0], graph("RandomNoise", noise_seed=8)[0]
    for name, one in (("a", a), ("b", b)):
        graph("TestDumpNoise", noise=one, latent=asked, name=name)
    for weight in (0.0, 0.5, 1.0):
        blend = graph("Img2NoiseBlendNoises", noise_a=a, noise_b=b, weight=weight)[0]
        graph("TestDumpNoise", noise=blend, latent=asked, name=f"w-{weight}")
    server.run(graph)
    a, b, *blends = (server.tensors(name)["noise"] for name in ("a", "b", "w-0.0", "w-0.5", "w-1.0"))
    torch.testing.assert_close(blends[0], a)
    torch.testing.assert_close(blends[1], img2noise.slerp(a, b, 0.5))
    torch.testing.assert_close(blends[2], b)
