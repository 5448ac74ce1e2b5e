"""Sound files of each kind, and strategies that damage them as accidents and enemies do."""

from __future__ import annotations

import json
import struct
import tempfile
from array import array
from functools import cache
from pathlib import Path

import torch
from hypothesis import strategies as st
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes

from img2noise import draw, extract, measure, save
from img2noise.photos.checkpoints import save_survey
from img2noise.photos.surveys import HeldOut, PhotoStats

from ..cases import STRUCTURES, fitted, normal
from ..worlds import gaussian, levels

SHAPE = (2, 9, 8)  # large enough to be inspected
SMALL = (2, 3, 4)
KINDS = [f"{kind} {s}" for kind in ("whitener", "moments") for s in STRUCTURES] + ["noise", "noise_maps"]


@cache
def sound_file(kind: str) -> bytes:
    """A file of this kind as this library writes it; "latent" is ComfyUI's, "survey" moments with the names
    of their photos.
    """
    if kind == "latent":
        return ordered(
            to_bytes({"latent_tensor": draw((1, *SHAPE), 1), "latent_format_version_0": torch.tensor([])})
        )
    if kind == "survey":
        survey = PhotoStats(
            measure(normal(60, *SMALL)), HeldOut([Path("a.png")]), [(Path("b.png"), "too small")]
        )
        survey.seen, survey.counted = array("q", [1, -2, 3, 4]), array("q", [5, -6])
        with tempfile.TemporaryDirectory() as folder:
            return ordered(
                save_survey(survey, Path(folder, "sound"), size=64, autoencoder="none").read_bytes()
            )
    what, _, structure = kind.partition(" ")
    thing = {
        "whitener": lambda: fitted(structure, "zca", SMALL),
        "moments": lambda: measure(normal(60, *SMALL), structure),
        "noise": lambda: draw((2, *SHAPE), 1),
        "noise_maps": lambda: extract(gaussian(1.0), draw((1, *SHAPE), 1), levels(4), seed=1),
    }[what]()
    with tempfile.TemporaryDirectory() as folder:
        return ordered(save(thing, Path(folder, "sound")).read_bytes())


def ordered(data: bytes) -> bytes:
    """The same file with its header in the order of the alphabet, which safetensors leaves to chance."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.dumps(json.loads(data[8 : 8 + length]), sort_keys=True, ensure_ascii=False)
    return joined(header.encode(), data[8 + length :])


def parts(kind: str) -> tuple[dict, bytes]:
    """The header as a dictionary, and the body."""
    data = sound_file(kind)
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def joined(header: bytes, body: bytes, lie: int = 0) -> bytes:
    """A file of both; `lie` is added to the length that it says its header has."""
    return struct.pack("<Q", max(0, len(header) + lie) % 2**64) + header + body


NUMBERS = st.sampled_from([0, -1, 1, 2, 3, 2**31, 2**53 + 1, 2**63, 2**64, 10**30, 0.5, 3.0, -0.0])
WORDS = st.sampled_from(
    ["", " ", "nan", "inf", "-inf", "1e999", "1e-400", "0x10", "1_000", "9" * 5000, "null", "true", "\u0000"]
    + ["[]", "{}", "[1]", "[2, 3, 4]", "[2.0, 3, 4]", "[true, 3, 4]", "[0, 3, 4]", "[-2, 3, 4]", "[" * 3000]
    + ['["a", 99999, 99999]', "[99999999, 99999999, 99999999]", '{"a": 1, "b": 2, "c": 3}', "[[2], [3], [4]]"]
    + ["\u0663", "\u202e", "\U0001f600", "../../etc/passwd", "__import__('os').getcwd()", "1" + "0" * 400]
    + ["stationary", "kronecker", "dense", "zca", "cholesky", "whitener", "moments", "noise", "noise_maps"]
)
PLAIN = st.none() | st.booleans() | NUMBERS | WORDS | st.text(max_size=8)
DTYPES = st.sampled_from(
    ["F16", "BF16", "F32", "F64", "I8", "U8", "I64", "BOOL", "C64", "F8_E4M3", "F4", "?"]
)
VALUES = st.recursive(
    PLAIN | DTYPES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner)
)


def places(tree, so_far=()):
    """The path of every node below the root."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    found = []
    for key, child in items:
        found += [(*so_far, key), *places(child, (*so_far, key))]
    return found


def put(tree, path, value, drop=False):
    """The tree with another value at the path, or with none."""
    key, *rest = path
    new = tree.copy()
    if rest:
        new[key] = put(tree[key], rest, value, drop)
    elif drop:
        del new[key]
    else:
        new[key] = value
    return new


