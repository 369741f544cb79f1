"""The webhooks themselves: when each came, by which mapping, and how many events it became, if any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, not_, select

from bridge.outbox.database import Read
from bridge.outbox.ids import first_id
from bridge.outbox.records import from_ms, raw_id, text_id, to_ms
from bridge.outbox.tables import events, raw_webhooks, webhooks


@dataclass(frozen=True, slots=True)
class WebhookQuery:
    """Which webhooks are meant: every part that is given must hold.

    `became_nothing` are those of which nothing was or will be sent: without events, or all skipped.
    """

    ids: tuple[str, ...] = ()
    mapping: str | None = None
    became_nothing: bool = False
    since: datetime | None = None
    until: datetime | None = None
    before: str | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class WebhookRecord:
    """One webhook as it is shown; `raw_kept` tells whether its body is still there."""

    id: str
    mapping: str
    revision: str
    received_at: datetime
    request_id: str
    events: int
    raw_kept: bool

    def as_json(self) -> dict[str, Any]:
        """Return the shape of a webhook in every JSON answer."""
        return {**asdict(self), "received_at": self.received_at.isoformat("T", "milliseconds")}


class WebhookList:
    """Finds webhooks, newest first; `read` is the outbox's."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def find(self, query: WebhookQuery) -> list[WebhookRecord]:
        """Return the webhooks that a query means, newest first."""
        kept = exists().where(raw_webhooks.c.webhook_id == webhooks.c.id).label("raw_kept")
        chosen = select(webhooks, kept).where(*_matching(query)).order_by(webhooks.c.id.desc())
        rows = self._read(lambda connection: connection.execute(chosen.limit(query.limit)).all())
        return [
            WebhookRecord(
                id=text_id(row.id),
                mapping=row.mapping,
                revision=row.revision,
                received_at=from_ms(row.received_at),
                request_id=row.request_id,
                events=row.event_count,
                raw_kept=bool(row.raw_kept),
            )
            for row in rows
        ]


def _matching(query: WebhookQuery) -> Iterator[ColumnElement[bool]]:
    if query.ids:
        yield webhooks.c.id.in_([raw_id(text) for text in query.ids])
    if query.mapping is not None:
        yield webhooks.c.mapping == query.mapping
    if query.became_nothing:
        yield not_(exists().where(events.c.webhook_id == webhooks.c.id, events.c.status != "skipped"))
    if query.since is not None:
        yield webhooks.c.id >= first_id(to_ms(query.since))
    if query.until is not None:
        yield webhooks.c.id < first_id(to_ms(query.until))
    if query.before is not None:
        yield webhooks.c.id < (raw_id(query.before) or b"")
