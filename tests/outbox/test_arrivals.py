"""Whoever delivers is woken by what comes to wait, whatever process stored it, and looks often when not."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from bridge.outbox import Settled, Span
from bridge.outbox.arrivals import HEARD_SECONDS, UNHEARD_SECONDS, Arrivals, NamedPipe
from bridge.outbox.database import Database
from tests.outbox.test_hourly_counts import claimed, discard_and_replay

SECONDS = 20.0  # far more than anything takes here


@contextmanager
def heard(arrivals):
    """Listen, from the moment when our own notification was heard."""
    stop = threading.Event()
    with arrivals.listening(stop):
        assert arrivals.wait(0, SECONDS) > 0
        assert arrivals.look_every_seconds == HEARD_SECONDS
        yield stop
        stop.set()


def wakes(arrivals, work) -> bool:
    """Tell whether work wakes those who wait, before the next of our own notifications does."""
    seen = arrivals.wait(0, 0)
    work()
    return arrivals.wait(seen, SECONDS) > seen


def test_what_another_process_stores_wakes_whoever_listens(outbox, database_url, open_store, webhook, event):
    another = open_store(database_url)
    with heard(outbox.arrivals):
        assert wakes(outbox.arrivals, lambda: another.add(webhook("1")))
        assert wakes(outbox.arrivals, lambda: another.add_all([webhook("2"), webhook("3")]))
        assert wakes(outbox.arrivals, lambda: discard_and_replay(another))


class Counted:
    """A channel that counts the notifications and passes none on."""

    def __init__(self):
        self.sent = 0

    def send(self):
        self.sent += 1

    def receive(self, heard, over):
        over.wait()

    def close(self):
        pass


def test_only_what_is_to_be_done_is_notified(database_url, open_store, webhook, event, now):
    channel = Counted()
    outbox = open_store(database_url)
    outbox.arrivals = Arrivals(channel)
    outbox.add(webhook("held", event("h", status="held", body=None)))
    outbox.add(webhook("nothing")._replace(events=()))
    assert channel.sent == 0

    outbox.add(webhook("1", event("1"), event("2")))
    assert channel.sent == 1

    claim = claimed(outbox)
    outbox.settle_span(Span(claim.id), Settled("sent"), None, now)
    assert channel.sent == 1


def test_where_nothing_is_heard_everybody_looks_often():
    arrivals = Arrivals(Counted())
    with arrivals.listening(threading.Event()):
        arrivals.notify()
        assert arrivals.wait(0, 0.2) == 0
        assert arrivals.look_every_seconds == UNHEARD_SECONDS


def test_being_asked_to_stop_wakes_whoever_waits(outbox):
    with heard(outbox.arrivals) as stop:
        seen = outbox.arrivals.wait(0, 0)
        stop.set()
        assert outbox.arrivals.wait(seen, SECONDS) > seen


@pytest.mark.parametrize("what", ["a file of another kind", "a folder that is not there"])
def test_where_there_can_be_no_pipe_webhooks_are_stored_all_the_same(tmp_path, what):
    path = tmp_path / ("gone/db.arrivals" if "folder" in what else "db.arrivals")
    if "file" in what:
        path.write_text("kept")
    arrivals = Arrivals(NamedPipe(path))
    with arrivals.listening(threading.Event()):
        arrivals.notify()
        assert arrivals.look_every_seconds == UNHEARD_SECONDS
    assert "folder" in what or path.read_text() == "kept"


def test_a_pipe_that_nobody_reads_fills_up_and_holds_nobody_up(tmp_path):
    channel = NamedPipe(tmp_path / "db.arrivals")
    for _ in range(70_000):
        channel.send()
    arrivals = Arrivals(channel)
    with heard(arrivals):
        pass
    arrivals.close()


@pytest.mark.postgres
def test_a_listener_whose_connection_was_cut_listens_again(new_postgres_url, open_store, webhook):
    url = new_postgres_url()
    outbox = open_store(url)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
    database = Database(url)
    with heard(outbox.arrivals):
        assert wakes(outbox.arrivals, lambda: database.read(lambda c: c.execute(text(cut)).all()))
        assert wakes(outbox.arrivals, lambda: outbox.add(webhook("1")))
    database.close()
