"""JSON that a sender put into a text: `'["A1","B2"]'` as the whole value of one field."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

_LONGEST: Final = 2**18
_CLOSING: Final = {"[": "]", "{": "}"}


def opened_text(value: Any) -> Any:
    """Return the list or object that a text holds as JSON, every digit kept; any other value as it is."""
    if type(value) is not str or len(value) > _LONGEST:
        return value
    text = value.strip()
    if not text or text[-1] != _CLOSING.get(text[0]):
        return value
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return value
