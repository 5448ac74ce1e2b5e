"""Nodes for tests alone: what no wire should carry, and yet some pack's node may put there."""

import torch
from comfy.nested_tensor import NestedTensor
from comfy_api.latest import io

PLAIN = torch.arange(256.0).view(1, 4, 8, 8) / 256 - 0.3
NAN, INFINITY = float("nan"), float("inf")


def spoilt(value: float, at: tuple = (0, 1, 2, 3)) -> torch.Tensor:
    """A fine latent but for one number."""
    x = PLAIN.clone()
    x[at] = value
    return x


class Answers:
    """A NOISE that answers so."""

    def __init__(self, answer, seed=0):
        self.answer, self.seed = answer, seed

    def generate_noise(self, latent):
        return self.answer


LATENTS = {
    "nested": {"samples": NestedTensor([PLAIN, PLAIN.clone()])},
    "video": {"samples": PLAIN.unsqueeze(2)},
    "nan": {"samples": spoilt(NAN)},
    "infinity": {"samples": spoilt(INFINITY)},
    "no samples": {},
    "no rows": {"samples": PLAIN[:0]},
    "three axes": {"samples": PLAIN[0]},
    "a list": {"samples": PLAIN.tolist()},
    "nothing": None,
    "two of one": {"samples": PLAIN.repeat(2, 1, 1, 1), "batch_index": [0]},
    "constant": {"samples": torch.full((1, 4, 8, 8), 0.5)},
}
MASKS = {
    "nan": torch.full((1, 64, 64), NAN),
    "loud": torch.full((1, 64, 64), 3.0),
    "no rows": torch.zeros(0, 64, 64),
    "one row of numbers": torch.ones(64),
}
IMAGES = {
    "nan": torch.full((1, 64, 64, 3), NAN),
    "gray": torch.rand(1, 64, 64, 1, generator=torch.Generator().manual_seed(0)),
    "no rows": torch.zeros(0, 64, 64, 3),
    "three axes": torch.full((64, 64, 3), 0.5),
    "two": torch.rand(2, 64, 64, 3, generator=torch.Generator().manual_seed(0)),
}
NOISES = {
    "another size": Answers(torch.ones(1, 4, 4, 4)),
    "nan": Answers(spoilt(NAN)),
    "nothing": Answers(None),
    "no noise": object(),
}


def odd(name: str, kinds: dict, output):
    """The class of a node that gives what its widget names."""

    def define_schema(cls):
        return io.Schema(
            node_id=name, inputs=[io.Combo.Input("kind", options=list(kinds))], outputs=[output.Output()]
        )

    def execute(cls, kind):
        return io.NodeOutput(kinds[kind])

    methods = dict(define_schema=classmethod(define_schema), execute=classmethod(execute))
    return type(name, (io.ComfyNode,), methods)


NODES = [
    odd("TestOddLatent", LATENTS, io.Latent),
    odd("TestOddMask", MASKS, io.Mask),
    odd("TestOddImage", IMAGES, io.Image),
    odd("TestOddNoise", NOISES, io.Noise),
]
