"""The connection to SQLite or PostgreSQL: how it is opened, and the two ways to use it, read and write."""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.sql.expression import ClauseElement

from bridge.errors import CannotOpen, CannotStore, WrongUse
from bridge.outbox import pgbouncer
from bridge.outbox.write_lock import PATIENCE_SECONDS, WriteLock, no_lock

Result = TypeVar("Result")
Id = TypeVar("Id", bytes, str)


class Read(Protocol):
    """The outbox's way to run something that only reads. Raises CannotStore when that cannot be done."""

    def __call__(self, work: Callable[[Connection], Result], /) -> Result:
        """Return the result of `work`."""


class Write(Protocol):
    """The outbox's way to run a transaction, by its name. Raises CannotStore when it could not be done."""

    def __call__(self, name: str, work: Callable[[Connection], Result], /) -> Result:
        """Return the result of `work`, once it is committed."""


# A server that has vanished (no power, a cut cable, a firewall that forgot the connection) says nothing:
# without these a thread would wait for it for 15 minutes, or, by the system's own keepalive, for two hours.
# Each is an option of libpq, and one in the query of `database_url` wins.
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_POSTGRESQL_DEFAULTS = {
    "connect_timeout": "5",  # seconds, for each address of the host
    "keepalives_idle": "20",  # seconds
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",  # milliseconds without an acknowledgement of what was sent
    "application_name": "capi-bridge",
}
# Nothing here is found by reading a whole table, however short the queue is at the moment of planning. What a
# process that stands still has locked in a transaction is free again after a minute.
_POSTGRESQL_OPTIONS = (
    "-c synchronous_commit=on -c random_page_cost=1.1 -c idle_in_transaction_session_timeout=60s"
)
# On PostgreSQL an ordinary transaction gives its statements no common view, and costs two round trips.
_READING: Mapping[bool, Mapping[str, str]] = {True: {}, False: {"isolation_level": "AUTOCOMMIT"}}
# SQLite reads a snapshot in every transaction; PostgreSQL has to be asked.
_SNAPSHOT = {True: "SERIALIZABLE", False: "REPEATABLE READ"}
_CONNECTIONS = 16
# 18 columns and 64 rows stay far below every limit on parameters; each size is a program SQLite keeps.
_ROWS_AT_ONCE = (64, 32, 16, 12, *range(8, 0, -1))
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA wal_autocheckpoint=4000",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-2048",
    "PRAGMA journal_size_limit=67108864",
)


_UNUSABLE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}


class Database:
    """One database, opened lazily, and the two ways to use it: `read` and `write` run a function."""

    def __init__(self, database_url: str, busy_seconds: float = 5) -> None:
        url = parse_url(database_url)
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self.file = Path(url.database or "") if self.is_sqlite else None
        self.engine = _sqlite(url, busy_seconds) if self.is_sqlite else _postgresql(url)
        self._reading = self.engine.execution_options(**_READING[self.is_sqlite])
        self._writer = _OneWriter(self.engine) if self.is_sqlite else None
        self._same_files = _SameFiles(self.file) if self.file else None
        self._lock = WriteLock(Path(f"{self.file}.turn")) if self.is_sqlite else None
        self.write_lock: Callable[[float | None], AbstractContextManager[None]] = self._lock or no_lock
        if self._same_files:
            event.listen(self.engine, "connect", self._same_files.opened)
            event.listen(self.engine, "close", self._same_files.closed)
        _forget_connections_after_fork(self.engine)

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work`, which only reads.

        All its statements see the same data on SQLite, and each what was committed before on PostgreSQL.
        """
        self._check_files()
        return self._again_once(lambda: _run(self._reading, work))

    def snapshot(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work`, however long it takes, on what the database held when it began."""
        return _run(self.engine.execution_options(isolation_level=_SNAPSHOT[self.is_sqlite]), work)

    def _check_files(self) -> None:
        if self._same_files:
            self._same_files.check()

    def write(
        self, work: Callable[[Connection], Result], patience_seconds: float = PATIENCE_SECONDS
    ) -> Result:
        """Run `work` and commit it durably, or nothing of it. Raises CannotStore without a lock in time."""
        with self.write_lock(patience_seconds):
            return self.write_locked(work)

    def write_locked(self, work: Callable[[Connection], Result]) -> Result:
        """Do the same for a caller that already holds the write lock.

        `work` must bear being run twice: a broken connection is replaced once, and the
        confirmation of a COMMIT may be what was lost.
        """
        self._check_files()
        writer = self._writer
        return self._again_once(lambda: writer.run(work) if writer else _run(self.engine, work))

    def close(self) -> None:
        """Close every connection."""
        if self._writer:
            self._writer.close()
        self.engine.dispose()
        if self._lock:
            self._lock.close()

    def _again_once(self, attempt: Callable[[], Result]) -> Result:
        try:
            return attempt()
        except (DBAPIError, sqlite3.Error) as error:
            if not _breaks_connections(error):
                raise
        self.engine.dispose()
        return attempt()


class _SameFiles:
    """Notices that a file of the database was deleted or replaced while it is open.

    SQLite would go on writing into the file that no name leads to any more, and all of it would be lost. The
    files beside the database (its write-ahead log, and the index of that) come and go with the connections,
    but stay the same as long as this process has one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: _Identity = None
        self._beside: dict[Path, _Identity] = {}
        self._connections: set[int] = set()
        self._process: int | None = None

    def opened(self, connection: object, _record: object) -> None:
        """Remember the files beside the database when a process makes its first connection."""
        if self._process != os.getpid():
            self._process, self._connections = os.getpid(), set()
        if not self._connections:
            beside = (Path(f"{self._path}{suffix}") for suffix in ("-wal", "-shm"))
            self._beside = {file: identity for file in beside if (identity := _identity_of(file))}
        self._connections.add(id(connection))

    def closed(self, connection: object, _record: object) -> None:
        """Forget them when the last connection is closed."""
        self._connections.discard(id(connection))

    def check(self) -> None:
        """Raise CannotStore when a file is no longer the one it was."""
        identity = _identity_of(self._path)
        if self._identity not in {None, identity}:
            raise _file_gone("the database file", "put the file back or accept a new one")
        self._identity = identity
        if self._connections and self._process == os.getpid():
            for file, known in self._beside.items():
                if _identity_of(file) != known:
                    raise _file_gone(f"{file.name}, a part of the database,", "which saves what is in it")


