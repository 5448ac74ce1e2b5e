"""Nodes for tests alone: conditioning without a text encoder, and ways to see what is on a wire."""

import hashlib
import json
import os
import random

import numpy
import torch
from comfy_api.latest import ComfyExtension, io, ui
from folder_paths import get_output_directory
from safetensors.torch import save_file

from .measuring import TestAnew, TestFacts, TestKept, TestPick
from .memory import TestLowVram
from .models import TestCalls, TestCallsTold, TestGaussian, TestGuider, TestHalf
from .odd import NODES as ODD
from .vaes import TestVae


class TestConditioning(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        inputs = [io.Int.Input("seed", default=0), io.Int.Input("dim", default=768)]
        inputs += [io.Int.Input("rows", default=1, optional=True)]
        inputs += [io.Int.Input("pooled", default=1280, optional=True)]
        return io.Schema(node_id="TestConditioning", inputs=inputs, outputs=[io.Conditioning.Output()])

    @classmethod
    def execute(cls, seed, dim, rows=1, pooled=1280):
        generator = torch.Generator().manual_seed(seed)
        tokens = torch.randn(rows, 77, dim, generator=generator)
        return io.NodeOutput([[tokens, {"pooled_output": torch.randn(rows, pooled, generator=generator)}]])


class TestLatent(io.ComfyNode):
    """A smooth random picture latent in VAE units, so that no VAE has to run; with frames it has an axis for
    them.
    """

    @classmethod
    def define_schema(cls):
        sizes = [io.Int.Input(size, default=16) for size in ("width", "height")]
        counts = [io.Int.Input("batch_size", default=1), io.Int.Input("channels", default=4)]
        inputs = [io.Int.Input("seed", default=0), *sizes, *counts]
        inputs += [io.Int.Input("frames", default=0), io.Float.Input("scale", default=1.0)]
        return io.Schema(node_id="TestLatent", inputs=inputs, outputs=[io.Latent.Output()])

    @classmethod
    def execute(cls, seed, width, height, batch_size, channels, frames=0, scale=1.0):
        generator, rows = torch.Generator().manual_seed(seed), batch_size * max(1, frames)
        coarse = torch.randn(rows, channels, 4, 4, generator=generator)
        smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
        samples = scale * (5 * smooth + torch.randn(smooth.shape, generator=generator))
        if frames:
            samples = samples.unflatten(0, (batch_size, frames)).movedim(1, 2)
        return io.NodeOutput({"samples": samples})


class TestDump(io.ComfyNode):
    """Writes the tensors of a LATENT or IMAGE under a name, once `after` is there."""

    @classmethod
    def define_schema(cls):
        after = io.AnyType.Input("after", optional=True)
        inputs = [io.AnyType.Input("value"), io.String.Input("name"), after]
        return io.Schema(node_id="TestDump", inputs=inputs, outputs=[], is_output_node=True)

    @classmethod
    def execute(cls, value, name, after=None):
        tensors = value if isinstance(value, dict) else {"image": value}
        tensors = {key: t.clone().contiguous() for key, t in tensors.items() if isinstance(t, torch.Tensor)}
        save_file(tensors, os.path.join(get_output_directory(), f"{name}.safetensors"))
        return io.NodeOutput()


class TestDumpNoise(io.ComfyNode):
    """Asks a NOISE for its tensor as a sampler would, and writes tensor, dtype, device and seed."""

    @classmethod
    def define_schema(cls):
        inputs = [io.Noise.Input("noise"), io.Latent.Input("latent"), io.String.Input("name")]
        return io.Schema(node_id="TestDumpNoise", inputs=inputs, outputs=[], is_output_node=True)

    @classmethod
    def execute(cls, noise, latent, name):
        first, second = noise.generate_noise(latent), noise.generate_noise(latent)
        said = dict(
            dtype=str(first.dtype),
            device=str(first.device),
            seed=noise.seed,
            fresh=first.data_ptr() != second.data_ptr() and bool(torch.equal(first, second)),
        )
        path = os.path.join(get_output_directory(), f"{name}.safetensors")
        save_file({"noise": first.clone().contiguous()}, path)
        return io.NodeOutput(ui=ui.PreviewText(json.dumps(said)))


class TestRandomState(io.ComfyNode):
    """Passes a value on and tells a digest of the process's global random states."""

    @classmethod
    def define_schema(cls):
        inputs = [io.AnyType.Input("value")]
        return io.Schema(
            node_id="TestRandomState", inputs=inputs, outputs=[io.AnyType.Output()], is_output_node=True
        )

    @classmethod
    def execute(cls, value):
        states = repr(random.getstate()), repr(numpy.random.get_state()), repr(torch.get_rng_state().tolist())
        digest = hashlib.sha256("".join(states).encode()).hexdigest()
        return io.NodeOutput(value, ui=ui.PreviewText(digest))


class TestText(io.ComfyNode):
    """Shows whatever it is given as text."""

    @classmethod
    def define_schema(cls):
        inputs = [io.AnyType.Input("value")]
        return io.Schema(node_id="TestText", inputs=inputs, outputs=[], is_output_node=True)

    @classmethod
    def execute(cls, value):
        return io.NodeOutput(ui=ui.PreviewText(str(value)))


class TestSigmas(io.ComfyNode):
    """Sigmas as they are written, however odd."""

    @classmethod
    def define_schema(cls):
        inputs = [io.String.Input("values")]
        return io.Schema(node_id="TestSigmas", inputs=inputs, outputs=[io.Sigmas.Output()])

    @classmethod
    def execute(cls, values):
        return io.NodeOutput(torch.tensor([float(value) for value in values.split()]))


class TestingPack(ComfyExtension):
    async def get_node_list(self):
        conditions = [TestConditioning, TestLatent, *ODD, TestSigmas, TestGaussian, TestHalf, TestCalls]
        ways_to_see = [
            TestDump,
            TestDumpNoise,
            TestRandomState,
            TestGuider,
            TestCallsTold,
            TestText,
        ]
        return conditions + ways_to_see + [TestAnew, TestFacts, TestKept, TestLowVram, TestPick, TestVae]


async def comfy_entrypoint():
    return TestingPack()
