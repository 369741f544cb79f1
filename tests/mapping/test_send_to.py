"""Where an event goes: named in the file, or decided by the webhook, and never to somebody else's dataset."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bridge.errors import Invalid
from bridge.mapping import load_mapping
from bridge.models import Request, Verified
from bridge.pipeline import translate

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LEAD = b"""\
version: 1
event_name: Lead
action_source: system_generated
event_id: lead-{id}
when: {status: new}
user_data: {email: email}
"""
ROUTED = LEAD + b"send_to: {from: location.id, lookup: {a-1: acme, a-2: acme, g-1: globex}}\n"
CLIENTS = ("acme", "globex", "main")
NOBODY = ("(unknown)",)
UNKNOWN = ["unknown_client"]


def loaded(source, spec, tmp_path, destinations=CLIENTS):
    return load_mapping(
        tmp_path / "lead.yaml", environment={}, spec=spec, destinations=set(destinations), source=source
    )


def translated(source, body, spec, tmp_path, *, explain=False):
    body = json.dumps({"id": 1, "status": "new", "email": "jane@example.com", **body}).encode()
    request = Request("POST", "", {"content-type": "application/json"}, {}, body, None, NOW)
    mapping = loaded(source, spec, tmp_path)
    (event,) = translate(Verified(request), mapping, spec, explain=explain).events
    return event


@pytest.mark.parametrize("explain", [False, True], ids=["live", "explained"])
@pytest.mark.parametrize(
    ("body", "verdict", "send_to", "codes"),
    [
        pytest.param({"location": {"id": "a-1"}}, "ready", ("acme",), [], id="one client"),
        pytest.param({"location": {"id": "G-1 "}}, "ready", ("globex",), [], id="another, spelt differently"),
        pytest.param({"location": {"id": "x-9"}}, "held", NOBODY, UNKNOWN, id="unknown"),
        pytest.param({"location": {"id": "acme"}}, "held", NOBODY, UNKNOWN, id="its own name"),
        pytest.param({}, "held", NOBODY, UNKNOWN, id="nothing said"),
        pytest.param({"location": {"id": ["a-1", "g-1"]}}, "held", NOBODY, UNKNOWN, id="two"),
        pytest.param({"location": {"id": "a-1"}, "status": "old"}, "skipped", ("acme",), [], id="skipped"),
        pytest.param({"status": "old"}, "skipped", NOBODY, [], id="skipped, of nobody"),
    ],
)
def test_the_webhook_decides_whose_event_it_is(body, verdict, send_to, codes, explain, spec, tmp_path):
    event = translated(ROUTED, body, spec, tmp_path, explain=explain)
    found = [finding.code for finding in event.findings if finding.severity == "error"]
    assert (event.verdict, event.send_to, found) == (verdict, send_to, codes)


def test_an_event_of_nobody_may_be_skipped_instead(spec, tmp_path):
    source = ROUTED.replace(b"globex}}", b"globex}, otherwise: skip}")
    event = translated(source, {"location": {"id": "x-9"}}, spec, tmp_path)
    assert (event.verdict, event.send_to) == ("skipped", NOBODY)
    assert (event.reason or "").startswith("send_to: no row of send_to fits this webhook")


def test_the_finding_points_at_the_lookup(spec, tmp_path):
    (finding,) = translated(ROUTED, {}, spec, tmp_path).findings
    assert (finding.position.line, finding.path) == (7, "$.send_to")


@pytest.mark.parametrize(
    ("send_to", "code", "suggestion"),
    [
        pytest.param("{from: id, lookup: {a: acmee}}", "unknown_destination", "acme", id="a mistyped client"),
        pytest.param("{from: id}", "missing_key", None, id="no lookup"),
        pytest.param("{from: id, lookup: {a: acme}, otherwise: main}", "wrong_word", None, id="a catch-all"),
        pytest.param("{from: id, lookup: {a: acme}, otherwise: hodl}", "wrong_word", "hold", id="mistyped"),
        pytest.param("acmee", "unknown_destination", "acme", id="by name"),
    ],
)
def test_a_send_to_that_could_go_wrong_is_an_error(send_to, code, suggestion, spec, tmp_path):
    with pytest.raises(Invalid) as invalid:
        loaded(LEAD + f"send_to: {send_to}\n".encode(), spec, tmp_path)
    assert [(one.code, one.suggestion) for one in invalid.value.findings] == [(code, suggestion)]


def test_without_send_to_there_must_be_a_destination_main(spec, tmp_path):
    assert loaded(LEAD, spec, tmp_path).send_to == ("main",)
    with pytest.raises(Invalid) as invalid:
        loaded(LEAD, spec, tmp_path, destinations=("acme",))
    assert [one.code for one in invalid.value.findings] == ["unknown_destination"]


def test_a_mapping_names_all_its_clients_and_says_when_none_is_decided(spec, tmp_path):
    mapping = loaded(ROUTED, spec, tmp_path)
    assert (mapping.send_to, mapping.undecided) == (("acme", "globex"), NOBODY)
