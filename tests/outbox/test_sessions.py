"""Sessions and one-time links of the console: who they belong to and when they end. On both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from bridge.outbox.database import Database
from bridge.outbox.tables import sessions as table

HOUR, MINUTE, MOMENT = timedelta(hours=1), timedelta(minutes=1), timedelta(milliseconds=1)
ZERO = timedelta(0)


@pytest.fixture
def sessions(outbox):
    return outbox.sessions


def test_a_session_is_its_viewer_s_until_it_is_closed(sessions, now):
    mine, other = sessions.open("session", "acme", now), sessions.open("session", "", now)
    assert (sessions.viewer(mine, now), sessions.viewer(other, now)) == ("acme", "")
    sessions.close(mine)
    sessions.close("never was")
    assert (sessions.viewer(mine, now), sessions.viewer(other, now)) == (None, "")


def test_every_token_is_another_and_too_long_to_guess(sessions, now):
    tokens = {sessions.open("session", "", now) for _ in range(5)}
    assert (len(tokens), {len(token) for token in tokens}) == (5, {43})


@pytest.mark.parametrize(
    ("kind", "lasts"),
    [pytest.param("session", HOUR, id="unused session"), pytest.param("link", MINUTE, id="link")],
)
@pytest.mark.parametrize(
    ("off", "ended"), [(-MOMENT, False), (ZERO, True)], ids=["just before", "at that moment"]
)
def test_what_is_not_used_ends_when_its_time_is_over(sessions, now, kind, lasts, off, ended):
    token = sessions.open(kind, "acme", now)
    use = sessions.viewer if kind == "session" else sessions.take_link
    assert use(token, now + lasts + off) == (None if ended else "acme")


@pytest.mark.parametrize(("last", "ended"), [(12 * HOUR - MOMENT, False), (12 * HOUR, True)])
def test_a_session_in_use_ends_after_twelve_hours(sessions, now, last, ended):
    token = sessions.open("session", "acme", now)
    for half_hours in range(24):
        assert sessions.viewer(token, now + half_hours * HOUR / 2) == "acme"
    assert sessions.viewer(token, now + last) == (None if ended else "acme")


@pytest.mark.parametrize(("kind", "lasts"), [("session", HOUR), ("link", MINUTE)])
def test_what_began_ahead_of_a_clock_that_was_set_back_has_ended(sessions, now, kind, lasts):
    use = sessions.viewer if kind == "session" else sessions.take_link
    assert use(sessions.open(kind, "acme", now + lasts + MOMENT), now) is None
    assert use(sessions.open(kind, "acme", now + lasts), now) == "acme"


def test_a_link_is_used_once_and_opens_no_session(sessions, now):
    link, session = sessions.open("link", "acme", now), sessions.open("session", "acme", now)
    assert (sessions.viewer(link, now), sessions.take_link(session, now)) == (None, None)
    assert (sessions.take_link(link, now), sessions.take_link(link, now)) == ("acme", None)
    assert sessions.viewer(session, now) == "acme"


def test_what_has_ended_is_deleted_when_somebody_signs_in(sessions, database_url, now):
    for kind, age in (("session", HOUR), ("session", ZERO), ("link", MINUTE), ("link", ZERO)):
        sessions.open(kind, "acme", now - age)
    sessions.open("session", "acme", now)
    database = Database(database_url)
    left = database.read(
        lambda connection: connection.execute(
            select(table.c.kind, func.count()).group_by(table.c.kind).order_by(table.c.kind)
        ).all()
    )
    database.close()
    assert [tuple(row) for row in left] == [("link", 1), ("session", 2)]
