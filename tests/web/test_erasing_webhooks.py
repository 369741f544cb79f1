"""Webhooks that ask to erase a person: verified, answered with 200, done by a job, proved by a receipt."""

from __future__ import annotations

import json

import pytest

from tests.web.conftest import ADMIN, EVENT
from tests.web.test_bulk_work import work_off

TOKEN = {"X-Token": "lead-secret"}
VERIFY = 'receive: {verify: {scheme: token, header: X-Token, secret: "${LEAD_SECRET}"}}\n'
PRIVACY = f"""\
version: 1
{VERIFY}
erase:
  when: {{topic: redact}}
  email: customer.email
  external_id: customer.id
  order_id: orders
hold:
  - name: a copy of the data
    when: {{topic: access}}
    reason: a customer asks for a copy of the data
    fix: answer, then discard this event
"""
ORDER = EVENT + "custom_data: {value: total, currency: currency, order_id: id}\n"
REDACT = {"topic": "redact", "customer": {"email": "Rosa@Example.com", "id": 4711}, "orders": ["88"]}


@pytest.fixture
def shop(start):
    """A shop with three orders of two people, and its privacy requests."""
    web = start(mappings={"privacy": PRIVACY, "order": ORDER})
    for number, mail in ((87, "rosa@example.com"), (88, "a.guest@example.com"), (89, "joe@example.com")):
        body = {"id": str(number), "mail": mail, "total": 10, "currency": "EUR"}
        assert web.post("/hooks/order", body).json["status"] == "queued"
    web.later(seconds=1)
    return web


def ids(web):
    return sorted(event.event_id for event in web.stored())


def receipts(web):
    return web.client.get("/api/erasures", headers=ADMIN).json


def test_a_person_is_erased_by_the_webhook_of_a_verified_sender(shop):
    answer = shop.post("/hooks/privacy", REDACT, TOKEN)
    assert (answer.status_code, answer.json["status"], answer.json["events"]) == (200, "erasing", [])
    [job] = receipts(shop)["unfinished"]
    assert (job["id"], job["state"]) == (answer.json["erasure"], "queued")
    work_off(shop)
    listed = receipts(shop)
    assert listed["unfinished"] == []
    assert [(one["id"], one["asked_by"], one["looked_for"], one["events"]) for one in listed["erasures"]] == [
        (answer.json["erasure"], "mapping privacy", {"email": 1, "external_id": 1, "order_id": 1}, 2)
    ]
    assert ids(shop) == ["lead-89"]
    assert "rosa" not in json.dumps(listed).lower()
    assert shop.context.outbox().discrepancies() == []


def test_the_webhook_that_asked_is_erased_with_the_person(shop):
    answer = shop.post("/hooks/privacy", REDACT, TOKEN)
    outbox = shop.context.outbox()
    webhook_id = outbox.jobs.get(answer.json["erasure"]).request["webhook_id"]
    assert b"Rosa" in outbox.raw(webhook_id).body
    work_off(shop)
    assert outbox.raw(webhook_id) is None


def test_nobody_is_erased_by_a_stranger(shop):
    for headers in ({}, {"X-Token": "guess"}):
        assert shop.post("/hooks/privacy", REDACT, headers).status_code == 401
    assert (receipts(shop)["erasures"], receipts(shop)["unfinished"]) == ([], [])
    assert ids(shop) == ["lead-87", "lead-88", "lead-89"]


def test_a_request_that_comes_again_erases_again_because_the_person_may_be_back(shop):
    for _ in range(2):
        assert shop.post("/hooks/privacy", REDACT, TOKEN).json["status"] == "erasing"
        work_off(shop)
        body = {"id": "90", "mail": "rosa@example.com", "total": 10, "currency": "EUR"}
        shop.later(days=8)
        assert shop.post("/hooks/order", body).json["status"] == "queued"
        shop.later(seconds=1)
    assert [one["events"] for one in receipts(shop)["erasures"]] == [1, 2]


def test_with_never_send_a_person_who_comes_back_is_suppressed(start):
    web = start(mappings={"privacy": PRIVACY.replace("orders\n", "orders\n  never_send: yes\n")})
    web.post("/hooks/privacy", REDACT, TOKEN)
    work_off(web)
    assert web.post("/hooks/lead", {"id": 1, "mail": "rosa@example.com"}).json["status"] == "suppressed"
    assert receipts(web)["erasures"][0]["never_send"] is True


