"""Meta's own Python SDK, unchanged, pointed at a real bridge: it believes that it speaks to Meta."""

from __future__ import annotations

import inspect
import time
from typing import Any

import pytest
from facebook_business.adobjects.serverside.action_source import ActionSource
from facebook_business.adobjects.serverside.app_data import AppData
from facebook_business.adobjects.serverside.attribution_data import AttributionData
from facebook_business.adobjects.serverside.attribution_setting import AttributionSetting
from facebook_business.adobjects.serverside.content import Content
from facebook_business.adobjects.serverside.custom_data import CustomData
from facebook_business.adobjects.serverside.delivery_category import DeliveryCategory
from facebook_business.adobjects.serverside.event import Event
from facebook_business.adobjects.serverside.event_request import EventRequest
from facebook_business.adobjects.serverside.extended_device_info import ExtendedDeviceInfo
from facebook_business.adobjects.serverside.gender import Gender
from facebook_business.adobjects.serverside.messaging_channel import MessagingChannel
from facebook_business.adobjects.serverside.original_event_data import OriginalEventData
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


# --- every field -----------------------------------------------------------------------------------

SINGULAR = {
    *("email", "phone", "gender", "date_of_birth", "last_name", "first_name", "city", "state"),
    *("country_code", "zip_code", "external_id"),
}
NOT_SERIALIZABLE = {
    "attribution_model",
    "attribution_method",
    "decline_reason",
}  # the SDK fails on its own enums
DEVICE = (
    *("a2", "com.example.app", "1.0", "1.0.1", "13", "Pixel", "en_US", "CET", "Carrier"),
    *(1080, 1920, "2.0", 8, 64, 32, "Europe/Berlin"),
)


def filled(kind: type, **values: Any) -> Any:
    """Return an object with every field its class has; one that has no value here fails the test."""
    fields = set(inspect.signature(kind.__init__).parameters) - {"self"} - SINGULAR - NOT_SERIALIZABLE
    assert fields == set(values), f"{kind.__name__}: fields without a value, or values without a field"
    return kind(**values)


def person(now: int) -> UserData:
    return filled(
        UserData,
        emails=["Jane@Example.com"],
        phones=["+1 615 555 0142"],
        genders=[Gender.FEMALE],
        dates_of_birth=["19880214"],
        last_names=["Doe"],
        first_names=["Jane"],
        cities=["Nashville"],
        states=["TN"],
        country_codes=["US"],
        zip_codes=["37221"],
        external_ids=["customer-7"],
        client_ip_address="203.0.113.7",
        client_user_agent="Mozilla/5.0",
        fbc=f"fb.1.{now * 1000}.IwAR2xYzAbCdEf",
        fbp="fb.1.1795000000000.1019141",
        subscription_id="subscription-7",
        fb_login_id="1234567890",
        lead_id="1234567890123456",
        f5first="jane",
        f5last="doe",
        fi="j",
        dobd="14",
        dobm="02",
        doby="1988",
        madid="38400000-8cf0-11bd-b23e-10b96e40000d",
        anon_id="anonymous-7",
        ctwa_clid="ARA-click",
        page_id="102030405060708",
    )


def order() -> CustomData:
    item = filled(
        Content,
        product_id="SKU-1",
        quantity=1,
        item_price=129.95,
        title="Boots",
        description="Leather",
        brand="Acme",
        category="Shoes",
        delivery_category=DeliveryCategory.HOME_DELIVERY,
    )
    return filled(
        CustomData,
        value=129.95,
        net_revenue=100.5,
        currency="EUR",
        content_name="Boots",
        content_category="Shoes",
        content_ids=["SKU-1"],
        contents=[item],
        content_type="product",
        order_id="1",
        predicted_ltv=500.0,
        num_items=1,
        status="registered",
        search_string="boots",
        item_number="SKU-1",
        delivery_category=DeliveryCategory.HOME_DELIVERY,
        custom_properties={"color": "brown"},
    )


def app() -> AppData:
    return filled(
        AppData,
        application_tracking_enabled=True,
        advertiser_tracking_enabled=True,
        campaign_ids="campaign-1",
        consider_views=True,
        extinfo=ExtendedDeviceInfo(*DEVICE),
        include_dwell_data=True,
        include_video_data=True,
        install_referrer="referrer",
        installer_package="com.example.store",
        receipt_data="receipt",
        url_schemes="example",
        windows_attribution_id="windows-1",
    )


def attribution(now: int) -> AttributionData:
    return filled(
        AttributionData,
        scope="click",
        visit_time=now - 60,
        ad_id="1",
        adset_id="2",
        campaign_id="3",
        attribution_share=0.5,
        attr_window=7,
        attribution_value=10.0,
        attribution_source="ads",
        touchpoint_type="click",
        touchpoint_ts=now - 60,
        auditing_token="token",
        linkage_key="key",
        touchpoint_id="touchpoint",
        attribution_setting=AttributionSetting(24, 48),
        total_credit=1.0,
        partner_client_id="partner",
    )


def event_with_every_field(now: int) -> Event:
    return filled(
        Event,
        event_name="Purchase",
        event_time=now,
        event_id="order-1",
        event_source_url="https://shop.example/thanks",
        referrer_url="https://search.example/",
        action_source=ActionSource.WEBSITE,
        opt_out=False,
        messaging_channel=MessagingChannel.WHATSAPP,
        user_data=person(now),
        custom_data=order(),
        app_data=app(),
        attribution_data=attribution(now),
        original_event_data=filled(
            OriginalEventData, event_name="Purchase", event_time=now - 60, order_id="1", event_id="order-0"
        ),
        data_processing_options=["LDU"],
        data_processing_options_country=1,
        data_processing_options_state=1000,
        advanced_measurement_table="table",
    )


def test_every_field_that_the_sdk_can_set_arrives_or_is_in_the_messages(meta, bridge, wait_until):
    point_sdk_at(bridge.url, "sdk-token")
    event = event_with_every_field(int(time.time()) - 5)
    request = EventRequest(
        pixel_id=DATASET,
        events=[event],
        test_event_code="TEST9",
        namespace_id="1",
        upload_id="2",
        upload_tag="3",
        upload_source="4",
        partner_agent="wordpress",
    )

    answer = request.execute()

    not_passed_on = [message.split(" ")[0] for message in answer.messages]
    assert not_passed_on == ["namespace_id", "upload_id", "upload_tag", "upload_source", "partner_agent"]
    [received] = wait_until(meta.received)
    sent, given = received.event, event.normalize()
    assert keys(sent) == keys(given)
    assert {key: texts(value) for key, value in sent["user_data"].items() if key != "external_id"} == {
        key: texts(value) for key, value in given["user_data"].items() if key != "external_id"
    }
    assert {**sent["custom_data"], "currency": "eur"} == given["custom_data"]
    assert sent["app_data"] == {**given["app_data"], "extinfo": [str(part) for part in DEVICE]}
    assert sent["attribution_data"] == given["attribution_data"]


def keys(event: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of an event and of its blocks."""
    return {key: set(value) if isinstance(value, dict) else None for key, value in event.items()}


def texts(value: Any) -> list[str]:
    """Return one value or several as texts: the bridge sends lists and, for some ids, numbers."""
    return [str(one) for one in (value if isinstance(value, list) else [value])]
