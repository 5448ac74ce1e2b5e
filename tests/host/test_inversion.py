"""Unsample, the Inversion Sampler and Inverted Noise, through the wires of a real ComfyUI."""

from __future__ import annotations

import json

import pytest
import torch

import img2noise

from .flow_checkpoints import PHOTOS
from .graphs import Graph
from .scenes import (
    dump,
    euler,
    guider,
    model,
    no_noise,
    photo,
    prompt,
    refusal,
    sampled,
    samples,
    sigmas,
    unknown,
    written,
)

SMALL = dict(width=8, height=8)
SCALE = img2noise.whitening.SPACES["sd"].scale_factor


def inverted(graph: Graph, latent: list, levels: list, who: list, **how) -> list:
    """The latent that an Inversion Sampler makes of a picture."""
    sampler = graph("Img2NoiseInversionSampler", **how)[0]
    wires = dict(noise=no_noise(graph), guider=who, sampler=sampler, sigmas=levels)
    return sampled(graph, **wires, latent_image=latent)


def three_routes(graph: Graph, found: list, latent: list, levels: list, who: list, x: list) -> dict:
    """Core's euler from an inverted latent: beside an empty latent, beside the picture, and without noise."""
    noise = graph("Img2NoiseInvertedNoise", model=found, sigmas=levels, latent=x)[0]
    empty = graph("EmptyLatentImage", width=64, height=64)[0]
    how = dict(guider=who, sampler=euler(graph), sigmas=levels)
    return dict(
        empty=sampled(graph, noise=noise, latent_image=empty, **how),
        beside=sampled(graph, noise=noise, latent_image=latent, **how),
        disabled=sampled(graph, noise=no_noise(graph), latent_image=x, **how),
    )


@pytest.mark.parametrize(("family", "denoise"), [("sd", 0.6), ("sd21v", 1.0), ("sdxl", 0.6)])
def test_what_is_inverted_and_sampled_by_cores_euler_is_the_picture_by_every_route(
    server, graph, family, denoise
):
    found, latent = model(graph, family), photo(graph, **SMALL)
    who, levels = guider(graph, found, 1, family), sigmas(graph, found, 4, denoise=denoise)
    exact = dict(scheme="implicit", forward_fraction=0.0, iterations=8)
    x = inverted(graph, latent, levels, who, **exact)
    dump(graph, photo=latent, x=x, **three_routes(graph, found, latent, levels, who, x))
    server.run(graph)
    before, x, *after = samples(server, "photo", "x", "empty", "beside", "disabled")
    assert float((x - before).std()) > 0.5
    for result in after:
        torch.testing.assert_close(result, before, atol=1e-4, rtol=0)


@pytest.mark.parametrize("family", ["sd", "sd21v", "sdxl"])
def test_from_full_noise_the_routes_are_alike_and_the_noise_is_of_unit_variance(server, graph, family):
    found, latent = model(graph, family), photo(graph, **SMALL)
    who, levels = guider(graph, found, 1, family), sigmas(graph, found, 3)
    x = inverted(graph, latent, levels, who, forward_fraction=1.0)
    noise = graph("Img2NoiseInvertedNoise", model=found, sigmas=levels, latent=x)[0]
    empty = graph("EmptyLatentImage", width=64, height=64)[0]
    graph("TestDumpNoise", noise=noise, latent=empty, name="noise")
    dump(graph, **three_routes(graph, found, latent, levels, who, x))
    server.run(graph)
    empty, beside, disabled = samples(server, "empty", "beside", "disabled")
    torch.testing.assert_close(empty, disabled, atol=1e-4, rtol=0)
    torch.testing.assert_close(beside, disabled, atol=1e-4, rtol=0)
    assert 0.8 < float(server.tensors("noise")["noise"].std()) < 1.2