def test_a_request_for_a_person_to_answer_is_held_until_it_is_discarded(shop):
    answer = shop.post("/hooks/privacy", {"topic": "access", "customer": {"id": 4711}}, TOKEN)
    assert (answer.status_code, answer.json["status"]) == (200, "held")
    assert answer.json["reasons"] == ["a customer asks for a copy of the data"]
    [event] = shop.stored(statuses=frozenset({"held"}))
    assert (event.label, event.findings[0]["fix"]) == (
        "a copy of the data",
        "answer, then discard this event",
    )
    assert shop.post(f"/api/events/{event.id}/replay", {}, ADMIN).json["still_held"] == 1
    discarded = shop.post(f"/api/events/{event.id}/discard", {"reason": "answered"}, ADMIN)
    assert discarded.json["discarded"] == 1
    assert receipts(shop)["unfinished"] == []


def test_a_request_that_names_nobody_is_held_and_erases_once_the_mapping_is_corrected(shop):
    asked = {"topic": "redact", "person": {"mail": "rosa@example.com"}}
    answer = shop.post("/hooks/privacy", asked, TOKEN)
    assert answer.json["status"] == "held"
    (shop.folder / "mappings" / "privacy.yaml").write_text(
        PRIVACY.replace("customer.email", "[customer.email, person.mail]")
    )
    shop.context.mappings.refresh()
    [event] = shop.stored(statuses=frozenset({"held"}))
    shop.post(f"/api/events/{event.id}/replay", {}, ADMIN)
    work_off(shop)
    assert [one["events"] for one in receipts(shop)["erasures"]] == [1]
    assert "lead-87" not in ids(shop)
    assert shop.context.outbox().discrepancies() == []


def test_a_webhook_that_asks_for_nothing_is_skipped(shop):
    answer = shop.post("/hooks/privacy", {"topic": "something else"}, TOKEN)
    assert (answer.status_code, answer.json["status"]) == (200, "skipped")


def test_a_webhook_may_bring_events_and_ask_to_erase(start):
    both = EVENT.replace(
        "version: 1", f"version: 1\n{VERIFY}for_each: list\nerase: {{when: {{forget: 'yes'}}, email: mail}}"
    )
    web = start(mappings={"both": both + "when: {forget: {is_not: 'yes'}}\n"})
    web.post("/hooks/lead", {"id": 1, "mail": "rosa@example.com"})
    web.later(seconds=1)
    body = {"list": [{"id": 2, "mail": "joe@example.com"}, {"mail": "rosa@example.com", "forget": "yes"}]}
    answer = web.post("/hooks/both", body, TOKEN).json
    assert (answer["status"], sorted(event["status"] for event in answer["events"])) == (
        "queued",
        ["skipped", "waiting"],
    )
    assert answer["erasure"]
    again = web.post("/hooks/both", body, TOKEN).json
    assert (again["status"], "erasure" in again) == ("duplicate", False)
    work_off(web)
    assert "lead-1" not in ids(web)
    assert "lead-2" in ids(web)
    assert web.context.outbox().discrepancies() == []


def test_an_erasing_mapping_without_verification_never_becomes_active(start):
    web = start(mappings={"privacy": PRIVACY.replace(VERIFY, "")})
    assert web.post("/hooks/privacy", REDACT).status_code == 503
    problems = web.client.get("/api/mappings", headers=ADMIN).json["problems"]
    [found] = [entries for file, entries in problems.items() if file.endswith("privacy.yaml")]
    assert [finding["code"] for finding in found] == ["erase_unverified"]


def test_a_dry_run_shows_whom_a_webhook_would_erase_and_erases_nobody(shop):
    shown = shop.post("/dry-run/privacy", REDACT, TOKEN).json
    assert shown["erase"] == {
        "identifiers": [
            {"kind": "email", "value": "r•••@e•••.com"},
            {"kind": "external_id", "value": "•••"},
            {"kind": "order_id", "value": "•••"},
        ],
        "never_send": False,
        "destination": None,
    }
    assert ids(shop) == ["lead-87", "lead-88", "lead-89"]
    assert shop.context.outbox().jobs.newest() == []
