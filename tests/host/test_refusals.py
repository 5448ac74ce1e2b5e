"""What the edit-friendly nodes cannot work with is one sentence on the node, and the queue goes on."""

from __future__ import annotations

import pytest

from .graphs import Graph
from .scenes import dump, flow, guider, model, photo, refusal, sampled, sigmas, written

SMALL = dict(width=8, height=8)


def gaussian(graph: Graph) -> list:
    return graph("TestGaussian", model=model(graph))[0]


def wires(graph: Graph, found: list | None = None, **changed) -> dict:
    """What an inversion takes, some of it exchanged."""
    found = found or gaussian(graph)
    whole = dict(sigmas=sigmas(graph, gaussian(graph), 4), latent=photo(graph, **SMALL), skip=1)
    return {"guider": guider(graph, found), **whole, **changed}


def inverted(graph: Graph, **changed) -> list:
    return graph("Img2NoiseEditFriendlyInversion", **wires(graph, **changed))[0]


def edited(graph: Graph, found: list | None = None, target: list | None = None, **changed) -> list:
    whole = wires(graph, found, **changed)
    whole["source"] = whole.pop("guider")
    whole["target"] = guider(graph, target or gaussian(graph))
    return graph("Img2NoiseEditFriendlyEdit", **whole)[0]


def replayed(graph: Graph, found: list | None = None, **changed) -> list:
    node = graph("Img2NoiseEditFriendlySampler", noise_maps=inverted(graph))
    whole = dict(sampler=node[0], noise=graph("DisableNoise")[0], sigmas=node[2], latent_image=node[3])
    return sampled(graph, guider=guider(graph, found or gaussian(graph)), **{**whole, **changed})


def recoloured(graph: Graph, found: list | None = None, **changed) -> list:
    whole = dict(guider=guider(graph, found or gaussian(graph)), noise_maps=inverted(graph))
    whole["colour"], whole["mask"] = photo(graph, **SMALL), mask(graph, 1)
    return graph("Img2NoiseRecolourNoiseMaps", **{**whole, **changed})[0]


def mask(graph: Graph, count: int) -> list:
    one = graph("SolidMask", value=0.5, width=64, height=64)[0]
    picture = graph("MaskToImage", mask=one)[0]
    many = graph("RepeatImageBatch", image=picture, amount=count)[0]
    return graph("ImageToMask", image=many, channel="red")[0]


def empty(graph: Graph, masked: bool = False) -> list:
    latent = graph("EmptyLatentImage", width=64, height=64)[0]
    return graph("SetLatentNoiseMask", samples=latent, mask=mask(graph, 1))[0] if masked else latent


def odd(graph: Graph, kind: str) -> list:
    return graph("TestOddLatent", kind=kind)[0]


def moved(graph: Graph) -> list:
    return graph("Img2NoiseShiftNoiseMaps", noise_maps=inverted(graph), right=8)[0]


BY_INVERSION = {  # and by the edit in one, which begins alike
    "no steps": (lambda g: dict(sigmas=written(g, "")), "shape (0,)"),
    "one sigma": (lambda g: dict(sigmas=written(g, "5")), "shape (1,)"),
    "upwards": (lambda g: dict(sigmas=written(g, "0.0001 1 5")), "descend at every step and end in 0"),
    "not to 0": (lambda g: dict(sigmas=written(g, "5 3 1")), "descend at every step and end in 0"),
    "more skipped than there are": (lambda g: dict(skip=4), "skip 4 for 4 steps; it counts steps"),
    "no noise to keep": (lambda g: dict(eta=0.0), "eta = 0 adds no noise"),
    "an empty latent": (lambda g: dict(latent=empty(g)), "empty latent"),
    "a nested latent": (lambda g: dict(latent=odd(g, "nested")), "nested latent"),
    "a video's latent": (lambda g: dict(latent=odd(g, "video")), "(1, 4, 1, 8, 8)"),
    "NaN": (lambda g: dict(latent=odd(g, "nan")), "NaN"),
    "16 channels": (lambda g: dict(latent=photo(g, channels=16, **SMALL)), "(1, 16, 8, 8)"),
    "a flow model": (lambda g: dict(found=flow(g)), "flow model"),
}
BY_SAMPLER = {
    "other sigmas": (lambda g: dict(sigmas=sigmas(g, model(g), 5)), "6 sigmas"),
    "as many other sigmas": (lambda g: dict(sigmas=written(g, "9 5 1 0")), "4 sigmas"),
    "one sigma": (lambda g: dict(sigmas=written(g, "9")), "1 sigmas"),
    "a larger batch": (lambda g: dict(latent_image=photo(g, batch_size=2, **SMALL)), "2 x 4 x 8 x 8"),
    "another size": (lambda g: dict(latent_image=photo(g, width=12, height=8)), "1 x 4 x 8 x 12"),
    "another family": (lambda g: dict(found=model(g, "sdxl")), "sd latents for a model of sdxl latents"),
    "a mask on nothing": (lambda g: dict(latent_image=empty(g, masked=True)), "empty latent"),
    "a flow model": (lambda g: dict(found=flow(g)), "flow model"),
}
BY_RECOLOUR = {
    "a colour of another size": (lambda g: dict(colour=photo(g, width=12, height=8)), "1 x 4 x 8 x 12"),
    "masks for other pictures": (lambda g: dict(mask=mask(g, 3)), "3 masks"),
    "a band of nothing": (lambda g: dict(band_start=0.7, band_end=0.2), "first < last"),
    "another family": (lambda g: dict(found=model(g, "sdxl")), "sd latents for a model of sdxl latents"),
}
ASKED = {
    "Img2NoiseEditFriendlyInversion": (inverted, BY_INVERSION),
    "Img2NoiseEditFriendlyEdit": (edited, BY_INVERSION),
    "SamplerCustomAdvanced": (replayed, BY_SAMPLER),
    "Img2NoiseRecolourNoiseMaps": (recoloured, BY_RECOLOUR),
}
CASES = [(node, case) for node, (_, cases) in ASKED.items() for case in cases]


@pytest.mark.parametrize(("node", "case"), CASES)
def test_what_cannot_work_is_refused_in_one_sentence(server, graph, node, case):
    ask, cases = ASKED[node]
    change, words = cases[case]
    graph("TestText", value=ask(graph, **change(graph)))
    assert words in refusal(server, graph, node)


def test_two_models_of_different_latents_are_refused(server, graph):
    dump(graph, refused=edited(graph, target=model(graph, "sdxl")))
    assert "SD15 latents and a target of SDXL" in refusal(server, graph, "Img2NoiseEditFriendlyEdit")


def test_a_shift_as_large_as_the_picture_is_refused(server, graph):
    graph("TestText", value=moved(graph))
    assert "smaller than" in refusal(server, graph, "Img2NoiseShiftNoiseMaps")
