"""Several values in one text: a JSON list, or e-mail addresses with signs or spaces between them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from bridge.normalize.context import CleaningContext, ValueDropped
from bridge.normalize.field import Cleaner
from bridge.normalize.text import LONGEST

_SIGNS: Final = re.compile(r"[;,|\r\n]+")
_SIGNS_AND_SPACES: Final = re.compile(r"[;,|/\s]+")


def listed(value: Any, field: Cleaner, context: CleaningContext) -> Any:
    """Return the values of a text that holds several of them; every other value as it is."""
    if type(value) is not str or not field.many or len(value) > LONGEST:
        return value
    if value[-1:] == "]" and (entries := _json_list(value)) is not None:
        return entries
    if field.separated and value.count("@") > 1:
        addresses = _addresses(value)
        return addresses if _are_usable(addresses, field, context) else value
    return value


def each_alone(values: Any, field: Cleaner, context: CleaningContext) -> Iterator[Any]:
    """Yield each value of a list, and each of those that one text of it holds."""
    for value in values:
        inside = listed(value, field, context)
        if type(inside) is list:
            yield from inside
        else:
            yield value


def _json_list(text: str) -> list[Any] | None:
    try:
        entries = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None
    return entries if isinstance(entries, list) else None


def _addresses(text: str) -> list[str]:
    """Return the parts of a text: spaces are between them only where each part has its @."""
    parts = _parts(_SIGNS_AND_SPACES, text)
    return parts if all("@" in part for part in parts) else _parts(_SIGNS, text)


def _parts(signs: re.Pattern[str], text: str) -> list[str]:
    return [part for piece in signs.split(text) if (part := piece.strip())]


def _are_usable(parts: list[str], field: Cleaner, context: CleaningContext) -> bool:
    """Say whether each part can be sent: what remains of the text would be lost without a word."""
    try:
        for part in parts:
            field.clean(part, context)
    except ValueDropped:
        return False
    return True