def test_sigmas_in_either_order_noise_or_none_and_a_mask_make_no_difference(server, graph):
    found, latent = model(graph), photo(graph, **SMALL)
    mask = graph("SolidMask", value=0.5, width=64, height=64)[0]
    masked = graph("SetLatentNoiseMask", samples=latent, mask=mask)[0]
    levels, noise = sigmas(graph, found, 3), graph("RandomNoise", noise_seed=4)[0]
    wires = dict(noise=no_noise(graph), guider=guider(graph, found), sigmas=levels, latent_image=latent)
    wires["sampler"] = graph("Img2NoiseInversionSampler", scheme="current")[0]
    others = dict(
        flipped={"sigmas": graph("FlipSigmas", sigmas=levels)[0]},
        noisy={"noise": noise},
        masked={"latent_image": masked},
    )
    dump(graph, plain=sampled(graph, **wires))
    dump(graph, **{name: sampled(graph, **{**wires, **other}) for name, other in others.items()})
    server.run(graph)
    plain, *others = samples(server, "plain", *others)
    assert all(torch.equal(plain, other) for other in others)
    assert "ignores the noise input" in server.tail()


@pytest.mark.parametrize("scheme", ["target", "current", "implicit"])
@pytest.mark.parametrize("fraction", [0.0, 0.04, 0.6])
def test_it_is_the_librarys_inversion(server, graph, scheme, fraction):
    found = graph("TestGaussian", model=model(graph), variance=0.7)[0]
    latent, levels = photo(graph, batch_size=2, **SMALL), sigmas(graph, found, 5)
    how = dict(scheme=scheme, iterations=4)
    forward = dict(forward_seed=6, forward_fraction=fraction)
    x = inverted(graph, latent, levels, guider(graph, found), **how, **forward)
    dump(graph, photo=latent, x=x, levels=levels)
    server.run(graph)
    x0, x = samples(server, "photo", "x")
    levels = server.tensors("levels")["image"]

    def denoise(y, sigma):
        return y * 0.7 / (0.7 + sigma.view(-1, 1, 1, 1) ** 2)

    steps = {0.0: 0, 0.04: 1, 0.6: 3}[fraction]  # at least one when above zero
    expected = img2noise.ddim.invert(denoise, x0 * SCALE, levels, seed=6, forward_steps=steps, **how)
    torch.testing.assert_close(x, expected / SCALE, atol=1e-3, rtol=1e-4)


def test_the_replaced_steps_cost_no_network_call(server, graph):
    found = graph("TestCalls", model=model(graph), name="replaced")[0]
    levels = sigmas(graph, found, 4)
    x = inverted(
        graph, photo(graph, **SMALL), levels, guider(graph, found), forward_fraction=0.5, scheme="target"
    )
    calls = graph("TestCallsTold", name="replaced", after=x)
    assert json.loads(server.run(graph)[calls]["text"][0]) == [1, 1]


@pytest.mark.parametrize("rows", [1, 2])
def test_forward_seeds_are_reproducible_edits_and_each_row_has_noise_of_its_own(server, rows):
    def run(name: str, seed: int) -> torch.Tensor:
        graph = Graph(server.object_info)
        found = graph("TestGaussian", model=model(graph))[0]
        latent = graph("RepeatLatentBatch", samples=photo(graph, **SMALL), amount=rows)[0]
        who = graph("TestGuider", guider=guider(graph, found), again=name)[0]  # nothing is cached
        dump(graph, **{name: inverted(graph, latent, sigmas(graph, found, 4), who, forward_seed=seed)})
        server.run(graph)
        [x] = samples(server, name)
        return x

    first, same, other = run("first", 5), run("same", 5), run("other", 6)
    assert torch.equal(first, same)
    assert float((first - other).std()) > 0.1
    assert rows == 1 or float((first[0] - first[1]).std()) > 0.1


def plain(graph: Graph, **changed) -> list:
    """An inversion with some of its wires exchanged."""
    found = changed.pop("found", None) or model(graph)
    wires = dict(latent=photo(graph, **SMALL), levels=sigmas(graph, found, 3), who=guider(graph, found))
    return inverted(graph, **{**wires, **changed})


