"""A renamed form field and a source that falls silent: seen by a person before the month is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from bridge.bootstrap import open_store, prepare
from bridge.outbox import NewEvent, NewWebhook
from bridge.settings import load_settings
from bridge.simulator import Simulator
from tests.end_to_end.test_live_is_live import LEAD, folder, live, received, run
from tests.monitoring.test_channels import Receiver, serving

__all__ = ["folder", "serving"]
pytestmark = pytest.mark.process


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


def reasons(bridge) -> dict[str, str]:
    return {reason["code"]: reason["message"] for reason in bridge.get("/readyz").body["reasons"]}


def alerted(receiver: Receiver) -> set[object]:
    return {body["kind"] for body in receiver.bodies}


def environment_of(simulator: Simulator, receiver: Receiver) -> dict[str, str]:
    return live(simulator, CAPI_BRIDGE_ALERT_URL=f"http://127.0.0.1:{receiver.server_address[1]}/alerts")


def test_a_renamed_field_is_told_and_every_lead_is_found_again(
    simulator, folder, serving, start_bridge, wait_until
):
    receiver = serving(Receiver())
    environment = environment_of(simulator, receiver)
    bridge = start_bridge(environment=environment)
    for number in range(6):
        assert bridge.post("/hooks/lead", {"id": number, "mail": "jane@example.com"}).status == 200
    assert "held_share" not in reasons(bridge)
    for number in range(6, 12):
        assert bridge.post("/hooks/lead", {"id": number, "email_address": "jane@example.com"}).status == 422

    assert reasons(bridge)["held_share"] == "lead: 6 of the last 12 webhooks are held"
    assert bridge.get("/readyz").body["status"] == "degraded"
    bridge.stop()
    bridge = start_bridge(environment=environment)
    wait_until(lambda: "held_share" in alerted(receiver))
    (folder / "mappings" / "lead.yaml").write_text(LEAD.replace("mail}", "[mail, email_address]}"))
    replayed = run(folder, environment, "events", "replay", "--status", "held")

    assert "6 remapped" in replayed.stdout
    wait_until(lambda: received(simulator) == {f"lead-{number}": 1 for number in range(12)})
    assert "held_share" not in reasons(bridge)


def test_a_source_that_fell_silent_is_told(simulator, folder, serving, start_bridge, wait_until):
    receiver = serving(Receiver())
    environment = environment_of(simulator, receiver)
    _send_until(datetime.now(UTC) - timedelta(hours=8), folder, environment)

    bridge = start_bridge(environment=environment)

    assert reasons(bridge)["silent"].startswith("lead: no webhook for 8 hours, since ")
    wait_until(lambda: "silent" in alerted(receiver))
    assert "UNUSUAL: lead: no webhook for 8 hours" in run(folder, environment, "status").stdout
    bridge.post("/hooks/lead", {"id": 1, "mail": "jane@example.com"})
    assert "silent" not in reasons(bridge)


def _send_until(end: datetime, folder, environment) -> None:
    """Store what came in the two days before, every half an hour."""
    settings = load_settings(None, environment, folder=folder)
    prepare(settings)
    outbox = open_store(settings)
    skipped = NewEvent("skipped", "main", "1234567890123456", "", None, 0, None)
    moments = [end - number * timedelta(minutes=30) for number in range(96)]
    outbox.add_all([NewWebhook("lead", "r", None, 0, moment, None, "r", (skipped,)) for moment in moments])
    outbox.close()
