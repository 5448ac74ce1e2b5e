"""Noise from Image in a real ComfyUI: at the size the sampler asks for, by one knob, for one sampler."""

from __future__ import annotations

import json

import pytest
import torch

import img2noise
from img2noise.noise import correlation, kept_noise, similarity_at, temperature_for
from img2noise.whitening import SPACES

from . import checkpoints, scenes
from .flow_checkpoints import PHOTOS
from .graphs import Graph

NODE = "Img2NoiseNoiseFromImage"
SHIPPED = ("sd", "sdxl", "sd3", "flux", "schnell", "flux2")
STRIDES = dict(flux2=16)
SEED = 5


def picture(graph: Graph, side: int = 128, name: str = "example.png") -> list:
    photo = graph("LoadImage", image=name)[0]
    return graph("ImageScale", image=photo, width=side, height=side, upscale_method="lanczos", crop="center")[
        0
    ]


def vae(graph: Graph, family: str = "sd") -> list:
    if family == "flux2":
        return graph("TestVae", channels=128, stride=16)[0]
    return graph("CheckpointLoaderSimple", ckpt_name=checkpoints.name(family))[2]


def wires(graph: Graph, family: str = "sd", **inputs) -> dict:
    own = dict(vae=vae(graph, family), model=scenes.model(graph, family), noise_seed=SEED)
    return dict(image=picture(graph), **own) | inputs


def made(graph: Graph, family: str = "sd", **inputs):
    return graph(NODE, **wires(graph, family, **inputs))


