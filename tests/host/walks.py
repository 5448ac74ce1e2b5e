"""Every long node once, small, on one model: what each makes, as latents to compare."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from . import checkpoints, scenes, test_guiders
from .graphs import Graph

SMALL, STEPS = dict(width=8, height=8), 4
MAPPED = ("maps_of", "recolored")  # which give noise maps, and no latent


def walked(server, again: str, change: Callable[[Graph, list], list] | None = None, file: str = "") -> dict:
    """name -> samples, of the model as it is or as `change(graph, model)` makes it."""
    graph = Graph(server.object_info)
    found = graph("CheckpointLoaderSimple", ckpt_name=file or checkpoints.name("sd"))[0]
    found = change(graph, found) if change else found
    who = graph("TestGuider", guider=scenes.guider(graph, found, cfg=3.0), again=again)[0]
    latent = scenes.photo(graph, **SMALL)
    made = {}
    for node in test_guiders.NODES:
        result = node(graph, found, who, latent, STEPS)
        made[node.__name__] = scenes.replayed(graph, result, who) if node.__name__ in MAPPED else result
    prompts = dict(positive=scenes.prompt(graph, 1), negative=scenes.prompt(graph, 99))
    how = dict(model=found, **prompts, latent_image=latent, **scenes.pictured(graph, latent))
    made["correlated"] = graph("Img2NoiseKSampler", **how, steps=STEPS, cfg=3.0)[0]
    scenes.dump(graph, photo=latent, **{f"{again} {name}": wire for name, wire in made.items()})
    server.run(graph)
    return {name: samples(server, f"{again} {name}") for name in made} | {"photo": samples(server, "photo")}


def samples(server, name: str) -> Tensor:
    return server.tensors(name)["samples"]


def error(found: Tensor, expected: Tensor) -> float:
    """RMS of the difference over that of what was expected."""
    return float((found - expected).double().norm() / expected.double().norm())
