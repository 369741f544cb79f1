"""The editor schema in the YAML language server of editors: it completes, explains and marks mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.meta_spec.shipped_files import shipped
from tests.node_packages import installed, run_script

HERE = Path(__file__).parent.parent / "node" / "editor"
SCHEMA = json.loads((shipped("schemas") / "mapping.schema.json").read_text("utf-8"))
Ask = Callable[..., Any]

MAPPING = """\
version: 1
event_name: Lead
action_source: website
event_id: lead-{id}
user_data:
  email: [email, contact.email]
custom_data:
  value: total
"""


@pytest.fixture(scope="module")
def ask() -> Ask:
    modules = installed(HERE)

    def answers(*questions: dict[str, Any]) -> Any:
        asked = json.dumps({"schema": SCHEMA, "questions": questions})
        done = run_script(HERE / "ask.cjs", modules, standard_input=asked)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return answers


def test_a_good_mapping_shows_no_problem(ask):
    assert ask({"what": "problems", "text": MAPPING}) == [[]]


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        pytest.param(MAPPING.replace("user_data", "user_dta"), 4, id="a key"),
        pytest.param(MAPPING.replace("  email:", "  emial:"), 5, id="a field"),
        pytest.param(MAPPING.replace("website", "in_store"), 2, id="a word of a list"),
        pytest.param(MAPPING.replace("  value:", "  vlaue:"), 7, id="a parameter"),
    ],
)
def test_a_slip_is_marked_on_its_line(ask, wrong, line):
    [problems] = ask({"what": "problems", "text": wrong})
    assert line in {problem["line"] for problem in problems}


def test_keys_and_fields_are_completed(ask):
    keys, fields, words = ask(
        {"what": "complete", "text": "version: 1\nuser", "line": 1, "character": 4},
        {"what": "complete", "text": "version: 1\nuser_data:\n  ema", "line": 2, "character": 5},
        {"what": "complete", "text": "version: 1\naction_source: ", "line": 1, "character": 15},
    )
    assert "user_data" in keys
    assert {"email", "phone", "full_name"} <= set(fields)
    assert {"website", "physical_store", "system_generated"} <= set(words)


def test_the_time_of_the_click_is_offered_in_the_block_of_a_click_id_alone(ask):
    of_click, of_email = (
        ask(
            {
                "what": "complete",
                "text": f"version: 1\nuser_data:\n  {field}:\n    ",
                "line": 3,
                "character": 4,
            }
        )[0]
        for field in ("fbclid", "email")
    )
    assert ("clicked_at" in of_click, "clicked_at" in of_email) == (True, False)
    assert {"from", "lookup"} <= set(of_click) & set(of_email)


def test_a_block_of_a_click_id_with_its_time_shows_no_problem(ask):
    good = MAPPING.replace("custom_data:", "  fbclid: {from: page, clicked_at: first_visit}\ncustom_data:")
    wrong = good.replace("fbclid:", "fbc:")
    assert [
        bool(found) for found in ask(*({"what": "problems", "text": text} for text in (good, wrong)))
    ] == [
        False,
        True,
    ]


def test_a_key_is_explained_when_the_mouse_rests_on_it(ask):
    event_id, email = ask(
        {"what": "hover", "text": MAPPING, "line": 3, "character": 3},
        {"what": "hover", "text": MAPPING, "line": 5, "character": 4},
    )
    assert "Meta drops repeats" in event_id
    assert email
