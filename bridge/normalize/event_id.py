"""Ids of events and orders: hashed where they hold contact data, left out where they identify nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

from bridge.coerce.identifiers import lost_digits, why_unusable, without_fraction
from bridge.meta_spec.spec import MetaSpec
from bridge.models import ReadingSettings
from bridge.normalize.context import Known, ValueDropped
from bridge.normalize.findings import Findings
from bridge.normalize.scalars import text_from
from bridge.privacy.personal_data import holds_contact
from bridge.privacy.phone_numbers import may_hold_mapped_phone

_LONGEST: Final = 1024
_LARGEST_NUMBER: Final = 2**64
# In none of these are the separators of a phone number between digits.
_ORDINARY: Final = re.compile(r"[A-Za-z]{1,24}(?:[-_:][A-Za-z]{1,24}){0,3}[-_:][0-9]{1,24}").fullmatch


def ordinary_event_id(value: Any, known: Known) -> str | None:
    """Return the short way's id: letters and digits, or a word before digits (`order-1001`), as it is."""
    if type(value) is not str or not _ORDINARY(value) or known.spec.unfilled_signs.search(value):
        return None
    if known.phones and may_hold_mapped_phone(value, known.phones):
        return None
    return value


def ordinary_numbered_id(word: str, spec: MetaSpec) -> Callable[[Any, Known], str | None] | None:
    """Return the short way for a number behind a word of the mapping (`order-{id}`), if there is one."""
    if ordinary_event_id(f"{word}1", Known(ReadingSettings(), 0, (), spec)) is None:
        return None

    def ordinary_number(value: Any, known: Known) -> str | None:
        if type(value) is not int or not 0 < value < _LARGEST_NUMBER:
            return None
        digits = str(value)
        return None if known.phones and may_hold_mapped_phone(digits, known.phones) else word + digits

    return ordinary_number


def event_id(value: Any, field: str, findings: Findings) -> str:
    """Return an id as it is sent; one that holds contact data or is far too long is sent as its hash.

    The hash is the same on every delivery, so repeats stay repeats. Raises ValueDropped for an id that was
    never filled in or lost its digits: two events would share it.
    """
    if lost_digits(value):
        raise ValueDropped("digits_lost")
    text = text_from(value, findings.spec)
    if text.lower() in findings.spec.placeholders:
        raise ValueDropped("placeholder")
    if text.isalpha():
        return text
    if reason := why_unusable(text):
        raise ValueDropped(reason)
    if holds_contact(text, findings.phones):
        findings.add("personal_data_in_id", field)
        return sha256(text.encode()).hexdigest()
    return without_fraction(text) if len(text) <= _LONGEST else sha256(text.encode()).hexdigest()
