"""Meta's own Node SDK, unchanged, pointed at a real bridge. Needs node and npm; without them it fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator import Simulator
from tests.node_packages import installed, run_script

pytestmark = pytest.mark.process

FOLDER = Path(__file__).parents[1] / "node"
DATASET = "1234567890123456"
JANE = "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"


@pytest.fixture(scope="session")
def sdk() -> Path:
    """The packages of package-lock.json, the SDK among them."""
    return installed(FOLDER)


@pytest.fixture
def meta():
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def send(sdk, meta, start_bridge) -> Callable[..., Any]:
    bridge = start_bridge(
        environment={
            "CAPI_BRIDGE_GRAPH_URL": meta.url,
            "META_DATASET_ID": DATASET,
            "META_ACCESS_TOKEN": "sdk-token",
        }
    )

    def run(token: str = "sdk-token", age_seconds: int = 5, script: str = "send.js") -> Any:
        ran = run_script(
            FOLDER / script,
            sdk,
            BRIDGE_URL=bridge.url,
            DATASET=DATASET,
            TOKEN=token,
            EVENT_TIME=str(int(time.time()) - age_seconds),
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    return run


def test_the_sdk_sends_an_event_through_the_bridge(meta, send, wait_until):
    answer = send()

    assert answer["events_received"] == 1
    assert answer["fbtrace_id"]
    [received] = wait_until(meta.received)
    assert received.test_event_code == "TEST9"
    assert received.event["user_data"]["em"] == [JANE]
    assert received.event["custom_data"]["currency"] == "EUR"


def test_the_sdk_understands_the_bridges_refusals(send):
    refused = send(age_seconds=30 * 86_400)["refused"]
    assert (refused["code"], refused["error_subcode"]) == (100, 2804003)


def test_the_sdk_is_told_that_its_token_is_wrong(send):
    assert send(token="another")["refused"]["code"] == 190


EVENT_FIELDS = """
event_name event_time event_id event_source_url action_source opt_out user_data custom_data app_data
messaging_channel advanced_measurement_table
data_processing_options data_processing_options_country data_processing_options_state
"""


def test_every_field_that_the_sdk_can_set_arrives_or_is_in_the_messages(meta, send, wait_until):
    answer = send(script="send_every_field.js")

    assert answer["events_received"] == 1
    fields = [message.removeprefix("data[0]: ").split(" ")[0] for message in answer["messages"]]
    assert [field for field in fields if field != "user_data.app_user_id"] == [
        *("partner_agent", "namespace_id", "upload_id", "upload_tag", "upload_source"),
        *("advertiser_tracking_enabled", "app_data.extinfo"),
    ]
    [received] = wait_until(meta.received)
    event = received.event
    assert set(event) == set(EVENT_FIELDS.split())
    assert event["app_data"]["extinfo"][:4] == ["a2", "com.example.app", "1.0", "1.0.1"]
    assert ("app_user_id" in event["user_data"]) != ("user_data.app_user_id" in fields)
    assert (len(event["user_data"].keys() - {"app_user_id"}), event["user_data"]["em"]) == (28, [JANE])
    assert (len(event["custom_data"]), event["custom_data"]["color"]) == (16, "brown")
