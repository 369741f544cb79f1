"""Meta's own Python SDK, unchanged, pointed at a real bridge: it believes that it speaks to Meta."""

from __future__ import annotations

import time

import pytest
from facebook_business.adobjects.serverside.action_source import ActionSource
from facebook_business.adobjects.serverside.custom_data import CustomData
from facebook_business.adobjects.serverside.event import Event
from facebook_business.adobjects.serverside.event_request import EventRequest
from facebook_business.adobjects.serverside.user_data import UserData
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

from bridge.simulator import Simulator

pytestmark = pytest.mark.process

DATASET = "1234567890123456"
JANE = "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"


@pytest.fixture
def meta():
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def bridge(meta, start_bridge):
    environment = {
        "CAPI_BRIDGE_GRAPH_URL": meta.url,
        "META_DATASET_ID": DATASET,
        "META_ACCESS_TOKEN": "sdk-token",
    }
    return start_bridge(environment=environment)


def point_sdk_at(url: str, token: str) -> None:
    session = FacebookSession(access_token=token)
    session.GRAPH = url
    FacebookAdsApi.set_default_api(FacebookAdsApi(session))


def purchase() -> Event:
    return Event(
        event_name="Purchase",
        event_time=int(time.time()) - 5,
        event_id="order-1",
        event_source_url="https://shop.example/thanks",
        action_source=ActionSource.WEBSITE,
        user_data=UserData(email="Jane@Example.com", client_user_agent="Mozilla/5.0", country_code="de"),
        custom_data=CustomData(currency="EUR", value=129.95, order_id="1"),
    )


def test_the_sdk_sends_an_event_through_the_bridge(meta, bridge, wait_until):
    point_sdk_at(bridge.url, "sdk-token")

    answer = EventRequest(pixel_id=DATASET, events=[purchase()], test_event_code="TEST9").execute()

    assert answer.events_received == 1
    assert answer.fbtrace_id
    [received] = wait_until(meta.received)
    assert received.test_event_code == "TEST9"
    assert received.event["user_data"]["em"] == [JANE]
    assert received.event["custom_data"]["value"] == 129.95


def test_the_sdk_understands_the_bridges_refusals(bridge):
    point_sdk_at(bridge.url, "sdk-token")
    old = purchase()
    old.event_time = 1_500_000_000

    with pytest.raises(FacebookRequestError) as refused:
        EventRequest(pixel_id=DATASET, events=[old]).execute()

    error = refused.value
    assert (error.http_status(), error.api_error_code(), error.api_error_subcode()) == (400, 100, 2804003)


def test_the_sdk_is_told_that_its_token_is_wrong(bridge):
    point_sdk_at(bridge.url, "another-token")

    with pytest.raises(FacebookRequestError) as refused:
        EventRequest(pixel_id=DATASET, events=[purchase()]).execute()

    assert (refused.value.http_status(), refused.value.api_error_code()) == (401, 190)
