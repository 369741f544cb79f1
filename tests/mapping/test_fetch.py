"""`fetch`: which calls a webhook needs, what the answers become, and that nothing else can be called."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.mapping import CompiledMapping, load_mapping
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import Fetched, FetchRequest, Request, Translation, Verified
from bridge.pipeline import translate
from bridge.serialization import encode

NOW = datetime(2026, 11, 21, tzinfo=UTC)
PERSON = """
fetch:
  person:
    from: crm
    path: /persons/{person_id}
    when: {person_id: {is_not: "0"}}
    take: data
    keep: 10 minutes
"""
LEAD = f"""{PERSON}
event_id: lead-{{id}}
user_data:
  email: [email, $person.emails.first.value]
  phone: $person.phones(label=work).value
"""
JANE = {
    "data": {
        "emails": [{"value": "jane@example.com"}],
        "phones": [{"label": "work", "value": "+49 151 12345678"}],
        "birthday": "1990-01-01",
    }
}


@pytest.fixture
def run(load):
    """Translate a webhook with a mapping given as text; answers are recorded ones, or a lookup."""

    def translated(text: str, data: Any, answers: Any = None, **options: Any) -> Translation:
        mapping = text if isinstance(text, CompiledMapping) else load(text)
        lookup = mapping.recorded(answers) if isinstance(answers, dict) else answers
        request = Request(
            "POST", "https://x.example/", {"content-type": "application/json"}, {}, encode(data), None, NOW
        )
        return translate(Verified(request), mapping, load_meta_spec(), fetched=lookup, **options)

    return translated


def call(target: str = "/persons/7", **others: Any) -> FetchRequest:
    return FetchRequest(**{"step": "person", "source": "crm", "method": "GET", "target": target,
                           "keep_seconds": 600} | others)  # fmt: skip


# --- which calls are made ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "data", "verdict", "calls"),
    [
        pytest.param(LEAD, {"id": 1, "person_id": 7}, "fetching", (call(),), id="a record is needed"),
        pytest.param(
            f"{LEAD}when: {{stage: won}}\n",
            {"id": 1, "person_id": 7},
            "skipped",
            (),
            id="not of a skipped event",
        ),
        pytest.param(
            f"{LEAD}consent: {{from: ads, granted: yes, denied: no}}\n",
            {"id": 1, "person_id": 7, "ads": "no"},
            "suppressed",
            (),
            id="not of a person who said no",
        ),
        pytest.param(
            LEAD.partition("  phone")[0],
            {"id": 1, "person_id": 7, "email": "jane@example.com"},
            "ready",
            (),
            id="not when the webhook has all of it",
        ),
        pytest.param(
            f"{LEAD}when: {{$person.label: hot, stage: won}}\n",
            {"id": 1, "person_id": 7},
            "skipped",
            (),
            id="not where the webhook alone says no, whatever the order of the lines",
        ),
        pytest.param(
            f"{PERSON}event_id: lead-{{id}}\nwhen: {{any: [{{$person.label: hot}}, {{stage: won}}]}}\n"
            "user_data: {email: email}\n",
            {"id": 1, "person_id": 7, "stage": "won", "email": "jane@example.com"},
            "ready",
            (),
            id="not for an alternative where another one holds already",
        ),
        pytest.param(
            f"{LEAD}when: {{$person.label: hot}}\nconsent: {{from: ads, granted: yes, denied: no}}\n",
            {"id": 1, "person_id": 7, "ads": "no"},
            "suppressed",
            (),
            id="not of a person who said no, although a condition reads the record",
        ),
        pytest.param(
            LEAD, {"id": 1, "person_id": 0}, "held", (), id="not when the step's own condition fails"
        ),
        pytest.param(LEAD, {"id": 1}, "held", (), id="not without an id"),
        pytest.param(
            f"{PERSON}event_id: lead-{{id}}\nwhen: {{$person.label: hot}}\nuser_data: {{email: email}}\n",
            {"id": 1, "person_id": 7},
            "fetching",
            (call(),),
            id="for a condition on the record",
        ),
    ],
)
def test_a_call_is_needed_only_where_an_event_reads_its_answer(run, text, data, verdict, calls):
    translation = run(text, data)
    assert ([event.verdict for event in translation.events], translation.calls) == ([verdict], calls)


def test_events_that_are_decided_do_not_wait_for_the_others(run):
    text = f"for_each: leads\n{LEAD}when: {{kind: lead}}\n"
    leads = [{"id": 1, "person_id": 7, "kind": "lead"}, {"id": 2, "person_id": 8, "kind": "note"},
             {"id": 3, "person_id": 7, "kind": "lead"}]  # fmt: skip
    translation = run(text, {"leads": leads})
    assert [event.verdict for event in translation.events] == ["fetching", "skipped", "fetching"]
    assert translation.calls == (call(),)


def test_an_event_that_waits_has_the_label_it_will_have(run):
    head = "version: 1\naction_source: website\nevent_name: {from: stage, lookup: {won: Purchase}}\n"
    data = {"id": 1, "person_id": 7, "stage": "won"}
    waiting = run(loaded(head + LEAD), data)
    finished = run(loaded(head + LEAD), data, {"person": JANE})
    assert [event.label for event in (*waiting.events, *finished.events)] == ["Purchase", "Purchase"]


def loaded(text: str) -> CompiledMapping:
    return load_mapping(Path("mappings/x.yaml"), environment={}, spec=load_meta_spec(), source=text.encode())


def test_one_step_uses_the_answer_of_another_whatever_their_order(run):
    text = """
