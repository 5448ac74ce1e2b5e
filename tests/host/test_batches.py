"""A picture of a batch gets its own noise, however core's nodes join, pick, repeat or split the batch."""

from __future__ import annotations

import pytest
import torch

import img2noise

from .arrangements import ARRANGED, joined, picked
from .graphs import Graph
from .scenes import (
    dump,
    guider,
    inversion,
    model,
    newest,
    no_noise,
    photo,
    refusal,
    replayed,
    sampled,
    samples,
    sigmas,
)

SMALL = dict(width=8, height=8)
SCALE = img2noise.whitening.SPACES["sd"].scale_factor
CLOSE = dict(temperature_start=0.0, temperature_end=0.0, iterations=4000)  # the search takes no step back


def gaussian(graph: Graph) -> list:
    return graph("TestGaussian", model=model(graph), variance=0.7)[0]


def whitener(graph: Graph) -> list:
    return graph("Img2NoiseLoadWhitener", whitener_name="sd")[0]


def stored(graph: Graph, latent: list) -> list:
    return graph("Img2NoiseLatentToNoise", latent=latent)[0]


def annealed(graph: Graph, latent: list) -> list:
    return graph("Img2NoiseAnnealedNoise", latent=latent, whitener=whitener(graph), **CLOSE)[0]


def correlated(graph: Graph, latent: list) -> list:
    how = dict(whitener=whitener(graph), temperature=0.01)
    return graph("Img2NoiseCorrelatedNoise", latent=latent, **how)[0]


def blended(graph: Graph, latent: list) -> list:
    noises = dict(noise_a=stored(graph, latent), noise_b=stored(graph, latent))
    return graph("Img2NoiseBlendNoises", **noises, weight=0.3)[0]


def first_step(graph: Graph, latent: list) -> list:
    who = guider(graph, gaussian(graph))
    return graph("Img2NoiseFirstStepInversion", guider=who, latent=latent, iterations=3, stop="iterations")[0]


def inverted(graph: Graph, latent: list) -> list:
    """Noise of an inversion that a sampler has made."""
    found = gaussian(graph)
    sampler = graph("Img2NoiseInversionSampler", scheme="implicit", forward_fraction=0.0)[0]
    wires = dict(noise=no_noise(graph), guider=guider(graph, found), sampler=sampler)
    x = sampled(graph, **wires, sigmas=sigmas(graph, found, 3), latent_image=latent)
    return graph("Img2NoiseInvertedNoise", model=found, sigmas=sigmas(graph, found, 3), latent=x)[0]


def there_and_back(graph: Graph, latent: list) -> list:
    """Noise that was written into a latent."""
    there = graph("Img2NoiseNoiseToLatent", noise=correlated(graph, latent), latent=latent)[0]
    return stored(graph, there)


def first_steps_latent(graph: Graph, latent: list) -> list:
    """Noise from the latent that First-Step Inversion gives beside its noise."""
    who = guider(graph, gaussian(graph))
    how = dict(guider=who, latent=latent, iterations=3, stop="iterations")
    return stored(graph, graph("Img2NoiseFirstStepInversion", **how)[1])


MAKERS = [stored, annealed, correlated, blended, first_step, inverted, there_and_back, first_steps_latent]
WHITENED = annealed, correlated, there_and_back


def similarity(maker, noise: torch.Tensor, photos: torch.Tensor) -> float:
    """The least correlation of what a noise makes with the picture in the same row."""
    made = img2noise.load("sd").dewhiten(noise) / SCALE if maker in WHITENED else noise
    rows = zip(made.flatten(1), photos.flatten(1), strict=True)
    return min(float(torch.corrcoef(torch.stack(pair))[0, 1]) for pair in rows)


def all_like(server, graph: Graph, made_of: list, asked: list, makers=MAKERS, repeats: int = 1) -> None:
    """Fails unless each noise made of one latent and asked for another is that of the pictures in `asked`, or
    of `made_of` where the other holds none.
    """
    pictures = asked if graph[asked[0]]["class_type"] != "EmptyLatentImage" else made_of
    for maker in makers:
        graph("TestDumpNoise", noise=maker(graph, made_of), latent=asked, name=maker.__name__)
    dump(graph, photo=pictures)
    server.run(graph)
    photos = server.tensors("photo")["samples"].repeat(repeats, 1, 1, 1)
    found = {maker: server.tensors(maker.__name__)["noise"] for maker in makers}
    alike = {maker.__name__: similarity(maker, noise, photos) for maker, noise in found.items()}
    assert min(alike.values()) > 0.7, alike


