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
