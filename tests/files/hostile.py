"""Sound files of each kind, and strategies that damage them as accidents and enemies do."""

from __future__ import annotations

import json
import struct
import tempfile
from functools import cache
from pathlib import Path

import torch
from hypothesis import strategies as st
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes

from img2noise import draw, extract, measure, save

from ..cases import STRUCTURES, fitted, normal
from ..worlds import gaussian, levels

SHAPE = (2, 3, 4)
KINDS = [f"{kind} {s}" for kind in ("whitener", "moments") for s in STRUCTURES] + ["noise", "noise_maps"]


@cache
def sound_file(kind: str) -> bytes:
    """A file of this kind as this library writes it."""
    what, _, structure = kind.partition(" ")
    thing = {
        "whitener": lambda: fitted(structure, "zca", SHAPE),
        "moments": lambda: measure(normal(60, *SHAPE), structure),
        "noise": lambda: draw((2, *SHAPE), 1),
        "noise_maps": lambda: extract(gaussian(1.0), draw((1, *SHAPE), 1), levels(4), seed=1),
    }[what]()
    with tempfile.TemporaryDirectory() as folder:
        return save(thing, Path(folder, "sound")).read_bytes()


def parts(kind: str) -> tuple[dict, bytes]:
    """The header as a dictionary, and the body."""
    data = sound_file(kind)
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


WORDS = st.sampled_from(
    ["", " ", "nan", "inf", "-inf", "1e999", "1e-400", "0x10", "1_000", "9" * 5000, "null", "true", "\u0000"]
    + ["[]", "{}", "[1]", "[2, 3, 4]", "[2.0, 3, 4]", "[true, 3, 4]", "[0, 3, 4]", "[-2, 3, 4]", "[" * 3000]
    + ['["a", 99999, 99999]', "[99999999, 99999999, 99999999]", '{"a": 1, "b": 2, "c": 3}', "\u0663"]
    + ["stationary", "kronecker", "dense", "zca", "cholesky", "whitener", "moments", "noise", "noise_maps"]
)
DTYPES = st.sampled_from(["F16", "BF16", "F32", "F64", "I8", "U8", "I64", "BOOL", "C64", "F8_E4M3", "?"])
NUMBERS = st.sampled_from([0, -1, 1, 2, 3, 2**31, 2**53 + 1, 2**63, 2**64, 10**30, 0.5, 3.0, -0.0])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS | DTYPES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
)


def places(tree, so_far=()):
    """The path of every node below the root."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path for key, child in items for path in [(*so_far, key), *places(child, (*so_far, key))]]


@st.composite
def damaged_headers(draw_, kind):
    """One to three values of the header exchanged or left out; sometimes a length that lies."""
    header, body = parts(kind)
    header = json.loads(json.dumps(header))
    for _ in range(draw_(st.integers(1, 3))):
        facts = [p for p in places(header) if p[0] == "__metadata__" and len(p) == 2]
        if not header:
            break
        *way, key = draw_(st.sampled_from(facts if facts and draw_(st.booleans()) else places(header)))
        inner = header
        for step in way:
            inner = inner[step]
        if draw_(st.integers(0, 5)):
            inner[key] = draw_(WORDS | VALUES)
        else:
            del inner[key]
    raw = json.dumps(header).encode()
    lie = draw_(st.sampled_from([0] * 8 + [-1, 1, 8, 10**6, 2**40, 2**63]))
    return struct.pack("<Q", (len(raw) + lie) % 2**64) + raw + body


TYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.int8, torch.bool]
CHANGES = {
    "zero": torch.zeros_like,
    "negative": lambda t: -t.double(),
    "huge": lambda t: t.double() * 1e300,
    "tiny": lambda t: t.double() * 1e-300,
    "flipped": lambda t: t.flip(-1),
    "turned": lambda t: t.movedim(0, -1),
    "flat": torch.flatten,
    "one more axis": lambda t: t[None],
    "no rows": lambda t: t[:0],
    "no columns": lambda t: t[..., :0],
    "a number": lambda t: t.flatten()[:1].sum(),
    "NaN": lambda t: t.double() * float("nan"),
    "integers": lambda t: (t.double() * 1000).nan_to_num().clamp(-(2.0**40), 2.0**40).long(),
}


@st.composite
def damaged_tensors(draw_, kind):
    """A well-formed file of the wrong tensors: other types and shapes, swapped, missing, with other facts."""
    facts, tensors = dict(parts(kind)[0]["__metadata__"]), from_bytes(sound_file(kind))
    for _ in range(draw_(st.integers(1, 3))):
        a, b = (draw_(st.sampled_from(sorted(tensors))) for _ in range(2))
        how = draw_(st.sampled_from([*CHANGES, *TYPES, "swap", "drop", "sizes"]))
        if how == "swap":
            tensors[a], tensors[b] = tensors[b], tensors[a]
        elif how == "drop" and len(tensors) > 1:
            del tensors[a]
        elif how == "sizes" and all(t.ndim for t in tensors.values()):  # alike in facts and tensors
            facts["shape"] = draw_(st.sampled_from(["[0, 0, 0]", "[0, 3, 4]", "[2, 0, 4]", "[2, 3, 0]"]))
            tensors = {name: t[..., :0] if draw_(st.booleans()) else t[:0] for name, t in tensors.items()}
        elif how in TYPES:
            tensors[a] = tensors[a].to(how)
        elif how in CHANGES and tensors[a].ndim:
            tensors[a] = CHANGES[how](tensors[a])
    if draw_(st.integers(0, 3)) == 0:
        facts[draw_(st.sampled_from(sorted(facts)))] = draw_(WORDS)
    return to_bytes({name: t.contiguous().clone() for name, t in tensors.items()}, facts)