def split(graph: Graph) -> list:
    """The upper half of a schedule."""
    return graph("SplitSigmas", sigmas=sigmas(graph, model(graph), 4), step=2)[0]


REFUSED = {
    "an empty latent": (lambda g: plain(g, latent=g("EmptyLatentImage", width=64, height=64)[0]), "empty"),
    "sigmas that stop early": (lambda g: plain(g, levels=split(g)), "end in 0"),
    "upwards, from above 0": (lambda g: plain(g, levels=written(g, "0.5 1 2")), "end in 0"),
    "upwards and downwards": (lambda g: plain(g, levels=written(g, "5 1 2 0")), "descend at every step"),
    "a single sigma": (lambda g: plain(g, levels=written(g, "5")), "shape (1,)"),
    "a model of pictures": (lambda g: plain(g, found=unknown(g, model(g))), "IMG_TO_IMG"),
    "16 channels": (lambda g: plain(g, latent=photo(g, channels=16, **SMALL)), "(1, 16, 8, 8)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_inverted_is_refused_in_one_sentence(server, graph, case):
    wire, words = REFUSED[case]
    dump(graph, refused=wire(graph))
    assert words in refusal(server, graph, "SamplerCustomAdvanced")


@pytest.mark.parametrize(
    ("values", "words"), [("", "shape (0,)"), ("5", "shape (1,)"), ("5 1 2 0", "descend at every step")]
)
def test_inverted_noise_refuses_sigmas_without_steps(server, graph, values, words):
    wires = dict(model=model(graph), sigmas=written(graph, values), latent=photo(graph, **SMALL))
    noise = graph("Img2NoiseInvertedNoise", **wires)[0]
    graph("TestDumpNoise", noise=noise, latent=photo(graph, **SMALL), name="refused")
    assert words in refusal(server, graph, "Img2NoiseInvertedNoise")


@pytest.mark.parametrize("change", [dict(width=12), dict(batch_size=3)])
def test_inverted_noise_of_another_size_or_count_is_refused(server, graph, change):
    found, x = model(graph), photo(graph, batch_size=2, **SMALL)
    noise = graph("Img2NoiseInvertedNoise", model=found, sigmas=sigmas(graph, found, 2), latent=x)[0]
    wires = dict(noise=noise, guider=guider(graph, found), sampler=euler(graph))
    latent = photo(graph, **{**SMALL, **change})
    dump(graph, refused=sampled(graph, **wires, sigmas=sigmas(graph, found, 2), latent_image=latent))
    refusal(server, graph, "SamplerCustomAdvanced")


def test_a_row_of_inverted_noise_is_picked_by_its_batch_index(server, graph):
    found, x = model(graph), photo(graph, batch_size=3, **SMALL)
    noise = graph("Img2NoiseInvertedNoise", model=found, sigmas=sigmas(graph, found, 2), latent=x)[0]
    asked = photo(graph, seed=9, batch_size=3, **SMALL)
    one = graph("LatentFromBatch", samples=asked, batch_index=1, length=1)[0]
    for name, latent in (("all", asked), ("one", one)):
        graph("TestDumpNoise", noise=noise, latent=latent, name=name)
    server.run(graph)
    every, picked = (server.tensors(name)["noise"] for name in ("all", "one"))
    assert torch.equal(every[1:2], picked) and not torch.equal(every[:1], picked)


def unsampled(graph: Graph, found: list, latent: list, family: str = "sd", scheme: str = "exact", **how):
    """Unsample, and its outputs sampled under the same prompt."""
    prompts = dict(positive=prompt(graph, 1, family), negative=prompt(graph, 99, family))
    how = dict(steps=3, forward_share=0.0, iterations=8) | how
    node = graph("Img2NoiseUnsample", model=found, **prompts, latent=latent, scheme=scheme, **how)
    wires = dict(noise=node[0], latent_image=node[1], sampler=node[2], sigmas=node[3])
    return node, sampled(graph, guider=guider(graph, found, 1, family), **wires)


PAIRED = [("sd", "exact", "implicit"), ("sdxl", "exact", "implicit"), ("sd21v", "exact", "implicit")]
PAIRED += [("sd", "ddim", "target"), ("sd", "euler", "current"), ("sd", "midpoint", "midpoint")]


@pytest.mark.parametrize(("family", "scheme", "of_pair"), PAIRED)
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_unsample_is_the_pair_in_one(server, graph, family, scheme, of_pair, share):
    found, latent = model(graph, family), photo(graph, batch_size=2, **SMALL)
    who, levels = guider(graph, found, 1, family), sigmas(graph, found, 3)
    forward = dict(forward_fraction=share, forward_seed=4)
    x = inverted(graph, latent, levels, who, scheme=of_pair, iterations=8, **forward)
    noise = graph("Img2NoiseInvertedNoise", model=found, sigmas=levels, latent=x)[0]
    node, back = unsampled(graph, found, latent, family, scheme, forward_share=share, noise_seed=4)
    for name, wire in dict(pair=noise, one=node[0]).items():
        graph("TestDumpNoise", noise=wire, latent=latent, name=name)
    dump(graph, photo=latent, back=back, levels=levels, own=node[3])
    server.run(graph)
    assert torch.equal(*(server.tensors(name)["noise"] for name in ("pair", "one")))
    assert torch.equal(*(server.tensors(name)["image"] for name in ("levels", "own")))
    if scheme == "exact" and not share and family == "sd21v":  # the others' full noise holds no picture
        torch.testing.assert_close(*samples(server, "back", "photo"), atol=1e-3, rtol=0)


@pytest.mark.parametrize("family", PHOTOS)
def test_unsample_and_its_way_back_return_a_photo_of_a_flow_model(server, graph, family):
    latent = photo(graph, **PHOTOS[family])
    _, back = unsampled(graph, model(graph, family), latent, family, steps=6, scheduler="simple")
    dump(graph, photo=latent, back=back)
    server.run(graph)
    torch.testing.assert_close(*samples(server, "back", "photo"), atol=1e-3, rtol=0)


def test_unsample_keeps_a_mask_and_gives_each_picture_of_a_batch_its_own_noise(server, graph):
    found, batch = model(graph), photo(graph, batch_size=3, **SMALL)
    one = graph("LatentFromBatch", samples=batch, batch_index=1, length=1)[0]
    half = graph("SolidMask", value=0.0, width=64, height=64)[0]
    painted = graph("SolidMask", value=1.0, width=32, height=64)[0]
    mask = graph("MaskComposite", destination=half, source=painted, x=0, y=0, operation="add")[0]
    masked = graph("SetLatentNoiseMask", samples=batch, mask=mask)[0]
    node, _ = unsampled(graph, found, masked, forward_share=0.5)
    alone, _ = unsampled(graph, found, one, forward_share=0.5)
    wires = dict(noise=node[0], latent_image=node[1], sampler=node[2], sigmas=node[3])
    dump(graph, photo=batch, edit=sampled(graph, guider=guider(graph, found, 2, cfg=4.0), **wires))
    graph("TestDumpNoise", noise=node[0], latent=batch, name="all")
    graph("TestDumpNoise", noise=alone[0], latent=one, name="one")
    server.run(graph)
    before, edit = samples(server, "photo", "edit")
    torch.testing.assert_close(edit[..., 5:], before[..., 5:], atol=1e-4, rtol=0)
    assert float((edit - before)[..., :3].std()) > 0.02
    every, single = (server.tensors(name)["noise"] for name in ("all", "one"))
    torch.testing.assert_close(every[1:2], single, atol=1e-4, rtol=0)
