"""The playground over HTTP: what is run, shown and marked, and that nobody sees a person without asking."""

from __future__ import annotations

import html
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.mapping.draft import draft_mapping
from bridge.meta_spec.shipped_files import shipped
from bridge.outbox import Query
from bridge.web.app import create_app
from tests.web.console.conftest import SCRIPT, text_of

GOOD = "version: 1\nevent_name: Lead\naction_source: system_generated\nuser_data: {email: mail}\n"
JANE = '{"mail": "jane.doe@example.com", "left": 1}'


def asked_by_script(client: Any, **form: str) -> Any:
    return client.post("/console/playground", data=form, headers={"Accept": "application/json"})


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (GOOD, '"event_name": "Lead"'),
        ("version: 1\nevent_nam: Lead", "event_name"),
        ("a: [", "This is not YAML."),
    ],
)
def test_a_mapping_is_run_as_a_page_and_for_the_editor(signed_in, source, says):
    as_page = signed_in.post("/console/playground", data={"mapping": source, "payload": JANE})
    as_data = asked_by_script(signed_in, mapping=source, payload=JANE)
    assert says in html.unescape(as_page.get_data(as_text=True))
    assert as_page.get_data(as_text=True).startswith("<!doctype")
    assert says in html.unescape(as_data.json["result"])
    assert "<!doctype" not in as_data.json["result"]


FETCHING = """version: 1
event_name: Lead
action_source: system_generated
fetch: {person: {from: crm, path: "/persons/{id}"}}
user_data: {email: $person.email}
"""


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ('{"person": {"email": "jane@example.com"}}', '"event_name": "Lead"'),
        ("", "waits for $person of crm"),
        ('{"person": missing', "the answers are no JSON object"),
        ("[1]", "fetched is not an object"),
    ],
)
def test_the_answers_beside_the_webhook_are_used(signed_in, answers, says):
    answer = asked_by_script(signed_in, mapping=FETCHING, payload='{"id": 7}', answers=answers)
    assert says.casefold() in html.unescape(answer.json["result"]).casefold()


def test_the_editor_gets_the_fields_of_the_webhook_and_which_are_mapped(signed_in):
    answer = asked_by_script(signed_in, mapping=GOOD, payload=JANE).json
    assert answer["fields"] == [
        {
            "path": "mail",
            "shown": "jane.doe@example.com",
            "looks_like": "an e-mail address",
            "destination": "user_data.email",
            "is_used": True,
        },
        {"path": "left", "shown": "1", "looks_like": None, "destination": None, "is_used": False},
    ]


@pytest.mark.parametrize(
    ("source", "code", "line", "suggestion"),
    [
        (GOOD.replace("user_data", "user_dta"), "unknown_key", 4, "user_data"),
        (GOOD.replace("mail}", "mial}"), "no_such_field", 4, "mail"),
        (GOOD.replace("mail}", "nothing}"), "not_in_samples", 4, None),
    ],
)
def test_what_is_wrong_is_marked_on_its_line(signed_in, source, code, line, suggestion):
    findings = asked_by_script(signed_in, mapping=source, payload=JANE).json["findings"]
    marks = [(one["code"], one["line"], one["suggestion"]) for one in findings]
    assert (code, line, suggestion) in marks, marks


@pytest.mark.parametrize(
    "payload", ["", "{", "a=1&b=2", SCRIPT, "[1]", "\ud800".encode("utf-8", "replace").decode()]
)
def test_no_webhook_breaks_the_playground(signed_in, payload):
    answer = asked_by_script(signed_in, mapping=GOOD, payload=payload)
    assert answer.status_code == 200
    assert SCRIPT not in answer.json["result"] + answer.json["fields_list"]


def test_a_payload_and_a_mapping_of_any_size_are_answered(signed_in):
    lines = "".join(
        f"  - {{name: t{number}, given: {{mail: a@example.com}}, expect_held: x}}\n" for number in range(50)
    )
    large = json.dumps({"mail": "a@example.com", "rows": [{"n": str(n) * 20} for n in range(9_000)]})
    answer = asked_by_script(signed_in, mapping=f"{GOOD}tests:\n{lines}", payload=large, tests="yes")
    assert answer.status_code == 200
    assert len(answer.json["fields"]) == 500


