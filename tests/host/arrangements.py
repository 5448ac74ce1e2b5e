"""Batches of different pictures as core's nodes arrange them, by what they are called in tests."""

from __future__ import annotations

from .graphs import Graph
from .scenes import photo

SMALL = dict(width=8, height=8)


def batch(graph: Graph, count: int = 4, seed: int = 3) -> list:
    return photo(graph, seed=seed, batch_size=count, **SMALL)


def picked(graph: Graph, latent: list, start: int, length: int) -> list:
    return graph("LatentFromBatch", samples=latent, batch_index=start, length=length)[0]


def joined(graph: Graph, *latents: list) -> list:
    """Latents joined by core's Batch Latents, one after another."""
    first, *others = latents
    for other in others:
        first = graph("LatentBatch", samples1=first, samples2=other)[0]
    return first


def repeated(graph: Graph, latent: list, amount: int) -> list:
    return graph("RepeatLatentBatch", samples=latent, amount=amount)[0]


def rebatched(graph: Graph, latent: list, size: int, which: int) -> list:
    """One of the batches into which core's Rebatch Latents splits a latent."""
    parts = graph("RebatchLatents", latents=latent, batch_size=size)[0]
    return graph("TestPick", values=parts, which=which)[0]


def turned(graph: Graph) -> list:
    """Rows 3, 2, 1 and 0 of a batch."""
    return joined(graph, *(picked(graph, batch(graph), row, 1) for row in (3, 2, 1, 0)))


ARRANGED = {  # and the numbers that core gives them
    "batch": batch,  # none
    "joined": lambda g: joined(g, batch(g, 1, 3), batch(g, 1, 4)),  # 0 0
    "joined three": lambda g: joined(g, *(batch(g, 1, seed) for seed in (3, 4, 5))),  # 0 0 0
    "joined batches": lambda g: joined(g, batch(g, 2, 3), batch(g, 2, 4)),  # 0 1 0 1
    "joined with a picked one": lambda g: joined(g, batch(g, 1, 4), picked(g, batch(g), 2, 1)),  # 0 2
    **{
        f"picked from {start}, {length}": lambda g, s=start, n=length: picked(g, batch(g), s, n)
        for start in (1, 2)
        for length in (1, 2, 3)
    },
    "picked out of joined ones": lambda g: picked(g, joined(g, batch(g, 1, 3), batch(g, 1, 4)), 1, 1),  # 0
    "reversed": turned,  # 3 2 1 0
    "one repeated": lambda g: repeated(g, batch(g, 1), 3),  # none
    "a picked one repeated": lambda g: repeated(g, picked(g, batch(g), 2, 1), 3),  # 2 3 4
    "joined ones repeated": lambda g: repeated(g, joined(g, batch(g, 1, 3), batch(g, 1, 4)), 2),  # 0 0 1 1
    "rebatched, first": lambda g: rebatched(g, batch(g), 3, 0),  # 0 1 2
    "rebatched, last": lambda g: rebatched(g, batch(g), 3, 1),  # 3
    "joined ones rebatched": lambda g: rebatched(g, joined(g, batch(g, 2, 3), batch(g, 2, 4)), 3, 0),  # 0 1 0
}
