"""How a cleaning step says that a value cannot be used, and what steps may know besides the value."""

from __future__ import annotations

from datetime import date
from typing import Final


class ValueDropped(Exception):
    """A value is left out; `code` names the reason in `schemas/meta/rules.yaml`. Nothing names the value.

    `names` fill the reason's sentence (the choices Meta allows) and never hold what a person sent.
    """

    def __init__(self, code: str, **names: str) -> None:
        super().__init__(code)
        self.code = code
        self.names = names


class CleaningContext:
    """What is known besides the value: countries as lower-case ISO codes, the author's date format, today.

    `is_person` says that the rest of the record is a real person's, so that `Null` is a surname.
    """

    __slots__ = ("country", "date_format", "is_person", "phone_country", "today")

    def __init__(
        self,
        country: str | None = None,
        phone_country: str | None = None,
        date_format: str | None = None,
        today: date = date.max,
        is_person: bool = False,
    ) -> None:
        self.country: Final = country
        self.phone_country: Final = phone_country
        self.date_format: Final = date_format
        self.today: Final = today
        self.is_person: Final = is_person

    def of_a_person(self) -> CleaningContext:
        """Return the same for a record whose other fields are a real person's."""
        return CleaningContext(self.country, self.phone_country, self.date_format, self.today, is_person=True)
