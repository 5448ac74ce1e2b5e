"""`each`: a parametrized test as a single one, which lists every case that fails."""

from __future__ import annotations

import inspect
from collections.abc import Iterable


def each(names: str | tuple[str, ...], values: Iterable):
    """Return a decorator that calls a test with every value, as `pytest.mark.parametrize` would, in one test.

    The cases share the test's fixtures. All of them run; those that fail are listed with their values.
    """
    names, cases = [n.strip() for n in (names.split(",") if isinstance(names, str) else names)], list(values)

    def decorate(test):
        def listing(**fixtures):
            failures = []
            for case in cases:
                given = dict(zip(names, case if len(names) > 1 else [case], strict=True))
                try:
                    test(**fixtures, **given)
                except Exception as error:  # listed below, the first with its traceback
                    failures.append((given, error))
            said = "\n".join(f"{given}: {type(error).__name__} {error}" for given, error in failures)
            if failures:
                raise AssertionError(f"{len(failures)} of {len(cases)} cases fail\n{said}") from failures[0][
                    1
                ]
            assert cases, "no cases"

        kept = [p for p in inspect.signature(test).parameters.values() if p.name not in names]
        listing.__dict__.update(test.__dict__)
        listing.__signature__ = inspect.Signature(kept)
        listing.__name__, listing.__doc__, listing.__module__ = test.__name__, test.__doc__, test.__module__
        return listing

    return decorate
