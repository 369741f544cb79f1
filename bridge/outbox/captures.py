"""Captures: names that no mapping has, open for a while, and the webhooks that came to them.

For whoever connects a sender without knowing yet what it sends. Few names are open at a time, few webhooks of
each are kept, encrypted like all others, and nothing is kept or shown when its time is over.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from bridge.crypto import Cipher
from bridge.errors import TooManyRequests
from bridge.models import Request
from bridge.outbox.database import Read, Write
from bridge.outbox.ids import moment_of, new_id
from bridge.outbox.raw_webhooks import decrypt_if_possible, encrypt_request
from bridge.outbox.records import from_ms, raw_id, text_id, to_ms
from bridge.outbox.tables import captured, captures

LONGEST_CAPTURE = timedelta(hours=1)
MOST_OPEN_NAMES = 5
MOST_CAPTURED = 10  # webhooks of a name; the newest stay


class Capture(NamedTuple):
    """A name that is open, and until when."""

    name: str
    until: datetime


class CapturedWebhook(NamedTuple):
    """A webhook that was captured; `request` is None when no key of ours decrypts it."""

    id: str
    name: str
    received_at: datetime
    until: datetime
    request: Request | None


class Captures:
    """The captures of a database; `read` and `write` are the outbox's."""

    def __init__(self, read: Read, write: Write, cipher: Cipher) -> None:
        self._read, self._write, self._cipher = read, write, cipher

    def open(self, name: str, now: datetime, length: timedelta) -> Capture:
        """Open a name from now on, or for longer. Raises TooManyRequests when many are open."""
        opened = Capture(name, now + min(length, LONGEST_CAPTURE))
        row = {"name": name, "opened_at": to_ms(now), "until": to_ms(opened.until)}

        def work(connection: Connection) -> None:
            _purge(connection, now)
            connection.execute(delete(captures).where(captures.c.name == name))
            number = connection.execute(select(func.count()).select_from(captures)).scalar_one()
            if number >= MOST_OPEN_NAMES:
                raise TooManyRequests(f"{number} names are open already", retry_after_seconds=60)
            connection.execute(insert(captures).values(row))

        self._write("capture", work)
        return opened

    def close(self, name: str) -> None:
        """Close a name, and delete what was captured."""

        def work(connection: Connection) -> None:
            connection.execute(delete(captures).where(captures.c.name == name))
            connection.execute(delete(captured).where(captured.c.name == name))

        self._write("capture", work)

    def find(self, name: str, now: datetime) -> Capture | None:
        """Return the capture of a name while it is open."""
        chosen = select(captures).where(captures.c.name == name, captures.c.until > to_ms(now))
        row = self._read(lambda connection: connection.execute(chosen).first())
        return None if row is None else _capture(row)

    def all_open(self, now: datetime) -> list[Capture]:
        """Return every name that is open, the newest first."""
        chosen = select(captures).where(captures.c.until > to_ms(now)).order_by(captures.c.opened_at.desc())
        return [_capture(row) for row in self._read(lambda connection: connection.execute(chosen).all())]

    def keep(self, name: str, request: Request, now: datetime) -> bool:
        """Keep a webhook if its name is open; return whether it is."""
        row_id = new_id(to_ms(now))
        sealed = encrypt_request(request, self._cipher, row_id)

        def work(connection: Connection) -> bool:
            is_open = (captures.c.name == name, captures.c.until > to_ms(now))
            until = connection.execute(select(captures.c.until).where(*is_open).with_for_update()).scalar()
            if until is None:
                return False
            row = {"id": row_id, "name": name, "until": until, "sealed": sealed}
            connection.execute(insert(captured).values(row))
            newest = select(captured.c.id).where(captured.c.name == name).order_by(captured.c.id.desc())
            too_many = connection.execute(newest.offset(MOST_CAPTURED)).scalars().all()
            connection.execute(delete(captured).where(captured.c.id.in_(too_many)))
            return True

        return self._write("capture", work)

    def newest(self, name: str, now: datetime) -> list[CapturedWebhook]:
        """Return what was captured for a name and is not over, newest first."""
        chosen = select(captured).where(captured.c.name == name, captured.c.until > to_ms(now))
        ordered = chosen.order_by(captured.c.id.desc())
        rows = self._read(lambda connection: connection.execute(ordered).all())
        return [self._webhook(row) for row in rows]

    def webhook(self, captured_id: str, now: datetime) -> CapturedWebhook | None:
        """Return one captured webhook while its time is not over."""
        of_id = (captured.c.id == (raw_id(captured_id) or b""), captured.c.until > to_ms(now))
        row = self._read(lambda connection: connection.execute(select(captured).where(*of_id)).first())
        return None if row is None else self._webhook(row)

    def purge(self, now: datetime) -> None:
        """Delete what is over; costs a look when there is nothing."""
        over = (captures.c.until <= to_ms(now), captured.c.until <= to_ms(now))
        looks = [select(func.count()).where(condition) for condition in over]
        if self._read(lambda connection: any(connection.execute(look).scalar() for look in looks)):
            self._write("capture", lambda connection: _purge(connection, now))

    def _webhook(self, row: Any) -> CapturedWebhook:
        request = decrypt_if_possible(row.sealed, self._cipher, row.id)
        return CapturedWebhook(
            text_id(row.id), row.name, from_ms(moment_of(row.id)), from_ms(row.until), request
        )


def _capture(row: Any) -> Capture:
    return Capture(row.name, from_ms(row.until))


def _purge(connection: Connection, now: datetime) -> None:
    """Delete what is over, and what a clock that was set wrong would keep for longer than any capture."""
    last = to_ms(now + LONGEST_CAPTURE)
    for table in (captures, captured):
        connection.execute(delete(table).where((table.c.until <= to_ms(now)) | (table.c.until > last)))


def forget_captured(connection: Connection) -> None:
    """Delete every webhook that was captured: it may be about a person who is erased."""
    connection.execute(delete(captured))
