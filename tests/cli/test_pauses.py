"""`capi-bridge pauses`: what is paused is seen, made and ended by a person at a terminal."""

from __future__ import annotations

import pytest


def test_a_pause_is_made_seen_and_ended(stored):
    assert stored.run("pauses").out == "nothing is paused\n"

    made = stored.run("pauses", "add", "main", "--for", "2h", "--because", "new price list")
    assert (made.code, made.out.partition(" until ")[0]) == (0, "nothing is sent to main")
    assert "destination main" in stored.run("pauses").out
    assert "paused by a person: new price list" in stored.run("status").out
    assert "paused by a person: new price list" in stored.run("events", "list", "--status", "waiting").out

    assert stored.run("pauses", "resume", "main").out == "events are sent to main again\n"
    assert stored.run("pauses", "resume", "main").out == "main was not paused\n"


def test_programs_get_the_shape_of_the_api(stored):
    made = stored.run("pauses", "add", "main", "--json").json["pause"]
    assert made | {"since": "", "until": ""} == {
        "scope": "destination:main:1234567890123456",
        "destination": "main",
        "source": None,
        "dataset_id": "1234567890123456",
        "kind": "circuit",
        "reason": "paused by a person",
        "since": "",
        "until": "",
    }
    assert stored.run("pauses", "list", "--json").json == {"pauses": [made]}
    assert stored.run("pauses", "resume", "main", "--json").json == {"destination": "main", "resumed": True}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("add", "mian"), "there is no such destination", id="a mistyped destination"),
        pytest.param(("resume", "mian"), "there is no such destination", id="one to resume"),
        pytest.param(("add", "main", "--for", "8 days"), "--for is not a duration", id="too long"),
        pytest.param(("add", "main", "--for", "soon"), "--for is not a duration", id="no duration"),
    ],
)
def test_what_cannot_be_paused_is_wrong_use(folder, arguments, message):
    ran = folder.run("pauses", *arguments)
    assert (ran.code, ran.out, message in ran.err) == (2, "", True)
