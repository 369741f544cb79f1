"""Recognizes personal data where it must not be: in custom data, URLs, event names and ids."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from bridge.meta_spec.spec import MetaSpec
from bridge.privacy.phone_numbers import Phones, holds_phone

# A key that is shown; any other may hold something of a person.
PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]{0,63}").fullmatch
_EMAIL: Final = re.compile(r"[^\s@/?&=#:;,<>\"'()]+@[^\s@/?&=#:;,<>\"'().]+\.[^\s@/?&=#:;,<>\"'()]{2,}")
_ENCODED_EMAIL: Final = re.compile(r"%40[^\s@/?&=#]*\.", re.IGNORECASE)
_SEPARATORS: Final = dict.fromkeys(map(ord, "_- ."))
_LONGEST: Final = 8192


def holds_email(text: str) -> bool:
    """Say whether an e-mail address stands anywhere in the text."""
    if "@" in text:
        return _EMAIL.search(text[:_LONGEST]) is not None
    return "%40" in text and _ENCODED_EMAIL.search(text[:_LONGEST]) is not None


def holds_contact(text: str, phones: Phones = ()) -> bool:
    """Say whether an e-mail address or a phone number is anywhere in the text.

    `phones` are the digits of the phone numbers that the same webhook maps (see `phone_numbers`).
    """
    return holds_email(text) or holds_phone(text, phones)


def without_email(text: str) -> str:
    """Return the text with every e-mail address replaced."""
    return _EMAIL.sub("redacted", text) if "@" in text else text


def is_personal_key(key: str, spec: MetaSpec) -> bool:
    """Say whether a key of custom data names something personal (`first_name`, `E-Mail`)."""
    return _plain(key) in spec.personal_keys


def is_personal_name(name: str, spec: MetaSpec) -> bool:
    """Say whether a parameter of a URL has a personal name (`first_name`) or a secret one (`token`)."""
    return _plain(name) in spec.personal_parameters


def is_personal_parameter(name: str, value: str, spec: MetaSpec, phones: Phones = ()) -> bool:
    """Say whether a parameter of a URL is personal or a secret, by its name or by what it holds."""
    if value and is_personal_name(name, spec):
        return True
    return holds_encoded_contact(value, phones) or holds_encoded_contact(name, phones)


def holds_encoded_contact(text: str, phones: Phones = ()) -> bool:
    """Say whether a part of a URL holds an e-mail address or phone number, percent-encoded or not."""
    readable = unquote(unquote(text)) if "%25" in text else unquote(text)
    if holds_contact(readable, phones) or _ENCODED_EMAIL.search(readable) is not None:
        return True
    return "+" in text and holds_phone(readable.replace("+", " "), phones)


def _plain(name: str) -> str:
    word = name.lower()
    return word if word.isalpha() else word.translate(_SEPARATORS)
