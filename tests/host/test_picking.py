"""Pick Noise, Preview Noise and Noise Sheet: which row is sampled, what is shown of it, and what waits."""

from __future__ import annotations

import json

import pytest
import torch

import img2noise
from img2noise.diagnostics import plots

from . import checkpoints, scenes
from .graphs import Graph

KEY = "img2noise_pick"
SCALE = img2noise.whitening.SPACES["sd"].scale_factor


def random(graph: Graph) -> list:
    return graph("RandomNoise", noise_seed=8)[0]


def correlated(graph: Graph) -> list:
    photo = dict(latent=scenes.photo(graph), whitener=whitener(graph))
    return graph("Img2NoiseCorrelatedNoise", **photo, noise_seed=8)[0]


def blended(graph: Graph) -> list:
    return graph("Img2NoiseBlendNoises", noise_a=random(graph), noise_b=correlated(graph), weight=0.3)[0]


def whitener(graph: Graph) -> list:
    return graph("Img2NoiseLoadWhitener", whitener_name="sd")[0]


def vae(graph: Graph) -> list:
    return graph("CheckpointLoaderSimple", ckpt_name=checkpoints.name("sd"))[2]


def empty(graph: Graph, rows: int = 1) -> list:
    return graph("EmptyLatentImage", width=128, height=128, batch_size=rows)[0]


def picking(graph: Graph, noise: list, **inputs) -> str:
    return graph("Img2NoisePickNoise", **dict(noise=noise, latent=empty(graph), count=4, **inputs))


def rows(server, noise, *picks: int) -> list[torch.Tensor]:
    """What a sampler gets for each pick, last the noise's own batch of four."""
    graph = Graph(server.object_info)
    wire = noise(graph)
    for pick in picks:
        node = picking(graph, wire, pick=pick, wait=False)
        graph("TestDumpNoise", noise=node[0], latent=node[1], name=f"pick-{pick}")
    graph("TestDumpNoise", noise=wire, latent=empty(graph, 4), name="all")
    server.run(graph)
    return [server.tensors(f"pick-{pick}")["noise"] for pick in picks] + [server.tensors("all")["noise"]]


@pytest.mark.parametrize("noise", [random, correlated, blended])
def test_candidate_k_is_row_k_minus_1_of_any_noise_bit_for_bit(server, noise):
    first, third, all_in_turn, whole = rows(server, noise, 1, 3, 0)
    assert torch.equal(first, whole[:1]) and torch.equal(third, whole[2:3])
    assert torch.equal(all_in_turn, whole)
    assert not torch.equal(first, third)


def test_a_pick_is_the_same_noise_for_a_latent_that_knows_nothing_of_it(server, graph):
    noise = random(graph)
    node = picking(graph, noise, pick=3)
    graph("TestDumpNoise", noise=node[0], latent=empty(graph, 2), name="other")
    graph("TestDumpNoise", noise=noise, latent=empty(graph, 4), name="all")
    server.run(graph)
    third = server.tensors("all")["noise"][2:3]
    assert torch.equal(server.tensors("other")["noise"], third.repeat(2, 1, 1, 1))


def test_a_picks_sampled_latent_is_that_of_cores_own_row(server, graph):
    model = scenes.model(graph)
    how = dict(guider=scenes.guider(graph, model), sampler=scenes.euler(graph))
    how |= dict(sigmas=scenes.sigmas(graph, model, 2))
    node = picking(graph, random(graph), pick=3)
    third = graph("LatentFromBatch", samples=empty(graph, 4), batch_index=2, length=1)[0]
    picked = scenes.sampled(graph, **how, noise=node[0], latent_image=node[1])
    plain = scenes.sampled(graph, **how, noise=random(graph), latent_image=third)
    scenes.dump(graph, picked=picked, plain=plain)
    server.run(graph)
    assert torch.equal(*scenes.samples(server, "picked", "plain"))


def test_pictures_and_their_masks_take_turns_among_the_candidates(server, graph):
    photos = scenes.photo(graph, batch_size=2)
    batch = graph("EmptyImage", width=16, height=16, batch_size=2, color=0xFF0000)[0]
    masks = graph("ImageToMask", image=batch, channel="red")[0]
    masked = graph("SetLatentNoiseMask", samples=photos, mask=masks)[0]
    for pick in (0, 2, 3):
        node = graph("Img2NoisePickNoise", noise=random(graph), latent=masked, count=3, pick=pick, wait=False)
        scenes.dump(graph, **{f"turn-{pick}": node[1]})
    scenes.dump(graph, photos=photos)
    server.run(graph)
    pictures = server.tensors("photos")["samples"]
    for pick, turns in ((0, [0, 1, 0]), (2, [1]), (3, [0])):
        found = server.tensors(f"turn-{pick}")
        assert torch.equal(found["samples"], pictures[turns])
        assert len(found["noise_mask"]) == len(turns)


