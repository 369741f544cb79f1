"""People's texts to numbers: exactly the digits that were written, or nothing when they are ambiguous."""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

from bridge.meta_spec.rule_files import load_meta_spec

_LONGEST_NUMBER: Final = 64
_LARGEST_EXPONENT: Final = 30
PLAIN_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII).fullmatch
_SPACES: Final = dict.fromkeys(map(ord, " \t\u00a0\u202f\u2009'’_"))
_MONEY_SIGNS: Final = re.compile(
    r"^(?:[A-Za-z]{3}|[^\d\s.,+\-A-Za-z]{1,3})\s*|\s*(?:[A-Za-z]{3}|[^\d\s.,+\-A-Za-z]{1,3})$"
)


def read_number(value: Any, example: str | None = None) -> Decimal | None:
    """Read a finite number, exactly; None when the value is no number or could be two.

    Without an example a point is the decimal sign, and a comma is one unless exactly three digits follow
    it (`1,234` could be both). An example such as `1.234,56` settles what each sign means. Booleans are
    no numbers.
    """
    if isinstance(value, str):
        return _number_of_text(value, example)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return _bounded(Decimal(repr(value)) if isinstance(value, float) else Decimal(value))


def _number_of_text(text: str, example: str | None) -> Decimal | None:
    if len(text) > _LONGEST_NUMBER:
        return None
    text = _MONEY_SIGNS.sub("", text.strip().replace("−", "-")).translate(_SPACES)
    thousands, decimal = _signs(example) if example else _guess_signs(text)
    if decimal is None:
        return None
    if thousands:
        if not _well_grouped(text, thousands, decimal):
            return None
        text = text.replace(thousands, "")
    if decimal != ".":
        text = text.replace(decimal, ".")
    if not PLAIN_NUMBER(text):
        return None
    try:
        return _bounded(Decimal(text))
    except InvalidOperation:
        return None


def _bounded(number: Decimal) -> Decimal | None:
    if not number.is_finite():
        return None
    return number if -_LARGEST_EXPONENT <= number.adjusted() <= _LARGEST_EXPONENT or not number else None


@lru_cache(maxsize=64)
def _signs(example: str) -> tuple[str, str]:
    """Return the thousands sign (maybe none) and the decimal sign of an example such as `1.234,56`."""
    signs = [character for character in example.translate(_SPACES) if character in ".,"]
    if not signs:
        return "", "."
    if len(signs) == 1:
        only = signs[0]
        digits_after = len(example.rpartition(only)[2].strip())
        if digits_after == 3 and not example.strip().startswith("0"):
            return only, "," if only == "." else "."
        return "", only
    if signs[-1] == signs[0]:
        return signs[0], "," if signs[0] == "." else "."
    return signs[0], signs[-1]


def _guess_signs(text: str) -> tuple[str, str | None]:
    """Return thousands and decimal sign as the text itself shows them; decimal None when it could be two."""
    comma, point = text.rfind(","), text.rfind(".")
    if comma < 0:
        return (".", ",") if text.count(".") > 1 else ("", ".")
    if point >= 0:
        return (",", ".") if point > comma else (".", ",")
    if text.count(",") > 1:
        return ",", "."
    return ("", None) if len(text) - comma == 4 else ("", ",")


def _well_grouped(text: str, thousands: str, decimal: str) -> bool:
    whole, _, fraction = text.partition(decimal)
    groups = whole.lstrip("+-").split(thousands)
    if thousands in fraction or len(groups) == 1:
        return thousands not in fraction
    return (
        1 <= len(groups[0]) <= 3
        and all(len(group) in {2, 3} for group in groups[1:-1])
        and len(groups[-1]) == 3
    )


def is_finite(number: int | float | Decimal) -> bool:
    """Say whether a number is neither infinite nor NaN, the signalling kind included."""
    if isinstance(number, int):
        return True
    return number.is_finite() if isinstance(number, Decimal) else math.isfinite(number)


def minor_unit_digits(currency: str) -> int | None:
    """Return how many digits a currency has after the point (EUR 2, JPY 0); None for an unknown code."""
    return load_meta_spec().currencies.get(currency.strip().upper())
