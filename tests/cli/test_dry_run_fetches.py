"""`dry-run` of a mapping that fetches: recorded answers beside the sample, or really asked with `--fetch`."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import SETTINGS
from tests.fetch.conftest import Api, json_answer

MAPPING = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: lead-{id}
fetch:
  person: {from: crm, path: "/persons/{person_id}", take: data}
user_data: {email: $person.email}
"""
JANE = "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"
NOW = "2026-11-21T12:00:00Z"


@pytest.fixture
def api(start_api) -> Api:
    api = start_api(None)
    api.answers(json_answer({"data": {"email": "Jane@Example.com"}}))
    return api


@pytest.fixture
def mapped(folder, api):
    source = f"{{url: 'http://127.0.0.1:{api.port}/v2', headers: {{x-key: s3cret}}, insecure: yes}}"
    folder.settings(SETTINGS.format(graph_url="http://127.0.0.1:9") + f"sources: {{crm: {source}}}\n")
    (folder.path / "mappings").mkdir()
    (folder.path / "mappings" / "lead.yaml").write_text(MAPPING)
    (folder.path / "jane.json").write_text('{"id": 7, "person_id": 5}')
    return folder


def test_the_answers_beside_a_sample_are_used_and_nobody_is_asked(mapped, api):
    (mapped.path / "jane.fetched.json").write_text('{"person": {"data": {"email": "jane@example.com"}}}')
    ran = mapped.run("dry-run", "lead", str(mapped.path / "jane.json"), "--now", NOW, "--explain")

    assert (ran.code, json.loads(ran.out)["data"][0]["user_data"]) == (0, {"em": [JANE]})
    assert "$person.email (crm, recorded)" in ran.err
    assert api.requests == []


def test_without_them_the_event_waits_and_the_command_says_what_to_do(mapped, api):
    ran = mapped.run("dry-run", "lead", str(mapped.path / "jane.json"), "--now", NOW)

    assert (ran.code, json.loads(ran.out)) == (1, {"data": []})
    assert "fetching: waits for $person of crm" in ran.err
    assert (
        'record what the API says in jane.fetched.json as {"person": {...}}, or ask it with --fetch'
        in ran.err
    )
    assert api.requests == []


def test_with_fetch_the_source_is_really_asked(mapped, api):
    ran = mapped.run("dry-run", "lead", str(mapped.path / "jane.json"), "--now", NOW, "--fetch", "--explain")

    assert (ran.code, json.loads(ran.out)["data"][0]["user_data"]) == (0, {"em": [JANE]})
    assert " ms)" in ran.err
    [request] = api.requests
    assert request.startswith(b"GET /v2/persons/5 ")
    assert b"x-key: s3cret" in request


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        pytest.param(json_answer({}, "404 Not FoundRecord"), "crm has no such record", id="no such record"),
        pytest.param(json_answer({}, "503 Service Unavailable"), "HTTP 503", id="a source that is down"),
        pytest.param(json_answer({}, "401 Unauthorized"), "HTTP 401", id="a wrong key"),
    ],
)
def test_why_there_is_no_answer_is_said(mapped, api, answer, says):
    api.answers(answer)
    ran = mapped.run("dry-run", "lead", str(mapped.path / "jane.json"), "--now", NOW, "--fetch", "--explain")

    assert ran.code == 1
    assert says in ran.err
    assert "s3cret" not in ran.err + ran.out


def test_a_source_that_the_settings_lack_is_an_error_of_the_mapping(mapped):
    mapped.settings(SETTINGS.format(graph_url="http://127.0.0.1:9"))
    ran = mapped.run("check")

    assert ran.code == 1
    assert "error[unknown_source] bridge.yaml has no source 'crm'" in ran.out
