"""The registry's archive in a ComfyUI of its own: it loads with all its nodes and makes pictures."""

from __future__ import annotations

import re

from .declared import ours
from .templates import scaled_down, workflow
from .test_workflows import shown

SECONDS = 3  # by the clock; an idle machine takes 0.2, a busy one several times that


def test_the_archive_loads_without_a_complaint_and_without_delay(archived):
    log = archived.log.read_text(encoding="utf-8")
    assert "IMPORT FAILED" not in log and "Error while calling comfy_entrypoint" not in log
    [took] = re.findall(r"([\d.]+) seconds: .*custom_nodes.img2noise\s", log)
    assert float(took) <= SECONDS


def test_the_archive_has_every_node_with_its_words_and_its_whiteners(server, archived):
    assert ours(archived.object_info) == ours(server.object_info)


def test_the_archive_brings_templates_blueprints_help_and_languages(server, archived):
    def blueprints(of):
        return {k for k, b in of.get_json("/global_subgraphs").items() if b["source"] == "custom_node"}

    templates = archived.get_json("/workflow_templates")["img2noise"]
    assert sorted(templates) == sorted(server.get_json("/workflow_templates")["img2noise"])
    assert len(blueprints(archived)) == len(blueprints(server)) > 0
    assert archived.get_json("/i18n") == server.get_json("/i18n")
    for node in ours(archived.object_info):
        assert archived.get(f"/extensions/img2noise/docs/{node}.md")


def test_a_template_of_the_archive_makes_its_pictures(archived):
    path = archived.base / "custom_nodes/img2noise/workflows" / workflow("01 SD 1.5").name
    made = shown(archived, scaled_down(path, archived))
    assert len(made) == 2 and all(picture.std() > 1 for found in made.values() for picture in found)
