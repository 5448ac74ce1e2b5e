"""The pack as a fresh ComfyUI sees it: it loads, explains itself, and brings its examples and help."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

from ..each import each
from .server import PACK

NODES = sorted(
    name
    for path in (PACK / "nodes").glob("*.py")
    for name in re.findall(r'node_id="(Img2Noise\w+)"', path.read_text(encoding="utf-8"))
)
WORKFLOWS = sorted(path.stem for path in (PACK / "workflows").glob("*.json"))


def test_the_pack_loads_without_a_complaint(server):
    log = server.log.read_text(encoding="utf-8")
    assert "custom_nodes/img2noise" in log.replace("\\", "/")
    assert "IMPORT FAILED" not in log
    assert "Error while calling comfy_entrypoint" not in log


def test_every_node_is_listed_under_its_id(server):
    listed = {name for name, node in server.object_info.items() if node["category"].startswith("img2noise/")}
    assert "Img2NoiseKSampler" in listed
    assert sorted(listed) == NODES


def test_the_template_browser_shows_every_workflow(server):
    assert sorted(server.get_json("/workflow_templates")["img2noise"]) == WORKFLOWS


@each("name", WORKFLOWS)
def test_a_template_opens_and_has_a_picture(server, name):
    workflow = json.loads(server.get(f"/api/workflow_templates/img2noise/{quote(name)}.json"))
    thumbnail = server.get(f"/api/workflow_templates/img2noise/{quote(name)}.jpg")
    assert workflow["version"] == 0.4
    assert thumbnail[:3] == b"\xff\xd8\xff" and len(thumbnail) < 60_000
