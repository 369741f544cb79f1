"""Meta's own Python SDK takes the simulator for Meta."""

from __future__ import annotations

import pytest
from facebook_business.adobjects.adspixel import AdsPixel
from facebook_business.adobjects.serverside.action_source import ActionSource
from facebook_business.adobjects.serverside.content import Content
from facebook_business.adobjects.serverside.custom_data import CustomData
from facebook_business.adobjects.serverside.event import Event
from facebook_business.adobjects.serverside.event_request import EventRequest
from facebook_business.adobjects.serverside.user_data import UserData
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

from bridge.simulator import Simulator
from tests.simulator.conftest import DATASET, HASH, SECONDS


def send(simulator: Simulator, **event) -> dict:
    """Send one purchase with the SDK's own classes and session, pointed at the simulator."""
    session = FacebookSession(access_token="token")
    session.GRAPH = simulator.url
    purchase = Event(
        event_name="Purchase",
        event_id="sdk-1",
        action_source=ActionSource.WEBSITE,
        event_source_url="https://shop.example/",
        user_data=UserData(emails=["  Jane@Example.COM "], client_ip_address="203.0.113.7"),
        **{"event_time": SECONDS, **event},
    )
    request = EventRequest(pixel_id=DATASET, events=[purchase], test_event_code="TEST1")
    pixel = AdsPixel(DATASET, api=FacebookAdsApi(session, api_version="v25.0"))
    try:
        return dict(pixel.create_event(fields=[], params=request.get_params()))
    finally:
        session.requests.close()


def test_an_event_of_the_sdk_is_taken(simulator):
    contents = [Content(product_id="SKU-1", quantity=1, item_price=9.5)]
    answer = send(simulator, custom_data=CustomData(value=9.5, currency="EUR", contents=contents))
    assert answer["events_received"] == 1
    [received] = simulator.received()
    assert (received.dataset_id, received.version, received.test_event_code) == (DATASET, "v25.0", "TEST1")
    assert received.event["user_data"]["em"] == [HASH]
    assert received.event["custom_data"] == {
        "value": 9.5,
        "currency": "eur",
        "contents": [{"id": "SKU-1", "quantity": 1, "item_price": 9.5}],
    }


def test_the_sdk_reads_a_refusal_as_it_reads_metas(simulator):
    with pytest.raises(FacebookRequestError) as refused:
        send(simulator, custom_data=CustomData(value=9.5))
    error = refused.value
    assert (error.http_status(), error.api_error_code(), error.api_error_subcode()) == (400, 100, 2804010)
    assert error.body()["error"]["error_user_title"] == "Missing Currency for Purchase Event"
    assert not error.api_transient_error()
