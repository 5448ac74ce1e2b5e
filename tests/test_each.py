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


def test_no_cases_is_a_failure():
    with pytest.raises(AssertionError, match="no cases"):
        each("n", [])(lambda n: None)()


@pytest.mark.parametrize("outer", [1, 2])
@each("inner", [3, 4])
@each(("a", "b"), [(5, 6)])
def test_parameters_of_pytest_and_fixtures_come_through(tmp_path, outer, inner, a, b):
    assert tmp_path.is_dir() and outer < inner < a < b