_Identity = tuple[int, int] | None


def _identity_of(path: Path) -> _Identity:
    """Return which file a path leads to now, None when there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _breaks_connections(error: DBAPIError | sqlite3.Error) -> bool:
    """Tell whether all connections are of no more use, because of what one of them met.

    A server was restarted; or files were read-only or out of reach, as which SQLite keeps them for as long as
    the process has a connection.
    """
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _UNUSABLE


def _file_gone(which: str, fix: str) -> CannotStore:
    message = f"{which} was deleted or replaced while the bridge was running"
    return CannotStore(message, fix=f"stop the bridge, {fix}, and start again")


def dialect_insert(dialect_name: str) -> Any:
    """Return the `insert` that knows ON CONFLICT; the dialect not in use is not imported (28 ms)."""
    return import_module(f"sqlalchemy.dialects.{dialect_name}").insert


def in_portions(ids: Sequence[Id], most: int = 5_000) -> Iterator[Sequence[Id]]:
    """Cut a list of ids so that each part fits into one statement (SQLite takes 32,766 parameters)."""
    return (ids[start : start + most] for start in range(0, len(ids), most))


class PreparedStatement:
    """A statement compiled once, for the few that run for every event; rows are tuples in `columns` order.

    Many rows share a statement where it is a plain list of VALUES. That is less work, and on SQLite it
    is what keeps the write lock short: the driver lets go of Python's lock at every step, and with eight
    busy threads getting it back takes longer than the step.
    """

    def __init__(self, statement: ClauseElement, engine: Engine, columns: Sequence[str]) -> None:
        is_sqlite = engine.dialect.name == "sqlite"
        style, mark = ("qmark", "?") if is_sqlite else ("format", "%s")
        dialect: Any = type(engine.dialect)
        compiled: Any = statement.compile(dialect=dialect(paramstyle=style), column_keys=list(columns))
        if compiled.positiontup != list(columns):
            raise TypeError(f"the statement wants {compiled.positiontup}, not {list(columns)}")
        self._direct = is_sqlite
        self._one = str(compiled)
        values = f"({', '.join([mark] * len(columns))})"
        sizes = _ROWS_AT_ONCE if f"VALUES {values}" in self._one else ()
        self._of_size = {size: self._one.replace(values, ", ".join([values] * size)) for size in sizes}

    def many(self, connection: Connection, rows: list[tuple[Any, ...]]) -> int:
        """Write the rows; return how many rows of the table that touched.

        SQLite's driver is asked directly: SQLAlchemy's bookkeeping would cost more than the statement,
        while every other writer waits. Its errors then are the driver's own (`DRIVER_ERRORS`).
        """
        if not rows:
            return 0
        if not self._direct:
            return sum(
                connection.exec_driver_sql(sql, values).rowcount for sql, values in self._statements(rows)
            )
        cursor = connection.connection.cursor()
        try:
            if not self._of_size:
                return int(cursor.executemany(self._one, rows).rowcount)
            return sum(cursor.execute(sql, values).rowcount for sql, values in self._statements(rows))
        finally:
            cursor.close()

    def _statements(self, rows: list[tuple[Any, ...]]) -> Iterator[tuple[str, Any]]:
        """Cut the rows into statements of a few fixed sizes, so that their preparation is remembered."""
        if not self._of_size:
            yield self._one, rows
            return
        start = 0
        for size, sql in self._of_size.items():
            while len(rows) - start >= size:
                yield sql, tuple(chain.from_iterable(rows[start : start + size]))
                start += size


def has_row(connection: Connection, sql: str) -> bool:
    """Tell whether a short question has an answer; asked of SQLite's driver, as `PreparedStatement` is."""
    if connection.dialect.name != "sqlite":
        return connection.exec_driver_sql(sql).first() is not None
    driver: Any = connection.connection.driver_connection
    return driver.execute(sql).fetchone() is not None


