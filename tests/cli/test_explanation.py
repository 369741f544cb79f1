"""What `dry-run --explain` shows to a person."""

from __future__ import annotations

import json

import pytest

MAPPING = """\
version: 1
event_name: Lead
action_source: system_generated
event_id: lead-{id}
event_time: $received_at
user_data:
  email: [mail, email]
  zip: plz
  gender: sex
"""
PAYLOAD = {
    "id": 7,
    "email": " Jane@Example.com ",
    "plz": "10115",
    "sex": "none",
    "mobile": "+49 151 23456789",
}


@pytest.fixture
def shown(folder) -> str:
    (folder.path / "mappings").mkdir()
    (folder.path / "mappings" / "contact.yaml").write_text(MAPPING)
    payload = folder.path / "body.json"
    payload.write_text(json.dumps(PAYLOAD))
    ran = folder.run("dry-run", "contact", str(payload), "--explain", "--now", "2026-11-21T12:00:00Z")
    assert ran.code == 0
    return ran.err


def row(shown: str, field: str) -> list[str]:
    line = next(line for line in shown.splitlines() if line.startswith(f"{field} "))
    return [cell for cell in line.split("  ") if cell.strip()]


@pytest.mark.parametrize(
    ("field", "cells"),
    [
        ("event_name", ["the text of the mapping", "Lead", "Lead"]),
        ("event_id", ["id", "lead-7", "lead-7"]),
        ("user_data.email", ["email", "•••@E•••.com", "j•••@e•••.com", "hash 8c87b489ce35…"]),
        ("user_data.zip", ["plz", "1•••5", "hash ac7bb74de688…"]),
    ],
)
def test_a_field_is_one_row_by_the_name_its_author_wrote(shown, field, cells):
    assert [cell.strip() for cell in row(shown, field)[1:]] == cells


def test_a_value_that_was_left_out_says_why(shown):
    assert "left out: " in row(shown, "user_data.gender")[-1]


def test_unused_fields_and_match_strength_come_last(shown):
    unused, _, strength = shown.partition("Match strength ")
    assert "Not used by the mapping:\n  `mobile` looks like a phone number (user_data.phone)\n" in unused
    assert "not there: phone" in strength


def test_nobody_is_shown_and_nothing_is_colored_away_from_a_terminal(shown):
    assert "jane@example.com" not in shown.casefold()
    assert "\x1b[" not in shown
