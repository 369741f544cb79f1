"""`capi-bridge normalize` and `validate`: usable in pipelines and in other people's CI."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

HASH = "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"


def capi_bridge(*arguments, given=b""):
    done = subprocess.run(
        [sys.executable, "-m", "bridge", *arguments], input=given, capture_output=True, check=False
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_one_value_is_shown_masked():
    assert capi_bridge("normalize", "email", " Jane@Example.com") == (
        0,
        f"normalized  j•••@e•••.com   (--reveal shows it)\nsent        {HASH}\n",
        "",
    )


def test_one_value_can_be_revealed_as_json():
    code, out, _ = capi_bridge("normalize", "em", "Jane@Example.com", "--reveal", "--json")
    assert (code, json.loads(out)) == (
        0,
        {"field": "em", "normalized": "jane@example.com", "sent": HASH, "dropped": None},
    )


def test_a_dropped_value_ends_with_one_and_its_reason():
    assert capi_bridge("normalize", "ph", "0151 2345678") == (
        1,
        "dropped     ph was left out: the number has no country calling code, and no country is known.\n"
        "            name it: --country DE\n",
        "",
    )


def test_the_country_completes_a_national_number():
    code, out, _ = capi_bridge("normalize", "ph", "0151 2345678", "--country", "Germany", "--reveal")
    assert (code, out.split()[1]) == (0, "491512345678")


def test_normalize_without_a_value_is_wrong_use():
    assert capi_bridge("normalize", "em")[0] == 2


def test_json_lines_are_answered_line_by_line_whatever_they_hold():
    lines = [
        b'{"field": "em", "value": "Jane@Example.com"}',
        b'{"field": "ph", "value": "0151 2345678", "country": "DE"}',
        b'{"field": "client_ip_address", "value": "203.0.113.7"}',
        b'{"field": "em", "value": null}',
        b'{"field": "nonsense", "value": 1}',
        b"not json",
        b'["a list"]',
        b"",
        b'{"field": "em", "value": "\\ud800"}',
        b"\xff\xfe",
        b'{"field": "fn", "value": {"a": [1]}}',
        b'{"field": "currency", "value": "eur"}',
    ]
    code, out, err = capi_bridge("normalize", "--jsonl", given=b"\n".join(lines))
    answers = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (1, "")
    assert [set(answer) for answer in answers] == [{"field", "normalized", "sent", "dropped"}] * 11
    assert [answer["normalized"] for answer in answers] == [
        "jane@example.com", "491512345678", "203.0.113.7", None, None, None, None, None, None, None, "EUR",
    ]  # fmt: skip
    assert [answer["dropped"] is None for answer in answers] == [
        answer["sent"] is not None for answer in answers
    ]


@pytest.fixture
def body(kinds_of_events, tmp_path):
    file = tmp_path / "body.json"
    file.write_text(json.dumps({"data": [kinds_of_events]}))
    return file


@pytest.fixture
def kinds_of_events():
    return {
        "event_name": "Lead",
        "event_time": 1795219140,
        "event_id": "lead-1",
        "action_source": "phone_call",
        "user_data": {"em": [HASH]},
    }


def test_a_body_meta_would_take_ends_with_zero(body):
    assert capi_bridge("validate", str(body), "--now", "2026-11-21T00:00:00Z") == (
        0,
        "No findings: Meta would accept this body.\n",
        "",
    )


def test_warnings_are_told_and_end_with_zero(kinds_of_events):
    del kinds_of_events["event_id"]
    given = json.dumps({"data": [kinds_of_events]}).encode()
    code, out, _ = capi_bridge("validate", "--json", "--now", "1795219200", given=given)
    assert code == 0
    assert json.loads(out) == {
        "findings": [
            {
                "severity": "warning",
                "code": "event_id_missing",
                "message": "There is no event_id; a repeated delivery counts twice, and Meta cannot match it "
                "with the pixel's event.",
                "fix": "Send an id that both sides know: the order, the lead, the submission.",
                "path": "$.data[0].event_id",
                "file": None,
                "line": None,
                "column": None,
                "suggestion": None,
            }
        ]
    }


def test_errors_end_with_one(body):
    code, out, _ = capi_bridge("validate", str(body), "--now", "2026-12-21")
    assert code == 1
    assert "$.data[0].event_time: error[event_time_too_old]" in out


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (b'{"data": [,]}', "-:1:11: not JSON"),
        (b"\xff", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ],
    ids=["broken JSON", "broken text", "a tower of brackets"],
)
def test_an_unreadable_body_is_told_with_its_place(given, message):
    code, out, err = capi_bridge("validate", "-", given=given)
    assert (code, out) == (1, "")
    assert message in err


def test_a_missing_file_cannot_be_opened(tmp_path):
    assert capi_bridge("validate", str(tmp_path / "none.json"))[0] == 3


PAGE = Path(__file__).parents[2] / "docs" / "checking.md"


@pytest.mark.parametrize("shown", re.findall(r"\$ (.+)\n((?:.+\n)+?)```", PAGE.read_text(encoding="utf-8")))
def test_the_page_shows_what_the_command_prints(shown):
    command, printed = shown
    piped, _, line = command.rpartition(" | ")
    given = shlex.split(piped)[1].encode() if piped else b""
    assert capi_bridge(*shlex.split(line)[1:], given=given)[:2] == (0, printed)
