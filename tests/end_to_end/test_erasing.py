"""A shop asks to erase a customer: real processes, killed in the middle of it, finish and prove it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import LEAD

pytestmark = pytest.mark.process
ADMIN = {"Authorization": "Bearer admin-token-of-the-tests"}
PRIVACY = """\
version: 1
receive: {verify: {scheme: token, header: X-Token, secret: "${SHOP_SECRET}"}}
erase: {when: {topic: redact}, email: customer.email}
"""
ENVIRONMENT = {
    "META_DATASET_ID": "1234567890123456",
    "META_ACCESS_TOKEN": "meta-token",
    "CAPI_BRIDGE_ADMIN_TOKEN": "admin-token-of-the-tests",
    "CAPI_BRIDGE_GRAPH_URL": "http://127.0.0.1:9",
    "SHOP_SECRET": "hush",
}
REDACT = {"topic": "redact", "customer": {"email": "rosa@example.com"}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "lead.yaml").write_text(LEAD)
    (tmp_path / "mappings" / "privacy.yaml").write_text(PRIVACY)
    return tmp_path


def receipts(bridge):
    return bridge.get("/api/erasures", ADMIN).body["erasures"]


def test_an_erasure_survives_the_death_of_every_process(folder, start_bridge, wait_until):
    bridge = start_bridge(folder=folder, environment=ENVIRONMENT)
    for number in range(20):
        mail = "rosa@example.com" if number % 2 else f"other{number}@example.com"
        assert bridge.post("/hooks/lead", {"id": number, "email": mail}).status == 200
    asked = bridge.post("/hooks/privacy", REDACT, {"X-Token": "hush"})
    assert (asked.status, asked.body["status"]) == (200, "erasing")
    bridge.kill()

    bridge = start_bridge(folder=folder, environment=ENVIRONMENT)
    [receipt] = wait_until(lambda: receipts(bridge))

    assert (receipt["id"], receipt["events"], receipt["raw_webhooks"]) == (asked.body["erasure"], 10, 11)
    kept = bridge.get("/api/events", ADMIN).body["events"]
    assert sorted(event["event_id"] for event in kept) == sorted(
        f"lead-{number}" for number in range(0, 20, 2)
    )
    assert bridge.get("/api/counts", ADMIN).body["balanced"] is True
    assert "rosa" not in bridge.log()