@pytest.mark.parametrize("name", ARRANGED)
def test_each_picture_gets_the_noise_that_was_made_of_it(server, graph, name):
    latent = ARRANGED[name](graph)
    all_like(server, graph, latent, latent)


@pytest.mark.parametrize(("start", "length"), [(0, 1), (1, 1), (1, 2), (1, 3), (2, 1), (2, 2)])
@pytest.mark.parametrize("of", ["batch", "picked from 1, 3", "reversed"])
def test_a_picture_that_is_picked_later_gets_its_own(server, graph, of, start, length):
    latent = ARRANGED[of](graph)
    all_like(server, graph, latent, picked(graph, latent, start, length))


def mapped(graph: Graph, latent: list) -> tuple[list, list]:
    """Noise maps of a latent, and the guider that they are made with."""
    who = guider(graph, gaussian(graph))
    return inversion(graph, who, sigmas(graph, gaussian(graph), 3), latent)[0], who


def come_back(server, graph: Graph, latent: list, **results) -> None:
    """Fails unless each result is the pictures of the latent."""
    dump(graph, photo=latent, **results)
    server.run(graph)
    photos, *found = samples(server, "photo", *results)
    for result in found:
        torch.testing.assert_close(result, photos, atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", ARRANGED)
def test_noise_maps_give_each_picture_back(server, graph, name):
    latent = ARRANGED[name](graph)
    maps, who = mapped(graph, latent)
    how = dict(sigmas=sigmas(graph, gaussian(graph), 3), latent=latent, skip=0.34)
    one = graph("Img2NoisePromptEdit", source=who, target=who, **how)[0]
    beside = replayed(graph, maps, who, latent=latent)
    come_back(server, graph, latent, back=replayed(graph, maps, who), one=one, beside=beside)


def half(graph: Graph, latent: list) -> list:
    """The latent, with a mask that lets half of an edit through."""
    mask = graph("SolidMask", value=0.5, width=64, height=64)[0]
    return graph("SetLatentNoiseMask", samples=latent, mask=mask)[0]


PLAYED = {
    "as they are": lambda g, latent: latent,
    "two of them": lambda g, latent: picked(g, latent, 1, 2),
    "in another order": lambda g, latent: joined(g, *(picked(g, latent, row, 1) for row in (2, 0, 1))),
}


@pytest.mark.parametrize(
    ("name", "played"),
    [(name, played) for name in ("batch", "picked from 1, 3", "reversed") for played in PLAYED]
    + [("joined", "as they are"), ("joined batches", "as they are")],
)
def test_noise_maps_are_played_for_the_pictures_that_the_latent_holds(server, graph, name, played):
    latent = ARRANGED[name](graph)
    maps, who = mapped(graph, latent)
    latent = PLAYED[played](graph, latent)
    come_back(server, graph, latent, back=replayed(graph, maps, who, latent=half(graph, latent)))


def test_maps_of_joined_pictures_are_refused_for_one_of_them(server, graph):
    latent = ARRANGED["joined"](graph)
    maps, who = mapped(graph, latent)
    dump(graph, refused=replayed(graph, maps, who, latent=picked(graph, latent, 1, 1)))
    assert "for noise maps of 2 x 4 x 8 x 8" in refusal(server, graph, "Img2NoiseSampleNoiseMaps")


def test_noise_maps_keep_the_numbers_of_their_pictures_in_a_file(server, graph):
    maps, _ = mapped(graph, ARRANGED["picked from 1, 3"](graph))
    graph("Img2NoiseSaveNoiseMaps", noise_maps=maps, filename_prefix="numbered")
    server.run(graph)
    file = newest(server.output / "img2noise", "numbered")
    assert img2noise.load(file).numbers == (1, 2, 3)
    later = Graph(server.object_info)
    maps = later("Img2NoiseLoadNoiseMaps", file=file.name)[0]
    latent, who = picked(later, ARRANGED["batch"](later), 2, 2), guider(later, gaussian(later))
    come_back(server, later, latent, back=replayed(later, maps, who, latent=latent))


def twice(graph: Graph) -> list:
    """One picture joined with itself, as core numbers that: 0 and 0."""
    return graph("LatentBatch", samples1=photo(graph, **SMALL), samples2=photo(graph, **SMALL))[0]


@pytest.mark.parametrize("maker", [annealed, correlated])
def test_one_picture_joined_with_itself_gets_two_draws(server, graph, maker):
    graph("TestDumpNoise", noise=maker(graph, twice(graph)), latent=twice(graph), name="two")
    dump(graph, photo=twice(graph))
    server.run(graph)
    assert torch.equal(*server.tensors("photo")["samples"])
    assert not torch.equal(*server.tensors("two")["noise"])


def test_and_two_edits(server, graph):
    other = graph("TestGaussian", model=model(graph), variance=3.0)[0]
    maps, _ = mapped(graph, twice(graph))
    dump(graph, edits=replayed(graph, maps, guider(graph, other)))
    server.run(graph)
    first, second = server.tensors("edits")["samples"]
    assert float((first - second).std()) > 0.02


def test_a_picture_that_is_picked_before_a_search_is_searched_as_in_its_batch(server, graph):
    batch = ARRANGED["batch"](graph)
    dump(graph, photo=batch)
    graph("TestDumpNoise", noise=annealed(graph, batch), latent=batch, name="all")
    one = picked(graph, batch, 2, 1)
    graph("TestDumpNoise", noise=annealed(graph, one), latent=one, name="one")
    server.run(graph)
    assert torch.equal(server.tensors("all")["noise"][2:3], server.tensors("one")["noise"])


@pytest.mark.parametrize("maker", [m for m in MAKERS if m is not correlated])
def test_a_picture_picked_out_of_joined_ones_cannot_be_told_apart_and_is_refused(server, graph, maker):
    two = ARRANGED["joined"](graph)
    graph("TestDumpNoise", noise=maker(graph, two), latent=picked(graph, two, 1, 1), name="refused")
    said = refusal(server, graph, "TestDumpNoise")
    assert "2 stored noises of pictures numbered 0, 0 for 1 latents numbered 0" in said


def test_nor_can_it_be_told_which_reference_is_meant(server, graph):
    joined = ARRANGED["joined"](graph)
    graph(
        "TestDumpNoise", noise=correlated(graph, joined), latent=picked(graph, joined, 1, 1), name="refused"
    )
    assert "a number that several of the 2 references have" in refusal(server, graph, "TestDumpNoise")


def test_references_take_turns_where_there_are_more_pictures(server, graph):
    empty = graph("EmptyLatentImage", width=64, height=64, batch_size=4)[0]
    all_like(server, graph, ARRANGED["joined"](graph), empty, [correlated], repeats=2)


@pytest.mark.parametrize("side", [64, 65])
@pytest.mark.parametrize("numbered", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_cores_random_noise_is_drawn_row_by_row_for_numbered_and_for_single_pictures(
    server, graph, side, numbered, count
):
    """And for a plain batch where its rows hold a multiple of 16 numbers, but not elsewhere."""
    latent = graph("TestLatent", width=side, height=side, batch_size=4 if numbered else count)[0]
    latent = picked(graph, latent, 1, count) if numbered else latent
    how = dict(latent=latent, whitener=whitener(graph), noise_seed=5, strength=0.0)
    plain = graph("Img2NoiseCorrelatedNoise", **how)[0]
    for name, noise in (("plain", plain), ("core", graph("RandomNoise", noise_seed=5)[0])):
        graph("TestDumpNoise", noise=noise, latent=latent, name=name)
    server.run(graph)
    plain, core = (server.tensors(name)["noise"] for name in ("plain", "core"))
    drawn = img2noise.draw(plain.shape, 5, range(1, 1 + count) if numbered else None)
    assert torch.equal(plain, drawn)
    rows_equal = [torch.equal(a, b) for a, b in zip(core, plain, strict=True)]
    assert rows_equal == [numbered or count == 1 or side == 64] * count
