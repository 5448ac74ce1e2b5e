"""Inspect Sampler and Measure Sampler, noise of two images, and blends by frequency, in a real ComfyUI."""

from __future__ import annotations

import math

import pytest
import torch

import img2noise
from img2noise.noise import blend_by_frequency, euler_gain, passed, vary
from img2noise.whitening import SPACES

from . import scenes
from .graphs import Graph
from .test_from_image import alike, asked, dumped, encoded, made, noise_of, picture, vae

VARIANCE = 3.0


def steps(graph: Graph, model: list, count: int = 8) -> list:
    return graph("BasicScheduler", model=model, scheduler="simple", steps=count)[0]


def chosen(graph: Graph, name: str = "euler") -> list:
    return graph("KSamplerSelect", sampler_name=name)[0]


def inspected(graph: Graph, family: str, name: str = "euler") -> list:
    found = scenes.model(graph, family)
    return graph(
        "Img2NoiseInspectSampler", model=found, sampler=chosen(graph, name), sigmas=steps(graph, found)
    )


@pytest.mark.parametrize("family", ["sd", "sd3", "wan21"])
def test_eulers_sentence_is_the_closed_form(server, graph, family):
    node, levels = inspected(graph, family), steps(graph, scenes.model(graph, family))
    scenes.dump(graph, levels=levels, plot=node[0])
    text = scenes.told(server.run(graph), node)
    told = server.tensors("levels")["image"].double().tolist()
    name = "flux" if family == "wan21" else family
    lam = img2noise.load(name).at_size(64, 64).eigenvalues(torch.zeros(1, dtype=torch.float64))
    flow = family != "sd"
    pairs = [(1 - t if flow else 1.0, t) for t in told]
    gain = euler_gain(lam, pairs, None if flow else math.sqrt(1 + told[0] ** 2))
    layout, texture = (f"{100 * share:.0f} %" for share in passed(lam, gain))
    assert text == f"this sampler passes {layout} of the layout and {texture} of the texture of its noise"
    plot = server.tensors("plot")["image"]
    assert plot.shape[-1] == 3 and float(plot.std()) > 0.05


@pytest.mark.parametrize("name", ["lcm", "er_sde", "dpmpp_2m_sde"])
def test_a_sampler_that_forgets_is_named(server, graph, name):
    node = inspected(graph, "sd3", name)
    scenes.dump(graph, plot=node[0])
    assert (
        scenes.told(server.run(graph), node) == "this sampler forgets its noise; use euler or res_multistep"
    )


def gaussian(graph: Graph) -> list:
    return graph("TestGaussian", model=scenes.model(graph, "sd3"), variance=VARIANCE, flow=True)[0]


def test_a_measured_gain_is_that_of_the_exact_model_and_makes_the_noise(server, graph):
    found = gaussian(graph)
    levels, who = steps(graph, found, 4), scenes.guider(graph, found, family="sd3")
    wires = dict(guider=who, sampler=chosen(graph), sigmas=levels, latent=asked(graph, "sd3"))
    node = graph("Img2NoiseMeasureSampler", **wires, count=8)
    latent = asked(graph, "sd3")
    dumped(graph, made(graph, "sd3", similarity=0.7, gain=node[0])[0], latent, "measured")
    scenes.dump(graph, levels=levels, plot=node[1], photo=encoded(server, graph, "sd3"))
    text = scenes.told(server.run(graph), node)
    assert "the noise decides 100 % of the picture" in text
    told = server.tensors("levels")["image"].double().tolist()
    one = euler_gain(torch.tensor([VARIANCE], dtype=torch.float64), [(1 - t, t) for t in told])
    x0, sd3 = SPACES["sd3"].to_model(scenes.samples(server, "photo")[0]), img2noise.load("sd3")

    def gain(lam):
        return float(one) * torch.ones_like(lam)

    expected = img2noise.correlated_noise(x0, sd3, similarity=0.7, seed=5, gain=gain)
    torch.testing.assert_close(noise_of(server, "measured"), expected, atol=2e-2, rtol=0)


def test_two_images_give_layout_and_colors(server, graph):
    photo = picture(graph)
    other = graph("ImageRotate", image=photo, rotation="180 degrees")[0]
    own = dict(vae=vae(graph), model=scenes.model(graph), similarity=1.0)
    node = graph("Img2NoiseNoiseFromTwoImages", layout_image=photo, color_image=other, **own)
    dumped(graph, node[0], asked(graph), "both")
    scenes.dump(graph, first=encoded(server, graph), second=encoded(server, graph, image=other), seen=node[1])
    server.run(graph)
    pictures = [SPACES["sd"].to_model(x) for x in scenes.samples(server, "first", "second")]
    w1, w2 = (img2noise.load("sd").whiten(x) for x in pictures)
    first, second = (alike(noise_of(server, "both"), w) for w in (w1, w2))
    assert 1 - first[0] < (1 - second[0]) / 4  # their mean lightness and color are much alike
    assert 1 - second[1] < (1 - first[1]) / 4
    assert server.tensors("seen")["image"].shape == (1, 128, 128, 3)


@pytest.mark.parametrize("family", ["sd3", "flux", "flux2"])
def test_two_images_are_taken_by_every_family(server, graph, family):
    photo = picture(graph)
    own = dict(vae=vae(graph, family), model=scenes.model(graph, family), similarity=0.0)
    node = graph("Img2NoiseNoiseFromTwoImages", layout_image=photo, color_image=photo, **own, noise_seed=5)
    dumped(graph, node[0], asked(graph, family), "none")
    some = graph(
        "Img2NoiseNoiseFromTwoImages", layout_image=photo, color_image=photo, **own | dict(similarity=0.7)
    )
    dumped(graph, some[0], asked(graph, family), "some")
    dumped(graph, graph("RandomNoise", noise_seed=5)[0], asked(graph, family), "random")
    server.run(graph)
    assert torch.equal(noise_of(server, "none"), noise_of(server, "random"))
    assert float(noise_of(server, "some").std()) > 0.5


def test_a_blend_by_frequency_and_a_variation_are_the_librarys(server, graph):
    latent = asked(graph, rows=2)
    a, b = (graph("RandomNoise", noise_seed=seed)[0] for seed in (1, 2))
    how = dict(noise_a=a, noise_b=b, method="layout and detail", cut_off=3.0)
    varied = dict(variation_seed=9, variation_strength=0.3)
    for name, more in (("split", {}), ("varied", varied)):
        dumped(graph, graph("Img2NoiseBlendNoises", **how, **more)[0], latent, name)
    dumped(graph, a, latent, "a")
    dumped(graph, b, latent, "b")
    frames = scenes.photo(graph, channels=16, frames=3)
    dumped(graph, graph("Img2NoiseBlendNoises", **how)[0], frames, "frames")
    server.run(graph)
    split, found, a, b = (noise_of(server, name) for name in ("split", "varied", "a", "b"))
    torch.testing.assert_close(split, blend_by_frequency(a, b, 3.0))
    torch.testing.assert_close(found, vary(split, 0.3, seed=9, indices=[0, 1]))
    assert float(noise_of(server, "frames").std()) == pytest.approx(1, abs=0.03)