@pytest.mark.parametrize(
    ("expected", "says"), [("jane@example.com", "passed"), ("joe@example.com", "failed")]
)
def test_the_tests_of_the_mapping_are_run(signed_in, expected, says):
    given = "tests:\n  - name: one\n    given: {mail: jane@example.com}\n"
    tests = f"{given}    expect: {{user_data.email: {expected}}}\n"
    result = asked_by_script(signed_in, mapping=GOOD + tests, tests="yes").json["result"]
    assert f"<strong>{says}</strong> one" in result
    assert "<strong>" not in asked_by_script(signed_in, mapping=GOOD + tests).json["result"]


def test_a_test_shows_no_file_outside_the_folder_of_the_mappings(app, signed_in):
    (app.folder / "secret.json").write_text('{"mail": "elsewhere@example.com"}')
    for given in ("../secret.json", str(app.folder / "secret.json")):
        tests = f"tests:\n  - name: one\n    given: {given}\n    expect: {{user_data.email: x@example.com}}\n"
        answer = asked_by_script(signed_in, name="lead", mapping=GOOD + tests, tests="yes")
        assert "elsewhere" not in json.dumps(answer.json)


def test_a_field_that_is_empty_is_named_with_the_one_that_was_probably_meant(signed_in):
    source, webhook = GOOD.replace("mail}", "e-mail}"), '{"id": 1, "E-Mail": "jane@example.com"}'
    answer = asked_by_script(signed_in, mapping=source, payload=webhook)
    shown = " ".join(re.sub("<[^>]+>", "", html.unescape(answer.json["result"])).split())
    assert "user_data.email Nothing in e-mail. Did you mean E-Mail? line 4" in shown


def test_every_shipped_mapping_can_be_tried(app):
    for file in sorted(shipped("mappings").glob("*.yaml")):
        draft = draft_mapping(file.read_text("utf-8"), app.context.spec, ["main"], file.stem, file.parent)
        assert [finding for finding in draft.warnings if "secret" in finding.code] == []


def test_a_sample_file_is_run_with_the_headers_beside_it_and_no_other_file_is_read(app, signed_in):
    samples = app.folder / "mappings" / "samples"
    samples.mkdir()
    (samples / "one.json").write_text('{"mail": "jane@example.com"}')
    (samples / "one.headers.json").write_text('{"headers": {"X-Team": "north"}}')
    (app.folder / "secret.json").write_text('{"mail": "elsewhere@example.com"}')
    source = GOOD + "samples: samples/one.json\ncustom_data: {properties: {team: $headers.X-Team}}\n"
    (app.folder / "mappings" / "team.yaml").write_text(source)
    app.context.mappings.refresh()

    page = html.unescape(signed_in.get("/console/playground?mapping=team").get_data(as_text=True))
    assert '{"mail": "jane@example.com"}' in page
    assert '"team": "north"' in page
    form = {"name": "team", "opened": "team", "mapping": source, "payload": '{"mail": "joe@example.com"}'}
    edited = asked_by_script(signed_in, **form, file="one.json").json["result"]
    assert '"team": "north"' in html.unescape(edited)
    for name in ("../../secret.json", "secret.json", str(app.folder / "secret.json")):
        opened = signed_in.get(f"/console/playground?mapping=team&sample=file/{name}")
        assert "elsewhere" not in opened.get_data(as_text=True)
        assert "elsewhere" not in asked_by_script(signed_in, **{**form, "file": name}).json["result"]


# --- a stored webhook ------------------------------------------------------------------------------


@pytest.fixture
def stored(app) -> str:
    app.post("/hooks/lead", {"id": "7", "mail": "jane.doe@example.com"})
    return str(app.context.outbox().find(Query(limit=1))[0].id)


def test_opening_a_stored_webhook_shows_no_person(signed_in, stored):
    for url in (f"?event={stored}", f"?mapping=lead&sample=event/{stored}"):
        page = signed_in.get(f"/console/playground{url}").get_data(as_text=True)
        assert "jane.doe" not in page
        assert "j•••@e•••.com" in page
        assert "event_id: lead-{id}" in html.unescape(page)


