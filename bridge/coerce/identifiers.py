"""Ids that identify nothing: a template never filled them in, or a spreadsheet dropped their digits."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final, Literal

from bridge.meta_spec.rule_files import load_meta_spec

Reason = Literal["placeholder", "digits_lost"]

_LONGEST: Final = 2048
_EXACT: Final = 2**53
# 1.20211E+17 and 4,9E+12 are numbers of a spreadsheet; 12E34 is an id.
_SCIENTIFIC: Final = re.compile(
    r"(?<![\w.])(?:[0-9]+(?:[.,][0-9]+)?[eE]\+[0-9]{1,3}|[0-9]+[.,][0-9]+[eE][0-9]{1,3})(?!\w)"
).search
_EXPONENT: Final = re.compile(r"[eE]\+?[0-9]").search  # a quick look before the other
_WHOLE_WITH_FRACTION: Final = re.compile(r"([0-9]{4,})[.,]0{1,2}").fullmatch
_MOST_EXACT_DIGITS: Final = 15
_WORD_WITHOUT_ID: Final = re.compile(r"[A-Za-z]{1,24}[-_:#/]+").fullmatch


def why_unusable(text: str) -> Reason | None:
    """Say why a text cannot identify anything, with the code of a rule; None for a usable id.

    Zeros alone (00000000-0000-0000-0000-000000000000) are what everybody has who has no id, and `order-` is
    what a sender makes of a word and an id that is empty.
    """
    if (text[:1] == "0" and not text.strip("0-")) or _WORD_WITHOUT_ID(text):
        return "placeholder"
    return why_damaged(text)


def why_damaged(text: str) -> Reason | None:
    """Say whether a template is left in a text, or digits were lost; the code of a rule, None for neither.

    Digits and letters alone hold neither, so the checks behind the first line run for few ids.
    """
    if text.isalnum() and text.isascii():
        return None
    shown = text[:_LONGEST]
    if load_meta_spec().is_unfilled(shown):
        return "placeholder"
    return "digits_lost" if _EXPONENT(shown) and _SCIENTIFIC(shown) else None


def lost_digits(value: Any) -> bool:
    """Say whether a number of JSON was written in a way that cannot hold the digits of an id (1.2E+17)."""
    if isinstance(value, float):
        return not -_EXACT < value < _EXACT
    if isinstance(value, Decimal) and value.is_finite():
        exponent = value.as_tuple().exponent
        return isinstance(exponent, int) and (exponent > 0 or (exponent < 0 and abs(value) >= _EXACT))
    return False


def identifies(value: Any) -> bool:
    """Say whether a value can identify something, in a text or as a number."""
    return why_unusable(value) is None if isinstance(value, str) else value != 0 and not lost_digits(value)


def without_fraction(text: str) -> str:
    """Return digits without the `.0` that a spreadsheet adds to them; other texts as they are."""
    found = _WHOLE_WITH_FRACTION(text)
    return found[1] if found and len(found[1]) <= _MOST_EXACT_DIGITS else text
