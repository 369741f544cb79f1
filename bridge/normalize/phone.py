"""Phone numbers: to digits with their country calling code, or dropped; a national one is never hashed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from hashlib import sha256
from typing import Any, Final

from bridge.meta_spec.spec import MetaSpec
from bridge.normalize.context import CleaningContext, Short

_SEPARATORS: Final = dict.fromkeys(map(ord, " -().\u00a0\u2010\u2011\u2013/"))
_FRACTION: Final = re.compile(
    r"([^.,]*[0-9]{4}|[^.,]*[0-9])[.,](?:(?<=[0-9]{4}[.,])00|0)"
).fullmatch  # of a float


def phone_step(spec: MetaSpec) -> Callable[[str, CleaningContext], str]:
    """Return the cleaning step for phone numbers."""
    is_international = spec.international_number.fullmatch

    def phone(text: str, context: CleaningContext) -> str:
        if text[-2:] in _FLOAT_ENDS or text[-3:] in _FLOAT_ENDS:
            text = _without_fraction(text)
        compact = text.replace(" ", "")
        if not compact[1:].isdigit():
            compact = text.translate(_SEPARATORS)
        if compact[:1] == "+" and is_international(compact, 1):
            return compact[1:]
        from bridge.normalize.written_phone import digits_of  # 25 ms, for numbers out of the ordinary alone

        return digits_of(text, context)

    return phone


_FLOAT_ENDS: Final = frozenset({".0", ",0", ".00", ",00"})


def _without_fraction(text: str) -> str:
    """Return a number without the `.0` of a spreadsheet; `06.12.34.56.00` has points between its pairs."""
    found = _FRACTION(text)
    return found[1] if found else text


def ordinary_phone(spec: MetaSpec, placeholders: Collection[str]) -> Short:
    """Return the short way for phone numbers: the hash of one that is written as E.164 says."""
    is_international = spec.international_number.fullmatch

    def hashed(value: Any, context: CleaningContext) -> str | None:
        if type(value) is not str or value[:1] != "+" or not is_international(value, 1):
            return None
        digits = value[1:]
        return None if digits in placeholders else sha256(digits.encode()).hexdigest()

    return hashed
