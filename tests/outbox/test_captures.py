"""Captures: names that are open for a while, and what came to them. On both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from bridge.errors import TooManyRequests
from bridge.models import Request
from bridge.outbox import ErasureRequest, Person
from bridge.outbox.captures import LONGEST_CAPTURE, MOST_CAPTURED, MOST_OPEN_NAMES
from bridge.outbox.tables import captured
from bridge.outbox.tables import captures as table
from tests.outbox.conftest import NOW

MINUTE = timedelta(minutes=1)
WEBHOOK = Request(
    "POST", "https://b.example/hooks/crm", {"x-token": "t"}, {}, b'{"mail": "j@x.example"}', None, NOW
)


@pytest.fixture
def captures(outbox):
    return outbox.captures


def stored(outbox) -> tuple[int, int]:
    """Return how many rows there are, whoever may see them."""
    counts = [select(func.count()).select_from(one) for one in (table, captured)]
    return tuple(outbox._read(lambda connection: [connection.execute(count).scalar() for count in counts]))


def test_what_comes_to_an_open_name_is_kept_until_its_time_is_over(outbox, captures, now):
    captures.open("crm", now, 10 * MINUTE)
    assert captures.keep("crm", WEBHOOK, now + MINUTE)
    [kept] = captures.newest("crm", now + 9 * MINUTE)
    assert (kept.request, kept.until) == (WEBHOOK, now + 10 * MINUTE)
    assert captures.webhook(kept.id, now + 9 * MINUTE) == kept

    over = now + 10 * MINUTE
    assert (captures.find("crm", over), captures.all_open(over), captures.newest("crm", over)) == (
        None,
        [],
        [],
    )
    assert captures.webhook(kept.id, over) is None
    assert not captures.keep("crm", WEBHOOK, over)
    assert stored(outbox) == (1, 1)
    captures.purge(over)
    assert stored(outbox) == (0, 0)


def test_nothing_is_kept_for_a_name_that_nobody_opened(outbox, captures, now):
    captures.open("crm", now, MINUTE)
    assert not captures.keep("crn", WEBHOOK, now)
    assert captures.find("CRM", now) is None
    assert stored(outbox) == (1, 0)


def test_closing_deletes_what_was_captured_for_this_name_alone(captures, now):
    for name in ("crm", "shop"):
        captures.open(name, now, MINUTE)
        captures.keep(name, WEBHOOK, now)
    captures.close("crm")
    captures.close("never was")
    assert [capture.name for capture in captures.all_open(now)] == ["shop"]
    assert (len(captures.newest("crm", now)), len(captures.newest("shop", now))) == (0, 1)


def test_only_the_newest_webhooks_of_a_name_stay(captures, now):
    captures.open("crm", now, MINUTE)
    for number in range(MOST_CAPTURED + 3):
        captures.keep("crm", replace(WEBHOOK, body=str(number).encode()), now)
    bodies = [int(kept.request.body) for kept in captures.newest("crm", now)]
    assert bodies == list(range(MOST_CAPTURED + 2, 2, -1))


def test_few_names_are_open_at_a_time_and_none_for_long(captures, now):
    for number in range(MOST_OPEN_NAMES):
        captures.open(f"crm-{number}", now, MINUTE)
    captures.open("crm-0", now, MINUTE)
    with pytest.raises(TooManyRequests, match="5 names are open already"):
        captures.open("one-more", now, MINUTE)
    later = captures.open("one-more", now + MINUTE, 24 * LONGEST_CAPTURE)
    assert later.until == now + MINUTE + LONGEST_CAPTURE


def test_opening_a_name_again_gives_it_more_time(captures, now):
    captures.open("crm", now, MINUTE)
    captures.open("crm", now + MINUTE / 2, MINUTE)
    assert captures.find("crm", now + MINUTE).until == now + MINUTE * 1.5


def test_what_was_captured_is_encrypted_and_opens_with_its_key_alone(outbox, captures, now):
    captures.open("crm", now, MINUTE)
    captures.keep("crm", WEBHOOK, now)
    sealed = outbox._read(lambda connection: connection.execute(select(captured.c.sealed)).scalar())
    assert b"x.example" not in sealed
    assert b"x-token" not in sealed


def test_an_erasure_deletes_everything_that_was_captured(outbox, captures, now):
    captures.open("crm", now, MINUTE)
    captures.keep("crm", WEBHOOK, now)
    outbox.erasures.erase(Person(emails=("j@x.example",)), ErasureRequest("a test", {"email": 1}), now)
    assert (stored(outbox), captures.find("crm", now) is None) == ((1, 0), False)


def test_what_a_wrong_clock_would_keep_for_long_is_deleted(outbox, captures, now):
    captures.open("crm", now + timedelta(days=400), MINUTE)
    captures.open("shop", now, MINUTE)
    assert stored(outbox) == (1, 0)
