"""Phone numbers: to digits with their country calling code, or dropped; a national one is never hashed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
from hashlib import sha256
from typing import Any, Final

from bridge.coerce.identifiers import why_unusable, without_fraction
from bridge.meta_spec.spec import MetaSpec
from bridge.normalize.context import CleaningContext, Short, ValueDropped

_SEPARATORS: Final = dict.fromkeys(map(ord, " -().\u00a0\u2010\u2011\u2013/"))
_EXTENSION_WORDS: Final = (
    "extension", "extn", "ext", "x", "durchwahl", "dw", "apparat", "poste", "interno", "ramal",
    "int", "anexo", "доб", "wew",
)  # fmt: skip
_EXTENSION: Final = re.compile(
    rf"(?:;ext=|,+|#|\(?(?<![^\W\d_])(?:{'|'.join(_EXTENSION_WORDS)}))[\s.:]*\d+\s*\)?\s*$",
    re.IGNORECASE,
)
_NOT_DIGITS: Final = re.compile(r"[^0-9]+")
_TRUNK_ZERO: Final = re.compile(r"\(\s*0\s*\)")
_ONE_DIGIT: Final = re.compile(r"[0-9]{0,3}([0-9])\1{5,}").fullmatch
# `01(650)123-4567`: a leading zero before a North American number whose area code stands in brackets.
_ZERO_BEFORE_AREA_CODE: Final = re.compile(r"01\s*\([2-9]\d\d\)\D*\d{3}\D*\d{4}").fullmatch


def phone_step(spec: MetaSpec) -> Callable[[str, CleaningContext], str]:
    """Return the cleaning step for phone numbers."""
    is_international = spec.international_number.fullmatch

    def phone(text: str, context: CleaningContext) -> str:
        compact = text.replace(" ", "")
        if not compact[1:].isdigit():
            compact = text.translate(_SEPARATORS)
        if compact[:1] == "+" and is_international(compact, 1):
            return compact[1:]
        return _carefully(text, context)

    return phone


def ordinary_phone(spec: MetaSpec, placeholders: Collection[str]) -> Short:
    """Return the short way for phone numbers: the hash of one that is written as E.164 says."""
    is_international = spec.international_number.fullmatch

    def hashed(value: Any, context: CleaningContext) -> str | None:
        if type(value) is not str or value[:1] != "+" or not is_international(value, 1):
            return None
        digits = value[1:]
        return None if digits in placeholders else sha256(digits.encode()).hexdigest()

    return hashed


def _carefully(text: str, context: CleaningContext) -> str:
    text = _EXTENSION.sub("", without_fraction(_with_ascii_digits(text)))
    if why_unusable(text) == "digits_lost":
        raise ValueDropped("digits_lost")
    if len(_NOT_DIGITS.sub("", text)) < 7:
        raise ValueDropped("phone_letters" if any(map(str.isalpha, text)) else "phone_malformed")
    international = "+" in text or text.lstrip(" (").startswith("00")
    dialled = None if "+" in text else _dialled_abroad(text, context)
    digits = dialled or (_international_digits(text) if international else _completed(text, context))
    if not 7 <= len(digits) <= 15 or _ONE_DIGIT(digits):
        raise ValueDropped("phone_malformed")
    return digits


def _with_ascii_digits(text: str) -> str:
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKC", text)
    return "".join(
        str(unicodedata.digit(sign)) if sign.isdigit() and not sign.isascii() else sign for sign in plain
    )


def _international_digits(text: str) -> str:
    """Return the digits of a number written with + or 00, a trunk zero behind the country code removed."""
    digits = _NOT_DIGITS.sub("", _TRUNK_ZERO.sub("", text)).lstrip("0")
    if len(digits) > 15:
        raise ValueDropped("phone_malformed")
    return _parsed(f"+{digits}", None) or digits


def _dialled_abroad(text: str, context: CleaningContext) -> str | None:
    """Return a valid number behind the region's prefix for calls abroad (011, 0011, 810), or None."""
    import phonenumbers

    region = (context.phone_country or context.country or "").upper()
    try:
        parsed = phonenumbers.parse(_NOT_DIGITS.sub("", text)[:30], region, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None
    with_prefix = parsed.country_code_source == phonenumbers.CountryCodeSource.FROM_NUMBER_WITH_IDD
    if not with_prefix or not phonenumbers.is_valid_number(parsed):
        return None
    digits: str = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)[1:]
    return digits


def _completed(text: str, context: CleaningContext) -> str:
    """Complete a number from the mapping's phone country or the person's; without them it must be whole."""
    region = context.phone_country or context.country
    digits = _NOT_DIGITS.sub("", text)
    if region and len(digits) <= 15:
        return _in_region(digits, region.upper())
    if digits.startswith("0") and not _ZERO_BEFORE_AREA_CODE(text.strip()):
        raise ValueDropped("phone_without_country")
    digits = digits.lstrip("0")
    if not _is_whole(digits):
        raise ValueDropped("phone_without_country")
    return digits


def _in_region(digits: str, region: str) -> str:
    """Read digits as the region's people dial them, unless they fit only with a calling code in front."""
    is_whole = _is_valid(digits) or (_dials_zero_first(region) and _parsed(f"+{digits}", None) == digits)
    if digits.startswith(_calling_code(region)) and is_whole:
        return digits
    national = _parsed(digits, region)
    if national and _is_mobile_elsewhere(digits, national, region):
        return digits
    if national and _is_valid(national):
        return national
    if _is_valid(digits):
        return digits
    if national and _parsed(f"+{national}", None) == national:
        return national
    raise ValueDropped("phone_malformed")


def _is_mobile_elsewhere(digits: str, national: str, region: str) -> bool:
    """Say whether digits without the region's leading zero are a mobile number abroad and none at home."""
    without_zero = digits[0] != "0" and _dials_zero_first(region)
    return without_zero and _is_mobile(digits) and not _is_mobile(national)


def _dials_zero_first(region: str) -> bool:
    import phonenumbers

    return bool(phonenumbers.ndd_prefix_for_region(region, True) == "0")


def _is_mobile(digits: str) -> bool:
    import phonenumbers

    try:
        kind = phonenumbers.number_type(phonenumbers.parse(f"+{digits}", None))
    except phonenumbers.NumberParseException:
        return False
    return bool(kind == phonenumbers.PhoneNumberType.MOBILE)


def _calling_code(region: str) -> str:
    import phonenumbers

    return str(phonenumbers.country_code_for_region(region))


def _is_whole(digits: str) -> bool:
    """Say whether digits without + are an international number: valid, or eleven digits of North America."""
    return _is_valid(digits) or (len(digits) == 11 and digits[0] == "1" and digits[1] in "23456789")


def _parsed(number: str, region: str | None) -> str | None:
    """Return calling code and national number as the library reads them; None for an impossible number."""
    import phonenumbers  # 25 ms, and only numbers out of the ordinary come here

    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    digits: str = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)[1:]
    return digits


def _is_valid(digits: str) -> bool:
    import phonenumbers

    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(f"+{digits}", None)))
    except phonenumbers.NumberParseException:
        return False
