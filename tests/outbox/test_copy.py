"""A copy equals its source, or is refused: beside a running bridge, or onto a database in use."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bridge.errors import CannotOpen
from bridge.outbox import Query, ReplayPage, Settled, Span, copy
from bridge.outbox.database import Database
from bridge.outbox.queries import discrepancies
from bridge.outbox.tables import metadata

pytestmark = pytest.mark.postgres


@pytest.fixture(name="pair", params=["to PostgreSQL", "to SQLite"])
def pair_fixture(request, new_sqlite_url, new_postgres_url, open_store) -> tuple[str, str]:
    urls = (new_sqlite_url(), new_postgres_url())
    source, target = urls if request.param == "to PostgreSQL" else urls[::-1]
    open_store(source)
    open_store(target)
    return source, target


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


def test_a_source_that_changes_meanwhile_is_noticed(pair, open_store, webhook, now):
    source = open_store(pair[0])
    source.add(webhook())
    more = iter(["more"])

    def store_more(_table: str, _rows: int) -> None:
        for key in more:
            source.add(webhook(key))

    with pytest.raises(CannotOpen, match="changed while it was copied"):
        copy(*pair, now, store_more)


def test_a_target_with_webhooks_of_its_own_is_left_alone(pair, open_store, webhook, now):
    open_store(pair[0]).add(webhook("theirs"))
    target = open_store(pair[1])
    target.add(webhook("its own"))
    with pytest.raises(CannotOpen, match="does not have"):
        copy(*pair, now)
    assert target.counts().by_status["waiting"] == 1


def test_rows_that_the_target_lost_on_the_way_do_not_reconcile(pair, open_store, webhook, now):
    open_store(pair[0]).add(webhook())
    target = Database(pair[1])

    def lose(table: str, _rows: int) -> None:
        if table == "webhooks":
            target.write(lambda connection: connection.execute(metadata.tables["events"].delete()))

    try:
        with pytest.raises(CannotOpen, match="does not reconcile"):
            copy(*pair, now, lose)
        assert target.read(discrepancies) != []
    finally:
        target.close()
    copy(*pair, now)
    assert rows_of(pair[1]) == rows_of(pair[0])
