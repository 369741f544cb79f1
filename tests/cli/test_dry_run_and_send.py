"""`dry-run` shows exactly what would be sent and stores nothing; `send` sends a finished body."""

from __future__ import annotations

import hmac
import json
import time

import pytest
from click.testing import CliRunner

from bridge.cli import commands
from bridge.simulator import Simulator
from tests.cli.conftest import SETTINGS

JANE = "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"
NOW = "2026-11-21T12:00:00Z"
MAPPING = """\
version: 1
receive: {verify: {scheme: token, header: X-Token, secret: "${LEAD_SECRET}"}}
event_name: Lead
action_source: system_generated
event_id: lead-{id}
user_data: {email: mail}
custom_data: {content_name: $query.campaign}
"""
BODY = {
    "event_name": "Lead",
    "event_time": 1795262400,
    "event_id": "lead-7",
    "action_source": "system_generated",
    "user_data": {"em": [JANE]},
}


@pytest.fixture
def mapped(folder):
    (folder.path / "mappings").mkdir()
    (folder.path / "mappings" / "lead.yaml").write_text(MAPPING)
    (folder.path / "jane.json").write_text('{"id": 7, "mail": " Jane@Example.com "}')
    return folder


def test_the_body_that_would_be_sent_goes_to_stdout(mapped):
    ran = mapped.run("dry-run", "lead", str(mapped.path / "jane.json"), "--now", NOW)

    assert (ran.code, json.loads(ran.out)) == (0, {"data": [BODY]})
    assert "nothing was stored or sent" in ran.err
    assert not (mapped.path / "data").exists()


@pytest.mark.parametrize("how", ["name", "file"])
def test_the_mapping_is_a_name_or_a_file(mapped, how):
    name = "lead" if how == "name" else str(mapped.path / "mappings" / "lead.yaml")
    ran = mapped.run(
        "dry-run", name, "-", "--json", "--now", NOW, stdin='{"id": 7, "mail": "jane@example.com"}'
    )
    assert (ran.json["events"], ran.json["findings"]) == ([BODY], [])


def test_query_and_content_type_are_as_given(mapped):
    ran = mapped.run(
        "dry-run", "lead", "-", "--json", "--query", "campaign=spring",
        "--content-type", "application/x-www-form-urlencoded", stdin="id=7&mail=jane@example.com",
    )  # fmt: skip
    assert ran.json["events"][0]["custom_data"] == {"content_name": "spring"}


def test_the_headers_beside_a_sample_are_used(mapped):
    (mapped.path / "form.txt").write_text("id=7&mail=jane@example.com")
    beside = {
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
        "query": {"campaign": "x"},
        "now": NOW,
    }
    (mapped.path / "form.headers.json").write_text(json.dumps(beside))

    ran = mapped.run("dry-run", "lead", str(mapped.path / "form.txt"), "--json")

    assert ran.json["events"] == [{**BODY, "custom_data": {"content_name": "x"}}]


ERASING = """\
version: 1
receive: {verify: {scheme: token, header: X-Token, secret: "${LEAD_SECRET}"}}
erase: {when: {topic: redact}, email: mail, never_send: yes}
"""


def test_whom_a_webhook_would_erase_is_shown_masked(mapped):
    (mapped.path / "mappings" / "privacy.yaml").write_text(ERASING)
    sent = '{"topic": "redact", "mail": "Rosa@Example.com"}'
    ran = mapped.run("dry-run", "privacy", "-", stdin=sent)
    assert (ran.code, json.loads(ran.out)) == (0, {"data": []})
    assert ran.err.startswith(
        "erases everything about email r•••@e•••.com, and nothing is sent of this person again\n"
    )
    assert "Not used by the mapping" not in ran.err
    shown = mapped.run("dry-run", "privacy", "-", "--json", stdin=sent).json
    assert shown["erase"]["identifiers"] == [{"kind": "email", "value": "r•••@e•••.com"}]


def test_an_event_that_would_be_held_is_exit_code_1(mapped):
    ran = mapped.run("dry-run", "lead", "-", stdin='{"id": 8}')
    assert (ran.code, json.loads(ran.out)) == (1, {"data": []})
    assert "held" in ran.err


