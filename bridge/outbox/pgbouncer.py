"""PgBouncer between us and PostgreSQL: noticed on each new connection, and what is different behind it.

In transaction mode it gives each transaction some connection of the server. So nothing may be left there for
the next transaction: no prepared statement, no LISTEN, no setting.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from bridge.errors import CannotOpen

_ASKED = "SELECT pg_backend_pid(), current_setting('synchronous_commit')"
_POOLED = "is pooled by PgBouncer"


def set_up(driver: Any, record: Any) -> None:
    """Prepare a new connection for transactions that may each run on another connection of the server.

    Raises CannotOpen when commits would not be durable there: our own options do not reach the server.
    """
    driver.autocommit = True
    process, durability = driver.execute(_ASKED).fetchone()
    driver.autocommit = False
    record.info[_POOLED] = process != driver.info.backend_pid  # PgBouncer makes up a number of its own
    if not record.info[_POOLED]:
        return
    driver.prepare_threshold = None
    if durability == "off":
        driver.close()
        raise CannotOpen(
            "PostgreSQL confirms commits before they are on disk (synchronous_commit is off)",
            fix="run ALTER ROLE … SET synchronous_commit = on, with the role of database_url",
        )


def is_pooled(connection: Connection) -> bool:
    """Tell whether PgBouncer stands between us and the server."""
    return bool(connection.info[_POOLED])
