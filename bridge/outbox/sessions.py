"""Who is signed in to the console: sessions and one-time links, for every process and machine to see.

A token is a random text that only its holder has; what is kept is its SHA-256. A session ends twelve hours
after it began, and after an hour without a request; a link works once, for sixty seconds.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update

from bridge.errors import CannotStore
from bridge.outbox.database import Read, Write
from bridge.outbox.records import from_ms, to_ms
from bridge.outbox.tables import sessions

SESSION_LASTS = timedelta(hours=12)
SESSION_IDLES = timedelta(hours=1)
LINK_LASTS = timedelta(seconds=60)
_TOKEN_BYTES = 32
_SHOWN_DIGITS = 16
_SEEN_EVERY = timedelta(minutes=1)  # how often a request is worth a write

Kind = Literal["session", "link"]


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in. `id` is the beginning of the digest: it opens nothing."""

    id: str
    viewer: str
    created_at: datetime
    seen_at: datetime
    ends_at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the session for programs; the viewer is null for the admin."""
        moments = {name: getattr(self, name).isoformat("T", "seconds") for name in _MOMENTS}
        return {"id": self.id, "reader": self.viewer or None, **moments}


_MOMENTS = ("created_at", "seen_at", "ends_at")


class Sessions:
    """The sessions of the console; `read` and `write` are the outbox's."""

    def __init__(self, read: Read, write: Write) -> None:
        self._read, self._write = read, write

    def open(self, kind: Kind, viewer: str, now: datetime) -> str:
        """Keep a new session or link of a viewer ("" is the admin), and return its token."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        row = {
            "digest": _digest(token),
            "kind": kind,
            "viewer": viewer,
            "created_at": to_ms(now),
            "seen_at": to_ms(now),
        }

        def work(connection: Connection) -> None:
            connection.execute(delete(sessions).where(_over(now)))
            connection.execute(insert(sessions).values(row))

        self._write("session", work)
        return token

    def viewer(self, token: str, now: datetime) -> str | None:
        """Return whose session a token opens, None when there is none or it has ended."""
        of_token = and_(sessions.c.digest == _digest(token), sessions.c.kind == "session", ~_over(now))
        chosen = select(sessions.c.viewer, sessions.c.seen_at).where(of_token)
        row = self._read(lambda connection: connection.execute(chosen).first())
        if row is None:
            return None
        if row.seen_at < to_ms(now - _SEEN_EVERY):
            seen = update(sessions).where(of_token).values(seen_at=to_ms(now))
            with suppress(CannotStore):  # a busy database is no reason to sign anybody out
                self._write("session", lambda connection: connection.execute(seen))
        viewer: str = row.viewer
        return viewer

    def take_link(self, token: str, now: datetime) -> str | None:
        """Use a link up: return whose it is, None when it was used, has ended or never was."""
        mine = and_(sessions.c.digest == _digest(token), sessions.c.kind == "link", ~_over(now))
        taken = delete(sessions).where(mine).returning(sessions.c.viewer)
        return self._write("session", lambda connection: connection.execute(taken).scalar_one_or_none())

    def listed(self, now: datetime) -> list[Session]:
        """Return who is signed in, newest first; when each was seen last is right to the minute."""
        chosen = select(sessions).where(sessions.c.kind == "session", ~_over(now))
        rows = self._read(
            lambda connection: connection.execute(chosen.order_by(sessions.c.created_at.desc())).all()
        )
        return [_session(row) for row in rows]

    def end(self, session_ids: Collection[str], now: datetime) -> int:
        """End sessions by their ids; return how many there were."""

        def work(connection: Connection) -> int:
            digests = connection.execute(
                select(sessions.c.digest).where(sessions.c.kind == "session")
            ).scalars()
            wanted = [digest for digest in digests if _shown(digest) in session_ids]
            ended = delete(sessions).where(or_(sessions.c.digest.in_(wanted), _over(now)))
            connection.execute(ended)
            return len(wanted)

        return self._write("session", work)

    def close(self, token: str) -> None:
        """End a session; nothing happens when there is none."""
        mine = delete(sessions).where(sessions.c.digest == _digest(token))
        self._write("session", lambda connection: connection.execute(mine))


def _over(now: datetime) -> ColumnElement[bool]:
    """Match what has ended. A time far ahead of a clock that was set back has ended too."""

    def outside(column: Any, length: timedelta) -> ColumnElement[bool]:
        return or_(column <= to_ms(now - length), column > to_ms(now + length))

    old_session = or_(
        outside(sessions.c.created_at, SESSION_LASTS), outside(sessions.c.seen_at, SESSION_IDLES)
    )
    return or_(
        and_(sessions.c.kind == "session", old_session),
        and_(sessions.c.kind == "link", outside(sessions.c.created_at, LINK_LASTS)),
    )


def _shown(digest: bytes) -> str:
    return digest.hex()[:_SHOWN_DIGITS]


def _session(row: Any) -> Session:
    created_at, seen_at = from_ms(row.created_at), from_ms(row.seen_at)
    ends_at = min(created_at + SESSION_LASTS, seen_at + SESSION_IDLES)
    return Session(_shown(row.digest), row.viewer, created_at, seen_at, ends_at)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
