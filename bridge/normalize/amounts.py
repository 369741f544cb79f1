"""Numbers as they are sent: exact, finite, and never more than the sender wrote."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from bridge.coerce.numbers import read_number

Number = int | float | Decimal
_LARGEST: Final = 2**99
_MILLIONTH: Final = Decimal("0.000001")
# Up to fifteen digits a floating-point number gives back exactly what was written.
_SHORT: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?", re.ASCII).fullmatch


def number_of(value: Any, example: str | None) -> Number | None:
    """Return a value as a JSON number with exactly the digits that were sent; None when it is no number."""
    if type(value) is int:
        return value if -_LARGEST < value < _LARGEST else None
    if type(value) is str and example is None and _SHORT(value):
        number = float(value)
        return int(number) if number.is_integer() else number
    exact = read_number(value, example)
    return None if exact is None else json_number(_without_noise(exact))


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


def rounded(number: Number, digits: int) -> Number:
    """Return an amount with no more digits than its currency has, half up: 0.30000000000000004 is 0.3."""
    if isinstance(number, int) or round(number, digits) == number:
        return number
    exact = Decimal(repr(number)) if isinstance(number, float) else number
    return json_number(exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP))
