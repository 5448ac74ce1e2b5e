"""What a server still holds once it has been told to let go, and pictures of a size that nothing else has."""

from __future__ import annotations

import time

from .server import Server

ODD = dict(width=11, height=13)  # latents
SIDES = (11, 13, 4 * 11 * 13)  # of tensors that come of them


def left_behind(server: Server, sides: tuple[int, ...], seconds: float = 20.0) -> list[str]:
    """Tensors with one of these sides, and objects of the pack's, that outlive models, caches and outputs."""
    until = time.monotonic() + seconds
    server.post("/free", {"unload_models": True, "free_memory": True})
    while True:
        found = server.get_json(f"/testing_pack/alive?sides={','.join(map(str, sides))}")
        left = [f"a tensor {shape}" for shape in found["shapes"]] + found["kinds"]
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.1)
