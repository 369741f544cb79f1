"""A token with an ellipsis and a test code left behind, each played to its end: every lead is found again.

Its neighbors play the others: a forgotten variable, a repeat of a failed run (`test_live_is_live`), a
mistyped dataset (`test_wrong_dataset`), a renamed form field (`test_silence_is_told`), a terminal that is
closed (`test_reload`), and a file in a wrong encoding (`tests/cli/test_import_and_demo`).
"""

from __future__ import annotations

import json

import pytest

from tests.end_to_end.test_live_is_live import folder, lead, live, run, simulator

__all__ = ["folder", "simulator"]
pytestmark = pytest.mark.process


@pytest.mark.parametrize("token", ["EAAB…", "EAABwzLixnjYBO...", "EAAB…xyz"])
def test_a_token_with_an_ellipsis_is_refused_at_the_start_and_costs_no_lead(
    simulator, folder, start_bridge, wait_until, token
):
    environment = live(simulator, META_ACCESS_TOKEN=token)
    for command in (("serve", "--bind", "127.0.0.1:0"), ("check",)):
        refused = run(folder, environment, *command)
        assert refused.returncode == 1
        assert "an access token as Events Manager shows it, in full" in refused.stdout + refused.stderr
        assert token not in refused.stdout + refused.stderr
    bridge = start_bridge(environment=live(simulator))
    assert bridge.post("/hooks/lead", lead(1)).status == 200  # the sender comes again
    wait_until(lambda: [event["event_id"] for event in simulator.events] == ["lead-1"])


def test_a_test_code_left_behind_is_seen_everywhere_and_costs_no_lead(
    simulator, folder, start_bridge, wait_until
):
    testing = live(simulator, META_TEST_EVENT_CODE="TEST4711")
    bridge = start_bridge(environment=testing)
    for number in (1, 2):
        assert bridge.post("/hooks/lead", lead(number)).status == 200
    wait_until(lambda: len(simulator.received()) == 2)
    assert {received.test_event_code for received in simulator.received()} == {"TEST4711"}

    assert "TEST MODE: destination main has a test_event_code" in bridge.log()
    assert "test" in json.dumps(json.loads(run(folder, testing, "status", "--json").stdout)["test_codes"])
    listed = json.loads(run(folder, testing, "events", "list", "--json").stdout)["events"]
    assert {event["mode"] for event in listed} == {"test"}
    bridge.stop()
    strict = run(folder, {**testing, "CAPI_BRIDGE_PROFILE": "live"}, "check")
    assert (strict.returncode, "the profile is live" in strict.stdout + strict.stderr) == (1, True)

    bridge = start_bridge(environment=live(simulator))
    for number in (1, 2):
        again = bridge.post("/hooks/lead", lead(number))
        assert (again.status, again.body["status"]) == (200, "queued")
    wait_until(lambda: len(simulator.received()) == 4)
    sent = [(one.test_event_code, one.event["event_id"]) for one in simulator.received()]
    assert sorted(sent[2:]) == [(None, "lead-1"), (None, "lead-2")]
