"""`capi-bridge status`: one look that a person understands, and the same as JSON."""

from __future__ import annotations

import re


def test_the_whole_status_as_json(stored):
    ran = stored.run("status", "--json")

    assert ran.code == 0
    found = ran.json
    age, last = found["queue"]["oldest_seconds"], {one["name"]: one for one in found["mappings"]}
    assert found["destinations"] == [
        {
            "name": "main",
            "dataset_id": "1234567890123456",
            "test_event_code": None,
            "paused": False,
            "reason": None,
            "paused_since": None,
            "waiting": 1,
            "sending": 0,
            "oldest_seconds": age,
        }
    ]
    assert found["queue"] == {"waiting": 1, "sending": 0, "oldest_seconds": age}
    assert (found["mode"], found["not_configured"], found["unusual"]) == ("live", [], [])
    assert [(one["mapping"], one["events"]) for one in found["held"]] == [("lead", 1)]
    assert {status: number for status, number in found["events"].items() if number} == {
        "waiting": 1,
        "skipped": 1,
        "held": 1,
    }
    assert last["paid"]["last_webhook_at"] is not None
    assert last["small"] == {"name": "small", "active": True, "problem": None, "last_webhook_at": None}
    assert found["database"]["kind"] == "sqlite"
    assert found["database"]["bytes"] > 0
    assert found["disk"]["free_bytes"] > 0


def test_a_person_sees_what_to_look_at_first(stored):
    text = (stored.path / "bridge.yaml").read_text()
    stored.settings(text + "hooks: {paid: {test_event_code: TEST7}}\n")

    shown = stored.run("status").out

    assert shown.index("DESTINATION") < shown.index("TEST MODE: mapping paid") < shown.index("HELD")
    assert "events: 1 waiting, 1 held, 1 skipped" in shown


def test_events_of_a_dataset_that_is_no_longer_configured_stand_out(stored):
    text = (stored.path / "bridge.yaml").read_text()
    stored.settings(text.replace("1234567890123456", "42"))

    assert "NOT CONFIGURED: 1 waiting and 1 held event of main for dataset" in stored.run("status").out


def test_times_for_people_are_local_and_say_their_distance_from_utc(stored):
    shown = stored.run("status").out
    [line] = [line for line in shown.splitlines() if line.startswith("lead ")]
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d$", line.strip())


def test_a_demo_says_that_it_is_one(folder):
    folder.settings("keys: {secret: a-secret-for-the-tests}\n")
    ran = folder.run("status")
    assert (ran.code, "nothing reaches Meta" in ran.out, "none yet" in ran.out) == (0, True, True)


def test_a_mapping_whose_source_is_missing_says_so(stored):
    text = (stored.path / "mappings" / "lead.yaml").read_text()
    fetching = (
        text.replace("email: mail", "email: $person.email")
        + "fetch: {person: {from: crm, path: '/persons/{id}'}}\n"
    )
    (stored.path / "mappings" / "deal.yaml").write_text(fetching)

    shown = stored.run("status").out

    assert re.search(r"^deal +never +BROKEN: bridge.yaml has no source 'crm' \(it has none\)", shown, re.M)


def test_the_whole_reason_of_a_pause_is_there_to_read(stored):
    why = (
        "the access token has expired; "
        + "what to do about it is said at great length, " * 6
        + "and ends here"
    )
    assert stored.run("pauses", "add", "main", "--because", why).code == 0

    shown = stored.run("status").out

    assert re.search(r"^main +1234567890123456 +1 +.*PAUSED since \d{4}-\d\d-\d\d \S+$", shown, re.MULTILINE)
    assert re.search(rf"^PAUSED: main: .*{re.escape(why)}", shown, re.MULTILINE)
