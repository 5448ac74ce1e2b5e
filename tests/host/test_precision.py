"""Long nodes with networks whose weights are kept in half precision or in eight bits, and from files of
half and of single precision: each runs, and its result is right within the precision.
"""

from __future__ import annotations

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from . import checkpoints
from .server import Server, link
from .walks import error, walked

CLOSE = {  # to single precision, as a share: an eight-bit weight has three binary places, which a first step
    # amplifies; two pictures that have nothing to do with each other are 1.4 apart
    "--fp16-unet": ("float16", 0.01),
    "--bf16-unet": ("bfloat16", 0.1),
    "--fp8_e4m3fn-unet": ("float8_e4m3fn", 0.9),
}
SINGLE = "tiny-sd-single.safetensors"


@pytest.fixture(scope="module")
def plain(server):
    """What each node makes in single precision."""
    return walked(server, "plain")


@pytest.fixture(scope="module", params=CLOSE)
def flagged(request, server, model_files, site, tmp_path_factory):
    """Another server of the same ComfyUI, under a flag; and the flag."""
    base = tmp_path_factory.mktemp(f"flag{request.param}")
    other = Server(server.comfy, base, site(server.comfy.python), flags=(request.param,))
    for kind, found in model_files.items():
        (other.models / kind).mkdir(exist_ok=True)
        for file in found:
            link(file, other.models / kind / file.name)
    yield other, request.param
    other.stop()
    shutil.rmtree(other.models)


def test_every_long_node_is_right_within_the_precision_of_the_weights(flagged, plain):
    server, flag = flagged
    kind, most = CLOSE[flag]
    found = walked(server, "flagged")
    assert f"weight dtype torch.{kind}" in server.log.read_text("utf-8", errors="replace")
    errors = {name: error(found[name], plain[name]) for name in plain}
    assert max(errors.values()) < most, errors
    assert all(torch.isfinite(t).all() for t in found.values())
    assert error(found["maps_of"], found["photo"]) < 1e-4  # maps give the picture back, whatever the network


def test_a_file_of_half_precision_gives_what_the_same_weights_in_single_precision_give(server, plain):
    half = load_file(server.models / "checkpoints" / checkpoints.name("sd"))
    assert {t.dtype for name, t in half.items() if name.startswith("model.")} == {torch.float16}
    save_file({name: t.float() for name, t in half.items()}, server.models / "checkpoints" / SINGLE)
    found = walked(server, "single", file=SINGLE)
    assert all(torch.equal(found[name], plain[name]) for name in plain)
