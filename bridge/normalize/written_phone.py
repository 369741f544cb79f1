"""Phone numbers as people and tools write them: prefixes, trunk zeros, extensions, and national numbers."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import phonenumbers

from bridge.coerce.identifiers import why_damaged
from bridge.normalize.context import CleaningContext, ValueDropped

# Where one number ends and something else begins: words, an extension (`x12`, `#12`, `,,12`, `;ext=12`), a
# second number. What stands between the digits of one number is no letter in any language.
_BETWEEN_NUMBERS: Final = re.compile(r"[^\W\d_]+|[,;:#*|&=?<>@\t\r\n]|(?=\+)")
_CALLING_CODE: Final = re.compile(r"\+[1-9][0-9]{0,2}\W*").fullmatch  # in a part of its own: `+86; 12345678`
_THOUSANDS: Final = re.compile(r"\+?[0-9]{1,3}(?:,[0-9]{3})+(?:\.00?)?").fullmatch  # of a spreadsheet
_NOT_DIGITS: Final = re.compile(r"[^0-9]+")
_PLUS_BEFORE_ZERO: Final = re.compile(r"\+(?=[ (]*0[ ()]*[1-9])")
_CARRIER_CODE: Final = re.compile(r"0(?:xx|\*\*)(?=[ -]?[1-9][0-9])", re.IGNORECASE)  # (0xx11) in Brazil
_TRUNK_ZERO: Final = re.compile(r"\(\s*0\s*\)")
_FEWEST: Final = 7  # digits, calling code included; at most 15 are ITU-T E.164
_MOST: Final = 15
_ONE_DIGIT: Final = re.compile(r"[0-9]{0,3}([0-9])\1{5,}").fullmatch
# `01(650)123-4567`: a leading zero before a North American number whose area code stands in brackets.
_ZERO_BEFORE_AREA_CODE: Final = re.compile(r"01\s*\([2-9]\d\d\)\D*\d{3}\D*\d{4}").fullmatch


def digits_of(text: str, context: CleaningContext) -> str:
    """Return the digits of a number, its calling code in front. Raises ValueDropped when it is none."""
    text = _CARRIER_CODE.sub("", _PLUS_BEFORE_ZERO.sub("", _with_ascii_digits(text)))
    if why_damaged(text) == "digits_lost":
        raise ValueDropped("digits_lost")
    text = _one_number(text)
    international = "+" in text or text.lstrip(" (").startswith("00")
    dialled = None if "+" in text else _dialled_abroad(text, context)
    digits = dialled or (_international_digits(text) if international else _completed(text, context))
    return _unchanging(digits)


def _one_number(text: str) -> str:
    """Return the part of the text that is the number: one with a plus, else the first of seven digits."""
    text = text.replace(",", "") if _THOUSANDS(text) else text
    parts = _BETWEEN_NUMBERS.split(text)
    numbers = [place for place, part in enumerate(parts) if _length(part) >= _FEWEST]
    if not numbers:
        raise ValueDropped("phone_letters" if any(map(str.isalpha, text)) else "phone_malformed")
    place = next((place for place in numbers if parts[place][0] == "+"), numbers[0])
    number = parts[place]
    if _length(number) > _MOST and _length(first := number.partition("/")[0]) >= _FEWEST:
        return first  # 030 1234567 / 0151 2345678
    code = next((part for part in reversed(parts[:place]) if _length(part)), "")
    return code + number if _CALLING_CODE(code) and number[0] != "+" else number


def _length(number: str) -> int:
    """Return how many digits a number has, without leading zeros."""
    return len(_NOT_DIGITS.sub("", number).lstrip("0"))


def _unchanging(digits: str) -> str:
    """Return what the digits become when they are read again, so that cleaning twice is cleaning once."""
    seen: set[str] = set()
    while digits not in seen:
        seen.add(digits)
        digits = _parsed(f"+{digits}", None) or digits
    if not _FEWEST <= len(digits) <= _MOST:
        raise ValueDropped("phone_malformed")
    if _ONE_DIGIT(digits):
        raise ValueDropped("phone_one_digit")
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
    return _NOT_DIGITS.sub("", _TRUNK_ZERO.sub("", text)).lstrip("0")


def _dialled_abroad(text: str, context: CleaningContext) -> str | None:
    """Return a valid number behind the region's prefix for calls abroad (011, 0011, 810), or None."""
    region = (context.phone_country or context.country or "").upper()
    number = _number(_NOT_DIGITS.sub("", text)[:30], region)
    if number is None or number.country_code_source != phonenumbers.CountryCodeSource.FROM_NUMBER_WITH_IDD:
        return None
    return _e164(number) if phonenumbers.is_valid_number(number) else None


def _completed(text: str, context: CleaningContext) -> str:
    """Complete a number from the mapping's phone country or the person's; without them it must be whole."""
    region = context.phone_country or context.country
    digits = _NOT_DIGITS.sub("", text)
    if _length(digits) > _MOST:
        raise ValueDropped("phone_malformed")
    if region:
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
    raise ValueDropped("phone_not_in_country")


def _is_mobile_elsewhere(digits: str, national: str, region: str) -> bool:
    """Say whether digits without the region's leading zero are a mobile number abroad and none at home."""
    without_zero = digits[0] != "0" and _dials_zero_first(region)
    return without_zero and _is_mobile(digits) and not _is_mobile(national)


def _dials_zero_first(region: str) -> bool:
    return bool(phonenumbers.ndd_prefix_for_region(region, True) == "0")


def _is_mobile(digits: str) -> bool:
    number = _number(f"+{digits}")
    return number is not None and phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE


def _calling_code(region: str) -> str:
    return str(phonenumbers.country_code_for_region(region))


def _is_whole(digits: str) -> bool:
    """Say whether digits without + are an international number: valid, or eleven digits of North America."""
    return _is_valid(digits) or (len(digits) == 11 and digits[0] == "1" and digits[1] in "23456789")


def _parsed(text: str, region: str | None) -> str | None:
    """Return calling code and national number as the library reads them; None for an impossible number.

    A number without its area code, which only a neighbor could dial, is impossible too.
    """
    number = _number(text, region)
    is_possible = phonenumbers.ValidationResult.IS_POSSIBLE
    if number is None or phonenumbers.is_possible_number_with_reason(number) != is_possible:
        return None
    return _e164(number)


def _is_valid(digits: str) -> bool:
    number = _number(f"+{digits}")
    return number is not None and phonenumbers.is_valid_number(number)


def _number(text: str, region: str | None = None) -> phonenumbers.PhoneNumber | None:
    """Return a number as the library reads it; None when it is none."""
    try:
        return phonenumbers.parse(text, region, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]
