"""Destinations: what Meta says of them within a few seconds, test events, pauses."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.delivery.send_now import send_body
from bridge.outbox.pauses import destination_scope
from bridge.simulator import Simulator
from bridge.web.app import create_app
from tests.web.conftest import ENVIRONMENT, NOW
from tests.web.console.conftest import text_of

pytestmark = pytest.mark.parametrize("start", [False], ids=["flask"], indirect=True)
DATASET = "1234567890123456"
META = "/console/destinations/main/meta"


@pytest.fixture
def at_meta(app) -> Iterator[Callable]:
    """Start a simulator with these options; return it, and the admin's browser of a bridge that calls it."""
    running: list[Simulator] = []

    def start(**options):
        simulator = Simulator(**{"datasets": {DATASET: ["meta-token"]}, **options}).start()
        running.append(simulator)
        app.use(settings=replace(app.context.settings, graph_url=simulator.url))
        client = create_app(app.context).test_client()
        client.post("/console/session", data={"token": "admin-token"})
        return client, simulator

    yield start
    for simulator in running:
        simulator.stop()


def words(answer) -> str:
    return " ".join(text_of(answer).split())


def website_event(settings) -> None:
    event = {
        "event_name": "Lead",
        "event_time": int(NOW.timestamp()),
        "event_id": "1",
        "action_source": "website",
        "event_source_url": "https://example.com/",
        "user_data": {
            "em": [hashlib.sha256(b"jane@example.com").hexdigest()],
            "client_user_agent": "Mozilla",
        },
    }
    send_body({"data": [event]}, settings.destinations["main"], settings)


def test_meta_s_figures_stand_beside_our_own(app, at_meta):
    client, _ = at_meta(clock=lambda: NOW)
    app.post("/hooks/lead", {"id": 1, "mail": "jane@example.com"})
    ours = app.stored()[0].match_score
    website_event(app.context.settings)
    shown = words(client.get(META))
    assert "Token valid" in shown
    assert f"Dataset Simulated dataset {DATASET} ({DATASET})" in shown
    assert f"Lead 4.6 {float(ours)} 100.0 % 0.0 % 0.0 % email 100.0 %, user agent 100.0 %" in shown
    assert "meta-token" not in shown


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"send_only_tokens": ["meta-token"]}, "Token valid"),
        ({"datasets": {DATASET: ["another"]}}, "Token invalid: Meta takes no events with it"),
        ({"app_secret": "s3cret"}, "Token cannot tell: it may send, and yet not read."),
        ({"app_secret": "s3cret"}, "Meta's own figures cannot be told: Meta does not show the quality"),
        ({}, "Meta has no figures for this dataset"),
    ],
)
def test_what_meta_does_not_tell_is_said_honestly(at_meta, options, says):
    client, _ = at_meta(**options)
    assert says in words(client.get(META))


def test_a_meta_that_cannot_be_reached_is_said_and_the_list_does_not_ask(signed_in):
    assert signed_in.get("/console/destinations").status_code == 200
    shown = words(signed_in.get(META))
    assert "Meta could not be asked: http://127.0.0.1:9: no response" in shown
    assert signed_in.get("/console/destinations/mian/meta").status_code == 400


def test_a_test_event_is_sent_with_its_code_and_not_stored(app, at_meta):
    client, simulator = at_meta(clock=lambda: NOW)
    url = "/console/destinations/main/test"
    assert client.post(url, data={"code": ""}).status_code == 400
    assert client.post(url, data={"code": "no code!"}).status_code == 400
    shown = words(client.post(url, data={"code": "TEST7"}))
    assert (
        f"It was accepted, and shows at {simulator.url}, which stands in for Meta here, code TEST7." in shown
    )
    [received] = simulator.received()
    assert (received.test_event_code, received.event["event_name"]) == ("TEST7", "Lead")
    assert app.stored() == []


def test_a_destination_is_paused_for_a_while_and_resumed(app, signed_in):
    url = "/console/destinations/main/pause"
    assert signed_in.post(url, data={"for": "for ever"}).status_code == 400
    paused = signed_in.post(url, data={"for": "2h", "because": "a new token"})
    shown = words(signed_in.get(paused.location))
    assert "Nothing is sent to it until its pause ends" in shown
    assert "paused by a person: a new token" in shown
    pause = app.context.outbox().pauses()[destination_scope("main", DATASET)]
    assert pause.until - NOW == timedelta(hours=2)
    signed_in.post("/console/destinations/resume", data={"destination": "main"})
    assert app.context.outbox().pauses() == {}


def test_the_last_success_is_that_of_the_last_accepted_batch(start):
    with Simulator(clock=lambda: NOW) as simulator:
        app = start(environment={**ENVIRONMENT, "CAPI_BRIDGE_GRAPH_URL": simulator.url})
        client = create_app(app.context).test_client()
        client.post("/console/session", data={"token": "admin-token"})
        assert "Last success none is kept" in words(client.get("/console/destinations"))
        assert app.post("/hooks/lead?wait=true", {"id": 5, "mail": "jane@example.com"}).status_code == 200
        assert "Last success 2026-11-21 12:00:00 UTC" in words(client.get("/console/destinations"))
