"""`each` runs every case, lists those that fail, and leaves fixtures and other parameters to pytest."""

import pytest

from .each import each


def test_every_case_runs_and_those_that_fail_are_listed():
    seen = []

    @each("n, word", [(1, "a"), (2, "b"), (3, "c")])
    def odd(n, word):
        seen.append(word)
        assert n % 2, word

    with pytest.raises(AssertionError, match=r"1 of 3 cases fail\n.*'n': 2.*'b'"):
        odd()
    assert seen == ["a", "b", "c"]