@st.composite
def damaged_headers(draw_, kind):
    """One to three values of the header exchanged, left out or given twice; sometimes a length that lies."""
    header, body = parts(kind)
    for _ in range(draw_(st.integers(1, 3))):
        facts = [p for p in places(header) if p[0] == "__metadata__" and len(p) == 2]
        everywhere = places(header)
        if not everywhere:
            break
        place = draw_(
            st.sampled_from(facts) if facts and draw_(st.booleans()) else st.sampled_from(everywhere)
        )
        value = draw_(WORDS if place in facts and draw_(st.booleans()) else VALUES)
        header = put(header, place, value, draw_(st.integers(0, 5)) == 0)
    text = json.dumps(header, ensure_ascii=draw_(st.booleans()))
    if draw_(st.integers(0, 5)) == 0 and len(text) > 2:  # every key given twice
        text = text[:-1] + ", " + text[1:]
    raw = text.encode("utf-8", "surrogatepass")
    lie = draw_(st.sampled_from([0] * 8 + [-1, 1, 8, 10**6, 2**40, 2**63]))
    return joined(raw + b" " * draw_(st.sampled_from([0, 0, 1, 7])), body, lie)


@st.composite
def damaged_bytes(draw_, kind):
    """Bytes changed, cut out, put in, or cut off; the header's half of the time."""
    data = bytearray(sound_file(kind))
    (length,) = struct.unpack("<Q", data[:8])
    for _ in range(draw_(st.integers(1, 4))):
        last = draw_(st.sampled_from([8, 8 + length, len(data)]))
        place = draw_(st.integers(0, max(0, min(last, len(data)) - 1)))
        piece = draw_(st.binary(max_size=9))
        match draw_(st.sampled_from(["change", "insert", "remove", "cut"])):
            case "change":
                data[place : place + len(piece)] = piece
            case "insert":
                data[place:place] = piece
            case "remove":
                del data[place : place + len(piece)]
            case "cut":
                del data[place:]
    return bytes(data)


TYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.int8, torch.bool]
CHANGES = {
    "zero": torch.zeros_like,
    "negative": lambda t: -t.double(),
    "huge": lambda t: t.double() * 1e300,
    "tiny": lambda t: t.double() * 1e-300,
    "flipped": lambda t: t.flip(-1) if t.ndim else t,
    "turned": lambda t: t.movedim(0, -1) if t.ndim else t,
    "flat": torch.flatten,
    "one more axis": lambda t: t[None],
    "no rows": lambda t: t[:0],
    "no columns": lambda t: t[..., :0],
    "one row less": lambda t: t[1:],
    "a number": lambda t: t.flatten()[:1].sum(),
    "NaN": lambda t: t.double() * float("nan"),
    "infinite": lambda t: t.double() / 0,
    "integers": lambda t: (t.double() * 1000).nan_to_num().clamp(-(2.0**40), 2.0**40).long(),
}


@st.composite
def damaged_tensors(draw_, kind):
    """A well-formed file of the wrong tensors: other types and shapes, swapped, missing, with other facts."""
    header, _ = parts(kind)
    facts = dict(header.get("__metadata__", {}))
    tensors = from_bytes(sound_file(kind))
    for _ in range(draw_(st.integers(1, 3))):
        a, b = (draw_(st.sampled_from(sorted(tensors))) for _ in range(2))
        how = draw_(st.sampled_from([*CHANGES, *TYPES, "swap", "swap", "drop", "sizes"]))
        if how == "swap":
            tensors[a], tensors[b] = tensors[b], tensors[a]
        elif how == "drop" and len(tensors) > 1:
            del tensors[a]
        elif how == "sizes":  # facts and tensors lie in the same way
            facts["shape"] = draw_(st.sampled_from(["[0, 0, 0]", "[0, 3, 4]", "[2, 0, 4]", "[2, 3, 0]"]))
            tensors = {
                name: t[..., :0] if draw_(st.booleans()) else t[:0] for name, t in tensors.items() if t.ndim
            }
        elif how in TYPES:
            tensors[a] = tensors[a].to(how)
        elif how in CHANGES and (tensors[a].ndim or "row" not in how and "column" not in how):
            tensors[a] = CHANGES[how](tensors[a])
        if not tensors:
            break
    if facts and draw_(st.integers(0, 3)) == 0:
        facts[draw_(st.sampled_from(sorted(facts)))] = draw_(WORDS)
    return to_bytes({name: t.contiguous().clone() for name, t in tensors.items()}, facts)


@st.composite
def graphs(draw_):
    """A ComfyUI workflow, or what is left of one, under the name of a whitener."""
    node = st.fixed_dictionaries({"class_type": st.text(max_size=9), "inputs": VALUES})
    graph = draw_(st.dictionaries(st.text(max_size=3), node, max_size=3) | VALUES)
    text = json.dumps(graph).encode()
    return text if draw_(st.booleans()) else joined(text, b"")
