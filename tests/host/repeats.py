"""Pictures of a batch through each node that draws or inverts, all together and a part at a time."""

from __future__ import annotations

from torch import Tensor

from . import checkpoints, scenes, test_guiders
from .graphs import Graph
from .walks import samples

COUNT, STEPS = 8, 4
PARTS = ((0, 1), (0, 4), (5, 2), (7, 1))  # first row, and how many
EXACT, UNET = "exact", "unet"  # networks: one that treats each picture by itself, and a small UNet


def _ksampler(graph: Graph, found: list, who: list, latent: list) -> list:
    prompts = dict(positive=scenes.prompt(graph, 1), negative=scenes.prompt(graph, 99))
    wires = dict(model=found, **prompts, latent_image=latent, **scenes.pictured(graph))
    return graph("Img2NoiseKSampler", **wires, steps=STEPS, cfg=3.0)[0]


def _correlated(graph: Graph, found: list, who: list, latent: list) -> list:
    picture = scenes.photo(graph, width=8, height=8)
    noise = graph("Img2NoiseCorrelatedNoise", latent=picture, whitener=_whitener(graph), noise_seed=4)[0]
    wires = dict(noise=noise, guider=who, sampler=scenes.euler(graph), latent_image=latent)
    return scenes.sampled(graph, **wires, sigmas=scenes.sigmas(graph, found, STEPS))


def _blended(graph: Graph, found: list, who: list, latent: list) -> list:
    noises = [graph("RandomNoise", noise_seed=seed)[0] for seed in (1, 2)]
    blend = graph("Img2NoiseBlendNoises", noise_a=noises[0], noise_b=noises[1], weight=0.3)[0]
    return graph("Img2NoiseNoiseToLatent", noise=blend, latent=latent)[0]


def _whitened(graph: Graph, found: list, who: list, latent: list) -> list:
    return graph("Img2NoiseWhitenLatent", latent=latent, whitener=_whitener(graph))[0]


def _inverted(graph: Graph, found: list, who: list, latent: list) -> list:
    sampler = graph("Img2NoiseInversionSampler", scheme="implicit", forward_fraction=0.0)[0]
    wires = dict(noise=scenes.no_noise(graph), guider=who, sampler=sampler, latent_image=latent)
    return scenes.sampled(graph, **wires, sigmas=scenes.sigmas(graph, found, STEPS))


def _replayed(node):
    def build(graph: Graph, found: list, who: list, latent: list) -> list:
        return scenes.replayed(graph, node(graph, found, who, latent, STEPS), who)

    return build


def _as_it_is(node):
    return lambda graph, found, who, latent: node(graph, found, who, latent, STEPS)


def _whitener(graph: Graph) -> list:
    return graph("Img2NoiseLoadWhitener", whitener_name="sd")[0]


BUILT = {
    "KSampler (from Image)": _ksampler,
    "Correlated Noise, sampled with Euler": _correlated,
    "Blend Noises of two RandomNoise": _blended,
    "Whiten Latent": _whitened,
    "Inversion Sampler, no forward fraction": _inverted,
    "First-Step Inversion": _as_it_is(test_guiders.first_step),
    "Image to Noise Maps, played": _replayed(test_guiders.maps_of),
    "Recolor Noise Maps, played": _replayed(test_guiders.recolored),
    "Prompt Edit": _as_it_is(test_guiders.edited),
}


def made(server, name: str, network: str = EXACT, first: int = 0, count: int = COUNT, again="") -> Tensor:
    """The rows (count, 4, 8, 8) that a node makes of a part of the batch, computed anew."""
    graph = Graph(server.object_info)
    found = graph("CheckpointLoaderSimple", ckpt_name=checkpoints.name("sd"))[0]
    if network == EXACT:
        found = graph("TestGaussian", model=found)[0]
    batch = graph("TestLatent", seed=3, batch_size=COUNT, width=8, height=8)[0]
    batch = graph("TestAnew", value=batch, again=f"{name} {network} {first} {count} {again}")[0]
    if count < COUNT:
        batch = graph("LatentFromBatch", samples=batch, batch_index=first, length=count)[0]
    result = BUILT[name](graph, found, scenes.guider(graph, found, cfg=3.0), batch)
    scenes.dump(graph, repeated=result)
    server.run(graph)
    return samples(server, "repeated")
