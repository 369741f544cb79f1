"""The simulator stands in for the APIs that mappings fetch from: by what is recorded beside their samples."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bridge.fetch.client import SourceClient
from bridge.fetch.exchange import open_exchange
from bridge.fetch.gate import OpenGate
from bridge.fetch.outcomes import FoundRecord, NoRecord
from bridge.mapping import load_mapping
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.meta_spec.shipped_files import shipped
from bridge.models import FetchRequest
from bridge.monitoring.clock import SteadyClock
from bridge.settings import SimulatedSources
from bridge.simulator import Simulator
from bridge.simulator.recorded_calls import recorded_calls

RECORDED = {
    ("crm", "GET", "/persons/7?fields=email,phone", b""): b'{"email": "jane@example.com"}',
    ("crm", "POST", "/batch/read", b'{"inputs":[{"id":"7"}]}'): b'{"results": []}',
}


@pytest.fixture
def client():
    with Simulator(recorded=RECORDED) as simulator:
        yield SourceClient(SimulatedSources(simulator.url), open_exchange(), OpenGate(), SteadyClock())


@pytest.mark.parametrize(
    ("call", "data"),
    [
        (FetchRequest("p", "crm", "GET", "/persons/7?fields=email,phone"), {"email": "jane@example.com"}),
        (FetchRequest("p", "crm", "POST", "/batch/read", b'{"inputs":[{"id":"7"}]}'), {"results": []}),
    ],
)
def test_a_recorded_call_is_answered_over_http(client, call, data):
    outcome = client.call(call)
    assert isinstance(outcome, FoundRecord)
    assert outcome.data == data


@pytest.mark.parametrize(
    "call",
    [
        FetchRequest("p", "crm", "GET", "/persons/8"),
        FetchRequest("p", "shop", "GET", "/persons/7?fields=email,phone"),
        FetchRequest("p", "crm", "POST", "/batch/read", b'{"inputs":[]}'),
    ],
)
def test_any_other_record_is_unknown(client, call):
    assert isinstance(client.call(call), NoRecord)


def test_every_shipped_mapping_that_fetches_has_its_calls_recorded():
    spec = load_meta_spec()
    mappings = [
        load_mapping(file, environment={}, spec=spec, secrets="optional")
        for file in sorted(shipped("mappings").glob("*.yaml"))
    ]
    fetching = {step.source for mapping in mappings for step in mapping.fetch}
    recorded = recorded_calls(mappings, datetime.now(UTC))
    assert {source for source, *_ in recorded} == fetching
    assert all(json.loads(answer) for answer in recorded.values())
