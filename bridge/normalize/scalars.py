"""Single values outside `user_data`: texts, choices, yes and no, as sent; a ValueDropped says why not."""

from __future__ import annotations

import math
from collections.abc import Collection
from decimal import Decimal
from typing import Any, Final

from bridge.coerce.emptiness import is_empty_text
from bridge.coerce.yes_no import SENT_FOR_NO, SENT_FOR_YES
from bridge.meta_spec.spec import MetaSpec
from bridge.normalize.amounts import json_number
from bridge.normalize.context import ValueDropped

_LONGEST_WORD: Final = 24  # no placeholder and no choice is longer
_LONGEST_TEXT: Final = 100_000
_LARGEST: Final = 2**256


def text_from(value: Any, spec: MetaSpec) -> str:
    """Return a single value as text, ids with every digit."""
    if type(value) is str and value.isascii() and len(value) < _LONGEST_TEXT:
        text = value.strip()
    elif type(value) is int and -_LARGEST < value < _LARGEST:
        return str(value)
    else:
        text = _encodable(value) if isinstance(value, str) else _written(value)
    if is_empty_text(text):
        raise ValueDropped("placeholder" if text else "empty_value")
    return text


def _encodable(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise ValueDropped("too_long")
    if not is_encodable(text):
        raise ValueDropped("broken_text")
    return text.strip()


def _written(value: Any) -> str:
    if value is None:
        raise ValueDropped("empty_value")
    if isinstance(value, float) and math.isfinite(value):
        return str(json_number(Decimal(repr(value))))
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) <= 64:
        return f"{value:f}"
    raise ValueDropped("not_text")


def is_encodable(text: str) -> bool:
    """Say whether a text can be written as UTF-8; lone surrogates cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def truth_of(value: Any) -> bool:
    """Return true or false for the ways people write them."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower() if len(value) < _LONGEST_WORD else "?"
    else:
        word = str(value) if type(value) is int and value in {0, 1} else "?"
    if word in SENT_FOR_YES or word in SENT_FOR_NO:
        return word in SENT_FOR_YES
    raise ValueDropped("boolean_unreadable" if word else "empty_value")


def choice_of(value: Any, choices: Collection[str], spec: MetaSpec) -> str:
    """Return the choice that a text names, compared ignoring case, spaces and dashes."""
    text = text_from(value, spec)
    if text in choices:
        return text
    word = text.lower().replace(" ", "_").replace("-", "_") if len(text) < 100 else ""
    if word in choices:
        return word
    raise ValueDropped("choice_unknown", expected=", ".join(choices))
