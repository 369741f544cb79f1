"""Findings as text with a caret, as JSON, and as annotations of a code review."""

from __future__ import annotations

import json

import pytest

from bridge.authoring.findings_output import one_line, write_findings
from bridge.finding import Finding, Position

FILE = ["version: 1", "user_data:", "  emial: mail", "\tphone: tel"]
SLIP = Finding(
    "error",
    "unknown_key",
    "user_data has no key 'emial'",
    "correct it",
    position=Position("m.yaml", 3, 3),
    suggestion="email",
)
REMARK = Finding("warning", "not_in_samples", "no sample has it", position=Position("m.yaml", 2, 1))
OF_AN_EVENT = Finding("error", "no_identity", "nobody to match", path="$.user_data")


def lines_of(_: str) -> list[str]:
    return FILE


def test_text_shows_the_line_a_caret_and_what_to_do_in_the_order_of_the_file():
    assert write_findings([SLIP, REMARK], "text", lines_of) == (
        "m.yaml:2:1: warning[not_in_samples] no sample has it\n"
        "    2 | user_data:\n"
        "      | ^^^^^^^^^\n"
        "m.yaml:3:3: error[unknown_key] user_data has no key 'emial'; did you mean 'email'?\n"
        "    3 |   emial: mail\n"
        "      |   ^^^^^\n"
        "    fix: correct it\n"
    )


def test_a_finding_without_a_place_in_a_file_names_its_path():
    assert one_line(OF_AN_EVENT) == "error[no_identity] nobody to match (at $.user_data)"


def test_a_suggestion_is_told_once():
    finding = Finding("error", "x", "no; did you mean 'a'?", suggestion="a")
    assert one_line(finding) == "error[x] no; did you mean 'a'?"


@pytest.mark.parametrize(
    "position",
    [
        pytest.param(Position("m.yaml", 99, 1), id="a line that is gone"),
        pytest.param(Position("m.yaml", 1, 500), id="a column behind the end"),
        pytest.param(Position("m.yaml", 4, 1), id="a tab"),
    ],
)
def test_any_position_can_be_shown(position):
    shown = write_findings([SLIP.at(position)], "text", lines_of)
    assert shown.startswith(f"{position}: error[unknown_key]")
    assert "\t" not in shown


def test_a_file_that_cannot_be_read_only_loses_the_shown_line(tmp_path):
    shown = write_findings([SLIP.at(Position(str(tmp_path / "gone.yaml"), 1, 1))])
    assert shown.splitlines()[1] == "    fix: correct it"


def test_json_has_the_one_shape_of_findings():
    assert json.loads(write_findings([SLIP], "json")) == {
        "findings": [
            {
                "severity": "error",
                "code": "unknown_key",
                "message": "user_data has no key 'emial'",
                "fix": "correct it",
                "path": None,
                "file": "m.yaml",
                "line": 3,
                "column": 3,
                "suggestion": "email",
            }
        ]
    }


def test_github_annotations_escape_what_would_end_them():
    finding = Finding("warning", "c", "50% of,\nthis: that", position=Position("a,b:c.yaml", 1, 2))
    assert write_findings([finding, OF_AN_EVENT], "github") == (
        "::error title=no_identity::nobody to match\n"
        "::warning file=a%2Cb%3Ac.yaml,line=1,col=2,title=c::50%25 of,%0Athis: that\n"
    )


@pytest.mark.parametrize(
    ("form", "text"), [("text", ""), ("github", ""), ("json", '{\n  "findings": []\n}\n')]
)
def test_no_findings_are_no_text(form, text):
    assert write_findings([], form) == text