def test_waiting_ends_in_success_shows_the_candidates_and_samples_nothing(server, graph):
    node = picking(graph, random(graph), pick=0, wait=True)
    for name, wire in (("silent-latent", node[1]), ("heard", node[2])):
        graph("TestDump", value=wire, name=name)
    graph("TestDumpNoise", noise=node[0], latent=empty(graph), name="silent-noise")
    outputs = server.run(graph)
    assert len(outputs[node][KEY][0]["pictures"]) == 4
    assert len(server.tensors("heard")["image"]) == 4
    assert not list(server.output.glob("silent-*"))


def shown(server, **inputs) -> dict:
    """What the node shows, and the names of its pictures."""
    graph = Graph(server.object_info)
    seed = inputs.pop("noise_seed", 8)
    inputs = dict(pick=0, wait=True, count=4) | inputs
    latent = empty(graph) if inputs.pop("latent", True) else scenes.photo(graph)
    node = graph(
        "Img2NoisePickNoise", noise=graph("RandomNoise", noise_seed=seed)[0], latent=latent, **inputs
    )
    graph("TestAnew", value=node[2], again=json.dumps([seed, inputs]))
    return server.run(graph)[node][KEY][0]


def test_a_fingerprint_tells_seed_count_and_latent_and_not_the_pick(server):
    first = shown(server)
    assert shown(server, pick=2, wait=False) == first
    others = [shown(server, noise_seed=9), shown(server, count=5), shown(server, latent=False)]
    for other in others:
        assert other["fingerprint"] != first["fingerprint"] and other["pictures"] != first["pictures"]
    kinds = [kind for kind, _ in first["fingerprint"]]
    assert kinds == ["Img2NoisePickNoise", "EmptyLatentImage", "RandomNoise"]
    assert first["fingerprint"][0][1] == dict(
        count=4, latent=dict(node=1, output=0), noise=dict(node=2, output=0)
    )


def test_pictures_lie_in_the_temp_folder_and_the_result_holds_only_their_names(server):
    found = shown(server)
    for picture in found["pictures"]:
        assert picture["type"] == "temp" and server.picture(picture).shape == (16, 16, 3)
    assert len({picture["filename"] for picture in found["pictures"]}) == 4
    assert len(json.dumps(found)) < 2000


