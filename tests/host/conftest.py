"""The servers that the host tests run on: one ComfyUI per version found, for the whole session."""

from __future__ import annotations

import functools
import json
import shutil
import warnings
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from img2noise import draw, save

from .. import archive
from . import checkpoints, flow_checkpoints, hosts
from .graphs import Graph
from .requirements import install_lacking
from .server import PACK, Server, link

FOUND = hosts.found()
EACH = dict(params=FOUND or [None], ids=lambda comfy: comfy.version if comfy else "none")


@pytest.fixture(scope="session")
def model_files(tmp_path_factory):
    """The tiny models, by the folder of `models` that they belong in."""
    folder = tmp_path_factory.mktemp("models")
    families = ("sd", 0), ("sd", 1), ("sd21v", 0), ("sdxl", 0)
    flow = list(flow_checkpoints.NETWORKS)
    yield {
        "checkpoints": [checkpoints.write(folder, *which) for which in families]
        + [flow_checkpoints.write(folder, family) for family in flow],
        "controlnet": [checkpoints.write_control(folder)],
        "loras": [checkpoints.write_lora(folder)]
        + [flow_checkpoints.write_lora(folder, family) for family in flow],
    }
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """install(python) -> the folder with what that Python lacks to run the pack; made once per Python."""

    @functools.cache
    def install(python):
        folder = tmp_path_factory.mktemp("site")
        try:
            install_lacking(python, PACK / "requirements.txt", folder)
        except RuntimeError as error:  # without a package index; most nodes need nothing of it
            warnings.warn(str(error), stacklevel=1)
        return folder

    return install


@pytest.fixture(scope="session", **EACH)
def server(request, tmp_path_factory):
    """A running ComfyUI with the pack, the testing pack and the tiny checkpoints in it."""
    if request.param is None:
        pytest.skip(f"no ComfyUI found; {hosts.HOW}")
    yield from running(request, tmp_path_factory, PACK)


@pytest.fixture(scope="module")
def archived(server, request, tmp_path_factory):
    """The same with the archive of the pack in it that the registry would make, and not the checkout."""
    if not archive.shipped():
        pytest.skip("only a git clone knows which files are the pack's")
    pack = archive.unpack(tmp_path_factory.mktemp("archive"))
    yield from running(request, tmp_path_factory, pack, server.comfy)


def running(request, tmp_path_factory, pack, comfy=None):
    """A server, and its end."""
    comfy = comfy or request.param
    files, site = request.getfixturevalue("model_files"), request.getfixturevalue("site")(comfy.python)
    server = Server(comfy, tmp_path_factory.mktemp(f"comfyui-{comfy.version}"), site, pack=pack)
    for kind in files:
        (server.models / kind).mkdir(exist_ok=True)
        for file in files[kind]:
            link(file, server.models / kind / file.name)
    yield server
    server.stop()
    shutil.rmtree(server.models)


@pytest.fixture
def graph(server):
    """An empty graph for the server."""
    return Graph(server.object_info)


def furnished(base: Path) -> Path:
    """A base folder with photos, and with files that are no whiteners and no noise maps."""
    for folder in ("input/photos", "output/img2noise", "models/img2noise"):
        (base / folder).mkdir(parents=True)
    (base / "input/no photos").mkdir()
    (base / "input/damaged").mkdir()
    (base / "input/damaged/page.png").write_text("<html>no picture</html>")
    for number in range(20):
        picture = draw((1, 64, 64, 3), number)[0].clamp(-1, 1) * 127 + 128
        Image.fromarray(picture.to(torch.uint8).numpy()).save(base / f"input/photos/{number}.png")
    for folder in ("output/img2noise", "models/img2noise"):
        save(draw((1, 4, 8, 8), 1), base / folder / "noise.safetensors")
        (base / folder / "damaged.safetensors").write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}{}{}{}")
    save_file({"secret": torch.zeros(1)}, base / "secret.safetensors")
    return base


def answers_of(script: str):
    """A fixture: what a script that runs the nodes inside each ComfyUI wrote down, in a furnished folder."""

    @pytest.fixture(scope="module", **EACH)
    def answers(request, tmp_path_factory, model_files, site):
        comfy = request.param
        if comfy is None:
            pytest.skip(f"no ComfyUI found; {hosts.HOW}")
        base = furnished(tmp_path_factory.mktemp("alone"))
        models, out = model_files["checkpoints"][0].parent, base / "answers.json"
        hosts.run(comfy, site(comfy.python), Path(__file__).with_name(script), PACK, models, base, out)
        found = json.loads(out.read_text("utf-8"))
        assert not list(base.rglob(".*.writing"))
        shutil.rmtree(base)
        return found

    return answers


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Put the end of ComfyUI's log beside a failure; the whole of it stays in the base folder."""
    report = yield
    server = getattr(item, "funcargs", {}).get("server")
    if report.failed and server is not None:
        report.sections.append((f"ComfyUI's log, {server.log}", server.tail()))
    return report
