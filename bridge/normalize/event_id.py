"""Ids of events and orders: hashed where they hold contact data, left out where they identify nothing."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

from bridge.coerce.identifiers import lost_digits, why_unusable, without_fraction
from bridge.normalize.context import ValueDropped
from bridge.normalize.findings import Findings
from bridge.normalize.scalars import text_from
from bridge.privacy.personal_data import holds_contact

_LONGEST: Final = 1024


def event_id(value: Any, field: str, findings: Findings) -> str:
    """Return an id as it is sent; one that holds contact data or is far too long is sent as its hash.

    The hash is the same on every delivery, so repeats stay repeats. Raises ValueDropped for an id that was
    never filled in or lost its digits: two events would share it.
    """
    if lost_digits(value):
        raise ValueDropped("digits_lost")
    text = text_from(value, findings.spec)
    if text.isalpha():
        return text
    if reason := why_unusable(text):
        raise ValueDropped(reason)
    if holds_contact(text, findings.phones):
        findings.add("personal_data_in_id", field)
        return sha256(text.encode()).hexdigest()
    return without_fraction(text) if len(text) <= _LONGEST else sha256(text.encode()).hexdigest()
