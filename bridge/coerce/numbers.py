"""People's texts to numbers: exactly the digits that were written, or nothing when they are ambiguous.

A number may have a currency beside it (`R$ 1.299,00`, `199 kr`), an accountant's brackets around it, or the
digits of another script. One to three digits, one separator and exactly three digits (`1.234`, `1,234`) can
mean two numbers, a thousand times apart: only an example of the sender's format, or the number of decimals
that the currency has, tells which.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

from bridge.meta_spec.rule_files import load_meta_spec

_LONGEST_NUMBER: Final = 64
_LARGEST_EXPONENT: Final = 30
PLAIN_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII).fullmatch
_AMBIGUOUS: Final = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}").fullmatch
_SPACES: Final = dict.fromkeys(map(ord, " \t\u00a0\u202f\u2009'’`´_"))
_SIGNS: Final = str.maketrans("−–—‐‑٫٬", "-----.,")
_BRACKETS: Final = re.compile(r"\((.*)\)").fullmatch
_NO_CENTS: Final = re.compile(r"(?<=[0-9])[.,:](?:-{1,2}|=)$")  # 199,- and 199:- are 199
_EXAMPLES: Final = {",": "1.234,56", ".": "1,234.56"}
_DIGITS: Final = re.compile(r"[0-9](?:.*[0-9])?", re.DOTALL)
# What may stand beside a number and is in no list: `pcs`, `%`, `MX$`.
_UNIT: Final = re.compile(r"[A-Za-z]{3}|[A-Za-z]{1,3}\$|[^\w\s.,+\-()<>~≈≤≥]{1,3}").fullmatch


def read_number(value: Any, example: str | None = None, decimals: int | None = None) -> Decimal | None:
    """Read a finite number, exactly; None when the value is no number or could be two.

    `example` is a number in the sender's format, such as `1.234,56`. `decimals` is how many digits amounts of
    the currency have behind the decimal sign; 0 and 3 settle what `1.234` means, and win over the example. A
    currency beside the number (`₫150.000`) wins over both. Without any of them the text must show by itself
    what its separators mean. Booleans are no numbers.
    """
    if isinstance(value, str):
        return _number_of_text(value, example, decimals)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return _bounded(Decimal(repr(value)) if isinstance(value, float) else Decimal(value))


def is_ambiguous(value: Any) -> bool:
    """Say whether a text is a number that could be two: `1.234` and `€ 1,234`, not `0.125` or `12.50`."""
    return isinstance(value, str) and len(value) <= _LONGEST_NUMBER and bool(_AMBIGUOUS(_bare(value)))


def decimal_sign_of(value: Any) -> str | None:
    """Return the decimal sign that a text shows beyond doubt (`1.234,56`, `12,50`), else None."""
    if not isinstance(value, str) or len(value) > _LONGEST_NUMBER:
        return None
    text = _bare(value)
    if ("," not in text and "." not in text) or _AMBIGUOUS(text):
        return None
    return None if _number_of_text(text, None, None) is None else _signs_of(text)[1]


def shared_format(values: Iterable[Any]) -> str | None:
    """Return an example of the format that the unambiguous texts among the values share, None without one."""
    signs = {sign for value in values if (sign := decimal_sign_of(value)) is not None}
    return _EXAMPLES[signs.pop()] if len(signs) == 1 else None


def _number_of_text(text: str, example: str | None, decimals: int | None) -> Decimal | None:
    if len(text) > _LONGEST_NUMBER:
        return None
    written, text = text, _bare(text)
    if _AMBIGUOUS(text):
        own = currency_beside(written)
        signs = _settled(text, example, decimals if own is None else decimals_written(own))
        if signs is None:
            return None
        thousands, decimal = signs
    else:
        thousands, decimal = _signs(example) if example else _signs_of(text)
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


def _settled(text: str, example: str | None, decimals: int | None) -> tuple[str, str] | None:
    """Return thousands and decimal sign of an ambiguous text, by the currency's decimals or the example."""
    separator = "," if "," in text else "."
    other = "." if separator == "," else ","
    if decimals == 0:
        return separator, other
    if decimals == 3:
        return "", separator
    return _signs(example) if example else None


