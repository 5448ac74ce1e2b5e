"""Which stored row and which draw a picture of a batch gets: by number where that is clear, else by order."""

from __future__ import annotations

import importlib.util
import itertools

from .archive import ROOT
from .each import each


def loaded():
    """The module alone: the folder around it needs ComfyUI."""
    spec = importlib.util.spec_from_file_location("batches", ROOT / "nodes" / "host" / "batches.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


batches = loaded()


@each(
    ("asked", "stored", "rows"),
    [
        ([0], [0], [0]),
        ([0, 1, 2], [0, 1, 2], [0, 1, 2]),
        ([1, 2], [0, 1, 2, 3], [1, 2]),
        ([1, 2], [1, 2, 3], [0, 1]),  # picked out of what was picked
        ([3], [2, 3], [1]),
        ([0, 1], [1, 0], [1, 0]),  # by number before by position
        ([2, 0, 1], [0, 1, 2], [2, 0, 1]),
        ([0, 0], [0, 0], [0, 1]),  # two joined pictures
        ([0, 1, 0, 1], [0, 1, 0, 1], [0, 1, 2, 3]),
        ([0, 0], [0, 1], [0, 1]),  # joined ones, beside the noises of a plain batch
        ([0, 1], [0, 0], [0, 1]),  # an empty batch, beside the noises of joined ones
        ([0, 1], [2, 3], [0, 1]),  # an empty batch, beside the noises of picked ones
        ([5], [0], [0]),
        ([0], [0, 0], None),  # one of two joined pictures
        ([0], [2, 3], None),
        ([0, 1, 2], [0, 1], None),
        ([0, 0], [0, 1, 2], None),
        ([1, 4], [0, 1, 2], None),
    ],
)
def test_a_picture_gets_the_row_of_its_number_else_of_its_place_else_none(asked, stored, rows):
    assert batches.places(asked, stored) == rows


def test_a_row_is_given_out_once():
    for asked in itertools.product(range(3), repeat=3):
        for length in (1, 2, 3, 4):
            for stored in itertools.product(range(3), repeat=length):
                rows = batches.places(asked, stored)
                assert rows is None or len(set(rows)) == len(rows) == 3
                if rows is not None and len(set(asked)) == 3 and set(asked) <= set(stored) and length == 3:
                    assert [stored[row] for row in rows] == list(asked)


@each(
    ("asked", "stored", "rows"),
    [
        ([0, 1, 2, 3], [0], [0, 0, 0, 0]),
        ([0, 1, 2, 3], [0, 0], [0, 1, 0, 1]),
        ([0, 1, 2, 3], [2, 3], [0, 1, 0, 1]),
        ([3], [0, 1], [1]),  # as in its batch
        ([1, 2, 4], [1, 2], [0, 1, 0]),  # known numbers first
        ([0, 0, 0], [0, 1], [0, 1, 0]),
        ([1, 0], [0, 1], [1, 0]),
    ],
)
def test_rows_take_turns_where_pictures_are_more(asked, stored, rows):
    assert batches.turns(asked, stored) == rows


@each(
    ("asked", "stored", "found"),
    [
        ([0], [0, 0], [0]),
        ([0, 0], [0, 0], []),
        ([2], [0, 0], []),
        ([1, 0], [0, 1, 0], [0]),
        ([0], [0, 1], []),
    ],
)
def test_numbers_that_several_rows_have_are_named(asked, stored, found):
    assert batches.shared(asked, stored) == found


@each(
    ("numbers", "draws"),
    [([0, 1], [0, 1]), ([3, 2], [3, 2]), ([0, 0], [0, 1]), ([0, 1, 0], [0, 1, 2]), ([5, 5], [0, 1])],
)
def test_each_picture_gets_a_draw_of_its_own(numbers, draws):
    assert batches.draws(numbers) == draws


@each(
    ("numbers", "count", "all_of_them"),
    [([0], 3, [0, 1, 2]), ([0, 1], 3, [0, 1, 2]), ([2, 3], 4, [2, 3, 4, 5]), ([0, 0], 4, [0, 0, 1, 1])],
)
def test_repeated_pictures_are_numbered_as_core_numbers_them(numbers, count, all_of_them):
    assert batches.repeated(numbers, count) == all_of_them


def test_a_latent_carries_numbers_unless_they_are_those_of_a_plain_batch():
    latent = {"samples": 1, "batch_index": [7]}
    assert batches.numbered(latent, [0, 1]) == {"samples": 1}
    assert batches.numbered(latent, [2, 3]) == {"samples": 1, "batch_index": [2, 3]}
    assert latent == {"samples": 1, "batch_index": [7]}
