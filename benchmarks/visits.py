"""Part `visits`: what looking for the earlier visit of an event costs with 1,000,000 visits.

A question goes all the way that a live one goes: its keys are cleaned and digested, the visit is found,
decrypted and made into the record that the mapping reads. The people asked for are spread over the whole
store; half of them are found by their e-mail, a quarter by the visitor id, a quarter not at all. Of 10,000
others it is known that they have withdrawn consent, which is asked of everybody. The store is filled in a
minute or two; what is measured takes seconds.
"""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import postgres
from benchmarks.figures import Figure, figure
from benchmarks.rounds import in_rounds
from bridge.crypto import Cipher
from bridge.fetch.outcomes import FoundRecord
from bridge.fetch.visit_lookup import VisitLookup
from bridge.models import FetchRequest
from bridge.outbox import NewVisit, Outbox, open_outbox, upgrade
from bridge.outbox.tables import visit_keys, withdrawals
from bridge.outbox.tables import visits as visits_table
from bridge.outbox.visit_rows import KEY_COLUMNS, VISIT_COLUMNS, key_text, pack_visit
from bridge.serialization import encode

PART = "visits"
VISITS = 1_000_000
ROUNDS = 7
_QUESTIONS = 400
_WITHDRAWN = 10_000
_SECRET = "a secret of the benchmark"


def measure(*, rounds: int = ROUNDS, visits: int = VISITS) -> list[Figure]:
    """Return how long one question takes, and how much of that our process computes."""
    with tempfile.TemporaryDirectory() as name:
        file, cipher = Path(name) / "bridge.db", Cipher([_SECRET])
        upgrade(f"sqlite:///{file}")
        started = time.monotonic()
        fill(file, cipher, visits)
        print(f"  {visits:,} visits after {time.monotonic() - started:.0f} s", flush=True)
        made = _measured(f"sqlite:///{file}", cipher, visits, "SQLite", rounds)
        with postgres.databases() as urls:
            if urls is not None:
                url = next(urls)
                postgres.copy_rows(file, url, (visits_table, visit_keys, withdrawals))
                made += _measured(url, cipher, visits, "PostgreSQL", rounds)
    return made


def _measured(url: str, cipher: Cipher, visits: int, where: str, rounds: int) -> list[Figure]:
    joining = f"joining an event with one of {visits:,} visits"
    clocks = {f"{joining} ({where})": time.perf_counter}
    clocks[f"{joining} ({where}), our processor time"] = time.process_time
    with closing(open_outbox(url, cipher=cipher)) as outbox:
        timed = {name: partial(_join_ms, outbox, visits, clock) for name, clock in clocks.items()}
        series = in_rounds(timed, rounds)
    return [figure(PART, name, "ms", one) for name, one in series.items()]


def _join_ms(outbox: Outbox, visits: int, clock: Callable[[], float]) -> float:
    """Return the mean of some hundred questions, and make sure that they are answered."""
    lookup = VisitLookup(outbox.visits, lambda: datetime.now(UTC))
    calls = [_question(number, visits) for number in range(_QUESTIONS)]
    started = clock()
    found = sum(isinstance(lookup.call(call), FoundRecord) for call in calls)
    spent = clock() - started
    if found != _QUESTIONS * 3 // 4:
        raise RuntimeError(f"{found} of {_QUESTIONS} visits were found")
    return spent * 1000 / _QUESTIONS


def _question(number: int, visits: int) -> FetchRequest:
    who = number * 7919 % visits
    keys = [["visitor_id", _visitor_id(who if number % 4 == 1 else visits + number)], ["email", _email(who)]]
    if number % 4 == 3:
        keys[1] = ["email", f"stranger{number}@example.com"]
    now = int(time.time())
    asked = {"keys": keys, "before": now, "within": 90 * 86_400, "received_at": now, "wait_until": None}
    return FetchRequest("visit", "$visit", "POST", "/", encode({**asked, "country": None}))


def _visitor_id(number: int) -> str:
    return hashlib.md5(b"visitor %d" % number, usedforsecurity=False).hexdigest()


def _email(number: int) -> str:
    return f"person{number}@example.com"


# --- the store -------------------------------------------------------------------------------------


def fill(file: Path, cipher: Cipher, visits: int) -> None:
    """Fill a store with visits that are known by an event id, a browser id and an e-mail.

    Rows are written in the order of their keys, and indexes last: in any other order it takes many minutes.
    """
    numbers = sorted(range(visits), key=_visitor_id)
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous=OFF")
        indexes = (
            "SELECT name, sql FROM sqlite_master WHERE tbl_name LIKE 'visit%' AND sql LIKE 'CREATE INDEX%'"
        )
        kept = database.execute(indexes).fetchall()
        for name, _ in kept:
            database.execute(f"DROP INDEX {name}")
        database.execute("BEGIN")
        database.execute("CREATE TEMP TABLE heap AS SELECT * FROM visit_keys")
        database.executemany(_insert("visits", VISIT_COLUMNS), _rows(cipher, numbers, database))
        database.execute("INSERT INTO visit_keys SELECT * FROM heap ORDER BY kind, digest, visitor")
        gone = ((hashlib.sha256(b"gone %d" % number).digest(), 0) for number in range(_WITHDRAWN))
        database.executemany("INSERT INTO withdrawals (digest, withdrawn_at) VALUES (?, ?)", gone)
        for _, statement in kept:
            database.execute(statement)
        database.execute("COMMIT")
        database.execute("ANALYZE")


def _insert(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _rows(cipher: Cipher, numbers: list[int], database: sqlite3.Connection) -> Iterator[Any]:
    """Yield the rows of visits, and put their keys on the heap."""
    first, step = datetime.now(UTC) - timedelta(days=80), timedelta(days=79) / len(numbers)
    insert = _insert("heap", KEY_COLUMNS)
    for number in numbers:
        packed = pack_visit(_visit(number, first + number * step), cipher)
        known = key_text("email", hashlib.sha256(_email(number).encode()).hexdigest())
        email = ("email", cipher.digest(known)[1], packed.visitor, packed.seen_at)
        database.executemany(insert, [*packed.key_rows, email])
        yield packed.visit_row


def _visit(number: int, at: datetime) -> NewVisit:
    return NewVisit(
        _visitor_id(number),
        at,
        "granted",
        "page",
        at,
        event_id=f"lead-{number:x}",
        fbc=f"fb.1.{int(at.timestamp() * 1000)}.click{number}",
        fbp=f"fb.1.{int(at.timestamp() * 1000)}.{number}",
        last={"utm_source": "facebook", "utm_campaign": "spring", "landing_page": "https://www.example.com/"},
        ip="203.0.113.7",
        user_agent="Mozilla/5.0",
    )
