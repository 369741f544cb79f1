"""Says when the times of a sender name no time zone, and the mapping names none for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bridge.coerce.dates import needs_time_zone
from bridge.finding import Finding
from bridge.models import Draft


def lint_time(made: Iterable[Draft]) -> Iterator[Finding]:
    """Yield a finding for each line that gave an event of the samples (`made`) a time of no time zone."""
    for position in dict.fromkeys(draft.positions.get("event_time") for draft in made if _has_no_zone(draft)):
        yield Finding(
            "warning",
            "no_time_zone",
            "the time names no time zone in a sample, and is read as UTC",
            "name the zone of the sender's clock: settings: {timezone: Europe/Berlin}; UTC, if it is that",
            position=position,
        )


def _has_no_zone(draft: Draft) -> bool:
    settings = draft.settings
    written = draft.fields.get("event_time")
    return settings.timezone is None and needs_time_zone(written, settings.date_format)
