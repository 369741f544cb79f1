"""Names that no mapping has: a 404, or captured while they are open; and what is noted of refusals."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.outbox.refusals import RefusalKind
from bridge.web.app import create_app
from bridge.web.capture_intake import MOST_BYTES
from bridge.web.refusal_notes import RefusalNotes, harmless_name
from tests.web.conftest import NOW

MINUTES = timedelta(minutes=1)
JANE = {"id": 7, "mail": "jane@example.com"}


@pytest.fixture
def opened(web):
    web.context.outbox().captures.open("my-crm", NOW, 10 * MINUTES)
    return web


def captured(web) -> list[bytes]:
    return [one.request.body for one in web.context.outbox().captures.newest("my-crm", web.context.now())]


def test_what_comes_to_an_open_name_is_captured_and_becomes_no_event(opened):
    answer = opened.post("/hooks/my-crm?from=shop", JANE, {"X-Signature": "abc"})
    assert (answer.status_code, answer.json["status"]) == (200, "captured")
    [kept] = opened.context.outbox().captures.newest("my-crm", NOW)
    assert kept.request.body == b'{"id": 7, "mail": "jane@example.com"}'
    assert (kept.request.headers["x-signature"], kept.request.query) == ("abc", {"from": "shop"})
    assert opened.stored() == []


def test_only_open_names_are_captured_and_only_while_they_are_open(opened):
    assert opened.post("/hooks/other-crm", JANE).status_code == 404
    opened.later(minutes=10)
    assert opened.post("/hooks/my-crm", JANE).status_code == 404
    assert captured(opened) == []


def test_a_look_at_an_open_name_is_answered_and_not_kept(opened):
    assert opened.client.get("/hooks/my-crm").json["status"] == "ready"
    assert captured(opened) == []


def test_a_mapping_of_the_name_takes_over(opened):
    (opened.folder / "mappings" / "my-crm.yaml").write_text(
        (opened.folder / "mappings" / "lead.yaml").read_text()
    )
    opened.context.mappings.refresh()
    assert opened.post("/hooks/my-crm", JANE).json["status"] == "queued"
    assert captured(opened) == []


def test_a_captured_webhook_is_bounded(opened):
    assert opened.post("/hooks/my-crm", b"x" * MOST_BYTES).status_code == 200
    assert opened.post("/hooks/my-crm", b"x" * (MOST_BYTES + 1)).status_code == 413
    assert opened.post("/hooks/other-crm", b"x" * (MOST_BYTES + 1)).status_code == 404
    assert len(captured(opened)) == 1


def test_strangers_who_try_many_names_are_soon_answered_without_a_look(web):
    outbox = web.context.outbox()
    looks = []
    find = outbox.captures.find

    class Counting:
        def find(self, name, now):
            looks.append(name)
            return find(name, now)

    outbox.captures = Counting()
    answers = {web.post(f"/hooks/name-{number}", JANE).status_code for number in range(60)}
    assert answers == {404}
    assert 20 <= len(looks) < 50


@pytest.mark.parametrize("name", ["../lead", "a/b", "x" * 65, "j@x.example", "<script>"])
def test_a_name_that_no_mapping_could_have_is_never_asked_for(web, name):
    assert web.client.post(f"/hooks/{name}", json=JANE).status_code in {404, 405}


# --- refusals --------------------------------------------------------------------------------------


def noted(web) -> dict[RefusalKind, int]:
    web.context.refusals.write(web.context.now())
    refusals = web.context.outbox().refusals
    names = (*web.context.mappings.names(), "laed", "")
    return {one.kind: one.times for name in names for one in refusals.of(name, web.context.now())}


def test_refused_webhooks_are_counted_by_what_was_wrong(web):
    for token in ("", "wrong", "wrong"):
        web.post("/hooks/secret", JANE, {"X-Token": token} if token else {})
    web.post("/hooks/laed", JANE)
    web.post("/hooks/lead", b"{")
    web.post("/hooks/lead", JANE)
    counted = noted(web)
    assert sorted((kind.name, kind.status, times) for kind, times in counted.items()) == [
        ("laed", 404, 1),
        ("lead", 400, 1),
        ("secret", 401, 1),
        ("secret", 401, 2),
    ]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("jane@example.com", id="an e-mail address"),
        pytest.param("+4915123456789", id="a phone number"),
        pytest.param("order-2026112188", id="a number"),
        pytest.param("f" * 64, id="a token"),
        pytest.param("<script>", id="markup"),
    ],
)
def test_a_url_that_may_hold_something_private_is_counted_without_it(web, name):
    web.client.post(f"/hooks/{name}", json=JANE)
    assert [(kind.name, kind.status, times) for kind, times in noted(web).items()] == [("", 404, 1)]
    assert harmless_name(name) == ""


def test_what_other_processes_refused_is_seen_too(web):
    other = replace(web.context, refusals=RefusalNotes(web.context.outbox))
    create_app(other).test_client().post("/hooks/secret", json=JANE)
    web.post("/hooks/secret", JANE)
    other.refusals.write(other.now())
    assert [(kind.name, times) for kind, times in noted(web).items()] == [("secret", 2)]


def test_a_flood_of_refusals_is_one_write_and_bounded(web):
    notes = web.context.refusals
    for number in range(5_000):
        notes.note("lead", 401, f"reason {number}")
    assert len(noted(web)) == 100


def test_while_the_database_is_away_refusals_are_given_up(web):
    class Away:
        def __call__(self):
            from bridge.errors import CannotStore

            raise CannotStore("the database cannot be reached")

    notes = RefusalNotes(Away())
    notes.note("lead", 401, "wrong")
    notes.write(NOW)
    notes.write(NOW)
