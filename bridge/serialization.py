"""Writes JSON: one way for everything that is stored, sent or returned."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson


def encode(value: Any) -> bytes:
    """Return compact UTF-8 JSON; a Decimal keeps exactly the digits it has.

    orjson rejects integers over 64 bits and halves of surrogate pairs, both of which senders do
    send; the slow path writes them too.
    """
    try:
        return orjson.dumps(value, default=_as_json)
    except orjson.JSONEncodeError:
        return json.dumps(_without_decimals(value), separators=(",", ":"), allow_nan=False).encode()


def encode_readable(value: Any) -> str:
    """Return indented JSON."""
    try:
        return orjson.dumps(value, default=_as_json, option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONEncodeError:
        return json.dumps(_without_decimals(value), indent=2, allow_nan=False)


def _as_json(value: Any) -> Any:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(str(value).encode())
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, tuple):
        return list(value)
    raise TypeError


def _without_decimals(value: Any) -> Any:
    """Return the value with each Decimal as the nearest int or float (the slow path only)."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: _without_decimals(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_decimals(item) for item in value]
    return value
