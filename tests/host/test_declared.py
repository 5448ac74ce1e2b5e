"""Saved workflows go on opening, and every node, input and output has its words in every language."""

from __future__ import annotations

import json

from . import declared


def test_what_saved_workflows_rely_on_is_as_it_was(server):
    kept = json.loads(declared.SNAPSHOT.read_text("utf-8"))
    assert declared.snapshot(server.object_info) == kept, f"if that is meant: {declared.COMMAND}"


def test_the_english_words_are_those_of_the_nodes(server):
    said = declared.english(server.object_info)
    assert declared.locale("en") == said, f"write them again: {declared.COMMAND}"


def test_comfyui_serves_the_words_of_every_language(server):
    served = server.get_json("/i18n")
    for path in declared.LOCALES.iterdir():
        words = declared.locale(path.name)
        assert {key: served[path.name]["nodeDefs"].get(key) for key in words} == words
