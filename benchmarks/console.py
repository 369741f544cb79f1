"""Part `console`: the first page of every screen, over HTTP, of a store with 1,000,000 events.

The store is filled by SQL in a minute, and copied to PostgreSQL for what is asked of both. What a filter
means is rare, old or not there at all: a filter that matches the newest events is quick anyway. One web
worker answers, nothing else runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import urllib3

from benchmarks import postgres, purchase, servers
from benchmarks.figures import Figure, figure
from benchmarks.rounds import Series, in_rounds
from bridge.bootstrap import cipher_of
from bridge.crypto import Cipher
from bridge.mode import DEMO_DATASET_ID
from bridge.outbox import upgrade
from bridge.outbox.ids import new_id
from bridge.outbox.raw_webhooks import encrypt_request
from bridge.outbox.records import text_id
from bridge.outbox.tables import metadata
from bridge.settings import load_settings

PART = "console"
EVENTS = 1_000_000
ROUNDS = 7
DAYS = 30
ADMIN = "bench-admin-token"
_FILTERED = "events, "
_PORTION = 20_000
_RAW_KEPT = 5_000  # the newest
_HELD = "user_data: not enough customer information"
_REJECTED = "Invalid parameter"


def measure(*, rounds: int = ROUNDS, events: int = EVENTS) -> list[Figure]:
    """Return how long the first page of each screen takes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.monotonic()
        known = fill(folder, events)
        print(f"  {events:,} events after {time.monotonic() - started:.0f} s", flush=True)
        made = _measured(folder, {**figures_of_all(), **screens(known)}, "SQLite", rounds)
        with postgres.databases() as urls:
            if urls is not None:
                copied = copy_to(next(urls), folder)
                filters = {name: url for name, url in screens(known).items() if name.startswith("events")}
                made += _measured(copied, {**figures_of_all(), **filters}, "PostgreSQL", rounds)
    return made


def figures_of_all() -> dict[str, str]:
    """Return what is asked again and again, by people and by machines."""
    return {"overview": "/console/", "/api/counts": "/api/counts", "/metrics": "/metrics"}


def _measured(folder: Path, urls: Mapping[str, str], where: str, rounds: int) -> list[Figure]:
    """Load each page once, then in rounds; the slowest of the filters is a figure of its own."""
    with _served(folder) as running:
        client = _client(running)
        pages = {name: partial(_page_ms, client, url) for name, url in urls.items()}
        for page in pages.values():
            page()
        series = in_rounds(pages, rounds)
    filtered = [one.values for name, one in series.items() if name.startswith(_FILTERED)]
    series[f"{_FILTERED}the slowest filter"] = Series(tuple(map(max, zip(*filtered, strict=True))))
    return [figure(PART, f"{name} ({where})", "ms", one) for name, one in series.items()]


def copy_to(url: str, folder: Path) -> Path:
    """Copy the store to an empty PostgreSQL; return the folder with the settings that lead there."""
    postgres.copy_rows(folder / "bridge.db", url, metadata.sorted_tables)
    servers.prepare(
        folder / "postgresql",
        "http://127.0.0.1:9",
        database_url=url,
        more=f"keys: {{admin: {ADMIN}}}\n",
    )
    (folder / "postgresql" / "data").mkdir()
    shutil.copy(folder / "secret.key", folder / "postgresql" / "data")
    return folder / "postgresql"


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[servers.Running]:
    port = servers.free_port()
    command = [str(servers.BIN / "capi-bridge"), "serve", "--bind", f"127.0.0.1:{port}"]
    command += ["--no-deliver", "--workers", "1"]
    with servers.running(command, port, folder, {"BENCH_SECRET": purchase.SECRET}) as running:
        servers.wait_for(f"{running.url}/healthz", running)
        yield running


def screens(known: Mapping[str, str]) -> dict[str, str]:
    """Return what is measured: a screen or a filter, and its URL."""
    filters = {
        "status held": "status=held",
        "status refused": "status=refused",
        "status waiting": "status=waiting",
        "status discarded": "status=discarded",
        "status sending": "status=sending",
        "live": "mode=live",
        "test": "mode=test",
        "demo": "mode=demo",
        "a mapping with few and old events": "mapping=rare",
        "a mapping without events": "mapping=unused",
        "a destination with few and old events": "destination=rare",
        "an event name that is rare": "event_name=Subscribe",
        "an event name that is not there": "event_name=Nothing",
        "an event id": f"event_id={known['event_id']}",
        "an event id that is not there": "event_id=nothing",
        "a reason of held events": "reason=not+enough",
        "a reason that is not there": "reason=nonsense",
        "HTTP 400": "http_status=400",
        "HTTP 200": "http_status=200",
        "HTTP 500, which is not there": "http_status=500",
        "a code of Meta's with few and old events": "code=190",
        "since an hour ago": "since=1h",
        "until 29 days ago": f"until={known['old']}",
    }
    return {
        "events": "/console/events",
        **{f"{_FILTERED}{name}": f"/console/events?{query}" for name, query in filters.items()},
        "one event": f"/console/events/{known['newest']}",
        "what comes before an action on all": "/console/events/all?status=held&action=replay",
        "mappings": "/console/mappings",
        "a mapping": f"/console/mappings/{purchase.NAME}",
        "playground": f"/console/playground?mapping={purchase.NAME}",
        "destinations": "/console/destinations",
        "pairing": "/console/pairing",
        "the search for a person": "/console/person",
    }