def test_a_masked_webhook_is_run_as_it_came(signed_in, stored):
    answer = asked_by_script(signed_in, name="lead", mapping=GOOD, stored=stored).json
    assert "jane.doe" not in json.dumps(answer)
    assert '"em": [' in html.unescape(answer["result"])


def test_showing_the_person_is_a_button_and_is_logged(app, stored):
    logged: list[tuple[str, dict[str, Any]]] = []

    def keep(event: str, **values: Any) -> None:
        logged.append((event, values))

    app.use(log=SimpleNamespace(debug=keep, info=keep, warning=keep, error=keep))
    client = create_app(app.context).test_client()
    client.post("/console/session", data={"token": "admin-token"})
    assert client.get("/console/playground/reveal").status_code == 405
    page = client.post("/console/playground/reveal", data={"stored": stored, "name": "lead", "mapping": GOOD})
    assert "jane.doe@example.com" in page.get_data(as_text=True)
    assert GOOD in html.unescape(page.get_data(as_text=True))
    [revealed] = [values for name, values in logged if name == "revealed"]
    assert revealed["stored_event"] == stored


def test_an_edited_webhook_keeps_the_headers_it_came_with(app, signed_in):
    app.post("/hooks/lead", {"id": "7", "mail": "jane@example.com"}, headers={"X-Team": "north"})
    stored = app.context.outbox().find(Query(limit=1))[0].id
    source = GOOD + "custom_data: {properties: {team: $headers.X-Team}}\n"
    answer = asked_by_script(
        signed_in, mapping=source, stored=stored, payload='{"mail": "joe@example.com"}'
    ).json
    assert '"team": "north"' in html.unescape(answer["result"])


# --- a new mapping ---------------------------------------------------------------------------------


def test_a_mapping_is_written_for_the_webhook_and_holds_no_person(signed_in):
    made = signed_in.post("/console/playground/new", data={"payload": JANE, "name": "shop"})
    page = html.unescape(made.get_data(as_text=True))
    source = page.partition('<textarea name="mapping"')[2].partition("</textarea>")[0]
    assert "email: mail" in source
    assert "jane" not in source
    assert "tests:" not in source


def test_without_a_webhook_no_mapping_is_written(signed_in):
    assert signed_in.post("/console/playground/new", data={"payload": ""}).status_code == 400


@pytest.mark.parametrize(
    ("name", "file"), [("shop", "shop.yaml"), ("", "new-mapping.yaml"), ('a"\r\nX: y', "new-mapping.yaml")]
)
def test_a_mapping_is_downloaded_under_its_name(signed_in, name, file):
    answer = signed_in.post("/console/playground/download", data={"mapping": "a: 1\r\n", "name": name})
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{file}"'
    assert answer.get_data() == b"a: 1\n"


# --- the session -----------------------------------------------------------------------------------


def test_when_the_session_has_ended_a_script_is_told_and_a_list_leads_to_the_sign_in(browser):
    for url in ("/console/session", "/console/language.json"):
        answer = browser.get(url, headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json["error"]["code"]) == (401, "signed_out")
    current = "http://127.0.0.1:8000/console/events?status=held"
    polled = browser.get("/console/events", headers={"HX-Request": "true", "HX-Current-URL": current})
    assert polled.status_code == 401
    assert polled.headers["HX-Redirect"] == "/console/sign-in?next=%2Fconsole%2Fevents%3Fstatus%3Dheld"


def test_what_a_link_says_is_not_shown_as_the_bridges_words(signed_in, stored):
    for words in ("call+555-1234", "replayed-1.call-2", "replayed-%D9%A1", "<b>", "replayed-1-"):
        page = signed_in.get(f"/console/events/{stored}?done={words}")
        assert 'class="done"' not in page.get_data(as_text=True)
    shown = text_of(signed_in.get(f"/console/events/{stored}?done=remapped-1.still_held-2"))
    assert "1 mapped again, and will be sent, 2 still held." in shown
