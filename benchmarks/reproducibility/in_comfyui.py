"""The same promises for nodes in a running ComfyUI, the newest at hand, with a tiny checkpoint."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.host import checkpoints, hosts, repeats
from tests.host.requirements import install_lacking
from tests.host.server import PACK, Server

from .comparing import Difference, difference
from .promises import AGAIN, BATCH, BIT_EQUAL

WITH_UNET = "batch of 1, 4, 8, a small UNet"
SUMMED = {  # their walks sum over a picture, which a batch may split in another way
    "Inversion Sampler, no forward fraction": 1e-4,
    "First-Step Inversion": 1e-5,
    "Prompt Edit": 1e-5,
}
PROMISES = {name: {AGAIN: BIT_EQUAL, BATCH: SUMMED.get(name, BIT_EQUAL)} for name in repeats.BUILT}


@contextmanager
def running() -> Iterator[Server]:
    """A ComfyUI with the pack in it, and its end; SystemExit where there is none."""
    found = hosts.found()
    if not found:
        raise SystemExit(f"found no ComfyUI to measure in; {hosts.HOW}")
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder, "site")
        site.mkdir()
        install_lacking(found[0].python, PACK / "requirements.txt", site)
        server = Server(found[0], Path(folder, "base"), site)
        try:
            checkpoints.write(server.models / "checkpoints", "sd")
            yield server
        finally:
            server.stop()


def again(server: Server, name: str) -> Difference:
    """Computed twice."""
    return _apart(*(repeats.made(server, name, again=f"{time}") for time in (1, 2)))


def in_batches(server: Server, name: str, network: str = repeats.EXACT) -> Difference:
    """Rows of smaller batches beside the same rows of the whole."""
    whole, total = repeats.made(server, name, network), Difference(True)
    for first, count in repeats.PARTS:
        part = repeats.made(server, name, network, first, count)
        total |= _apart(whole[first : first + count], part)
    return total


def _apart(a, b) -> Difference:
    return difference({"samples": a}, {"samples": b})


MEASURED = {
    AGAIN: again,
    BATCH: in_batches,
    WITH_UNET: lambda server, name: in_batches(server, name, repeats.UNET),
}