def _client(running: servers.Running) -> tuple[urllib3.HTTPConnectionPool, dict[str, str]]:
    """Return a client that is signed in to the console, and has the token for everything else."""
    pool = urllib3.HTTPConnectionPool("127.0.0.1", running.port, maxsize=1, retries=False, timeout=60)
    signed_in = pool.request("POST", "/console/session", fields={"token": ADMIN}, encode_multipart=False)
    cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
    return pool, {"Cookie": cookie, "Authorization": f"Bearer {ADMIN}"}


def _page_ms(client: tuple[urllib3.HTTPConnectionPool, dict[str, str]], url: str) -> float:
    pool, headers = client
    started = time.perf_counter()
    answer = pool.request("GET", url, headers=headers)
    spent = time.perf_counter() - started
    if answer.status != 200:
        raise RuntimeError(f"{url} answered {answer.status}")
    return spent * 1000


# --- the store -------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """What some of the events are: one of `share` of them, among the oldest only when `old`."""

    share: int
    old: bool
    values: Mapping[str, Any]


_USUAL: Mapping[str, Any] = {
    "mapping": purchase.NAME,
    "destination": "main",
    "dataset_id": servers.DATASET,
    "test_event_code": None,
    "event_name": "Purchase",
    "status": "sent",
    "reason": None,
}
_KINDS = (
    Kind(50, False, {"status": "held", "reason": _HELD}),
    Kind(60, False, {"status": "skipped", "event_name": ""}),
    Kind(200, False, {"status": "refused", "reason": _REJECTED}),
    Kind(500, False, {"status": "waiting"}),
    Kind(1_000, True, {"status": "refused", "reason": "token", "code": 190}),
    Kind(900, True, {"status": "discarded", "reason": "a person"}),
    Kind(1_000, True, {"mapping": "rare"}),
    Kind(1_000, True, {"destination": "rare"}),
    Kind(1_000, True, {"event_name": "Subscribe"}),
    Kind(1_000, True, {"test_event_code": "TEST1"}),
    Kind(1_000, True, {"dataset_id": DEMO_DATASET_ID}),
)
_BATCH = 20
_OLD_PART = 20  # of all


def fill(folder: Path, events: int) -> dict[str, str]:
    """Fill the store of a folder; return ids that the screens are asked for."""
    servers.prepare(folder, "http://127.0.0.1:9", more=f"keys: {{admin: {ADMIN}}}\n")
    settings = load_settings(None, {"BENCH_SECRET": purchase.SECRET}, folder=folder)
    upgrade(settings.database_url)
    cipher = cipher_of(settings)
    now = datetime.now(UTC)
    known: dict[str, str] = {"old": f"{now - timedelta(days=DAYS - 1):%Y-%m-%dT%H:%M:%SZ}"}
    with closing(sqlite3.connect(folder / "bridge.db", isolation_level=None)) as database:
        database.execute("PRAGMA synchronous=OFF")
        rows = _rows(
            events, int((now - timedelta(days=DAYS)).timestamp() * 1000), DAYS * 86_400_000 // events
        )
        for number in range(0, events, _PORTION):
            portion = list(itertools.islice(rows, _PORTION))
            database.execute("BEGIN")
            for table, statement in _STATEMENTS.items():
                database.executemany(statement, (row[table] for row in portion if table in row))
            if number + _PORTION >= events:
                _keep_raw(database, portion[-_RAW_KEPT:], cipher)
            database.execute("COMMIT")
        last = portion[-1]["events"]
        database.execute("INSERT INTO lanes VALUES (1, 'main', ?, '')", (servers.DATASET,))
        for statement in _COUNTS:
            database.execute(statement)
        database.execute("ANALYZE")
    return {**known, "newest": text_id(last["id"]), "event_id": f"order-{events // 3}"}


