"""Numbers as they are sent: exact, finite, and never more than the sender wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any, Final

from bridge.coerce.numbers import decimals_written, is_ambiguous, read_number, shared_format

Number = int | float | Decimal
_LARGEST: Final = 2**99
_LARGEST_ORDINARY: Final = 1e9
_MILLIONTH: Final = Decimal("0.000001")
# What machines write: no separator, or a point before any number of digits but three. Up to fifteen digits
# a floating-point number gives back exactly what was written.
_ORDINARY: Final = re.compile(r"[0-9]{1,9}(?:\.(?:[0-9]{1,2}|[0-9]{4,6}))?", re.ASCII).fullmatch


@lru_cache(maxsize=4096)
def ordinary_number(text: str) -> Number | None:
    """Return the number of a text as machines write it, None for any other; prices come again and again."""
    if not _ORDINARY(text):
        return None
    number = float(text)
    whole = int(number)
    return whole if whole == number else number


def number_of(value: Any, example: str | None, decimals: int | None = None) -> Number | None:
    """Return a value as a JSON number with exactly the digits that were sent; None when it is no number.

    `example` and `decimals` say what separators mean, as `read_number` describes.
    """
    if type(value) is int:
        return value if -_LARGEST < value < _LARGEST else None
    if type(value) is str and example is None and (number := ordinary_number(value)) is not None:
        return number
    exact = read_number(value, example, decimals)
    return None if exact is None else json_number(_without_noise(exact))


class Amounts:
    """Reads the amounts of one event: what one of them leaves open, the others may settle.

    An ambiguous amount is settled by the currency beside it or of the event, then by the mapping's
    `number_format`, then by the unambiguous amounts of the same event, and by nothing else.
    """

    __slots__ = ("_decimals", "_example", "_others", "_shared")

    def __init__(self, currency: str | None, example: str | None, others: Iterable[Any]) -> None:
        self._decimals: Final = decimals_written(currency)
        self._example: Final = example
        self._others: Final = others
        self._shared: str | None = ""  # not looked for yet

    def read(self, value: Any) -> Number | None:
        """Return an amount; None when it is no number or stays ambiguous."""
        if not is_ambiguous(value):
            return number_of(value, self._example)
        return number_of(value, self._example or self._shared_format(), self._decimals)

    def _shared_format(self) -> str | None:
        """Return an example of the format that the event's other amounts share; None when they share none."""
        if self._shared == "":
            self._shared = shared_format(self._others)
        return self._shared


def _without_noise(exact: Decimal) -> Decimal:
    """Undo what floating-point arithmetic leaves behind: shops send 14.950000000000001 for 14.95."""
    exponent = exact.as_tuple().exponent
    return exact.quantize(_MILLIONTH) if isinstance(exponent, int) and exponent < -8 else exact


def json_number(exact: Decimal) -> Number:
    """Return an int, or a float that is written with the same digits, or else the Decimal itself."""
    if exact == exact.to_integral_value():
        return int(exact)
    near = float(exact)
    return near if Decimal(repr(near)) == exact else exact


def has_no_more_digits(number: float | Decimal, digits: int) -> bool:
    """Say whether an ordinary amount has no more decimals; after a no, rounding decides.

    The floating-point number closest to a count of cents has none, and the division gives exactly that one.
    """
    if type(number) is not float or not 0 < number < _LARGEST_ORDINARY:
        return False
    scale = 10.0**digits
    cents = int(number * scale + 0.5)
    return cents / scale == number


def rounded(number: Number, digits: int) -> Number:
    """Return an amount with no more digits than its currency has, half up: 0.30000000000000004 is 0.3."""
    if isinstance(number, int) or round(number, digits) == number:
        return number
    exact = Decimal(repr(number)) if isinstance(number, float) else number
    return json_number(exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP))