def parse_url(database_url: str) -> URL:
    """Return the URL with its driver named: `sqlite:///file` or `postgresql://user:pw@host/db`."""
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        raise WrongUse("database_url cannot be read", fix="write sqlite:///data/bridge.db") from error
    backend = url.get_backend_name()
    if backend in {"postgresql", "postgres"}:
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or url.database in {None, "", ":memory:"}:
        raise WrongUse(
            f"database_url: {backend} is not supported here",
            fix="write sqlite:///data/bridge.db or postgresql://user:password@host/database",
        )
    return url


def _sqlite(url: URL, busy_seconds: float) -> Engine:
    try:
        Path(url.database or "").resolve().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotOpen(f"{url.database}: its folder cannot be created ({error.strerror})") from error
    engine = create_engine(
        url,
        pool_size=_CONNECTIONS,
        max_overflow=2 * _CONNECTIONS,
        pool_use_lifo=True,  # the connection used last still has the pages in its cache
        connect_args={"timeout": busy_seconds},
    )
    event.listen(engine, "do_connect", _create_privately)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def _create_privately(_dialect: object, _record: object, arguments: list[Any], _options: object) -> None:
    """Create the file for its owner alone; SQLite gives the files beside it the same mode."""
    with suppress(OSError):  # it exists, or cannot be created: SQLite will say so
        os.close(os.open(arguments[0], os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver would begin transactions later than we say
    for pragma in _PRAGMAS:
        connection.execute(pragma).close()


def _begin(connection: Connection) -> None:
    """Begin by the driver itself: through SQLAlchemy this one word costs as much as an insert.

    The one writer says its own BEGIN, so here it has none (an empty statement would not do: on Python 3.13
    it reports the last error of its connection once more).
    """
    if not connection.get_execution_options().get("begins_itself"):
        driver: Any = connection.connection.driver_connection
        driver.execute("BEGIN").close()


def _postgresql(url: URL) -> Engine:
    try:
        engine = create_engine(
            _with_defaults(url), pool_size=_CONNECTIONS, max_overflow=_CONNECTIONS, pool_use_lifo=True
        )
    except ImportError as error:
        raise CannotOpen("PostgreSQL needs its driver", fix="pip install 'capi-bridge[postgres]'") from error
    event.listen(engine, "connect", pgbouncer.set_up)
    return engine


def _with_defaults(url: URL) -> URL:
    """Return the URL with our options of libpq; those that it has already stay, and are the last word."""
    given = dict(url.query)
    options = " ".join([_POSTGRESQL_OPTIONS, *_texts(given.pop("options", ()))])
    return url.set(query={**_POSTGRESQL_DEFAULTS, **given, "options": options})


def _texts(given: str | tuple[str, ...]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else given


def _run(engine: Engine, work: Callable[[Connection], Result]) -> Result:
    with engine.begin() as connection:
        return work(connection)


class _OneWriter:
    """SQLite's writing connection of this process, kept open: only who holds the write lock may use it.

    Fetching one from the pool, and giving it back, would cost as much as writing a webhook. Transactions
    begin and end by the driver itself: SQLAlchemy, for which there is one that lasts as long as the
    connection, would add 7 % to the CPU time of a group of eight webhooks. An error of COMMIT is
    therefore the driver's own (`DRIVER_ERRORS`).
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(begins_itself=True)
        self._connection: Connection | None = None
        self._driver: Any = None
        self._process: int | None = None

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in a transaction; after any error the next one gets a new connection."""
        connection = self._open()
        try:
            self._driver.execute("BEGIN IMMEDIATE").close()
            result = work(connection)
            self._driver.execute("COMMIT").close()
        except BaseException:
            self.close()
            raise
        return result

    def _open(self) -> Connection:
        """Open once per process, and again after an error."""
        if self._connection is None or self._process != os.getpid():
            _PARENTS_CONNECTIONS.append(self._connection)
            self._process, self._connection = os.getpid(), self._engine.connect()
            self._connection.begin()
            self._driver = self._connection.connection.driver_connection
        return self._connection

    def close(self) -> None:
        """Close the connection, if this process has opened it."""
        connection, self._connection = self._connection, None
        if connection is not None and self._process == os.getpid():
            connection.close()


_PARENTS_CONNECTIONS: list[Connection | None] = []  # kept, so that no forked child ever closes one


def _forget_connections_after_fork(engine: Engine) -> None:
    """A forked child must not speak on its parent's connections."""
    held = weakref.ref(engine)

    def forget() -> None:
        living = held()
        if living is not None:
            living.dispose(close=False)

    os.register_at_fork(after_in_child=forget)
