"""What a good refusal is, whatever its words: an exception of the right type, raised on purpose by the pack
itself, that says one sentence.
"""

from __future__ import annotations

import traceback
from pathlib import Path

PACK = Path(__file__).resolve().parents[1]
TYPES = {"ValueError", "TypeError", "FileNotFoundError"}


def refusal(error: BaseException, pack: Path = PACK) -> dict:
    """The exception's type and words, and whether a `raise` of the pack is what raised it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    meant = pack in Path(last.filename).parents and (last.line or "").startswith("raise ")
    return dict(kind=type(error).__name__, said=str(error).strip(), meant=meant)


def faults(found: dict, *keywords: str) -> list[str]:
    """What is wrong with a refusal; one of the keywords, if any are given, must be in it."""
    said, named = found["said"].lower(), [word.lower() for word in keywords]
    meant = found["meant"] or found["kind"] == "FileNotFoundError"  # which may be the host's
    return [
        fault
        for fault, wrong in (
            ("the exception's type", found["kind"] not in TYPES),
            ("not raised on purpose", not meant),
            ("not one short sentence", "\n" in said or not 15 < len(said) < 600),
            (
                "names none of " + ", ".join(keywords),
                named and not any(word in said for word in named),
            ),
        )
        if wrong
    ]
