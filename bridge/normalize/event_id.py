"""Ids of events and orders: hashed where they hold contact data, left out where they identify nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
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
_LONGEST_ORDINARY: Final = 100
# No separator of a phone number between digits, no `tel:` before them: only a mapped number can be in it.
_ORDINARY: Final = re.compile(
    r"(?=[A-Za-z_-]*[0-9])(?![0_-]+\Z)[A-Za-z0-9](?:[A-Za-z0-9]|[_-](?=[A-Za-z])|(?<![0-9])[_-](?=[0-9]))*+"
).fullmatch
# The groups of a UUID are no groups of a phone number; a mapped number may go over several of them.
_UUID: Final = re.compile(
    r"(?:[A-Za-z]{1,24}[_-])?(?![0-]+\Z)[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
).fullmatch


def ordinary_event_id(value: Any, known: Known) -> str | None:
    """Return the short way's id as it is: letters and digits, in words (`order-1001`), or a UUID."""
    if type(value) is not str or len(value) > _LONGEST_ORDINARY:
        return None
    if not _ORDINARY(value) and not _UUID(value):
        return None
    if value.lower() in known.spec.placeholders or _holds_a_sign(value, known.spec):
        return None
    if known.phones and may_hold_mapped_phone(value.replace("-", ""), known.phones):
        return None
    return value


def _holds_a_sign(text: str, spec: MetaSpec) -> bool:
    for sign in _signs(spec):  # noqa: SIM110 - every text passes here, and any() takes three times as long
        if sign in text:
            return True
    return False


@cache
def _signs(spec: MetaSpec) -> tuple[str, ...]:
    return spec.signs_written_with("[A-Za-z0-9_-]")


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
