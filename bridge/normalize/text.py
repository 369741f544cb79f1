"""Cleaning of plain texts: case, Unicode form, punctuation, letters, postal codes, e-mail addresses."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
from decimal import Decimal
from hashlib import sha256
from string import ascii_lowercase
from typing import Any, Final

from bridge.coerce.identifiers import lost_digits, why_damaged, why_unusable, without_fraction
from bridge.meta_spec.spec import MetaSpec
from bridge.normalize.context import CleaningContext, Short, ValueDropped

LONGEST: Final = 4096
SHORTER_THAN_HASHES: Final = 28  # a text that long may be a hash already
_LONGEST_ORDINARY: Final = 64
_LARGEST_ID: Final = 2**64

# Marks that only control how text is displayed. People copy them along with a value without seeing them.
_INVISIBLE: Final = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_VARIATIONS: Final = frozenset(map(chr, range(0xFE00, 0xFE10)))  # how an emoji in front of them is drawn
# Labels of a domain hold letters (of every script), digits and inner dashes: RFC 1123 and RFC 5890.
_EMAIL: Final = re.compile(
    r"[^\s@<>\"(),;:\x00-\x1f\x7f]+@[^\W_](?:[\w\-]*[^\W_])?(?:\.[^\W_](?:[\w\-]*[^\W_])?)+"
).fullmatch
_ORDINARY_EMAIL: Final = re.compile(
    r"[a-z0-9._+-]++@(?=[a-z0-9-]++\.)[a-z0-9]++(?:[.-][a-z0-9]++)*+"
).fullmatch
_MARKS_OF_NAMES: Final = (" ", "'", ".", "-")
# What repeats stands beside what it cannot match, so that a text made of spaces is read once.
_EMAIL_WITHIN: Final = re.compile(r"(?:mailto:|[^<>]*<)\s*(?:mailto:)?([^<>?\s]+)\s*(?:>|\?.*)?").fullmatch
_REMARK: Final = re.compile(r"(?<!\s)\s*\([^()]*\)$")  # `jane@example.com (work)`
_US_LONG_CODE: Final = re.compile(r"([0-9]{5})-[0-9]{4}").fullmatch
_WITH_PREFIX: Final = re.compile(r"([a-z]{1,3})[- ]([0-9](?:[ -]?[0-9]){3}.*)").fullmatch
_WITH_TOWN: Final = re.compile(r"([0-9]+) +[^0-9]+").fullmatch
_MOST_ZEROS: Final = 2  # that a postal code begins with: 00184 Roma, 00100 Helsinki, 00-950 Warszawa
_US_DIGITS: Final = re.compile(r"[0-9]{3,}").fullmatch
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]").search
_CONTROL_IN_PROSE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]").search


_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}


class _CachedTable(dict[int, int | None]):
    """A translation table that decides about each character once; bounded, as senders choose them."""

    def __init__(self, is_dropped: Any) -> None:
        super().__init__()
        self._is_dropped = is_dropped
        for code in range(128):
            self[code]

    def __missing__(self, code: int) -> int | None:
        kept = None if self._is_dropped(chr(code)) else code
        if len(self) < 8192:
            self[code] = kept
        return kept


def _is_punctuation(character: str) -> bool:
    if character.isascii():
        return not character.isalnum()
    return character.isspace() or unicodedata.category(character)[0] in "PZCS" or character in _VARIATIONS


def _is_no_letter(character: str) -> bool:
    return unicodedata.category(character)[0] not in "LM" or character in _VARIATIONS


_PUNCTUATION: Final = _CachedTable(_is_punctuation)
_NO_LETTERS: Final = _CachedTable(_is_no_letter)


def text_of(value: Any) -> str:
    """Return a single value as text without outer spaces and invisible marks, numbers with every digit."""
    if type(value) is not str:
        value = _written(value)
    if len(value) > LONGEST:
        raise ValueDropped("too_long")
    text: str = value.strip()
    return text if text.isascii() else _readable(text)


def _readable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueDropped("broken_text") from None
    return _INVISIBLE.sub("", text).strip()


def _written(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        raise ValueDropped("empty_value")
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueDropped("not_text")
    if isinstance(value, int):
        if value.bit_length() >= 256:
            raise ValueDropped("too_long")
        return str(value)
    number = Decimal(repr(value)) if isinstance(value, float) else value
    if not number.is_finite() or abs(number.adjusted()) > 64:
        raise ValueDropped("not_text")
    if lost_digits(value):
        raise ValueDropped("digits_lost")
    if number == number.to_integral_value():
        return f"{number:.0f}"
    return f"{number:f}"


def compose(text: str, context: CleaningContext) -> str:
    """Compose Unicode (NFC): a letter and its accent become one character, as in Meta's own vectors.

    Full-width letters and digits of Japanese keyboards become the usual ones.
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text.translate(_FULL_WIDTH))


def drop_punctuation(text: str, context: CleaningContext) -> str:
    """Remove spaces and punctuation, typographic ones too; letters of every script and digits stay."""
    return text if text.isalpha() and text.isascii() else text.translate(_PUNCTUATION)


def letters_only(text: str, context: CleaningContext) -> str:
    """Keep letters and accents of every script, and nothing else."""
    return text if text.isalpha() and text.isascii() else text.translate(_NO_LETTERS)


def has_a_letter(text: str, context: CleaningContext) -> str:
    """Drop what holds no letter at all."""
    if text.isalpha() or any(map(str.isalpha, text)):
        return text
    raise ValueDropped("name_without_letters")


