"""A webhook as rows, ready to be stored: packed where it came in, written where transactions are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from bridge.crypto import Cipher
from bridge.outbox.lanes import LaneKey, LaneOf
from bridge.outbox.new_jobs import JobRows
from bridge.outbox.records import NewWebhook
from bridge.outbox.visit_rows import PackedVisit

Row = tuple[Any, ...]
_FOR_EVER = 2**62


@dataclass(frozen=True, slots=True)
class EventRows:
    """The rows of one event. The row of the queue gets the number of its lane when it is written."""

    id: bytes
    event: dict[str, Any]
    payload: Row | None
    lane: LaneKey | None

    def queue_row(self, lane_of: LaneOf) -> Row | None:
        """Return the row of the queue, for an event that waits."""
        if self.lane is None:
            return None
        event = self.event
        until = event["accepted_until"] or _FOR_EVER
        return (self.id, lane_of(self.lane), event["changed_at"], 0, until)


class PackedWebhook(NamedTuple):
    """One webhook as rows; made once, so that a second try writes the very same."""

    webhook: NewWebhook
    id: bytes
    webhook_row: Row
    raw_row: Row | None
    repeat_row: Row | None
    events: tuple[EventRows, ...]
    cipher: Cipher
    fetch_row: Row | None = None
    job: JobRows | None = None
    visit: PackedVisit | None = None

    @property
    def is_recognised_again(self) -> bool:
        """Tell whether a second try of the sender would be known as the same webhook."""
        return self.repeat_row is not None

    def lanes(self) -> Iterator[LaneKey]:
        """Return the lane of each event that waits."""
        return (rows.lane for rows in self.events if rows.lane is not None)


Packed = PackedWebhook | PackedVisit
