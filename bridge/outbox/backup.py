"""A right copy of a running SQLite database, made page by page while webhooks come in."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from bridge.errors import CannotOpen, WrongUse
from bridge.outbox.database import parse_url

_PAGES_AT_ONCE = 2_000  # 8 MiB; writers have their turn in between
_SLEEP_SECONDS = 0.01


def backup(database_url: str, target: Path) -> int:
    """Copy the database into a new file, checked and readable by its owner alone; return its size in bytes.

    The file appears under its name only when it is complete. Raises WrongUse for a database that is no file
    and for a target that is there already, CannotOpen when one of the two cannot be read or written.
    """
    source = _source(database_url, target)
    if target.exists():
        raise WrongUse(
            f"{target} is there already", fix="name a new file, such as one with the date in its name"
        )
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _copy(source, unfinished)
        unfinished.replace(target)
    except (OSError, sqlite3.Error) as error:
        unfinished.unlink(missing_ok=True)
        raise CannotOpen(
            f"{target}: the copy could not be made ({type(error).__name__})",
            fix="check the folder, its owner and the space on the disk",
        ) from error
    return target.stat().st_size


def _source(database_url: str, target: Path) -> Path:
    url = parse_url(database_url)
    if url.get_backend_name() != "sqlite":
        server = url._replace(drivername="postgresql", password=None).render_as_string()
        raise WrongUse(
            "this database is on a PostgreSQL server, which makes its own backups",
            fix=f"run: pg_dump --format=custom --file={target} {server}",
        )
    file = Path(url.database or "")
    if not file.is_file():
        raise CannotOpen(f"{file}: there is no database yet", fix="check database_url and the folder")
    return file


def _copy(source: Path, target: Path) -> None:
    """Copy by SQLite's online backup, which starts over when somebody else writes too fast for it."""
    with closing(sqlite3.connect(source)) as reader, closing(sqlite3.connect(target)) as writer:
        reader.execute("BEGIN")  # one view of the data, so that nobody's writing makes the copy start over
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        reader.backup(writer, pages=_PAGES_AT_ONCE, sleep=_SLEEP_SECONDS)
        [[verdict]] = writer.execute("PRAGMA quick_check").fetchall() or [[""]]
        if verdict != "ok":
            raise sqlite3.DatabaseError("the copy is damaged")
        writer.execute("PRAGMA journal_mode=DELETE").fetchone()