def email(text: str, context: CleaningContext) -> str:
    """Check the form: one @, a dot in the domain, no spaces; `mailto:` and `Name <address>` are unwrapped."""
    text = text.rstrip(".,;")
    if _EMAIL(text):
        return compose(text, context)
    text = _REMARK.sub("", unicodedata.normalize("NFKC", text)).strip("'’‘“”«»:;,. ")
    wrapped = _EMAIL_WITHIN(text)
    address = wrapped[1] if wrapped else text
    if _EMAIL(address):
        return unicodedata.normalize("NFC", address)
    raise ValueDropped("email_malformed")


def ordinary_email(spec: MetaSpec, placeholders: Collection[str]) -> Short:
    """Return the short way for e-mail addresses: the hash of one that needs no more than lower case."""
    signs = spec.signs_written_with("[A-Za-z0-9._+-]")

    def hashed(value: Any, context: CleaningContext) -> str | None:
        if type(value) is not str or len(value) > _LONGEST_ORDINARY:
            return None
        text = value.strip().lower()
        if not value.isascii() or text in placeholders or not _ORDINARY_EMAIL(text):
            return None
        for sign in signs:
            if sign in value:
                return None
        return sha256(text.encode()).hexdigest()

    return hashed


def ordinary_name(spec: MetaSpec, placeholders: Collection[str]) -> Short:
    """Return the short way for names: the hash of ASCII letters, with nothing between but marks of names."""
    signs = spec.signs_written_with("[A-Za-z '.-]")

    def hashed(value: Any, context: CleaningContext) -> str | None:
        if type(value) is not str or not value.isascii():
            return None
        text = value.strip().lower()
        if text in placeholders or len(text) >= SHORTER_THAN_HASHES:
            return None
        if not text.isalpha():
            if not text[:1].isalpha():
                return None
            for sign in signs:
                if sign in value:
                    return None
            for mark in _MARKS_OF_NAMES:
                text = text.replace(mark, "")
            if text in placeholders or not text.isalpha():
                return None
        return sha256(text.encode()).hexdigest()

    return hashed


def ordinary_person_id(spec: MetaSpec, placeholders: Collection[str]) -> Short:
    """Return the short way for ids of a person: the hash of a whole number, or of letters and digits."""

    def hashed(value: Any, context: CleaningContext) -> str | None:
        if type(value) is int:
            if not 0 < value < _LARGEST_ID:
                return None
            text = str(value)
        elif type(value) is str and value.isalnum() and value.isascii() and value[0] != "0":
            text = value
        else:
            return None
        if len(text) >= SHORTER_THAN_HASHES or text.lower() in placeholders:
            return None
        return sha256(text.encode()).hexdigest()

    return hashed


def name_alone(text: str, context: CleaningContext) -> str:
    """Drop an e-mail address or a URL in the field of a name."""
    if "@" in text or "://" in text:
        raise ValueDropped("name_is_address")
    return text


def postal_code_step(spec: MetaSpec) -> Callable[[str, CleaningContext], str]:
    """Return the cleaning step for postal codes."""
    digits, prefixes = spec.postal_code_digits, spec.postal_code_prefixes
    any_prefix = frozenset().union(*prefixes.values())

    def postal_code(text: str, context: CleaningContext) -> str:
        """Remove spaces and dashes and restore lost leading zeros; a US code is its first five digits."""
        if why_damaged(text) == "digits_lost":
            raise ValueDropped("digits_lost")
        text = without_fraction(text)
        if context.country == "us":
            return _us_code(compose(text, context).translate(_PUNCTUATION).lstrip(ascii_lowercase))
        if context.country is None and (long_code := _US_LONG_CODE(text)):
            return long_code[1]
        length = digits.get(context.country, 0) if context.country else 0
        if not (text.isascii() and text.isalnum()):
            known = prefixes.get(context.country, ()) if context.country else any_prefix
            text = _code_alone(text, known, length)
        if len(text) < 2 or not any(map(str.isalnum, text)) or not text.strip("0"):
            raise ValueDropped("postal_code_malformed")
        return text.zfill(length) if length - _MOST_ZEROS <= len(text) and text.isdigit() else text

    return postal_code


def _code_alone(text: str, prefixes: Collection[str], length: int) -> str:
    """Return a code without the sign of its country (`D-10115`), the town behind it, spaces and signs."""
    prefixed = _WITH_PREFIX(text)
    if prefixed and prefixed[1] in prefixes:
        text = prefixed[2]
    with_town = _WITH_TOWN(text)
    if with_town and len(with_town[1]) == length:
        text = with_town[1]
    return compose(text.translate(_PUNCTUATION), CleaningContext())


def _us_code(code: str) -> str:
    if not _US_DIGITS(code) or not code.strip("0"):
        raise ValueDropped("postal_code_malformed")
    return code.zfill(5)[:5]


def identifier(text: str, context: CleaningContext) -> str:
    """Drop ids with control characters or more than 256 characters."""
    if len(text) > 256 or (not text.isprintable() and _CONTROL(text)):
        raise ValueDropped("identifier_malformed")
    if reason := why_unusable(text):
        raise ValueDropped(reason)
    return without_fraction(text)


def plain_text(text: str, context: CleaningContext) -> str:
    """Drop texts with control characters."""
    if not text.isprintable() and _CONTROL_IN_PROSE(text):
        raise ValueDropped("identifier_malformed")
    return text


def first_five(text: str, context: CleaningContext) -> str:
    """Keep the first five characters."""
    return text[:5]


def initial(text: str, context: CleaningContext) -> str:
    """Keep the first character."""
    return text[:1]
