"""Every node, called without a server: whatever it is given wrongly, the answer is one sentence."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from img2noise import draw, save

from ..bad_nodes import BAD_NODES, NODE_ROWS
from ..refusals import faults
from . import hosts
from .server import PACK

FOUND = hosts.found()
RUNNER = Path(__file__).resolve().parent / "alone.py"


def furnished(base: Path) -> Path:
    """A base folder with photos, and with files that are no whiteners and no noise maps."""
    for folder in ("input/photos", "output/img2noise", "models/img2noise"):
        (base / folder).mkdir(parents=True)
    for number in range(20):
        picture = draw((1, 64, 64, 3), number)[0].clamp(-1, 1) * 127 + 128
        Image.fromarray(picture.to(torch.uint8).numpy()).save(base / f"input/photos/{number}.png")
    for folder in ("output/img2noise", "models/img2noise"):
        save(draw((1, 4, 8, 8), 1), base / folder / "noise.safetensors")
        (base / folder / "damaged.safetensors").write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}{}{}{}")
    save_file({"secret": torch.zeros(1)}, base / "secret.safetensors")
    return base


def answers_of(runner: Path, comfy: hosts.Comfy, base: Path, model_files: dict, site) -> dict:
    """What a script that runs the nodes inside a ComfyUI wrote down, with a furnished base folder."""
    models, out = model_files["checkpoints"][0].parent, furnished(base) / "answers.json"
    command = [comfy.python, runner, PACK, models, base, out]
    env = {**os.environ, "PYTHONPATH": str(site(comfy.python)), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(list(map(str, command)), cwd=comfy.folder, env=env, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-3000:]
    found = json.loads(out.read_text("utf-8"))
    assert not list(base.rglob(".*.writing"))
    shutil.rmtree(base)
    return found


@pytest.fixture(scope="module")
def answers(tmp_path_factory, model_files, site):
    """of(comfy) -> what the nodes answered in that ComfyUI, asked once."""
    return functools.cache(
        lambda comfy: answers_of(RUNNER, comfy, tmp_path_factory.mktemp("alone"), model_files, site)
    )


@pytest.fixture(scope="module", params=FOUND or [None], ids=lambda comfy: comfy.version if comfy else "none")
def answered(request, answers):
    if request.param is None:
        pytest.skip(f"no ComfyUI found; {hosts.HOW}")
    return answers(request.param)


def test_every_node_takes_the_inputs_that_the_rows_start_from(answered):
    assert answered["nodes"] == sorted(BAD_NODES) == sorted(answered["good"])
    assert not {name: said for name, said in answered["good"].items() if said["kind"]}


@pytest.mark.parametrize("node", BAD_NODES)
def test_bad_inputs_of_a_node_are_refused_in_one_sentence_and_not_changed(answered, node):
    rows = [pair for pair in zip(NODE_ROWS, answered["rows"], strict=True) if pair[0][0] == node]
    assert rows and not [(row[1:], found) for row, found in rows if faults(found) or not found["kept"]]
