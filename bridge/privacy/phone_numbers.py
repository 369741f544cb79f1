"""Recognizes phone numbers in texts that are sent unhashed, and leaves ids alone.

Digits look like a phone number when they have a plus or `tel:` in front, the separators of a phone number
between them, or are those of a phone number that the same webhook maps. Digits alone never do: order
numbers, EAN and ids of 18 digits look the same. Dates, ISBN and order numbers such as
`123-4567890-1234567` are ids too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

Phones = Sequence[str]

_FEWEST: Final = 7  # digits of a phone number, ITU-T E.164
_MOST: Final = 15
_LONGEST: Final = 4096
_LONGEST_CALLING_CODE: Final = 4  # with a digit of a carrier or trunk prefix

_GATE: Final = re.compile(r"[0-9](?:[^0-9A-Za-z]{0,3}[0-9]){6}").search
_SEPARATED: Final = re.compile(r"[0-9][^0-9A-Za-z]{1,3}[0-9]").search
_BETWEEN: Final = r"[ ().\-/\u00a0\u2010\u2011\u2013]{0,3}"
_CANDIDATE: Final = re.compile(
    rf"(?<![0-9A-Za-z.+])(?<![0-9][\-/])\(?[ (]*[0-9](?:{_BETWEEN}[0-9])+(?![0-9A-Za-z])"
)
_WITH_PLUS: Final = re.compile(r"(?<![0-9A-Za-z+])\+[ (]*[1-9](?:[ ().\-/]{0,3}[0-9]){6,}(?![0-9A-Za-z])")
_WITH_SCHEME: Final = re.compile(
    r"(?:(?<![a-z])(?:tel|sms|callto|whatsapp)(?::|%3a)|wa\.me/)"
    r"[ +(]*[0-9](?:[ ().\-/]{0,3}[0-9]){6,14}(?![0-9])",
    re.IGNORECASE,
).search
_DATE: Final = re.compile(
    r"(?:(?:19|20)[0-9]{2}[./\- ][01]?[0-9][./\- ][0-3]?[0-9]"
    r"|[0-3]?[0-9][./\-][0-3]?[0-9][./\-](?:19|20)[0-9]{2})(?![0-9])"
).match
_NORTH_AMERICAN: Final = re.compile(r"(?:1[ .\-]+)?[2-9][0-9]{2}[ .\-][2-9][0-9]{2}[ .\-][0-9]{4}").fullmatch
_NATIONAL: Final = re.compile(r"0[1-9][0-9]{0,4}(?:[ /][ \-]{0,2}|[.\-])[0-9][0-9 .\-/]{4,}").fullmatch
_ABROAD: Final = re.compile(r"00[ \-.]?[1-9][0-9]{0,2}[ \-./(]+[0-9 ().\-/]+").fullmatch
_IN_BRACKETS: Final = re.compile(
    r"(?:[0-9]{1,3}[ .\-]?)?\( ?[0-9]{1,5} ?\)[ .\-/]{0,2}[0-9][0-9 .\-/]+"
).fullmatch
_SPACED: Final = re.compile(
    r"[1-9][0-9]{0,2}(?: [0-9]{2,5}){2,5}|[1-9][0-9]{0,2} [0-9]{2,4} [0-9]{5,8}"
).fullmatch
_CLEAR_SEPARATOR: Final = re.compile(r"[ /(]").search
_RUN: Final = re.compile(r"[0-9](?:[ ().\-/]{0,3}[0-9]){6,}")
_NOT_DIGITS: Final = re.compile(r"[^0-9]+")


def may_hold_phone(text: str, phones: Phones = ()) -> bool:
    """Look quickly whether a phone number can be in the text: ids and prices are ruled out here."""
    if len(text) < _FEWEST or text.isalpha():
        return False
    if not text.isdigit():
        if _GATE(text) is None:
            return False
        if "+" in text or _SEPARATED(text) or _WITH_SCHEME(text):
            return True
    return may_hold_mapped_phone(text, phones)


def may_hold_mapped_phone(text: str, phones: Phones) -> bool:
    """Say whether the last digits of a mapped phone number are in the text, one after the other."""
    for phone in phones:  # noqa: SIM110 - every text passes here, and any() takes three times as long
        if phone[-_FEWEST:] in text:
            return True
    return False


def holds_phone(text: str, phones: Phones = ()) -> bool:
    """Say whether a phone number is anywhere in the text; `phones` are those the same webhook maps."""
    if not may_hold_phone(text, phones):
        return False
    text = text[:_LONGEST]
    if phones and any(_is_one_of(run[0], phones) for run in _RUN.finditer(text)):
        return True
    if text.isalnum():
        return False
    if _WITH_SCHEME(text):
        return True
    return any(_has_plausible_length(found[0]) for found in _WITH_PLUS.finditer(text)) or any(
        _is_written_as_phone(found[0], is_part=text[found.start() - 1 : found.start()] in {"-", "_"})
        for found in _CANDIDATE.finditer(text)
    )


def mapped_phones(values: Any) -> tuple[str, ...]:
    """Return the digits of the phone numbers that a webhook maps, as written and without leading zeros."""
    if type(values) is str and values[:1] == "+" and values.isascii():  # as nearly all are written
        digits = values[1:]
        if digits.isdigit() and digits[0] != "0" and _FEWEST <= len(digits) <= _MOST:
            return (digits,)
    found = []
    for value in values if isinstance(values, list | tuple) else [values]:
        if isinstance(value, str | int) and not isinstance(value, bool) and len(text := str(value)) < 64:
            digits = text.lstrip("+0")
            if not (digits.isdigit() and digits.isascii()):
                digits = _NOT_DIGITS.sub("", text).lstrip("0")
            if _FEWEST <= len(digits) <= _MOST:
                found.append(digits)
    return tuple(found)


def holds_hashed_phone(text: str, hashes: Any) -> bool:
    """Say whether digits of the text are a phone number whose SHA-256 is among `hashes`."""
    if not hashes or _GATE(text) is None:
        return False
    known = {
        value[:64] for value in (hashes if isinstance(hashes, list) else [hashes]) if isinstance(value, str)
    }
    runs = (_NOT_DIGITS.sub("", run[0]).lstrip("0") for run in _RUN.finditer(text[:_LONGEST]))
    return any(sha256(digits.encode()).hexdigest() in known for digits in runs)


def _is_one_of(run: str, phones: Phones) -> bool:
    """Compare digits with the mapped numbers; a calling code may be on one side only."""
    digits = _NOT_DIGITS.sub("", run).lstrip("0")
    return any(digits == phone or _is_with_calling_code(digits, phone) for phone in phones)


def _is_with_calling_code(one: str, other: str) -> bool:
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    return (
        len(shorter) > _FEWEST
        and len(longer) - len(shorter) <= _LONGEST_CALLING_CODE
        and longer.endswith(shorter)
    )


def _has_plausible_length(written: str) -> bool:
    return _FEWEST <= len(_NOT_DIGITS.sub("", written)) <= _MOST


def _is_written_as_phone(written: str, *, is_part: bool) -> bool:
    """Say whether digits have the separators of a phone number, and are no date.

    Behind a dash or underscore (`order-030-1234567`) a dash proves nothing.
    """
    written = written.strip().replace("\u00a0", " ").translate(_DASHES)
    if written.isdigit() or not _has_plausible_length(written) or _DATE(written):
        return False
    if is_part and not _CLEAR_SEPARATOR(written):
        return False
    if _NORTH_AMERICAN(written) or _IN_BRACKETS(written):
        return True
    if _NATIONAL(written):
        return len(_NOT_DIGITS.sub("", written)) > _FEWEST
    return (_ABROAD(written) or _SPACED(written)) is not None and _is_valid(written)


_DASHES: Final = dict.fromkeys(map(ord, "\u2010\u2011\u2013"), "-")


def _is_valid(written: str) -> bool:
    import phonenumbers  # 25 ms, and only digits in groups come here

    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(f"+{written.lstrip('0')}", None)))
    except phonenumbers.NumberParseException:
        return False
