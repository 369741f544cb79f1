"""JSON that a sender put into a text: `'["A1","B2"]'` as the whole value of one field."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final, NoReturn

from bridge.coerce.special_characters import without_special_escapes

_LONGEST: Final = 1_048_576
_CLOSING: Final = {"[": "]", "{": "}"}
_BRACKETS: Final = re.compile(r"[][{}]")


def opened_text(value: Any, *, deepest: int | None = None) -> Any:
    """Return the list or object that a text holds as JSON, every digit kept; any other value as it is.

    As in a body, NaN is no number, and NUL and half characters are removed. `deepest` bounds its levels.
    """
    if type(value) is not str or len(value) > _LONGEST:
        return value
    text = value.strip()
    if not text or text[-1] != _CLOSING.get(text[0]) or (deepest is not None and _is_deeper(text, deepest)):
        return value
    try:
        return json.loads(without_special_escapes(text), parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, ArithmeticError, RecursionError):
        return value


def _is_deeper(text: str, deepest: int) -> bool:
    """Say whether a JSON text may be nested deeper than that (brackets inside its texts count too)."""
    if text.count("{") + text.count("[") <= deepest:
        return False
    depth = 0
    for bracket in _BRACKETS.findall(text):
        depth += 1 if bracket in "{[" else -1
        if depth > deepest:
            return True
    return False


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
