"""How a cleaning step says that a value cannot be used, and what steps may know besides the value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from msgspec import Struct

from bridge.meta_spec.spec import MetaSpec
from bridge.models import ReadingSettings


class ValueDropped(Exception):
    """A value is left out; `code` names the reason in `schemas/meta/rules.yaml`. Nothing names the value.

    `names` fill the reason's sentence (the choices Meta allows) and never hold what a person sent.
    """

    def __init__(self, code: str, **names: str) -> None:
        super().__init__(code)
        self.code = code
        self.names = names


class CleaningContext(Struct, frozen=True):
    """What is known besides the value: countries as lower-case ISO codes, the author's date format, today.

    `is_person` says that the rest of the record is a real person's, so that `Null` is a surname.
    """

    country: str | None = None
    phone_country: str | None = None
    date_format: str | None = None
    today: date = date.max
    is_person: bool = False

    def of_a_person(self) -> CleaningContext:
        """Return the same for a record whose other fields are a real person's."""
        return CleaningContext(self.country, self.phone_country, self.date_format, self.today, is_person=True)


class Known(Struct, frozen=True):
    """What the short ways of an event's fields know besides the value: settings, time, mapped phones, rules.

    `now` counts Unix seconds; `phones` are the digits of the phone numbers that the webhook maps.

    `shape` tells the keys of this event from those of others of its mapping: what the webhook does not have.
    `unproven` names the fields whose values are not right by themselves; those of a short way and hashes are.
    """

    settings: ReadingSettings
    now: int
    phones: Sequence[str]
    spec: MetaSpec
    shape: list[str] = []
    unproven: list[str] = []


# The short way of a cleaner, for the values that machines write: what is sent of a value, or None when the
# value is not ordinary. What gives None is cleaned by the cleaner itself; so a short way may know less than
# its cleaner, and must never know better.
Short = Callable[[Any, CleaningContext], str | None]
