"""Erasing persons: what is found and deleted, the receipt, what is never sent again. On both databases."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from bridge.crypto import Cipher
from bridge.ingest.replay import replay
from bridge.outbox import Correction, ErasureRequest, NewJob, NewVisit, Person, Query, Receipt, Traces
from bridge.outbox.database import Database
from bridge.outbox.erasure import Erased
from bridge.outbox.never_send import REASON
from bridge.outbox.tables import metadata
from tests.outbox.conftest import NOW
from tests.outbox.test_admin_actions import left_in
from tests.outbox.test_visits import learn

HELD = {"status": "held", "body": None, "reason": "no e-mail"}


def test_of_an_erased_person_no_event_stays_in_any_table(outbox, database_url, webhook, event):
    body = b'{"user_data":{"em":["%b"]}}' % EMAIL_HASH.encode()
    outbox.add(webhook("1", event("hers", body=body)))
    erase(outbox, JANE)
    left = left_in(database_url)
    assert left.pop("hourly_counts") > 0
    assert left == {"lanes": 1, "webhooks": 1, "repeat_keys": 1, "erasures": 1}


def erase(outbox, person, **request):
    """Erase a person, and return how much that was."""
    asked = ErasureRequest("test", {"email": 1}, person.destination, **request)
    return outbox.erasures.erase(person, asked, NOW).erased


EMAIL_HASH = "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"
JANE = Person(frozenset({EMAIL_HASH}), ("Jane@Example.com",), ("+49 151 2345678",), ("customer-77",))


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"email": "jane@example.com"}', id="plain"),
        pytest.param(b'{"email": "JANE@EXAMPLE.COM"}', id="capitals"),
        pytest.param(b"email=jane%40example.com&x=1", id="form"),
        pytest.param(b'{"email": "jane\\u0040example.com"}', id="escaped"),
        pytest.param(b'{"tel": "0151 / 234 5678"}', id="phone as people write it"),
        pytest.param(b'{"id": "customer-77"}', id="external id"),
    ],
)
def test_erasing_finds_the_person_in_raw_webhooks_however_written(outbox, webhook, event, request_of, raw):
    held = outbox.add(webhook("1", event("", **HELD), request=request_of(raw)))
    other = outbox.add(webhook("2", event("", **HELD), request=request_of(b'{"email": "xjane@example.com"}')))
    erased = erase(outbox, JANE)
    assert (erased.events, erased.raw_webhooks) == (1, 1)
    assert outbox.raw(held.webhook_id) is None
    assert outbox.raw(other.webhook_id) is not None


def test_erasing_removes_events_by_their_hashes_and_a_repeat_stays_a_repeat(outbox, webhook, event, now):
    body = b'{"user_data":{"em":["%b"]}}' % EMAIL_HASH.encode()
    outbox.add(webhook("1", event("hers", body=body), event("other"), request=None))
    outbox.add(webhook("2", event("sent", body=body), request=None))
    assert erase(outbox, JANE).events == 2
    assert [record.event_id for record in outbox.find(Query())] == ["other"]
    assert outbox.add(webhook("2", event("sent", body=body))).duplicate is True
    assert outbox.counts().received == 1


@pytest.mark.parametrize(
    "nobody",
    [
        pytest.param(Person(emails=("", " ")), id="empty addresses"),
        pytest.param(Person(phones=("", "abc", "12345")), id="no number, and one of a few digits"),
        pytest.param(Person(external_ids=("", " ")), id="empty ids"),
    ],
)
def test_an_empty_identifier_finds_nobody_instead_of_everybody(outbox, webhook, event, request_of, nobody):
    body = b'{"email": "", "tel": "12345", "id": " ", "name": ""}'
    outbox.add(webhook("1", event("", **HELD), request=request_of(body)))
    outbox.add(webhook("2", event("x", body=body), request=None))
    assert outbox.erasures.find(nobody) == Traces((), ())
    assert (erase(outbox, nobody).events, outbox.counts().received) == (0, 2)


def test_what_is_found_of_a_person_is_what_an_erasure_deletes(outbox, webhook, event, request_of):
    body = b'{"user_data":{"em":["%b"]}}' % EMAIL_HASH.encode()
    outbox.add(webhook("1", event("hers", body=body), request=request_of(b"{}")))
    outbox.add(webhook("2", event("", **HELD), request=request_of(b'{"email": "jane@example.com"}')))
    outbox.add(webhook("3", event("", **HELD), request=request_of(b'{"email": "joe@example.com"}')))
    found = outbox.erasures.find(JANE)
    assert len(found.shown_ids) == 2
    erased = erase(outbox, JANE)
    assert (erased.events, erased.raw_webhooks) == (len(found.event_ids), len(found.webhook_ids))
    assert outbox.erasures.find(JANE) == Traces((), ())


def of_jane(**custom_data):
    text = ",".join(f'"{name}":"{value}"' for name, value in custom_data.items())
    return b'{"user_data":{"em":["%b"]},"custom_data":{%b}}' % (EMAIL_HASH.encode(), text.encode())


def kept(outbox):
    return sorted((record.event_id, record.status) for record in outbox.find(Query()))


def test_the_receipt_says_how_much_was_erased_and_names_nobody(outbox, webhook, event):
    outbox.add(webhook("1", event("hers", body=of_jane())))
    asked = ErasureRequest("command line", {"email": 1, "phone": 1})
    receipt = outbox.erasures.erase(JANE, asked, NOW)
    assert (receipt.erased, receipt.finished_at) == (Erased(1, 1), NOW)
    assert outbox.erasures.receipts() == [receipt]
    assert receipt.as_json() == {
        "id": receipt.id,
        "asked_by": "command line",
        "looked_for": {"email": 1, "phone": 1},
        "destination": None,
        "never_send": False,
        "events": 1,
        "raw_webhooks": 1,
        "visits": 0,
        "asked_at": "2026-11-21T12:00:00.000+00:00",
        "finished_at": "2026-11-21T12:00:00.000+00:00",
    }


def test_an_event_is_found_by_its_hash_when_its_webhook_is_no_longer_kept(outbox, webhook, event, now):
    outbox.add(webhook("1", event("hers", body=of_jane())))
    outbox.purge(now + timedelta(days=8), raw_webhooks=timedelta(days=7), events=timedelta(days=30))
    assert len(outbox.erasures.find(JANE).event_ids) == 1
    assert erase(outbox, JANE) == Erased(1, 0)


def test_an_id_is_looked_for_in_the_field_of_an_id_alone(outbox, webhook, event):
    outbox.add(
        webhook("1", event("priced", body=b'{"custom_data":{"value":"42","order_id":"7"}}'), request=None)
    )
    outbox.add(webhook("2", event("hers", body=b'{"user_data":{"external_id":["42"]}}'), request=None))
    erase(outbox, Person(external_ids=("42",)))
    assert kept(outbox) == [("priced", "waiting")]


def test_an_order_is_erased_by_its_id(outbox, webhook, event):
    outbox.add(webhook("1", event("ordered", body=b'{"custom_data":{"order_id":"7"}}'), request=None))
    outbox.add(webhook("2", event("other", body=b'{"custom_data":{"order_id":"77"}}'), request=None))
    erase(outbox, Person(order_ids=("7",)))
    assert kept(outbox) == [("other", "waiting")]


def test_a_short_id_is_not_looked_for_in_raw_webhooks(outbox, webhook, event, request_of):
    outbox.add(webhook("1", event("", **HELD), request=request_of(b'{"quantity": 42, "customer": 424242}')))
    assert erase(outbox, Person(external_ids=("42",))) == Erased(0, 0)
    assert erase(outbox, Person(external_ids=("424242",))) == Erased(1, 1)


def test_an_erasure_for_one_destination_leaves_the_others_alone(outbox, webhook, event):
    def hers(number, *destinations):
        events = [event(f"{name}-{number}", destination=name, body=of_jane()) for name in destinations]
        return outbox.add(webhook(number, *events))

    shared, alone, other = hers("1", "main", "agency"), hers("2", "agency"), hers("3", "main")
    held = outbox.add(webhook("4", event("", destination="main", **HELD)))
    person = Person(frozenset({EMAIL_HASH}), destination="agency")
    found = outbox.erasures.find(person)
    assert erase(outbox, person) == Erased(len(found.event_ids), len(found.webhook_ids)) == Erased(2, 1)
    assert kept(outbox) == [("", "held"), ("main-1", "waiting"), ("main-3", "waiting")]
    assert outbox.raw(alone.webhook_id) is None
    assert all(outbox.raw(one.webhook_id) for one in (shared, other, held))
    assert outbox.discrepancies() == []


# --- never again -----------------------------------------------------------------------------------


def test_a_person_who_comes_back_is_suppressed_and_nothing_of_them_is_kept(
    outbox, webhook, event, database_url
):
    erase(outbox, JANE, never_send=True)
    receipt = outbox.add(webhook("1", event("hers", body=of_jane())))
    outbox.add(webhook("2", event("other")))
    assert [(line.status, line.reason) for line in receipt.events] == [("suppressed", REASON)]
    assert outbox.raw(receipt.webhook_id) is None
    assert kept(outbox) == [("", "suppressed"), ("other", "waiting")]
    assert left_in(database_url)["payloads"] == 1
    assert outbox.discrepancies() == []


def test_of_a_webhook_about_several_people_the_others_are_sent(outbox, webhook, event):
    erase(outbox, JANE, never_send=True)
    receipt = outbox.add(webhook("1", event("hers", body=of_jane()), event("other")))
    assert [line.status for line in receipt.events] == ["suppressed", "waiting"]
    assert outbox.raw(receipt.webhook_id) is not None


def test_without_never_send_a_person_may_come_back(outbox, webhook, event):
    erase(outbox, JANE)
    assert outbox.add(webhook("1", event("hers", body=of_jane()))).events[0].status == "waiting"


def test_never_send_for_one_destination_is_for_that_one(outbox, webhook, event):
    erase(outbox, Person(frozenset({EMAIL_HASH}), destination="agency"), never_send=True)
    events = [event(name, destination=name, body=of_jane()) for name in ("main", "agency")]
    assert [line.status for line in outbox.add(webhook("1", *events)).events] == ["waiting", "suppressed"]


def test_a_held_event_that_is_mapped_again_is_suppressed_too(outbox, webhook, event, now):
    receipt = outbox.add(webhook("1", event("", **HELD)))
    erase(outbox, Person(frozenset({EMAIL_HASH})), never_send=True)
    corrected = Correction("second", (event("hers", body=of_jane()),))
    assert replay(outbox, Query(), lambda _webhook: corrected, now) == {"suppressed": 1}
    assert outbox.show(receipt.events[0].id).body is None


def test_a_digest_that_was_kept_before_a_rotation_of_the_key_still_suppresses(
    database_url, open_store, webhook, event
):
    with_old = open_store(database_url, cipher=Cipher(["the old secret key"]))
    erase(with_old, JANE, never_send=True)
    rotated = open_store(database_url, cipher=Cipher(["the new secret key", "the old secret key"]))
    assert rotated.add(webhook("1", event("hers", body=of_jane()))).events[0].status == "suppressed"
    assert rotated.lacks_key() is False
    assert open_store(database_url, cipher=Cipher(["the new secret key"])).lacks_key() is True


def test_what_is_kept_of_a_person_cannot_be_tried_out_without_the_key(database_url, outbox, webhook):
    erase(outbox, JANE, never_send=True)
    stored = everything_in(database_url)
    plain = [EMAIL_HASH, "jane@example.com", "customer-77"]
    guesses = [hashlib.sha256(text.encode()).digest() for text in plain]
    assert not any(text in stored for text in [*map(str.encode, plain), bytes.fromhex(EMAIL_HASH), *guesses])


def everything_in(url):
    database = Database(url)
    try:
        tables = [
            database.read(lambda c, table=table: c.execute(table.select()).all())
            for table in metadata.sorted_tables
        ]
    finally:
        database.close()
    return b"".join(
        bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
        for rows in tables
        for row in rows
        for value in row
    )


# --- asked for by a webhook ------------------------------------------------------------------------


def test_a_webhook_that_asks_for_an_erasure_is_stored_with_its_job(outbox, webhook, now):
    wanted = NewJob("erase", ErasureRequest("mapping shop", {"email": 1}).as_json(), b"{}")
    receipt = outbox.add(webhook("1", job=wanted, repeat_key=None)._replace(events=()))
    [job] = outbox.jobs.newest()
    assert (job.id, job.kind, job.state) == (receipt.job_id, "erase", "queued")
    assert job.request["webhook_id"] == receipt.webhook_id
    assert outbox.erasures.unfinished() == [job]
    assert outbox.discrepancies() == []


# --- visits ----------------------------------------------------------------------------------------


def visited(outbox, visitor, *keys):
    visit = NewVisit(visitor, NOW, "granted", "page", NOW, fbp="fb.1.2.3")
    [stored] = outbox.submit([outbox.pack_visit(visit)]).result(30)
    assert isinstance(stored, Receipt)
    learn(outbox, visitor, keys)


@pytest.mark.parametrize(
    ("destination", "erased"), [(None, 1), ("main", 0)], ids=["everything", "for one destination"]
)
def test_erasing_deletes_the_visits_that_the_person_is_known_by(outbox, database_url, destination, erased):
    visited(outbox, "a" * 32, ("email", EMAIL_HASH))
    visited(outbox, "b" * 32, ("email", "of another person"))
    person = Person(frozenset({EMAIL_HASH}), destination=destination)
    assert outbox.erasures.visits_of(person) == erased
    kept = {
        "began_at": NOW.isoformat(), "seen_at": NOW.isoformat(), "fbc": None, "fbp": "fb.1.2.3",
        "consent": "granted", "consent_source": "page", "first": {}, "last": {},
    }  # fmt: skip
    assert outbox.erasures.visits_kept(person) == [kept] * erased
    receipt = outbox.erasures.erase(person, ErasureRequest("test", {"email": 1}, destination), NOW)
    assert (receipt.erased.visits, receipt.as_json()["visits"]) == (erased, erased)
    assert left_in(database_url)["visits"] == 2 - erased
    assert outbox.erasures.receipts() == [receipt]
