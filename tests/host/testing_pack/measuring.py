"""Nodes for tests alone: values computed anew or kept for good, and what a value is, down to its last bit."""

import hashlib
import json
from dataclasses import fields, is_dataclass

import torch
from comfy_api.latest import io, ui


class TestAnew(io.ComfyNode):
    """Passes a value on; another text, and nothing after it comes from ComfyUI's cache."""

    @classmethod
    def define_schema(cls):
        inputs = [io.AnyType.Input("value"), io.String.Input("again")]
        return io.Schema(node_id="TestAnew", inputs=inputs, outputs=[io.AnyType.Output()])

    @classmethod
    def execute(cls, value, again):
        return io.NodeOutput(value)


class TestKept(io.ComfyNode):
    """The first value that came under a name, for as long as the process lives."""

    values = {}

    @classmethod
    def define_schema(cls):
        inputs = [io.AnyType.Input("value"), io.String.Input("name")]
        return io.Schema(node_id="TestKept", inputs=inputs, outputs=[io.AnyType.Output()])

    @classmethod
    def execute(cls, value, name):
        return io.NodeOutput(TestKept.values.setdefault(name, value))


class TestPick(io.ComfyNode):
    """One value of the list that another node gives."""

    @classmethod
    def define_schema(cls):
        inputs = [io.AnyType.Input("values"), io.Int.Input("which", default=0)]
        outputs = [io.AnyType.Output()]
        return io.Schema(node_id="TestPick", is_input_list=True, inputs=inputs, outputs=outputs)

    @classmethod
    def execute(cls, values, which):
        return io.NodeOutput(values[which[0]])


class TestFacts(io.ComfyNode):
    """Tells a digest of every number in a value, whether all are finite and any varies, and, beside an
    original, the error: RMS of the difference over the original's standard deviation.

    A NOISE is asked for its tensor as a sampler of `like` would ask it.
    """

    @classmethod
    def define_schema(cls):
        optional = [io.AnyType.Input(name, optional=True) for name in ("original", "like")]
        inputs = [io.AnyType.Input("value"), *optional]
        return io.Schema(node_id="TestFacts", inputs=inputs, outputs=[], is_output_node=True)

    @classmethod
    def execute(cls, value, original=None, like=None):
        value = value.generate_noise(like) if hasattr(value, "generate_noise") else value
        found = list(tensors_of(value))
        told = dict(
            digest=digest(value),
            sound=all(bool(torch.isfinite(t).all()) for t in found),
            varies=any(t.numel() > 1 and bool((t != t.flatten()[0]).any()) for t in found),
        )
        if original is not None:
            told["error"] = error_of(value["samples"], original["samples"])
        return io.NodeOutput(ui=ui.PreviewText(json.dumps(told)))


def error_of(found, original) -> float:
    """RMS of the difference over the original's standard deviation, both in float64."""
    found, original = found.double(), original.double()
    return float((found - original).square().mean().sqrt() / original.std())


def parts_of(value):
    """(name, part) of a container or a dataclass; nothing for what has no parts."""
    if is_dataclass(value):
        return [(f.name, getattr(value, f.name)) for f in fields(value)]
    if isinstance(value, dict):
        return sorted(value.items())
    return list(enumerate(value)) if isinstance(value, (list, tuple)) else []


def tensors_of(value):
    """Every tensor in a value, complex ones as pairs of real numbers."""
    if isinstance(value, torch.Tensor):
        yield torch.view_as_real(value) if value.is_complex() else value
    for _, part in parts_of(value):
        yield from tensors_of(part)


def digest(value) -> str:
    """A text that differs where any bit does; ValueError for what it cannot look into."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().contiguous()
        raw = torch.view_as_real(value) if value.is_complex() else value
        said = f"{tuple(value.shape)} {value.dtype}".encode() + raw.numpy().tobytes()
    elif is_dataclass(value) or isinstance(value, (dict, list, tuple)):
        said = repr([(name, digest(part)) for name, part in parts_of(value)]).encode()
    elif value is None or isinstance(value, (str, int, float)):
        said = repr(value).encode()
    else:
        raise ValueError(f"no digest of a {type(value).__name__}")
    return hashlib.sha256(said).hexdigest()[:20]
