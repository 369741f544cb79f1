"""Recognizes personal data where it must not be: in custom data, URLs, event names and ids."""

from __future__ import annotations

import re
from typing import Final

from bridge.meta_spec.spec import MetaSpec

_EMAIL: Final = re.compile(r"[^\s@/?&=#:;,<>\"'()]+@[^\s@/?&=#:;,<>\"'().]+\.[^\s@/?&=#:;,<>\"'()]{2,}")
_ENCODED_EMAIL: Final = re.compile(r"%40[^\s@/?&=#]*\.", re.IGNORECASE)
# An international number as people write it. Bare digits are left alone: order numbers look like that.
_PHONE: Final = re.compile(r"(?<![\w+])(?:\+|00)[1-9][0-9 ().\-/]{6,18}[0-9](?!\w)")
_SEPARATORS: Final = dict.fromkeys(map(ord, "_- ."))
_LONGEST: Final = 8192


def holds_email(text: str) -> bool:
    """Say whether an e-mail address stands anywhere in the text."""
    return "@" in text and _EMAIL.search(text[:_LONGEST]) is not None


def holds_contact(text: str) -> bool:
    """Say whether an e-mail address or an international phone number stands anywhere in the text."""
    if "@" in text and _EMAIL.search(text[:_LONGEST]):
        return True
    return ("+" in text or "00" in text) and _PHONE.search(text[:_LONGEST]) is not None


def without_email(text: str) -> str:
    """Return the text with every e-mail address replaced."""
    return _EMAIL.sub("redacted", text) if "@" in text else text


def is_personal_key(key: str, spec: MetaSpec) -> bool:
    """Say whether a key of custom data names something personal (`first_name`, `E-Mail`)."""
    return _plain(key) in spec.personal_keys


def is_personal_name(name: str, spec: MetaSpec) -> bool:
    """Say whether a parameter of a URL has a personal name (`first_name`) or a secret one (`token`)."""
    return _plain(name) in spec.personal_parameters


def is_personal_parameter(name: str, value: str, spec: MetaSpec) -> bool:
    """Say whether a parameter of a URL is personal or a secret, by its name or by what it holds."""
    if value and is_personal_name(name, spec):
        return True
    return any(holds_email(part) or _ENCODED_EMAIL.search(part) is not None for part in (name, value))


def _plain(name: str) -> str:
    word = name.lower()
    return word if word.isalpha() else word.translate(_SEPARATORS)