def asked(graph: Graph, family: str = "sd", side: int = 16, rows: int = 1) -> list:
    size = dict(PHOTOS.get(family, dict(channels=4)))
    size |= dict(width=side // 2 if family == "flux2" else side, batch_size=rows)
    return scenes.photo(graph, 9, **size | dict(height=size["width"]))


def dumped(graph: Graph, noise: list, latent: list, name: str) -> str:
    return graph("TestDumpNoise", noise=noise, latent=latent, name=name)


def noise_of(server, name: str) -> torch.Tensor:
    return server.tensors(name)["noise"]


def encoded(server, graph: Graph, family: str = "sd", image: list | None = None) -> list:
    return graph("VAEEncode", pixels=image or picture(graph), vae=vae(graph, family))[0]


@pytest.mark.parametrize("family", SHIPPED)
def test_the_ends_of_the_slider_are_cores_noise_and_the_pictures_noise(server, graph, family):
    latent = asked(graph, family)
    for similarity in (0.0, 1.0):
        dumped(graph, made(graph, family, similarity=similarity)[0], latent, f"similar-{similarity:g}")
    dumped(graph, graph("RandomNoise", noise_seed=SEED)[0], latent, "random")
    scenes.dump(graph, photo=encoded(server, graph, family))
    preview = made(graph, family, similarity=1.0)[1]
    decoded = graph("VAEDecode", samples=encoded(server, graph, family), vae=vae(graph, family))[0]
    scenes.dump(graph, preview=preview, decoded=decoded)
    server.run(graph)
    assert torch.equal(noise_of(server, "similar-0"), noise_of(server, "random"))
    name = "flux" if family == "schnell" else family
    space, [photo] = SPACES[name], scenes.samples(server, "photo")
    expected = space.pack(img2noise.load(name).whiten(space.to_model(space.unpack(photo))))
    torch.testing.assert_close(noise_of(server, "similar-1"), expected, atol=2e-3, rtol=2e-3)
    preview, decoded = (server.tensors(name)["image"] for name in ("preview", "decoded"))
    torch.testing.assert_close(preview, decoded, atol=2e-3, rtol=0)


@pytest.mark.parametrize("similarity", [0.3, 0.7])
def test_the_preview_is_as_similar_as_asked(server, graph, similarity):
    """One photo is not drawn from the whitener: the mean of its own law is met, over 40 seeds within .05."""
    rows = 40
    dumped(graph, made(graph, similarity=similarity)[0], asked(graph, rows=rows), "many")
    scenes.dump(graph, photo=encoded(server, graph))
    server.run(graph)
    sd = img2noise.load("sd").at_size(16, 16)
    a = sd.analyze(SPACES["sd"].to_model(scenes.samples(server, "photo")[0]))
    b = sd.analyze(sd.dewhiten(noise_of(server, "many")))
    lam = sd.eigenvalues(a)
    assert similarity_at(lam, temperature_for(lam, similarity)) == pytest.approx(similarity, abs=1e-6)
    rho = correlation(lam, temperature_for(lam, similarity))
    power = (rho * rho * a * a + (1 - rho * rho) * lam).sum()  # of the preview
    expected = float((rho * a * a).sum() / ((a * a).sum() * power).sqrt())
    found = float((a * b).sum() / (rows * (a * a).sum() * (b * b).sum()).sqrt())
    assert found == pytest.approx(expected, abs=0.05)


def test_the_image_is_made_to_fit_what_the_sampler_asks_for_row_by_row(server, graph):
    photos = graph(
        "ImageBatch", image1=picture(graph, 200), image2=graph("ImageInvert", image=picture(graph, 200))[0]
    )[0]
    noise, latent = made(graph, image=photos, similarity=0.6)[0], scenes.photo(graph, width=24, batch_size=3)
    dumped(graph, noise, latent, "batch")
    dumped(graph, noise, latent, "again")
    for row in range(3):
        one = graph("LatentFromBatch", samples=latent, batch_index=row, length=1)[0]
        dumped(graph, noise, one, f"row-{row}")
    cut = graph("ImageScale", image=photos, width=192, height=128, upscale_method="lanczos", crop="center")[0]
    scenes.dump(graph, photos=encoded(server, graph, image=cut))
    facts = server.run(graph)
    rows = [noise_of(server, f"row-{row}") for row in range(3)]
    assert torch.equal(torch.cat(rows), noise_of(server, "batch"))
    assert torch.equal(noise_of(server, "again"), noise_of(server, "batch"))
    x0 = SPACES["sd"].to_model(scenes.samples(server, "photos")[0])[[0, 1, 0]]
    expected = img2noise.correlated_noise(x0, img2noise.load("sd"), similarity=0.6, seed=SEED)
    torch.testing.assert_close(noise_of(server, "batch"), expected, atol=1e-4, rtol=0)
    node = next(key for key, item in graph.items() if item["class_type"] == "TestDumpNoise")
    assert json.loads(facts[node]["text"][0]) == dict(
        dtype="torch.float32", device="cpu", seed=SEED, fresh=True
    )


def half(graph: Graph) -> list:
    black = graph("SolidMask", value=0.0, width=128, height=128)[0]
    white = graph("SolidMask", value=1.0, width=64, height=128)[0]
    return graph("MaskComposite", destination=black, source=white, x=0, y=0, operation="add")[0]


def test_a_white_mask_keeps_all_a_black_one_nothing_and_half_a_mask_its_half(server, graph):
    latent = asked(graph)
    masks = {f"mask-{v:g}": graph("SolidMask", value=v, width=128, height=128)[0] for v in (0.0, 1.0)}
    masks |= dict(none=None, half=half(graph))
    for name, mask in masks.items():
        dumped(
            graph,
            made(graph, similarity=0.8, keep_mask=mask)[0] if mask else made(graph, similarity=0.8)[0],
            latent,
            name,
        )
    dumped(graph, made(graph, similarity=1.0, keep_mask=masks["half"])[0], latent, "locked")
    dumped(graph, graph("RandomNoise", noise_seed=SEED)[0], latent, "random")
    scenes.dump(graph, photo=encoded(server, graph))
    server.run(graph)
    assert torch.equal(noise_of(server, "mask-1"), noise_of(server, "none"))
    assert torch.equal(noise_of(server, "mask-0"), noise_of(server, "random"))
    sd, mask = img2noise.load("sd"), torch.zeros(16, 16)
    mask[:, :8] = 1
    x0 = SPACES["sd"].to_model(scenes.samples(server, "photo")[0])
    expected = kept_noise(x0, sd, mask, similarity=0.8, seed=SEED)
    torch.testing.assert_close(noise_of(server, "half"), expected, atol=2e-3, rtol=0)
    apart = (sd.dewhiten(noise_of(server, "locked")) - x0).square().mean((0, 1, 2))
    assert float(apart[:6].mean()) < 0.2 * float(apart[10:].mean())


RGB = (
    (0.3512, 0.2297, 0.3227),
    (0.3250, 0.4974, 0.2350),
    (-0.2829, 0.1762, 0.2721),
    (-0.2120, -0.2616, -0.7177),
)


def alike(z: torch.Tensor, w: torch.Tensor) -> list[float]:
    """How the large shapes of two noises' pictures correlate in lightness, by ComfyUI's colors of SD, and in
    the rest.
    """
    sd = img2noise.load("sd")
    luma = (torch.tensor(RGB) @ torch.tensor([0.299, 0.587, 0.114])).view(1, 4, 1, 1)
    mean = sd.mean.view(1, 4, 1, 1).to(z)
    both = [torch.nn.functional.avg_pool2d(sd.dewhiten(t) - mean, 4) for t in (z, w.expand_as(z))]
    light = [(t * luma).sum(1, keepdim=True) for t in both]
    rest = [t - lit * luma / luma.square().sum() for t, lit in zip(both, light, strict=True)]
    return [float((a * b).sum() / (a.norm() * b.norm())) for a, b in (light, rest)]


def test_layout_and_color_are_kept_each_by_itself(server, graph):
    latent, shares = asked(graph, rows=12), dict(layout=dict(color=0.0), color=dict(layout=0.0))
    for name, others in shares.items():
        dumped(graph, made(graph, similarity=1.0, **others)[0], latent, name)
    nothing = made(graph, similarity=1.0, layout=0.0, color=0.0, detail=0.0)[0]
    dumped(graph, nothing, latent, "nothing")
    dumped(graph, graph("RandomNoise", noise_seed=SEED)[0], latent, "random")
    scenes.dump(graph, photo=encoded(server, graph))
    server.run(graph)
    assert torch.equal(noise_of(server, "nothing"), noise_of(server, "random"))
    w = img2noise.load("sd").whiten(SPACES["sd"].to_model(scenes.samples(server, "photo")[0]))
    layout, color = (alike(noise_of(server, name), w) for name in ("layout", "color"))
    assert layout[0] > 0.8 and layout[0] > layout[1] + 0.2
    assert color[1] > 0.5 and color[1] > color[0] + 0.2


def test_noise_made_for_a_sampler_is_that_of_its_gain_and_its_preview_what_comes_out(server, graph):
    found = scenes.model(graph, "sd3")
    levels = graph("BasicScheduler", model=found, scheduler="simple", steps=4)[0]
    euler = dict(sampler=scenes.euler(graph), sigmas=levels)
    latent = asked(graph, "sd3")
    for name, how in (("plain", {}), ("euler", euler)):
        node = made(graph, "sd3", similarity=0.7, **how)
        dumped(graph, node[0], latent, name)
    scenes.dump(graph, photo=encoded(server, graph, "sd3"), levels=levels)
    server.run(graph)
    t = server.tensors("levels")["image"].double().tolist()
    x0, sd3 = SPACES["sd3"].to_model(scenes.samples(server, "photo")[0]), img2noise.load("sd3")

    def gain(lam):
        return img2noise.noise.euler_gain(lam, [(1 - v, v) for v in t])

    expected = img2noise.correlated_noise(x0, sd3, similarity=0.7, seed=SEED, gain=gain)
    torch.testing.assert_close(noise_of(server, "euler"), expected, atol=2e-3, rtol=0)
    assert float((noise_of(server, "euler") - noise_of(server, "plain")).std()) > 0.02


@pytest.mark.parametrize("sampler", ["lcm", "er_sde", "dpmpp_2m_sde", "res_multistep"])
def test_one_line_warns_of_a_sampler_that_forgets_its_noise(server, graph, sampler):
    found = scenes.model(graph, "sd3")
    levels = graph("BasicScheduler", model=found, scheduler="simple", steps=8)[0]
    chosen = graph("KSamplerSelect", sampler_name=sampler)[0]
    node = made(graph, "sd3", noise_seed=len(sampler), sampler=chosen, sigmas=levels)
    scenes.dump(graph, preview=node[1])
    before = server.log.read_text("utf-8", "replace").count("forgets its noise")
    server.run(graph)
    after = server.log.read_text("utf-8", "replace")
    assert after.count("forgets its noise") - before == (sampler != "res_multistep")
    assert sampler == "res_multistep" or "use euler or res_multistep" in after


def test_a_temperature_takes_the_place_of_the_similarity(server, graph):
    latent, sd = asked(graph), img2noise.load("sd").at_size(16, 16)
    same = round(similarity_at(sd.eigenvalues(torch.zeros(1)), 5.0), 6)
    for name, how in (("warm", dict(similarity=0.1, temperature=5.0)), ("same", dict(similarity=same))):
        dumped(graph, made(graph, **how)[0], latent, name)
    server.run(graph)
    torch.testing.assert_close(noise_of(server, "warm"), noise_of(server, "same"), atol=1e-4, rtol=0)


WRONG = [
    (dict(image=lambda g: g("TestOddImage", kind="gray")[0]), "image"),
    (dict(image=lambda g: g("TestOddImage", kind="nan")[0]), "NaN"),
    (dict(keep_mask=lambda g: g("TestOddMask", kind="loud")[0]), "mask"),
    (dict(keep_mask=lambda g: g("TestOddMask", kind="one row of numbers")[0]), "mask"),
    (dict(vae=lambda g: vae(g, "sd3")), "VAE"),
    (
        dict(model=lambda g: scenes.model(g, "wan21"), vae=lambda g: g("TestVae", frames=True)[0]),
        "no whitener",
    ),
    (dict(whitener=lambda g: g("Img2NoiseLoadWhitener", whitener_name="sdxl")[0]), "sdxl"),
    (dict(sampler=scenes.euler), "sigmas"),
    (dict(sampler=scenes.euler, sigmas=lambda g: scenes.written(g, "0 1 2")), "sigmas"),
]


@pytest.mark.parametrize("wrong, word", WRONG, ids=[word for _, word in WRONG])
def test_what_does_not_fit_is_one_clear_sentence(server, graph, wrong, word):
    node = made(graph, **{name: value(graph) for name, value in wrong.items()})
    scenes.dump(graph, preview=node[1])
    assert word in scenes.refusal(server, graph, NODE)


def test_a_latent_of_another_model_is_refused_by_the_noise(server, graph):
    dumped(graph, made(graph)[0], asked(graph, "sd3"), "other")
    assert "sd latents" in scenes.refusal(server, graph, "TestDumpNoise")
