"""The table of `capi-bridge events list`: what support is asked about an event, as wide as the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.cli.output import Column, fitted_table
from bridge.outbox import EventRecord


def _received(event: EventRecord) -> str:
    return event.received_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _money(event: EventRecord) -> str:
    return "" if event.value is None else f"{event.value:,.2f} {event.currency or ''}".rstrip()


# heading, how to read it of an event, fewest letters; the last ones are left out first on a narrow terminal
_COLUMNS: tuple[Column[EventRecord], ...] = (
    Column("ID", lambda event: event.id, 36),
    Column("RECEIVED", _received, 19),
    Column("STATUS", lambda event: event.status, 9),
    Column("EVENT", lambda event: event.event_name, 8),
    Column("REASON", lambda event: event.reason, 16),
    Column("MODE", lambda event: event.mode, 4),
    Column("MAPPING", lambda event: event.mapping, 10),
    Column("VALUE", _money, 6),
    Column("MATCH", lambda event: event.match_score, 5),
    Column("EVENT_ID", lambda event: event.event_id, 10),
    Column("DESTINATION", lambda event: event.destination, 8),
)


def events_table(found: Sequence[EventRecord], width: int | None) -> str:
    """Return events as a table; `width` is how many letters a line has, None for any number."""
    return fitted_table(_COLUMNS, found, width)