fetch:
  contact: {from: crm, path: "/contacts/{$lead.contacts.first.id}"}
  lead: {from: crm, path: "/leads/{id}", query: {with: contacts}}
user_data: {email: $contact.email}
"""
    mapping = loaded(f"version: 1\nevent_name: Lead\naction_source: website\n{text}")
    assert [step.name for step in mapping.fetch] == ["lead", "contact"]
    answers: dict[FetchRequest, Fetched] = {}
    rounds = []
    bodies = {"lead": {"contacts": [{"id": 50}]}, "contact": {"email": "jane@example.com"}}
    while calls := (translation := run(mapping, {"id": 5}, answers.get)).calls:
        rounds.append([made.target for made in calls])
        answers |= {made: mapping.step(made.step).answered(bodies[made.step], 12) for made in calls}
    assert rounds == [["/leads/5?with=contacts"], ["/contacts/50"]]
    assert [event.verdict for event in translation.events] == ["ready"]


def test_a_graphql_query_is_sent_as_it_is_and_its_variables_are_filled_in(run):
    text = """
fetch:
  client:
    from: crm
    path: /graphql
    json:
      query: "query($id: ID!) { client(id: $id) { email } }"
      variables: {id: "{person_id}", first: 1}
    take: data.client
user_data: {email: $client.email}
"""
    [made] = run(text, {"person_id": 7}).calls
    assert json.loads(made.body) == {
        "query": "query($id: ID!) { client(id: $id) { email } }",
        "variables": {"id": "7", "first": 1},
    }


@pytest.mark.parametrize(
    ("data", "targets"),
    [
        ({"new": 7, "old": 5}, ["/people/7"]),
        ({"old": 5}, ["/v1/people/5"]),
        ({"new": "..", "old": 5}, ["/v1/people/5"]),
        ({}, []),
    ],
)
def test_of_several_paths_the_first_complete_one_is_called(run, data, targets):
    text = (
        "fetch: {p: {from: crm, path: ['/people/{new}', '/v1/people/{old}']}}\nuser_data: {email: $p.email}\n"
    )
    assert [made.target for made in run(text, data).calls] == targets


BATCH = """
for_each: $
fetch:
  contact:
    from: crm
    path: /contacts/batch/read
    json:
      archived: false
      properties: [email, phone]
      inputs: {for_each: $, when: {type: contact}, id: "{objectId}"}
    take: results
    match: {id: objectId}
