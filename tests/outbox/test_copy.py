"""A copy equals its source, or is refused: beside a running bridge, or onto a database in use."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, SmallInteger, Table, inspect, text

from bridge.errors import CannotOpen, WrongUse
from bridge.outbox import Attempt, JobStep, NewJob, Query, ReplayPage, Settled, Span, copy
from bridge.outbox.database import Database
from bridge.outbox.ids import new_id
from bridge.outbox.purpose import mark_purpose
from bridge.outbox.records import text_id, to_ms
from bridge.outbox.tables import metadata

pytestmark = pytest.mark.postgres
DATASET = "1234567890123456"


@pytest.fixture(name="pair", params=["to PostgreSQL", "to SQLite"])
def pair_fixture(request, new_sqlite_url, new_postgres_url) -> tuple[str, str]:
    urls = (new_sqlite_url(), new_postgres_url())
    source, target = urls if request.param == "to PostgreSQL" else urls[::-1]
    return source, target


def run(url: str, *statements: Any, rows: Any = None) -> Any:
    """Run statements in one transaction; return the names of the tables that are there."""
    database = Database(url)

    def work(connection: Any) -> Any:
        for statement in statements:
            connection.execute(statement, rows)
        return inspect(connection).get_table_names()

    try:
        return database.write(work)
    finally:
        database.close()


def value_of(column: Column[Any], number: int) -> Any:
    """Return a value that the column takes and no other row has; NULL in some rows where that is allowed."""
    if column.nullable and number % 3 == 0:
        return None
    if isinstance(column.type, SmallInteger):
        return 1
    kind = column.type.python_type
    if kind is int:
        return number
    return number.to_bytes(16) if kind is bytes else f"{column.name} \N{GREEK SMALL LETTER ALPHA}'{number}"


def fill(url: str, table: Table, number: int) -> None:
    rows = [{column.name: value_of(column, row) for column in table.columns} for row in range(1, number + 1)]
    run(url, table.insert(), rows=rows)


def rows_of(url: str) -> dict[str, list[Any]]:
    database = Database(url)
    try:
        return database.read(
            lambda connection: {
                table.name: sorted(map(tuple, connection.execute(table.select())), key=repr)
                for table in metadata.sorted_tables
            }
        )
    finally:
        database.close()


def test_every_row_of_every_table_is_copied_but_claims(pair, now):
    source, target = pair
    names = set(run(source)) - {"alembic_version"}
    for name in names:
        fill(source, metadata.tables[name], 1001)

    copied = copy(source, target, now)

    assert copied == dict.fromkeys(names - {"claims"}, 1001)
    there = rows_of(source)
    for claimed in ("queue", "fetches"):
        there[claimed] = sorted(((*row[:-1], None) for row in there[claimed]), key=repr)
    assert rows_of(target) == there | {"claims": []}


def test_a_copy_goes_on_counting_after_the_highest_number(pair, open_store, webhook, event, now):
    source, target = pair
    store = open_store(source)
    for number in range(3):
        store.add(webhook(str(number), event(str(number), dataset_id=str(number))))
    copy(source, target, now)

    copied = open_store(target)
    copied.add(webhook("next", event("next", dataset_id="3")))
    assert [lane.id for lane in copied.lanes()] == [1, 2, 3, 4]


def test_what_a_database_is_for_moves_along(pair, open_store, webhook, event, now):
    source, target = pair
    mark_purpose(source, "demo")
    mark_purpose(target, "live")
    open_store(source).add(webhook("1", event(dataset_id="1000000000000000")))

    copy(source, target, now)

    mark_purpose(target, "demo")
    with pytest.raises(CannotOpen, match="belongs to a demo"):
        mark_purpose(target, "live")


def send_all(outbox: Any, now: Any) -> None:
    claim = outbox.claim(outbox.lanes()[0], worker="w", now=now, lease_until=now + timedelta(minutes=1))
    call = Attempt(
        text_id(new_id(to_ms(now))), "main", DATASET, None, len(claim.events), now, 120, "delivered"
    )
    outbox.settle_span(Span(claim.id), Settled("sent"), call, now)


def test_a_second_copy_overwrites_what_changed_and_deletes_what_is_gone(
    pair, open_store, webhook, event, now
):
    source_url, target_url = pair
    source = open_store(source_url)
    for number in range(4):
        source.add(webhook(str(number)))
    copy(source_url, target_url, now)

    claim = source.claim(
        source.lanes()[0], worker="w", now=now, lease_until=now + timedelta(minutes=1), limit=3
    )
    source.settle_span(Span(claim.id), Settled("sent"), None, now)
    [last] = source.ids(Query(statuses=frozenset({"waiting"})))
    source.discard([last], "a test order", now)
    source.add(webhook("again", event("order-3")))
    source.purge(now + timedelta(days=8), raw_webhooks=timedelta(days=7), events=timedelta(days=30))
    copy(source_url, target_url, now)

    assert rows_of(target_url) == rows_of(source_url)
    assert open_store(target_url).discrepancies() == []


def test_a_claim_on_an_event_id_that_moved_between_two_copies_moves_along(
    pair, open_store, webhook, event, now
):
    source_url, target_url = pair
    source = open_store(source_url)
    first = source.add(webhook("1", event("order"))).events[0].id
    source.discard([first], "by mistake", now)
    second = source.add(webhook("2", event("order"))).events[0].id
    copy(source_url, target_url, now)
    source.discard([second], "twice", now)
    source.replay(ReplayPage({}, {first: now}), now)

    copy(source_url, target_url, now)
    assert rows_of(target_url) == rows_of(source_url)


def test_nothing_is_copied_while_a_worker_sends(pair, open_store, webhook, now):
    source = open_store(pair[0])
    source.add(webhook())
    source.claim(source.lanes()[0], worker="w", now=now, lease_until=now + timedelta(minutes=1))
    with pytest.raises(CannotOpen, match="a worker is sending"):
        copy(*pair, now)


def test_nothing_is_copied_over_a_database_that_a_worker_sends_from(pair, open_store, webhook, now):
    open_store(pair[0]).add(webhook())
    copy(*pair, now)
    target = open_store(pair[1])
    target.claim(target.lanes()[0], worker="w", now=now, lease_until=now + timedelta(minutes=1))
    with pytest.raises(CannotOpen, match="sending events of the target"):
        copy(*pair, now)


def test_what_a_worker_sent_from_the_copy_is_not_set_back_to_waiting(pair, open_store, webhook, now):
    open_store(pair[0]).add(webhook())
    copy(*pair, now)
    target = open_store(pair[1])
    send_all(target, now)

    with pytest.raises(CannotOpen, match="the target has calls that the source does not have"):
        copy(*pair, now)
    assert target.counts().by_status["sent"] == 1


def test_a_copy_may_be_older_than_all_that_retention_left_in_the_source(
    pair, open_store, webhook, event, now
):
    source = open_store(pair[0])
    source.add(webhook("old"))
    send_all(source, now)
    copy(*pair, now)

    later = now + timedelta(days=31)
    source.purge(later, raw_webhooks=timedelta(days=7), events=timedelta(days=30))
    source.add(
        webhook("new", event("new", accepted_until=int(later.timestamp()) + 600_000), received_at=later)
    )
    send_all(source, later)

    copy(*pair, later)
    assert rows_of(pair[1])["webhooks"] == rows_of(pair[0])["webhooks"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda source, webhook, now: source.add(webhook("more")), id="a webhook"),
        pytest.param(lambda source, _webhook, now: source.jobs.add(NewJob("export", {}), now), id="a job"),
        pytest.param(
            lambda source, _webhook, now: source.jobs.note(source.jobs.claim(now), JobStep("", 1), now),
            id="a step of a job",
        ),
    ],
)
def test_a_source_that_changes_meanwhile_is_noticed(pair, open_store, webhook, now, change):
    source = open_store(pair[0])
    source.add(webhook())
    source.jobs.add(NewJob("export", {}), now)
    changes = iter([change])

    def change_once(_table: str, _rows: int) -> None:
        for make in changes:
            make(source, webhook, now)

    with pytest.raises(CannotOpen, match="changed while it was copied"):
        copy(*pair, now, change_once)


def test_a_target_with_webhooks_of_its_own_is_left_alone(pair, open_store, webhook, now):
    open_store(pair[0]).add(webhook("theirs"))
    target = open_store(pair[1])
    target.add(webhook("its own"))
    with pytest.raises(CannotOpen, match="does not have"):
        copy(*pair, now)
    assert target.counts().by_status["waiting"] == 1


KEEP_NO_PAYLOADS = {
    "sqlite": ["CREATE TRIGGER lose BEFORE INSERT ON payloads BEGIN SELECT RAISE(IGNORE); END"],
    "postgresql": [
        "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER lose BEFORE INSERT ON payloads FOR EACH ROW EXECUTE FUNCTION lose()",
    ],
}


def test_a_target_that_loses_rows_does_not_reconcile_and_stays_as_it_was(pair, open_store, webhook, now):
    open_store(pair[0]).add(webhook())
    before = rows_of(pair[1])
    run(pair[1], *map(text, KEEP_NO_PAYLOADS[pair[1].partition(":")[0]]))

    with pytest.raises(CannotOpen, match=r"payloads: 1 row copied, 0 there; 1 queued event without a body"):
        copy(*pair, now)

    assert rows_of(pair[1]) == before


def test_a_copy_migrates_both_databases_first(tmp_path, new_sqlite_url, open_store, webhook, now):
    source, target = new_sqlite_url(), f"sqlite:///{tmp_path}/new.db"
    open_store(source).add(webhook())

    copy(source, target, now)

    assert rows_of(target) == rows_of(source)


def test_a_source_that_is_not_there_is_an_error_and_not_created(tmp_path: Path, new_sqlite_url, now):
    with pytest.raises(CannotOpen, match=r"missing\.db: there is no such database"):
        copy(f"sqlite:///{tmp_path}/missing.db", new_sqlite_url(), now)
    assert not (tmp_path / "missing.db").exists()


def test_a_database_is_not_copied_onto_itself(database_url, now):
    with pytest.raises(WrongUse, match="the same database"):
        copy(database_url, database_url, now)