def _bounded(number: Decimal) -> Decimal | None:
    if not number.is_finite():
        return None
    return number if -_LARGEST_EXPONENT <= number.adjusted() <= _LARGEST_EXPONENT or not number else None


# --- what stands around the digits -----------------------------------------------------------------


def _bare(text: str) -> str:
    """Return a number without spaces, currency and brackets, in ASCII digits, with its sign in front."""
    if not text.isascii():
        text = _in_ascii_digits(text.translate(_SIGNS))
    text = text.strip()
    if PLAIN_NUMBER(text):
        return text
    text, negative = _without_brackets(text)
    text = _without_currency(_NO_CENTS.sub("", text))
    text, also_negative = _without_brackets(text)
    text = _NO_CENTS.sub("", text.translate(_SPACES))
    if text[-1:] == "-" and text[:1] != "-":
        text, also_negative = text[:-1], True
    if (negative or also_negative) and text[:1].isdecimal():
        return f"-{text}"
    return text


def _in_ascii_digits(text: str) -> str:
    return "".join([str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text])


def _without_brackets(text: str) -> tuple[str, bool]:
    """Return what stands in an accountant's brackets, and that it is negative."""
    found = _BRACKETS(text)
    return (found[1].strip(), True) if found else (text, False)


def _without_currency(text: str) -> str:
    """Return a number without the currency on either side; any other word stays, and makes it no number."""
    found = _DIGITS.search(text)
    if found is None:
        return text
    before, after = text[: found.start()], text[found.end() :]
    return _beside(before) + found[0] + _beside(after)


@lru_cache(maxsize=1024)
def _beside(text: str) -> str:
    """Return what is left of the text on one side of the digits when its currency is taken away."""
    rest = text.translate(_SPACES)
    for word in (rest, rest.strip("+-()"), rest.strip("+-(),.")):
        if word and _may_stand_beside(word):
            return rest.replace(word, "")
    return rest


def _may_stand_beside(word: str) -> bool:
    """Say whether a word leaves the number as it is; `Mio` and `tsd` do not."""
    lowered = word.lower()
    if lowered.strip(".") in load_meta_spec().multipliers:
        return False
    return _UNIT(word) is not None or _is_currency_word(lowered)


def _is_currency_word(word: str) -> bool:
    """Say whether a word in lower case is a currency's sign or short name: `kr`, `rs.`, `円`."""
    spec = load_meta_spec()
    return word in spec.currency_signs or word in spec.currency_words


def currency_beside(value: Any) -> str | None:
    """Return the currency written beside a number (`₫150.000`), if what stands there means only one."""
    found = _DIGITS.search(value) if isinstance(value, str) and len(value) <= _LONGEST_NUMBER else None
    if found is None or found[0] == value:
        return None
    spec = load_meta_spec()
    for part in (value[: found.start()], value[found.end() :]):
        word = part.translate(_SPACES).strip("+-(),").lower()
        code = spec.currency_signs.get(word) or (word.upper() if word.upper() in spec.currencies else None)
        if code is not None:
            return code
    return None


# --- separators ------------------------------------------------------------------------------------


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


def _signs_of(text: str) -> tuple[str, str]:
    """Return the thousands sign (maybe none) and the decimal sign as an unambiguous text shows them."""
    comma, point = text.rfind(","), text.rfind(".")
    if comma < 0:
        return (".", ",") if text.count(".") > 1 else ("", ".")
    if point >= 0:
        return (",", ".") if point > comma else (".", ",")
    return (",", ".") if text.count(",") > 1 else ("", ",")


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


def decimals_written(currency: str | None) -> int | None:
    """Return how many decimals people write amounts of a currency with: none for IDR, though ISO has two."""
    if currency is None:
        return None
    code = currency.strip().upper()
    spec = load_meta_spec()
    return 0 if code in spec.currencies_without_cents else spec.currencies.get(code)
