"""The numbers of pictures in a batch: which stored row belongs to which picture, and which draw of a seed.

Core numbers the rows of a LATENT by its `batch_index`, else 0, 1, 2 ... Latent From Batch and Rebatch
Latents keep the numbers of the rows they pick. Batch Latents joins the lists as they are, so that two
pictures may share a number. Numbers that repeat identify nothing: then only the order counts. A picture gets
its own row or an error, never another picture's row. No function here needs ComfyUI or torch.
"""

from __future__ import annotations

from collections.abc import Sequence


def places(asked: Sequence[int], stored: Sequence[int]) -> list[int] | None:
    """Return the stored row for each picture asked for, or None where that cannot be said.

    By number where neither list repeats one and all numbers asked for are stored; else by position where both
    lists are of one length.
    """
    asked, stored = list(asked), list(stored)
    if unique(asked) and unique(stored) and set(asked) <= set(stored):
        return [stored.index(number) for number in asked]
    return list(range(len(stored))) if len(asked) == len(stored) else None


def turns(asked: Sequence[int], stored: Sequence[int]) -> list[int]:
    """Return a stored row for each picture asked for where there may be more pictures than rows: as `places`
    does, else the row of that number, else the rows take turns.
    """
    found = places(asked, stored)
    if found is not None:
        return found
    known = {number: row for row, number in enumerate(stored)} if unique(asked) and unique(stored) else {}
    return [known.get(number, draw % len(stored)) for number, draw in zip(asked, draws(asked), strict=True)]


def shared(asked: Sequence[int], stored: Sequence[int]) -> list[int]:
    """Return the numbers asked for that several stored rows have, where only the order could tell them apart
    and the lists differ in length.
    """
    if len(asked) == len(stored):
        return []
    return sorted({number for number in asked if list(stored).count(number) > 1})


def draws(numbers: Sequence[int]) -> list[int]:
    """Return which draw of a seed each picture gets: that of its number, or of its position where numbers
    repeat.
    """
    return list(numbers) if unique(numbers) else list(range(len(numbers)))


def repeated(numbers: Sequence[int], count: int) -> list[int]:
    """Return `count` numbers for pictures that are repeated in turns, as core's Repeat Latent Batch numbers
    them.
    """
    offset = max(numbers) - min(numbers) + 1
    rounds = -(-count // len(numbers))
    return [number + i * offset for i in range(rounds) for number in numbers][:count]


def numbered(latent: dict, numbers: Sequence[int]) -> dict:
    """Return the LATENT with a `batch_index`, or without one where the numbers are 0, 1, 2 ..."""
    latent = {key: value for key, value in latent.items() if key != "batch_index"}
    plain = list(numbers) == list(range(len(numbers)))
    return latent if plain else {**latent, "batch_index": list(numbers)}


def unique(numbers: Sequence[int]) -> bool:
    """Return whether no number repeats."""
    return len(set(numbers)) == len(numbers)


def words(numbers: Sequence[int]) -> str:
    """Return the numbers as text, shortened in the middle."""
    shown = [str(number) for number in numbers]
    return ", ".join(shown if len(shown) <= 8 else [*shown[:6], "...", shown[-1]])