when: {type: contact}
user_data: {email: $contact.properties.email, external_id: objectId}
"""


def test_the_ids_of_one_webhook_are_asked_for_in_one_call_and_each_event_reads_its_own(run):
    data = [{"type": "contact", "objectId": 7}, {"type": "deal", "objectId": 9},
            {"type": "contact", "objectId": 8}, {"type": "contact", "objectId": 7}]  # fmt: skip
    [asked] = run(BATCH, data).calls
    assert (asked.method, asked.target, json.loads(asked.body)) == (
        "POST",
        "/contacts/batch/read",
        {"archived": False, "properties": ["email", "phone"], "inputs": [{"id": "7"}, {"id": "8"}]},
    )
    answer = {"results": [{"id": "8", "properties": {"email": "dana@example.com"}},
                          {"id": "7", "properties": {"email": "jane@example.com"}}]}  # fmt: skip
    translation = run(BATCH, data, {"contact": answer}, explain=True, reveal=True)
    given_emails = [
        next((field["given"] for field in entry["fields"] if field["field"] == "user_data.em"), None)
        for entry in translation.explanation[:-1]
    ]
    assert given_emails == ["jane@example.com", None, "dana@example.com", "jane@example.com"]


def test_an_id_that_a_batch_answer_lacks_is_a_missing_record(run):
    translation = run(BATCH, [{"type": "contact", "objectId": 7}], {"contact": {"results": []}}, explain=True)
    [email] = [field for field in translation.explanation[0]["fields"] if field["field"] == "user_data.em"]
    assert email["tried"] == [
        {"path": "$contact.properties.email", "outcome": "the answer has no entry for this event"}
    ]


URL_ONLY = """
fetch:
  order:
    from: crm
    ids: {order: {from: api_url, split: /, take: last}}
    path: /orders/{order}/
    query: {of: "{id}-{order}"}
