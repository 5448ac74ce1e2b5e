"""What a method gives back for the same prompt, and how far the edits of two seeds are apart.

    reconstruction  RMS(result - source) with the source's prompt as target, at guidance 1, over the picture
    diversity       RMS(one edit - another) over the region, of two seeds, of pixels in [0, 1]

As Table 2 of Huberman-Spiegelglas et al. (2024) puts methods side by side, with the truth where it had CLIP.
"""

from __future__ import annotations

from functools import partial

import torch

from world.model import decode

from .methods import edit, inversion, sdedit
from .network import Network
from .scenes import Batch, Edit
from .scores import NAMES, mean, rms, score

METHODS = {
    "SDEdit, white noise, denoise .7": partial(sdedit, denoise=0.7),
    "SDEdit, correlated T 1, denoise .7": partial(sdedit, denoise=0.7, temperature=1.0),
    "DDIM inversion": inversion,
    "DDIM inversion, forward 4%": partial(inversion, forward=1),
    "edit-friendly, eta 1, skip 7": partial(edit, eta=1.0, skip=7),
    "edit-friendly, eta 1, skip 12": partial(edit, eta=1.0, skip=12),
    "FlowEdit, eta 0, skip 7": partial(edit, eta=0.0, skip=7),
    "FlowEdit, eta 0, skip 12": partial(edit, eta=0.0, skip=12),
}


def side_by_side(network: Network, batch: Batch) -> list[dict]:
    """Return a row for each method; its edits are at the guidance of the other tables."""
    same, out = Batch([Edit(e.kind, e.source, e.source) for e in batch.edits], batch.numbers), []
    whole = torch.ones_like(batch.inside)
    for name, run in METHODS.items():
        back = decode(run(network, same, guidance=1.0))
        one, other = (run(network, batch, seed=seed) for seed in (0, 1))
        scores = {score_name: mean(values)[0] for score_name, values in score(batch, one).items()}
        out.append(
            {
                "method": name,
                "reconstruction": mean(rms(back - batch.kept, whole).tolist())[0],
                **{score_name: scores[score_name] for score_name in NAMES},
                "diversity": mean(rms(decode(one) - decode(other), batch.inside).tolist())[0],
            }
        )
    return out