READING = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: lead-{id}
user_data: {email: email, phone: mobil, first_name: [vorname, first], city: town, zip: plz}
custom_data: {content_name: "{form} of {site}", value: {from: summe, default: 3}, currency: {text: EUR}}
"""
SENT = {
    "id": 7,
    " email ": "jane@example.com",
    "mobile": "+49 151 23456789",
    "Vornamen": "Jane",
    "town": "",
    "postal_code": "10115",
    "colour": "red",
}
NOT_FOUND = [
    ("user_data.phone", ["mobil"], "mobile"),
    ("user_data.first_name", ["vorname", "first"], "Vornamen"),
    ("user_data.city", ["town"], None),
    ("user_data.zip", ["plz"], "postal_code"),
    ("custom_data.content_name", ["form"], None),
]


def test_what_the_mapping_and_the_webhook_do_not_share_is_listed_without_being_asked(mapped):
    (mapped.path / "mappings" / "reading.yaml").write_text(READING)
    ran = mapped.run("dry-run", "reading", "-", "--now", NOW, stdin=json.dumps(SENT))

    assert ran.code == 0
    said = ran.err[ran.err.index("Mapped") : ran.err.index("reading: 1 event")]
    assert said.splitlines() == [
        "Mapped, but not in this webhook:",
        "  user_data.phone: nothing in mobil (line 5); did you mean mobile?",
        "  user_data.first_name: nothing in vorname, first (line 5); did you mean Vornamen?",
        "  user_data.city: nothing in town (line 5)",
        "  user_data.zip: nothing in plz (line 5); did you mean postal_code?",
        "  custom_data.content_name: nothing in form (line 6)",
        "Not used by the mapping:",
        "  `mobile` looks like a phone number (user_data.phone)",
        "  `postal_code` looks like a postal code (user_data.zip)",
        "  Vornamen, colour",
    ]


def test_json_lists_it_with_and_without_an_explanation(mapped):
    (mapped.path / "mappings" / "reading.yaml").write_text(READING)
    arguments = ("dry-run", "reading", "-", "--json", "--now", NOW)
    plain, explained = (
        mapped.run(*arguments, *more, stdin=json.dumps(SENT)).json for more in ((), ("--explain",))
    )

    assert [(line["field"], line["tried"], line["suggestion"]) for line in plain["empty"]] == NOT_FOUND
    assert [field["path"] for field in plain["unused"]] == ["mobile", "postal_code", "Vornamen", "colour"]
    assert (plain["empty"], plain["unused"]) == (explained["empty"], explained["unused"])
    assert (plain["explain"], len(explained["explain"])) == ([], 2)
    assert "Jane" not in json.dumps([plain["empty"], plain["unused"]])


def test_nothing_is_listed_when_the_mapping_and_the_webhook_agree(mapped):
    ran = mapped.run("dry-run", "lead", "-", "--query", "campaign=x", stdin='{"id": 7, "mail": "j@x.de"}')
    assert "Mapped, but" not in ran.err
    assert "Not used" not in ran.err


def test_signatures_are_checked_only_when_asked(mapped, monkeypatch):
    arguments = ("dry-run", "lead", str(mapped.path / "jane.json"))
    assert mapped.run(*arguments).code == 0
    assert mapped.run(*arguments, "--verify").code == 1, "the secret is not set"
    monkeypatch.setenv("LEAD_SECRET", "s")
    assert mapped.run(*arguments, "--verify").code == 1
    assert mapped.run(*arguments, "--verify", "--header", "X-Token: s").code == 0


SIGNED_URL = """\
version: 1
receive: {verify: {scheme: hmac, header: X-Sig, secret: "${LEAD_SECRET}", signed: "{url}{body}"}}
event_name: Lead
action_source: system_generated
event_id: lead-{id}
user_data: {email: mail}
"""


@pytest.mark.parametrize(
    ("url", "settings", "signed"),
    [
        pytest.param(
            "https://crm.example.com/x?a=1", "", "https://crm.example.com/x?a=1", id="the URL given"
        ),
        pytest.param(
            None,
            "public_url: https://hooks.example.com\n",
            "https://hooks.example.com/hooks/lead",
            id="public_url",
        ),
    ],
)
def test_a_signature_over_the_url_is_checked_with_the_public_one(mapped, monkeypatch, url, settings, signed):
    (mapped.path / "mappings" / "lead.yaml").write_text(SIGNED_URL)
    settings_file = mapped.path / "bridge.yaml"
    before = settings_file.read_text() if settings_file.exists() else ""
    settings_file.write_text(before + settings)
    monkeypatch.setenv("LEAD_SECRET", "s")
    body = (mapped.path / "jane.json").read_bytes()
    signature = hmac.digest(b"s", signed.encode() + body, "sha256").hex()
    given = ("--url", url) if url else ()
    arguments = (
        "dry-run",
        "lead",
        str(mapped.path / "jane.json"),
        "--verify",
        "--header",
        f"X-Sig: {signature}",
    )
    assert mapped.run(*arguments, *given).code == 0
    assert mapped.run(*arguments, "--url", "https://elsewhere.example.com/hooks/lead").code == 1


def test_an_explanation_masks_the_person_unless_revealed(mapped):
    arguments = ("dry-run", "lead", str(mapped.path / "jane.json"), "--json", "--explain")
    assert "jane@example.com" not in mapped.run(*arguments).out.lower()
    assert "jane@example.com" in mapped.run(*arguments, "--reveal").out.lower()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(("lead", "missing.json"), 3, id="no such payload"),
        pytest.param(("nowhere/x.yaml", "-"), 3, id="no such mapping file"),
        pytest.param(("laed", "-"), 1, id="no such mapping"),
        pytest.param(("lead", "-", "--now", "whenever"), 2, id="no time"),
        pytest.param(("lead", "-", "--header", "nothing"), 2, id="no header"),
    ],
)
def test_what_cannot_be_done_has_its_exit_code(mapped, arguments, code):
    assert mapped.run("dry-run", *arguments, stdin="{}").code == code


@pytest.fixture
def meta(folder):
    with Simulator() as simulator:
        folder.settings(SETTINGS.format(graph_url=simulator.url))
        yield simulator


def finished() -> str:
    return json.dumps({"data": [{**BODY, "event_time": int(time.time()) - 60}]})


def test_a_finished_body_is_sent_and_metas_answer_printed(folder, meta):
    ran = folder.run("send", "-", "--json", stdin=finished())

    assert (ran.code, ran.json["status"], ran.json["answer"]["events_received"]) == (0, 200, 1)
    assert [event["event_id"] for event in meta.events] == ["lead-7"]


def test_a_body_with_errors_is_not_sent_unless_told_to(folder, meta):
    body = json.dumps({"data": [{**BODY, "event_time": 1}]})

    assert folder.run("send", "-", stdin=body).code == 1
    assert meta.rejected() == ()
    assert folder.run("send", "-", "--anyway", stdin=body).code == 1
    assert len(meta.rejected()) == 1


def test_a_meta_that_does_not_answer_is_exit_code_3(folder):
    ran = folder.run("send", "-", stdin=finished())
    assert ran.code == 3
    assert "no answer" in ran.err


@pytest.mark.parametrize("body", ["", "[1]", "{"], ids=["empty", "a list", "broken"])
def test_what_is_no_body_is_wrong_use(folder, body):
    assert folder.run("send", "-", stdin=body).code == 2


def test_a_destination_that_is_not_there_is_wrong_use(folder):
    assert folder.run("send", "-", "--destination", "x", "--anyway", stdin="{}").code == 2


def test_the_database_is_upgraded_and_copied(stored):
    target = stored.path / "copy.db"
    assert stored.run("db", "upgrade").code == 0
    source = f"sqlite:///{stored.path}/data/bridge.db"
    result = CliRunner().invoke(commands, ["db", "copy", source, f"sqlite:///{target}", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["events"] == 3
