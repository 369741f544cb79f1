"""Whatever is posted is judged; nothing makes the simulator fall over."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.simulator.data import load_simulator_data
from bridge.simulator.events_edge import AccessPolicy, EventsEdge, SimulatorRequest
from bridge.simulator.faults import FaultPlan
from bridge.simulator.inbox import Inbox
from bridge.simulator.response_writer import ResponseWriter
from tests.simulator.conftest import DATASET, NOW, PURCHASE

DATA = load_simulator_data()
KEYS = st.sampled_from(
    [*DATA.rules["event"], *DATA.rules["custom_data"], *DATA.rules["user_data"], "contents"]
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(["user_data", "custom_data", "app_data", "original_event_data", "event"])


def edge() -> EventsEdge:
    return EventsEdge(lambda: NOW, ResponseWriter(DATA, "en", 0), FaultPlan(), Inbox(10), AccessPolicy())


def answer(body: bytes, content_type: str) -> dict[str, Any]:
    request = SimulatorRequest(
        "POST", f"/v25.0/{DATASET}/events", "access_token=t", {"content-type": content_type}, body
    )
    return orjson.loads(edge().handle(request).response.body)


@settings(max_examples=200)
@given(place=NAMES, key=KEYS, value=ANYTHING)
def test_any_value_in_any_place_is_taken_or_refused(place, key, value):
    inner = {**PURCHASE.get(place, {}), key: value}
    event = {**PURCHASE, key: value} if place == "event" else {**PURCHASE, place: inner}
    answered = answer(orjson.dumps({"data": [event]}), "application/json")
    assert ("error" in answered) != ("events_received" in answered)


@settings(max_examples=100)
@given(
    body=st.binary(max_size=64),
    kind=st.sampled_from(["application/json", "multipart/form-data; boundary=x", "text/plain", ""]),
)
def test_any_bytes_are_refused_in_metas_words(body, kind):
    assert answer(body, kind)["error"]["code"] == 100
