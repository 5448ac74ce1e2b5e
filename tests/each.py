"""`each`: a parametrized test as a single one, which lists every case that fails."""

from __future__ import annotations

import inspect


def each(names: str, values):
    """Return a decorator that calls a test for every value, as `pytest.mark.parametrize` would, in one test.

    The cases share the test's fixtures. All cases run; what fails is listed with its values.
    """
    names = [name.strip() for name in names.split(",")]

    def decorate(test):
        def listing(**fixtures):
            failures, count = [], 0
            for case in values:
                given = dict(zip(names, case if len(names) > 1 else [case], strict=True))
                count += 1
                try:
                    test(**fixtures, **given)
                except AssertionError as error:
                    failures.append(f"{given}: {error}")
            assert count and not failures, "\n".join(failures)

        kept = [p for p in inspect.signature(test).parameters.values() if p.name not in names]
        listing.__signature__ = inspect.Signature(kept)
        listing.__name__, listing.__doc__, listing.__module__ = test.__name__, test.__doc__, test.__module__
        return listing

    return decorate