def _rows(events: int, first: int, step: int) -> Iterator[dict[str, dict[str, Any]]]:
    """Yield what one event comes to in every table."""
    old_until = events // _OLD_PART
    attempt_id = b""
    for number in range(events):
        received_at = first + number * step
        matching = [
            kind for kind in _KINDS if number % kind.share == 7 and (not kind.old or number < old_until)
        ]
        values = {**_USUAL, **(matching[-1].values if matching else {})}
        if number % _BATCH == 0 or values["status"] == "refused":
            attempt_id = new_id(received_at)
        yield _row(number, received_at, values, attempt_id)


def _row(
    number: int, received_at: int, values: Mapping[str, Any], attempt: bytes
) -> dict[str, dict[str, Any]]:
    webhook_id, event_id = new_id(received_at), new_id(received_at)
    attempt_id = attempt if values["status"] in {"sent", "refused"} else None
    row: dict[str, dict[str, Any]] = {
        "webhooks": {"id": webhook_id, "mapping": values["mapping"], "received_at": received_at, "events": 1},
        "events": {
            **values,
            "id": event_id,
            "webhook_id": webhook_id,
            "event_id": f"order-{number}",
            "event_time": received_at // 1000,
            "changed_at": received_at,
            "last_attempt": attempt_id,
        },
    }
    if values["status"] not in {"held", "skipped"}:
        row["payloads"] = {"id": event_id, "body": _body(number)}
    if values["status"] == "waiting":
        row["queue"] = {
            "id": event_id,
            "due_at": received_at,
            "accepted_until": received_at // 1000 + 600_000,
        }
    if attempt_id is not None:
        rejected = values["status"] == "refused"
        row["attempts"] = {
            "id": attempt_id,
            "at": received_at,
            "outcome": "refuse" if rejected else "delivered",
            "http": 400 if rejected else 200,
            "code": values.get("code", 100) if rejected else None,
        }
    return row


def _body(number: int) -> bytes:
    person = hashlib.sha256(b"person-%d@example.com" % (number % 50_000)).hexdigest()
    return orjson.dumps(
        {"event_name": "Purchase", "event_id": f"order-{number}", "user_data": {"em": [person]}}
        | {"custom_data": {"value": 19.9, "currency": "EUR"}}
    )


def _keep_raw(database: sqlite3.Connection, rows: Sequence[Mapping[str, Any]], cipher: Cipher) -> None:
    ids = [row["webhooks"]["id"] for row in rows]
    kept = [(row_id, encrypt_request(purchase.request(), cipher, row_id)) for row_id in ids]
    database.executemany("INSERT INTO raw_webhooks VALUES (?, ?)", kept)


_COUNT = (
    "INSERT INTO hourly_counts (hour, mapping, destination, dataset_id, mode, status, reason, writer, number)"
)
_COUNTS = (
    f"{_COUNT} SELECT received_at / 3600000, mapping, '', '', '', 'webhooks', '', 0, count(*)"
    " FROM webhooks GROUP BY 1, 2",
    f"{_COUNT} SELECT received_at / 3600000, mapping, '', '', '', 'received', '', 0, sum(event_count)"
    " FROM webhooks GROUP BY 1, 2",
    f"{_COUNT} SELECT received_at / 3600000, e.mapping, destination, dataset_id,"
    f" CASE WHEN dataset_id = '{DEMO_DATASET_ID}' THEN 'demo' WHEN test_event_code IS NOT NULL THEN 'test'"
    " ELSE 'live' END, status, CASE status WHEN 'held' THEN reason ELSE '' END, 0, count(*)"
    " FROM events e JOIN webhooks w ON w.id = webhook_id GROUP BY 1, 2, 3, 4, 5, 6, 7",
)
_STATEMENTS = {
    "webhooks": "INSERT INTO webhooks (id, mapping, revision, received_at, request_id, event_count)"
    " VALUES (:id, :mapping, '0', :received_at, 'bench', :events)",
    "events": "INSERT INTO events (id, webhook_id, mapping, label, destination, dataset_id, test_event_code,"
    " event_name, event_id, stands, event_time, status, reason, match_score, changed_at, attempts,"
    " last_attempt)"
    " VALUES (:id, :webhook_id, :mapping, 'order', :destination, :dataset_id, :test_event_code, :event_name,"
    " :event_id, 1, :event_time, :status, :reason, 80, :changed_at, 1, :last_attempt)",
    "payloads": "INSERT INTO payloads VALUES (:id, :body)",
    "queue": "INSERT INTO queue (event_id, lane_id, due_at, attempts, accepted_until)"
    " VALUES (:id, 1, :due_at, 0, :accepted_until)",
    "attempts": "INSERT OR IGNORE INTO attempts (id, destination, dataset_id, events, started_at,"
    " duration_ms, outcome, http_status, code)"
    " VALUES (:id, 'main', '1', 1, :at, 100, :outcome, :http, :code)",
}