def test_a_preview_is_the_dewhitened_row_decoded(server, graph):
    noise = random(graph)
    node = picking(graph, noise, pick=0, whitener=whitener(graph), vae=vae(graph))
    other = graph(
        "Img2NoisePreviewNoise", noise=noise, latent=empty(graph, 4), whitener=whitener(graph), vae=vae(graph)
    )
    as_latent = graph("Img2NoiseNoiseToLatent", noise=noise, latent=empty(graph, 4))[0]
    white = graph("Img2NoiseDewhitenLatent", latent=as_latent, whitener=whitener(graph))[0]
    decoded = graph("VAEDecode", samples=white, vae=vae(graph))[0]
    scenes.dump(graph, preview=node[2], other=other[0], decoded=decoded)
    server.run(graph)
    preview, other, decoded = (server.tensors(name)["image"] for name in ("preview", "other", "decoded"))
    torch.testing.assert_close(preview, decoded, atol=1e-4, rtol=0)
    torch.testing.assert_close(other, decoded, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name, channels", [("sd3", 16), ("flux", 16), ("flux2", 128)])
def test_the_noise_of_newer_models_is_shown_in_their_own_colors(server, graph, name, channels):
    latent = scenes.photo(graph, channels=channels)
    found = graph("Img2NoiseLoadWhitener", whitener_name=name)[0]
    for title, more in (("plain", {}), ("seen", dict(whitener=found))):
        node = graph("Img2NoisePickNoise", noise=random(graph), latent=latent, count=2, pick=0, **more)
        scenes.dump(graph, **{title: node[2]})
    server.run(graph)
    plain, seen = (server.tensors(title)["image"] for title in ("plain", "seen"))
    assert seen.shape == plain.shape and seen.shape[-1] == 3 and float(seen.std()) > 0.02
    rough = [float((image.diff(dim=1) ** 2).mean() / image.var()) for image in (plain, seen)]
    assert rough[1] < 0.5 * rough[0]  # neighbors are alike, as in pictures


def test_noise_for_a_picture_brings_its_own_whitener(server, graph):
    wires = dict(latent=empty(graph), vae=vae(graph))
    for name, more in (("own", {}), ("given", dict(whitener=whitener(graph)))):
        preview = graph("Img2NoisePreviewNoise", noise=correlated(graph), **wires, **more)[0]
        scenes.dump(graph, **{name: preview})
    server.run(graph)
    assert torch.equal(*(server.tensors(name)["image"] for name in ("own", "given")))


def test_a_guider_shows_its_first_step_one_call_for_each_and_one_more_for_a_pick(server):
    variance, top = 20.0, 14.614641189575195
    share = variance * (1 + top**2) ** 0.5 / (variance + top**2)  # of E[x0 | x] in x = (1 + top^2)^(1/2) z

    def run(pick: int) -> list[int]:
        graph = Graph(server.object_info)
        heard = graph("TestCalls", model=scenes.model(graph), name="picking")[0]
        node = picking(graph, random(graph), pick=pick, guider=scenes.guider(graph, heard))
        told = graph("TestCallsTold", name="picking", after=node[2])
        exact = graph("TestGaussian", model=scenes.model(graph), variance=variance)[0]
        how = dict(vae=vae(graph), guider=scenes.guider(graph, exact))
        node = picking(graph, random(graph), pick=pick, **how)
        z = graph("Img2NoiseNoiseToLatent", noise=random(graph), latent=empty(graph, 4))[0]
        clean = graph("LatentMultiply", samples=z, multiplier=share / SCALE)[0]
        decoded = graph("VAEDecode", samples=clean, vae=vae(graph))[0]
        scenes.dump(graph, **{f"guided-{pick}": node[2], "expected": decoded})
        return json.loads(scenes.told(server.run(graph), told))

    assert run(0) == [1, 1, 1, 1]
    assert run(2) == [1] * 5  # the model is not loaded anew, and goes on counting
    expected = server.tensors("expected")["image"]
    torch.testing.assert_close(server.tensors("guided-0")["image"], expected, atol=2e-3, rtol=0)
    torch.testing.assert_close(server.tensors("guided-2")["image"], expected[1:2], atol=2e-3, rtol=0)


@pytest.mark.parametrize(
    "wrong, word",
    [
        (dict(noise=lambda g: g("DisableNoise")[0]), "same noise"),
        (dict(vae=vae, latent=lambda g: scenes.photo(g, channels=16)), "VAE"),
    ],
)
def test_what_cannot_be_picked_from_is_one_clear_sentence(server, graph, wrong, word):
    inputs = dict(noise=random(graph), latent=scenes.photo(graph), count=4)
    inputs |= {name: value(graph) if callable(value) else value for name, value in wrong.items()}
    graph("Img2NoisePickNoise", **inputs)
    assert word in scenes.refusal(server, graph, "Img2NoisePickNoise")


def test_a_sheet_is_the_previews_by_similarity_and_seed(server, graph):
    photo, names = scenes.photo(graph), []
    how = dict(latent=photo, whitener=whitener(graph))
    sheet = graph(
        "Img2NoiseNoiseSheet", **how, similarities="0.5, 0.9", noise_seed=3, seeds=2, vae=vae(graph)
    )
    lam = img2noise.load("sd").at_size(16, 16).eigenvalues(torch.zeros(1))
    for similarity in (0.5, 0.9):
        for seed in (3, 4):
            heat = img2noise.noise.temperature_for(lam, similarity)
            noise = graph("Img2NoiseCorrelatedNoise", **how, temperature=heat, noise_seed=seed)[0]
            names.append(f"{similarity:g}, seed {seed}")
            preview = graph("Img2NoisePreviewNoise", noise=noise, latent=photo, vae=vae(graph))[0]
            scenes.dump(graph, **{names[-1]: preview})
    scenes.dump(graph, sheet=sheet[0])
    server.run(graph)
    cells = [(name, (server.tensors(name)["image"][0] * 255).round().byte().numpy()) for name in names]
    expected = torch.from_numpy(plots.contact_sheet(cells, 2)).float()[None] / 255
    found = server.tensors("sheet")["image"]
    assert found.shape == expected.shape and float((found - expected).abs().mean()) < 1e-3