user_data: {email: $order.email, external_id: id}
"""


@pytest.mark.parametrize(
    ("url", "target"),
    [
        pytest.param("https://api.example.com/v3/orders/123/", "/orders/123/?of=9-123", id="its last part"),
        pytest.param("https://evil.example:8443/123", "/orders/123/?of=9-123", id="of whatever host"),
        pytest.param(
            "//evil.example", "/orders/evil.example/?of=9-evil.example", id="a host is no part of it"
        ),
        pytest.param("/x/@evil?y=1#z", "/orders/%40evil%3Fy%3D1%23z/?of=9-%40evil%3Fy%3D1%23z", id="encoded"),
        pytest.param(
            "/x/%2e%2e%2fadmin", "/orders/%252e%252e%252fadmin/?of=9-%252e%252e%252fadmin", id="twice"
        ),
        pytest.param(123, "/orders/123/?of=9-123", id="a number"),
        pytest.param("https://api.example.com/v3/orders/..", None, id="not the folder above"),
        pytest.param("/x/..\\admin", None, id="nor one of Windows"),
        pytest.param("/x/1\r\nHost: evil", None, id="nor another header"),
        pytest.param("///", None, id="nothing"),
        pytest.param({"a": 1}, None, id="no text"),
    ],
)
def test_a_named_part_of_a_field_is_put_into_a_call(run, url, target):
    translation = run(URL_ONLY, {"id": 9, "api_url": url}, explain=True)
    assert [made.target for made in translation.calls] == ([target] if target else [])
    if not target:
        [email] = [line for line in translation.explanation[0]["fields"] if line["field"] == "user_data.em"]
        assert email["tried"][0]["outcome"].startswith("not called, because order ")


# --- what a sender can do to a call ------------------------------------------------------------------

TEXTS = "fetch: {p: {from: crm, path: '/a/{x}/b', query: {q: 'id:{x}'}}}\nuser_data: {email: $p.email}\n"


@pytest.mark.parametrize(
    "path",
    [
        *(
            "//evil.example/x",
            "https://evil.example/x",
            "https:evil.example",
            "@evil.example",
            "evil.example",
        ),
        *("/\\evil.example", "\\\\evil.example", "{x}", "{x}/a", "/a//b", "/../admin", "/a/./b", "/a/.."),
        *("/a#b", "/a?b=c", "/a b", "/a\tb", "/a\r\nHost: evil.example", "/a\u2028b", ""),
    ],
)
def test_a_mapping_cannot_name_a_host_or_leave_the_path_of_its_source(problems, path):
    text = f"fetch: {{p: {{from: crm, path: {json.dumps(path)}}}}}\nuser_data: {{email: $p.email}}\n"
    assert [finding.code for finding in problems(text) if finding.severity == "error"] == ["bad_path"]


@pytest.mark.parametrize(
    ("path", "target"),
    [
        pytest.param("/@evil.example/{x}", "/@evil.example/7", id="a sign of mail"),
        pytest.param("/:8080/{x}", "/:8080/7", id="a port"),
        pytest.param("/%2F%2Fevil.example/{x}", "/%252F%252Fevil.example/7", id="encoded slashes"),
        pytest.param("/%2e%2e/{x}", "/%252e%252e/7", id="encoded dots"),
        pytest.param("/a\0b/{x}", "/a%00b/7", id="a NUL"),
        pytest.param("/\uff0f\uff0fevil/{x}", "/%EF%BC%8F%EF%BC%8Fevil/7", id="wide slashes"),
        pytest.param("/{x}.{x}/a", "/7.7/a", id="a dot between"),
    ],
)
def test_what_looks_like_a_host_stays_a_path(run, path, target):
    text = f"fetch: {{p: {{from: crm, path: {json.dumps(path)}}}}}\nuser_data: {{email: $p.email}}\n"
    assert [made.target for made in run(text, {"x": 7}).calls] == [target]


@pytest.mark.parametrize(
    ("value", "target"),
    [
        pytest.param(
            820982911946154508, "/a/820982911946154508/b?q=id:820982911946154508", id="a long number"
        ),
        pytest.param("a/b", "/a/a%2Fb/b?q=id:a%2Fb", id="a slash"),
        pytest.param("?x=1&y#z", "/a/%3Fx%3D1%26y%23z/b?q=id:%3Fx%3D1%26y%23z", id="a query and a fragment"),
        pytest.param("%2e%2e%2f", "/a/%252e%252e%252f/b?q=id:%252e%252e%252f", id="encoded dots stay text"),
        pytest.param("@evil.example", "/a/%40evil.example/b?q=id:%40evil.example", id="a host"),
        pytest.param("a\0b", "/a/ab/b?q=id:ab", id="a NUL, which no text keeps"),
        pytest.param("a\udc80b", "/a/a%EF%BF%BDb/b?q=id:a%EF%BF%BDb", id="half of a character"),
        pytest.param("zoë", "/a/zo%C3%AB/b?q=id:zo%C3%AB", id="an accent"),
    ],
)
def test_what_a_webhook_says_fills_one_segment_and_one_query_value(run, value, target):
    assert [made.target for made in run(TEXTS, {"x": value}).calls] == [target]


@pytest.mark.parametrize(
    "value",
    [
        *("..", ".", "../admin", "a/../../b", "..\\b", "..;", "a/..;/b", "..?x", "..#x"),
        *("a\nb", "a\r\nHost: b", "a\tb", "a\u2028b", "a\u202eb", "a\ufeffb"),
        *("x" * 513, "x" * 10_000, {"a": 1}),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_cannot_be_an_id_is_never_asked_for(run, value):
    translation = run(TEXTS, {"x": value}, explain=True)
    [email] = [field for field in translation.explanation[0]["fields"] if field["field"] == "user_data.em"]
    assert translation.calls == ()
    assert email["tried"][0]["outcome"].startswith("not called, because x ")


@settings(deadline=None)  # the first one loads the rules
@given(value=st.one_of(st.text(max_size=60), st.integers(), st.booleans()))
def test_no_value_changes_where_a_call_goes(value):
    mapping = loaded(f"version: 1\nevent_name: Lead\naction_source: website\n{TEXTS}")
    request = Request(
        "POST",
        "https://x.example/",
        {"content-type": "application/json"},
        {},
        encode({"x": value}),
        None,
        NOW,
    )
    for made in translate(Verified(request), mapping, load_meta_spec()).calls:
        path, _, query = made.target.partition("?")
        before, segment, after = path[1:].split("/")
        assert (before, after, query.partition("=")[0]) == ("a", "b", "q")
        assert segment not in {"", ".", ".."}
        assert "&" not in query
        assert made.target.isascii()
        assert made.target.isprintable()
        assert not set(made.target) & set(' "<>\\^`{|}#')


# --- what becomes of the answer ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "answer", "verdict", "reason"),
    [
        pytest.param("", "missing", "held", "not enough", id="a record that is missing"),
        pytest.param("on_missing: hold", "missing", "held", "crm has no such record", id="held without it"),
        pytest.param("", "failed", "held", "crm: it could not be asked", id="a source that fails"),
        pytest.param("on_failure: send_without", "failed", "held", "not enough", id="sent without it"),
        pytest.param("on_missing: hold", {"data": None}, "held", "where take points", id="an empty answer"),
        pytest.param("", JANE, "ready", None, id="an answer"),
    ],
)
def test_a_step_says_what_happens_without_an_answer(run, words, answer, verdict, reason):
    text = LEAD.replace("keep: 10 minutes", words or "keep: 1 hour")
    [event] = run(text, {"id": 1, "person_id": 7}, {"person": answer}).events
    assert event.verdict == verdict
    assert (reason or "") in (event.reason or "")


def test_only_what_the_mapping_reads_is_kept_of_an_answer(load):
    step = load(LEAD).step("person")
    assert step.answered(JANE, 180) == Fetched(
        {"emails": JANE["data"]["emails"], "phones": JANE["data"]["phones"]}, "crm", 180
    )
    assert "jane" not in repr(step.answered(JANE, 180))


def test_a_whole_answer_is_kept_where_it_is_read_as_a_whole(load):
    text = "fetch: {p: {from: crm, path: '/a/{x}'}}\nuser_data: {email: $p.*.email}\n"
    assert load(text).step("p").answered({"a": {"email": "x"}, "b": 1}).value == {"a": {"email": "x"}, "b": 1}


@pytest.mark.parametrize(
    ("fetched", "said"),
    [
        pytest.param({"took_ms": 180}, "$person.emails.first.value (crm, 180 ms)", id="just now"),
        pytest.param(
            {"took_ms": 1_180, "how": "cached"},
            "$person.emails.first.value (crm, 1,180 ms, cached)",
            id="cached",
        ),
        pytest.param({"how": "recorded"}, "$person.emails.first.value (crm, recorded)", id="recorded"),
    ],
)
def test_an_explanation_says_where_an_answer_came_from(run, load, fetched, said):
    mapping = load(LEAD)
    answer = mapping.step("person").answered(JANE, **fetched)
    translation = run(mapping, {"id": 1, "person_id": 7}, lambda _call: answer, explain=True)
    [email] = [field for field in translation.explanation[0]["fields"] if field["field"] == "user_data.em"]
    assert email["from"] == said
    assert translation.explanation[-1]["unused"] == []


@pytest.mark.parametrize(
    ("sources", "secrets", "severity"),
    [(("crm",), "required", None), (("crn",), "required", "error"), (("crn",), "optional", "warning"),
     (None, "required", None)],
)  # fmt: skip
def test_an_unknown_source_keeps_a_mapping_out_of_use(problems, sources, secrets, severity):
    found = problems(LEAD, sources=sources, secrets=secrets)
    assert [(finding.severity, finding.code) for finding in found] == (
        [(severity, "unknown_source")] if severity else []
    )
