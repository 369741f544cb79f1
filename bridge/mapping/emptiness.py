"""Telling quickly that a value is not empty: most texts do not even start like a placeholder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from bridge.catalog import Catalog
from bridge.reading import is_empty


@dataclass(frozen=True, slots=True)
class Emptiness:
    """What counts as empty for one mapping.

    `first_letters` holds every letter an empty text can start with. A text that starts otherwise is a
    value; the others are looked at closely by `is_empty`.
    """

    first_letters: frozenset[str]
    is_empty: Callable[[Any], bool]


def emptiness_of(catalog: Catalog, extra: Iterable[str] = ()) -> Emptiness:
    """Return what counts as empty, with the mapping's own empty values."""
    folded = frozenset(text.strip().lower() for text in extra)
    starts = {text[0] for text in {*catalog.empty_texts, *folded} if text}
    letters = {
        variant[:1] for start in starts for variant in (start, start.upper(), start.lower(), start.title())
    }
    return Emptiness(
        frozenset(letters | _blanks() | {"{"}), partial(is_empty, extra=folded) if folded else is_empty
    )


@cache
def _blanks() -> frozenset[str]:
    return frozenset(chr(code) for code in range(min(0x3100, sys.maxunicode)) if chr(code).isspace())
