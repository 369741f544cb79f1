"""What a single value looks like, judged by its characters alone: an e-mail, a phone, a click id."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

_NAME_OF_AN_EVENT = re.compile(r"[A-Za-z]{2,}(?:[.:][A-Za-z]{2,})+")
_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;.]{2,}")
_PHONE = re.compile(r"(?:\+|00)?[\d\s()./-]{6,24}(?:\s*(?:x|ext\.?)\s*\d{1,6})?", re.IGNORECASE)
_NORTH_AMERICAN = re.compile(r"\(\d{3}\) ?\d{3}-\d{4}").match
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}.*)?")
_WRITTEN_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}(?:[ ,T]+\d{1,2}:\d{2}.*)?")
_NAMED_MONTH = re.compile(
    r"(?:\w{3,9},?\s+)?(?:\d{1,2}\.?\s+)?[A-Za-zÀ-ÿ]{3,9}\.?\s+(?:\d{1,2},?\s+)?\d{4}\b.*"
)
_EPOCH = re.compile(r"\d{10}(?:\.\d+)?|\d{13}|/Date\(\d{10,13}(?:[+-]\d{4})?\)/")
_AMOUNT = re.compile(r"(?:[^\d\s-]{1,3}\s?)?-?\d{1,3}(?:[.,' ]?\d{3})*(?:[.,]\d{1,4})?(?:\s?[^\d\s]{1,3})?")
_FBC = re.compile(r"fb\.\d+\.\d+\.\S{5,}")
_FBP = re.compile(r"fb\.\d+\.\d+\.\d+(?:\.\w+)?")
_FBCLID = re.compile(r"(?:IwAR|IwZX|IwY2|IwdG|fbclid)[\w-]{6,}|PA(?=[\w-]*\d)(?=[\w-]*[a-z])[\w-]{18,}")
_CLICK_ID = re.compile(r"(?=[\w-]*\d)(?=[\w-]*[a-z])(?=[\w-]*[A-Z])[\w-]{8,}")
_GENDERS = (
    "m f male female mr mrs ms herr frau mann m. mme monsieur madame hombre mujer sr sra uomo donna man vrouw"
)
_YES_OR_NO = (
    "yes no true false 1 0 on off granted denied ja nein oui non si sí sim não nee accepted declined opted_in"
)
_IN_NO_NAME = frozenset("@/_{}[]<>|=")


def _digits(text: str) -> int:
    return 0 if text.isalpha() else sum(map(str.isdigit, text))


def _is_email(text: str) -> bool:
    return "@" in text and _EMAIL.fullmatch(text.removeprefix("mailto:")) is not None


def _is_date(text: str) -> bool:
    patterns = (_ISO_DATE, _WRITTEN_DATE, _EPOCH, _NAMED_MONTH)
    return any(pattern.fullmatch(text) for pattern in patterns)


def _is_phone(text: str) -> bool:
    bare = text.removeprefix("tel:").removeprefix("p:")
    if not _PHONE.fullmatch(bare) or not 6 <= _digits(bare) <= 17:
        return False
    return not (_ISO_DATE.fullmatch(bare) or _WRITTEN_DATE.fullmatch(bare))


def is_certainly_phone(text: str) -> bool:
    """Say whether a text can hardly be anything but a phone: `+49 151 …`, `(202) 555-0143`.

    A bare run of digits is not: it may be an id or a time.
    """
    return (text[:1] == "+" or (text[:1] == "(" and _NORTH_AMERICAN(text) is not None)) and _is_phone(text)


def is_certainly_click_id(text: str) -> bool:
    """Say whether a text begins as the click ids of today do; under its own name, others pass too."""
    return _FBCLID.fullmatch(text) is not None


def _is_ip(text: str) -> bool:
    if "." not in text and ":" not in text:  # most values; the exception below is slow
        return False
    try:
        return not ipaddress.ip_address(text).is_unspecified
    except ValueError:
        return False


def _is_person_name(text: str) -> bool:
    if text.isalpha():
        return True
    if _digits(text) or not _IN_NO_NAME.isdisjoint(text) or _NAME_OF_AN_EVENT.fullmatch(text):
        return False
    return 1 <= len(text.split()) <= 6


def _is_postal_code(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 -]{1,9}", text) is not None and _digits(text) > 0


def _is_country(text: str) -> bool:
    return len(text) >= 2 and _digits(text) == 0 and len(text.split()) <= 5


def _is_id(text: str) -> bool:
    return re.fullmatch(r"[#\w.:/~+=-]{1,200}", text) is not None and not _is_email(text)


SHAPES: dict[str, Callable[[str], bool]] = {
    "email": _is_email,
    "phone": _is_phone,
    "date": _is_date,
    "amount": lambda text: _AMOUNT.fullmatch(text) is not None,
    "currency": lambda text: len(text) == 3 and text.isascii() and text.isalpha(),
    "country": _is_country,
    "region": lambda text: _digits(text) == 0 and len(text.split()) <= 4,
    "words": lambda text: _digits(text) == 0 and len(text.split()) <= 6,
    "person_name": _is_person_name,
    "postal_code": _is_postal_code,
    "gender": lambda text: text.casefold() in _GENDERS.split(),
    "yes_or_no": lambda text: text.casefold() in _YES_OR_NO.split(),
    "ip": _is_ip,
    "user_agent": lambda text: text.startswith(("Mozilla/", "Opera/", "Dalvik/")),
    "url": lambda text: text.startswith("http") and re.match(r"https?://[^\s/]+", text) is not None,
    "fbc": lambda text: text[:3] == "fb." and _FBC.fullmatch(text) is not None and not _FBP.fullmatch(text),
    "fbp": lambda text: text[:3] == "fb." and _FBP.fullmatch(text) is not None,
    "fbclid": lambda text: is_certainly_click_id(text) or _CLICK_ID.fullmatch(text) is not None,
    "meta_lead_id": lambda text: re.fullmatch(r"(?:l:)?\d{15,17}", text) is not None,
    "id": _is_id,
}


def has_shape(shape: str, value: Any) -> bool:
    """Say whether a payload's value looks like that; numbers count as their digits."""
    if type(value) is not str:
        if isinstance(value, bool):
            return shape == "yes_or_no"
        if isinstance(value, dict | list) or value is None:
            return False
    return SHAPES[shape](as_text(value))


def as_text(value: Any) -> str:
    """Return a single value as its shape is judged: numbers as their digits, without outer spaces."""
    return str(value).strip()[:2048]
