"""Telling quickly that a value is not empty: most texts do not even start like a placeholder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from typing import Any

from bridge.coerce.reading import is_empty
from bridge.meta_spec.spec import MetaSpec


class _Any:
    """Holds everything: after a blank, any letter may follow."""

    def __contains__(self, item: object) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Emptiness:
    """What counts as empty for one mapping.

    `starts` holds every letter an empty text can start with, and the second letters that may follow it.
    A text that starts otherwise is a value; the others are looked at closely by `is_empty`.
    """

    starts: dict[str, Container[str]]
    is_empty: Callable[[Any], bool]


def emptiness_of(spec: MetaSpec, extra: Iterable[str] = ()) -> Emptiness:
    """Return what counts as empty, with the mapping's own empty values."""
    folded = frozenset(text.strip().lower() for text in extra)
    starts: dict[str, set[str]] = {}
    for text in {*spec.empty_texts, *folded, "{{"}:
        for first, second in product(_cases(text[:1]), _cases(text[1:2])):
            starts.setdefault(first, set()).update((second, ""))
            if len(text) == 1:
                starts[first].update(_blanks())
    everything: dict[str, Container[str]] = {**starts, **dict.fromkeys(_blanks(), _Any())}
    return Emptiness(everything, partial(is_empty, extra=folded) if folded else is_empty)


def _cases(letter: str) -> set[str]:
    return {letter, letter.lower(), letter.upper(), letter.title()}


@cache
def _blanks() -> frozenset[str]:
    return frozenset(chr(code) for code in range(min(0x3100, sys.maxunicode)) if chr(code).isspace())
