"""What counts as empty: nothing at all, whitespace, a placeholder such as `null`, an unrendered template."""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from itertools import product
from typing import Any, Final

from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.spec import MetaSpec

_LONGEST_PLACEHOLDER: Final = 200
_NO_EXTRAS: Final[frozenset[str]] = frozenset()


def is_empty(value: Any, extra: frozenset[str] = _NO_EXTRAS) -> bool:
    """Return whether a value stands for nothing; 0 and false are values.

    `extra` holds the mapping's own empty texts, in lower case and without surrounding whitespace.
    """
    if type(value) is str:
        return is_empty_text(value.strip(), extra)
    return value is None or (isinstance(value, list | dict | tuple) and not value)


def is_empty_text(text: str, extra: frozenset[str] = _NO_EXTRAS) -> bool:
    """Return whether a text without surrounding whitespace stands for nothing; `is_empty` has the details."""
    if not text or (text[0] == "{" and text.startswith("{{") and text.endswith("}}")):
        return True
    if len(text) > _LONGEST_PLACEHOLDER:
        return False
    lowered = text.lower()
    return lowered in load_meta_spec().empty_texts or (bool(extra) and lowered in extra)


@dataclass(frozen=True, slots=True)
class Emptiness:
    """What counts as empty for one mapping.

    `starts` maps each first character of an empty text to the characters that may follow it. A text that
    starts in any other way is a value; only the others need `is_empty`.
    """

    starts: dict[str, Container[str]]
    is_empty: Callable[[Any], bool]
    own: frozenset[str]

    def is_placeholder(self, value: Any) -> bool:
        """Say whether an empty value is a text that stands for nothing: `undefined`, `{{id}}`.

        A text that the mapping itself calls empty is nothing.
        """
        text = value.strip().lower() if type(value) is str else ""
        return bool(text) and text not in self.own

    def of_nothing(self) -> Emptiness:
        """Return the same where a placeholder is a value, which is judged later."""
        return replace(self, is_empty=lambda value: self.is_empty(value) and not self.is_placeholder(value))

    def apart_from(self, names: frozenset[str]) -> Emptiness:
        """Return the same for a field in which some of the words, capitalized, may be names."""
        own, is_empty = names - self.own, self.is_empty
        return replace(self, is_empty=lambda value: not is_one_of_names(value, own) and is_empty(value))


def emptiness_of(spec: MetaSpec, extra: Iterable[str] = ()) -> Emptiness:
    """Return what counts as empty, including the mapping's own `empty_values`."""
    return _emptiness(spec, frozenset(text.strip().lower() for text in extra))


@lru_cache(maxsize=64)
def _emptiness(spec: MetaSpec, own: frozenset[str]) -> Emptiness:
    starts: dict[str, set[str]] = {}
    for text in {*spec.empty_texts, *own, "{{"}:
        for first, second in product(_cases(text[:1]), _cases(text[1:2])):
            starts.setdefault(first, set()).update((second, ""))
            if len(text) == 1:
                starts[first].update(_whitespace())
    after_whitespace = dict.fromkeys(_whitespace(), _Anything())
    return Emptiness({**starts, **after_whitespace}, partial(is_empty, extra=own) if own else is_empty, own)


def is_one_of_names(value: Any, names: frozenset[str]) -> bool:
    """Say whether a text is one of these words, written as a name is: `Null`, not `null` and not `NULL`."""
    if type(value) is not str or len(value) > _LONGEST_PLACEHOLDER:
        return False
    text = value.strip()
    return text.istitle() and text.lower() in names


class _Anything:
    """Contains everything: any character may follow whitespace."""

    def __contains__(self, item: object) -> bool:
        return True


def _cases(letter: str) -> set[str]:
    return {letter, letter.lower(), letter.upper(), letter.title()}


@cache
def _whitespace() -> frozenset[str]:
    return frozenset(chr(code) for code in range(min(0x3100, sys.maxunicode)) if chr(code).isspace())
