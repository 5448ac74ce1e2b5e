"""Every node, input and output has its words in every language, and they are words of that language."""

from __future__ import annotations

import json
import re
from pathlib import Path

from .each import each

LOCALES = Path(__file__).resolve().parents[1] / "locales"
OTHERS = sorted(path.name for path in LOCALES.iterdir() if path.name != "en")
CHOICES = ("slerp", "linear", "forward", "backward", "baseline", "stationary", "kronecker", "dense", "zca")
CHOICES += ("cholesky", "implicit", "unit_std", "converged", "auto", "output/img2noise", "models/img2noise")


def words(language: str) -> dict[tuple, str]:
    """What a language says, by its place in the file: (node, "inputs", id, "tooltip"), say."""

    def walk(value, place=()):
        if isinstance(value, str):
            yield place, value
        else:
            for key, inner in value.items():
                yield from walk(inner, (*place, key))

    return dict(walk(json.loads((LOCALES / language / "nodeDefs.json").read_text("utf-8"))))


ENGLISH = words("en")
MOST = 2923  # words of the whole interface: what 25 nodes once needed


def test_the_interface_needs_few_words():
    assert sum(len(text.split()) for text in ENGLISH.values()) <= MOST


def test_a_tooltip_is_short_and_none_is_lacking():
    tooltips = {place: text for place, text in ENGLISH.items() if place[-1] == "tooltip"}
    named = {place[:-1] for place in ENGLISH if place[-1] == "name"}
    assert {place[:-1] for place in tooltips} == named and len(named) > 200
    assert all(1 <= len(text) <= 160 for text in tooltips.values())


def test_no_output_has_a_name_that_says_nothing():
    names = [text for place, text in ENGLISH.items() if place[1] == "outputs" and place[-1] == "name"]
    assert len(names) > 50 and not {"none", "output", ""} & {name.strip().lower() for name in names}


@each("language", OTHERS)
def test_a_language_has_words_for_every_node_input_and_output_and_for_nothing_else(language):
    assert words(language).keys() == ENGLISH.keys()
    assert all(text.strip() for text in [*words(language).values(), *ENGLISH.values()])


@each("language", OTHERS)
def test_sentences_and_node_names_are_translated(language):
    left = [place for place, text in words(language).items() if text == ENGLISH[place] and " " in text]
    assert not left


@each("language", OTHERS)
def test_numbers_and_the_choices_of_a_widget_are_kept(language):
    for place, text in words(language).items():
        for choice in CHOICES:
            if re.search(rf"\b{choice}\b", ENGLISH[place]) and place[-1] == "tooltip":
                assert choice in text, place
        assert numbers(ENGLISH[place]) <= numbers(text), place


def numbers(text: str) -> set[float]:
    return {float(n.replace(",", ".")) for n in re.findall(r"\d+(?:[.,]\d+)?(?!\.x)", text)}
