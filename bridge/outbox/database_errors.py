"""What a database error means, in words. The driver's own text may quote what was being stored."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from bridge.errors import CannotOpen, CannotStore

DRIVER_ERRORS = (SQLAlchemyError, sqlite3.Error)


class _Meaning(NamedTuple):
    message: str
    fix: str


_FULL = _Meaning("the disk of the database is full", "free some space there; stored webhooks stay")
_LOCKED = _Meaning(
    "another program holds the lock of the database", "end what has it open: a database browser, a copy"
)
_UNWRITABLE = _Meaning(
    "the database file cannot be opened or written",
    "check the owner and the mode of the file and of its folder",
)
_DAMAGED = _Meaning(
    "the database file is damaged, or is no SQLite database", "check database_url, or restore a backup"
)
_BROKEN_DISK = _Meaning("the disk of the database cannot be read or written", "check the disk and its mount")
_NO_ANSWER = _Meaning(
    "the database server does not answer or refuses the connection",
    "check that it runs, and the host, user, password and database in database_url",
)
_OPTIONS_REFUSED = _Meaning(
    "PgBouncer refuses the settings of the connection",
    "write `ignore_startup_parameters = options` into pgbouncer.ini; docs/scaling.md has the rest",
)
_NOT_ALLOWED = _Meaning(
    "the database server does not allow this user to do that",
    "check user, password and database in database_url, and the rights of that user",
)

# Primary result codes: https://www.sqlite.org/rescode.html
_SQLITE = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: _UNWRITABLE,
    sqlite3.SQLITE_PERM: _UNWRITABLE,
    sqlite3.SQLITE_CANTOPEN: _UNWRITABLE,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_IOERR: _BROKEN_DISK,
}
_SYSTEM = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _UNWRITABLE,
    errno.EACCES: _UNWRITABLE,
    errno.EPERM: _UNWRITABLE,
    errno.EIO: _BROKEN_DISK,
    errno.ESTALE: _BROKEN_DISK,
}
# SQLSTATEs, and the two characters of a whole class: https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL = {
    "53100": _FULL,
    "53300": _Meaning(
        "the database server has no connection left", "raise its max_connections, or run fewer processes"
    ),
    "25006": _Meaning("the database server only reads: it is a standby", "let database_url name the primary"),
    "42501": _NOT_ALLOWED,
    "28": _NOT_ALLOWED,
    "3D": _NO_ANSWER,
    "08": _NO_ANSWER,
    "57": _Meaning("the database server is stopping or starting", "wait, or look into its log"),
    "58": _BROKEN_DISK,
}


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise CannotStore for what a driver raises while something is read or written."""
    try:
        yield
    except (*DRIVER_ERRORS, OSError, OverflowError, ValueError) as error:
        fix = "check the disk, the owner of the database file, and whether the database server answers"
        message, fix = _meaning(error) or _Meaning(f"the database failed ({type(error).__name__})", fix)
        raise CannotStore(message, fix=fix) from error


@contextmanager
def errors_of_opening() -> Iterator[None]:
    """Raise CannotOpen for what a driver raises while a database is opened for the first time."""
    try:
        yield
    except (*DRIVER_ERRORS, OSError) as error:
        opened = f"the database cannot be opened ({type(error).__name__})"
        meaning = _meaning(error)
        if meaning is None:
            raise CannotOpen(
                opened, fix="check database_url, the server, and the owner of the file"
            ) from error
        raise CannotOpen(f"the database cannot be opened: {meaning.message}", fix=meaning.fix) from error


def _meaning(error: Exception) -> _Meaning | None:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return _SQLITE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
    if isinstance(cause, OSError):
        return _SYSTEM.get(cause.errno or 0)
    state = getattr(cause, "sqlstate", None)
    if "unsupported startup parameter" in str(cause):
        return _OPTIONS_REFUSED
    if state is None:  # libpq gives none to a connection that fails or breaks
        return _NO_ANSWER if isinstance(error, OperationalError) else None
    return _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])
