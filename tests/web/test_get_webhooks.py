"""Senders that can only GET: their webhooks are stored, verified and recognised like all others."""

from __future__ import annotations

from tests.web.conftest import EVENT

GET = EVENT + 'receive: {methods: [get], verify: {scheme: token, query: key, secret: "${LEAD_SECRET}"}}\n'
JANE = "/hooks/pixel?id=7&mail=jane%40example.com&key=lead-secret"


def test_a_webhook_by_get_becomes_an_event(start):
    web = start({"pixel": GET})

    first, again = web.client.get(JANE), web.client.get(JANE)
    other = web.client.get(JANE.replace("id=7", "id=8"))

    assert [answer.json["status"] for answer in (first, again, other)] == ["queued", "duplicate", "queued"]
    assert sorted(event.event_id for event in web.stored()) == ["lead-7", "lead-8"]


def test_without_its_token_nothing_is_stored(start):
    web = start({"pixel": GET})
    assert web.client.get("/hooks/pixel?id=7&mail=jane%40example.com").status_code == 401
    assert web.stored() == []


def test_a_get_with_data_is_told_what_to_do_where_it_is_not_taken(web):
    answer = web.client.get("/hooks/lead?id=7&mail=jane%40example.com")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.json["error"]["code"] == "method_not_allowed"
    assert "receive.methods" in answer.json["error"]["message"]
    assert "jane" not in answer.text
    assert web.stored() == []


def test_a_look_is_answered_with_what_to_send(start):
    web = start({"pixel": GET})
    assert web.client.get("/hooks/lead").json["message"] == "send webhooks here with POST"
    assert web.client.get("/hooks/pixel").json["message"] == "send webhooks here with GET"
    assert web.client.post("/hooks/pixel", data={"id": 7}).status_code == 405


def test_a_held_webhook_by_get_is_mapped_again_from_what_was_kept(start):
    web = start({"pixel": GET})
    assert web.client.get("/hooks/pixel?id=7&key=lead-secret").json["status"] == "held"
    [held] = web.stored()
    assert web.context.outbox().raw(held.webhook_id).body == b"id=7&key=lead-secret"
