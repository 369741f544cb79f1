"""Visits: kept with their webhook, found by what a visitor is known by. On both databases."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from bridge.outbox import NewVisit, PackedVisit, Query, Receipt
from bridge.outbox.database import Database
from bridge.outbox.erasure import Person
from bridge.outbox.tables import visit_keys, visits
from bridge.outbox.visits import JoinedVisit, VisitSearch, WithdrawnConsent
from bridge.outbox.visits import learn as learn_rows
from tests.outbox.conftest import NOW
from tests.outbox.test_admin_actions import left_in

ANNA, BEN = "a" * 32, "b" * 32
FBC, OTHER_FBC = "fb.1.1795100000000.first", "fb.1.1795200000000.second"
DAY = timedelta(days=1)


def visit(visitor: str = ANNA, at: datetime = NOW, **others: Any) -> NewVisit:
    values: dict[str, Any] = {"consent": "granted", "consent_source": "page", "consent_at": at, "fbc": FBC}
    return NewVisit(visitor, at, **values | others)


def store(outbox, *packed):
    visits = [one if isinstance(one, PackedVisit) else outbox.pack_visit(one) for one in packed]
    receipts = outbox.submit(visits).result(30)
    assert all(isinstance(receipt, Receipt) for receipt in receipts)
    return receipts


def found(outbox, *keys, before=NOW + DAY, within=90 * DAY):
    return outbox.visits.find(VisitSearch(keys, before, within))


def learn(outbox, visitor, keys):
    """Have a visitor known by more, as a settled webhook does."""
    joined = JoinedVisit(bytes.fromhex(visitor), tuple(keys))
    run, now = outbox._statements, int(NOW.timestamp() * 1000)
    outbox._write("learn", lambda c: learn_rows(c, run.visits, run.cipher, [(bytes(16), joined)], now))


def test_a_visit_is_found_with_everything_that_was_reported(outbox):
    last = {"utm_campaign": "spring", "landing_page": "https://www.example.com/a"}
    store(
        outbox,
        visit(fbp="fb.1.2.3", first={"gclid": "g"}, last=last, ip="203.0.113.7", user_agent="Firefox"),
    )
    one = found(outbox, ("visitor_id", ANNA.upper()))
    assert (one.visitor, one.by, one.began_at, one.seen_at) == (bytes.fromhex(ANNA), "visitor_id", NOW, NOW)
    assert (one.fbc, one.fbp, one.first, one.last) == (FBC, "fb.1.2.3", {"gclid": "g"}, last)
    assert (one.consent, one.consent_source, one.consent_at) == ("granted", "page", NOW)
    assert (one.ip, one.user_agent, one.address_at) == ("203.0.113.7", "Firefox", NOW)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("visitor_id", ANNA),
        ("event_id", "lead-1"),
        ("fbp", "fb.1.2.3"),
        ("email", "hash"),
        ("phone", "digits"),
    ],
)
def test_a_visitor_is_found_by_each_kind_of_key_and_by_no_other_text(outbox, kind, text):
    store(outbox, visit(event_id="lead-1", fbp="fb.1.2.3"))
    learn(outbox, ANNA, [("email", "hash"), ("phone", "digits")])
    assert found(outbox, (kind, text)).by == kind
    assert found(outbox, (kind, f"{text}x")) is None
    other = "phone" if kind != "phone" else "email"
    assert found(outbox, (other, text)) is None


def test_the_first_key_that_finds_a_visit_wins(outbox):
    store(outbox, visit(ANNA), visit(BEN, fbp="fb.1.2.3", fbc=OTHER_FBC))
    assert found(outbox, ("visitor_id", "c" * 32), ("fbp", "fb.1.2.3"), ("visitor_id", ANNA)).by == "fbp"


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(NOW - timedelta(seconds=1), None, id="before all of them"),
        pytest.param(NOW, FBC, id="at the moment of the first click"),
        pytest.param(NOW + 5 * DAY - timedelta(milliseconds=1), FBC, id="just before the second click"),
        pytest.param(NOW + 5 * DAY, OTHER_FBC, id="after the second click"),
        pytest.param(NOW + 8 * DAY, OTHER_FBC, id="after a visit without a click, which never hides one"),
        pytest.param(NOW + 94 * DAY, OTHER_FBC, id="when the first click is too old"),
        pytest.param(NOW + 96 * DAY, None, id="after a visit that is recent enough but has no click"),
        pytest.param(NOW + 120 * DAY, "none", id="when all are too old"),
    ],
)
def test_of_one_visitor_the_latest_click_before_the_event_counts(outbox, before, expected):
    store(
        outbox,
        visit(at=NOW),
        visit(at=NOW + 5 * DAY, fbc=OTHER_FBC),
        visit(at=NOW + 7 * DAY, fbc=None, last={"utm_source": "newsletter"}),
    )
    one = found(outbox, ("visitor_id", ANNA), before=before)
    if before == NOW + 96 * DAY:
        assert one.last == {"utm_source": "newsletter"}
    assert (one.fbc if one else None) == (None if expected == "none" else expected)


def test_two_people_with_one_address_are_told_apart_by_the_moment(outbox):
    store(outbox, visit(ANNA, NOW), visit(BEN, NOW + DAY, fbc=OTHER_FBC))
    for visitor in (ANNA, BEN):
        learn(outbox, visitor, [("email", "shared")])
    answers = [found(outbox, ("email", "shared"), before=NOW + n * DAY).visitor.hex() for n in (0, 1, 5)]
    assert answers == [ANNA, BEN, BEN]


def test_of_five_devices_of_one_person_the_last_that_clicked_counts(outbox):
    devices = [f"{number:032x}" for number in range(1, 6)]
    for number, device in enumerate(devices):
        store(outbox, visit(device, NOW + number * DAY, fbc=f"fb.1.1.{number}" if number != 4 else None))
        learn(outbox, device, [("email", "hers")])
    assert found(outbox, ("email", "hers"), before=NOW + 10 * DAY).fbc == "fb.1.1.3"


def test_an_event_id_that_two_visitors_claim_identifies_nobody(outbox):
    store(outbox, visit(ANNA, event_id="order-7"))
    assert found(outbox, ("event_id", "order-7")).visitor.hex() == ANNA
    store(outbox, visit(BEN, event_id="order-7", fbc=OTHER_FBC))
    assert found(outbox, ("event_id", "order-7")) is None


def test_the_same_touch_again_only_moves_when_it_was_last_seen(outbox, database_url):
    store(outbox, visit(fbp="fb.1.2.3", ip="203.0.113.7"), visit(at=NOW + DAY))
    one = found(outbox, ("visitor_id", ANNA))
    assert (one.began_at, one.seen_at) == (NOW, NOW + DAY)
    assert (one.fbp, one.ip, one.address_at) == ("fb.1.2.3", "203.0.113.7", NOW)
    assert left_in(database_url)["visits"] == 1


def test_of_one_visitor_twenty_touches_are_kept(outbox, database_url):
    store(outbox, *(visit(at=NOW + n * DAY, fbc=f"fb.1.{n}.x") for n in range(50)))
    assert left_in(database_url)["visits"] == 20
    assert found(outbox, ("visitor_id", ANNA), before=NOW + 29 * DAY) is None
    assert found(outbox, ("visitor_id", ANNA), before=NOW + 30 * DAY).fbc == "fb.1.30.x"


def test_a_visit_comes_with_its_webhook_or_not_at_all(outbox, webhook):
    outbox.add(webhook("1", visit=visit()))
    repeated = outbox.add(webhook("1", visit=visit(at=NOW + DAY)))
    assert repeated.duplicate
    assert found(outbox, ("visitor_id", ANNA)).seen_at == NOW + DAY


def test_webhooks_and_visits_of_one_transaction_get_their_own_receipts(outbox, webhook):
    packed = [
        outbox.pack(webhook("1")),
        outbox.pack_visit(visit()),
        outbox.pack(webhook("2", visit=visit(BEN))),
    ]
    receipts = outbox._store(packed)
    assert [len(receipt.events) for receipt in receipts] == [1, 0, 1]
    assert [event.event_id for receipt in receipts for event in receipt.events] == ["order-1", "order-2"]


def test_nothing_that_is_stored_shows_a_key_or_an_address(outbox, database_url):
    store(outbox, visit(event_id="lead-1", ip="203.0.113.7", user_agent="Firefox"))
    learn(outbox, ANNA, [("email", "hash-of-anna")])
    database = Database(database_url)
    rows = [
        value
        for table in (visits, visit_keys)
        for row in database.read(lambda connection, table=table: connection.execute(table.select()).all())
        for value in row
    ]
    database.close()
    texts = [value if isinstance(value, bytes) else str(value).encode() for value in rows]
    hidden = (b"hash-of-anna", b"lead-1", b"203.0.113.7", b"Firefox")
    assert [secret for secret in hidden if any(secret in text for text in texts)] == []


# --- withdrawal ------------------------------------------------------------------------------------


def test_who_refuses_is_forgotten_and_what_waits_of_theirs_is_suppressed(
    outbox, database_url, webhook, event
):
    outbox.add(webhook("1", event("hers"), event("held", status="held", body=None), visit=visit()))
    outbox.add(webhook("2", event("his"), visit=visit(BEN)))
    learn(outbox, ANNA, [("email", "hers")])
    store(outbox, visit(at=NOW + DAY, consent="denied"))
    by_id = {one.event_id: (one.status, one.reason, one.consent) for one in outbox.find(Query())}
    refused = ("suppressed", "consent was withdrawn", "denied")
    assert by_id == {"hers": refused, "held": refused, "his": ("waiting", None, None)}
    assert found(outbox, ("visitor_id", ANNA), ("email", "hers")) == WithdrawnConsent(NOW + DAY)
    assert found(outbox, ("visitor_id", ANNA), ("email", "his")) is None
    left = left_in(database_url)
    assert (left["visits"], left["visit_keys"], left["queue"], left["payloads"]) == (1, 1, 1, 1)
    assert left["withdrawals"] == 1
    assert outbox.discrepancies() == []
    asked = {
        name: outbox.erasures.consent_withdrawn_at(Person(frozenset({name}))) for name in ("hers", "his")
    }
    assert asked == {"hers": NOW + DAY, "his": None}


def test_what_is_being_sent_when_consent_is_withdrawn_is_left_alone(outbox, webhook, event):
    outbox.add(webhook("1", event("hers"), visit=visit()))
    (lane,) = outbox.lanes()
    assert outbox.claim(lane, worker="w", now=NOW, lease_until=NOW + DAY)
    store(outbox, visit(consent="denied"))
    assert [one.status for one in outbox.find(Query())] == ["sending"]


def test_a_refusal_leaves_nothing_of_what_came_just_before_it(outbox, database_url):
    outbox._store([outbox.pack_visit(one) for one in (visit(), visit(consent="denied"))])
    assert {"visits", "visit_keys"}.isdisjoint(left_in(database_url))


def test_who_agrees_again_begins_anew(outbox):
    outbox._store(
        [
            outbox.pack_visit(one)
            for one in (visit(), visit(consent="denied"), visit(at=NOW + DAY, fbc=OTHER_FBC))
        ]
    )
    assert found(outbox, ("visitor_id", ANNA)).fbc == OTHER_FBC


def test_refusing_twice_changes_nothing(outbox, database_url):
    store(outbox, visit(consent="denied"), visit(consent="denied"))
    assert left_in(database_url) == {}


@pytest.mark.parametrize(
    ("agreed_at", "is_found"),
    [
        pytest.param(NOW - DAY, False, id="on another device, before the withdrawal"),
        pytest.param(NOW + DAY, True, id="again, after it"),
    ],
)
def test_the_last_decision_of_a_person_counts_whatever_the_device(outbox, agreed_at, is_found):
    store(outbox, visit(ANNA, NOW - 2 * DAY), visit(BEN, NOW - DAY, consent_at=agreed_at, fbc=OTHER_FBC))
    for visitor in (ANNA, BEN):
        learn(outbox, visitor, [("email", "hers")])
    store(outbox, visit(consent="denied"))
    one = found(outbox, ("visitor_id", BEN), ("email", "hers"))
    assert one == WithdrawnConsent(NOW) if not is_found else one.fbc == OTHER_FBC


def test_a_withdrawal_is_over_when_the_person_is_known_again_and_after_its_time(outbox, database_url):
    store(outbox, visit())
    learn(outbox, ANNA, [("email", "hers"), ("phone", "digits")])
    store(outbox, visit(consent="denied"), visit(BEN, NOW + DAY))
    learn(outbox, BEN, [("email", "hers")])
    assert found(outbox, ("phone", "digits")) == WithdrawnConsent(NOW)
    assert found(outbox, ("email", "hers")).visitor.hex() == BEN
    outbox.visits.purge(NOW + 91 * DAY, 90 * DAY, 7 * DAY)
    assert "withdrawals" not in left_in(database_url)


# --- retention -------------------------------------------------------------------------------------


def test_visits_go_after_their_time_and_addresses_sooner(outbox, database_url):
    store(
        outbox,
        visit(ANNA, event_id="lead-1", ip="203.0.113.7"),
        visit(BEN, NOW + 60 * DAY, event_id="lead-2"),
    )
    learn(outbox, ANNA, [("email", "hers")])
    assert outbox.visits.purge(NOW + 8 * DAY, 90 * DAY, 7 * DAY) == 0
    assert found(outbox, ("email", "hers")).ip is None
    assert outbox.visits.purge(NOW + 91 * DAY, 90 * DAY, 7 * DAY) == 1
    left = left_in(database_url)
    assert (left["visits"], left["visit_keys"]) == (1, 1)


def test_a_key_that_names_a_person_lives_as_long_as_the_visits(outbox, database_url):
    store(outbox, visit(event_id="lead-1"))
    learn(outbox, ANNA, [("email", "hers")])
    store(outbox, visit(at=NOW + 80 * DAY))
    outbox.visits.purge(NOW + 100 * DAY, 90 * DAY, 7 * DAY)
    assert found(outbox, ("event_id", "lead-1"), before=NOW + 90 * DAY) is None
    assert found(outbox, ("email", "hers"), before=NOW + 90 * DAY).fbc == FBC
