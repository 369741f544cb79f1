"""`destinations`: what Meta says of tokens and datasets, asked of the simulator over HTTP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from bridge.settings import Destination
from bridge.simulator import Simulator
from tests.cli.conftest import Folder

DATASET = "1234567890123456"
TOKEN = "meta-token"
SETTINGS = """\
graph_url: {graph_url}
destinations: {{main: {{dataset_id: 1234567890123456, access_token: meta-token{more}}}}}
keys: {{secret: a-secret-for-the-tests}}
"""
Started = Callable[..., tuple[Folder, Simulator]]


@pytest.fixture
def started(folder: Folder) -> Iterator[Started]:
    """Start a simulator with the options given, and point the folder's settings at it."""
    running: list[Simulator] = []

    def start(more: str = "", **options: object) -> tuple[Folder, Simulator]:
        simulator = Simulator(**{"datasets": {DATASET: [TOKEN]}, **options}).start()
        running.append(simulator)
        folder.settings(SETTINGS.format(graph_url=simulator.url, more=more))
        return folder, simulator

    yield start
    for simulator in running:
        simulator.stop()


def test_a_token_that_may_read_is_described(started):
    folder, _ = started(token_expires_at=datetime(2027, 1, 2, 3, 4, tzinfo=UTC))
    ran = folder.run("destinations", "check")
    assert (ran.code, ran.out) == (
        0,
        "main: dataset 1234567890123456 (Simulated dataset 1234567890123456)\n"
        "  token: valid\n"
        "  expires: 2027-01-02 03:04 UTC\n"
        "  permissions: ads_management, ads_read\n",
    )


@pytest.mark.parametrize(
    ("options", "more", "code", "state"),
    [
        pytest.param({}, "", 0, "valid", id="a token of this dataset"),
        pytest.param({"send_only_tokens": [TOKEN]}, "", 0, "valid", id="may send but not read the dataset"),
        pytest.param({"expired_tokens": [TOKEN]}, "", 1, "invalid", id="expired"),
        pytest.param({"datasets": {DATASET: ["another"]}}, "", 1, "invalid", id="unknown to Meta"),
        pytest.param({"app_secret": "s3cret"}, "", 0, "cannot_tell", id="the app wants a proof"),
        pytest.param({"app_secret": "s3cret"}, ", app_secret: s3cret", 0, "valid", id="with the proof"),
        pytest.param({"app_secret": "s3cret"}, ", app_secret: wrong", 0, "cannot_tell", id="wrong proof"),
    ],
)
def test_only_code_190_says_that_a_token_is_bad(started, options, more, code, state):
    folder, _ = started(more, **options)
    ran = folder.run("destinations", "check", "--json")
    assert (ran.code, ran.json["destinations"][0]["token"]) == (code, state)
    assert TOKEN not in ran.out + ran.err


@pytest.mark.parametrize("what", ["check", "datasets"])
def test_without_a_network_the_exit_code_is_3(folder, what):
    ran = folder.run("destinations", what)
    assert ran.code == 3
    assert "no response" in ran.err


def test_a_token_that_may_not_list_datasets_gets_meta_s_reason(started):
    folder, _ = started(send_only_tokens=[TOKEN])
    ran = folder.run("destinations", "datasets")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == "main: Meta does not list the datasets: (#100) Missing Permission (code 100)"


def test_a_destination_that_cannot_be_read_leaves_the_others_alone(started):
    other = "}, other: {dataset_id: 42, access_token: send-only"
    folder, _ = started(other, datasets={DATASET: [TOKEN, "send-only"]}, send_only_tokens=["send-only"])
    ran = folder.run("destinations", "datasets", "--json")
    assert (ran.code, [row["destination"] for row in ran.json["rows"]]) == (3, ["main"])
    assert ran.err == "other: Meta does not list the datasets: (#100) Missing Permission (code 100)"


def test_a_test_event_is_sent_with_its_code_and_shows_in_the_figures(started):
    folder, simulator = started()
    assert folder.run("destinations", "test").code == 2, "without a code nothing is sent"
    assert folder.run("destinations", "test", "--test-event-code", "TEST123").code == 0
    [received] = simulator.received()
    assert (received.test_event_code, received.event["event_name"]) == ("TEST123", "Lead")
    [row] = folder.run("destinations", "datasets", "--json").json["rows"]
    assert row.pop("last_event")
    assert row == {
        "destination": "main",
        "dataset_id": DATASET,
        "name": f"Simulated dataset {DATASET}",
        "ad_accounts": "Simulated account",
        "events_of_7_days": {"Lead": 1},
    }


def test_what_is_sent_carries_the_proof_when_an_app_secret_is_set(started):
    folder, _ = started(", app_secret: s3cret", app_secret="s3cret")
    assert folder.run("destinations", "test", "--test-event-code", "TEST123").code == 0
    folder, _ = started("", app_secret="s3cret")
    assert folder.run("destinations", "test", "--test-event-code", "TEST123").code == 1


def test_the_quality_shows_the_share_of_each_identifier(started):
    folder, _ = started()
    digest = hashlib.sha256(b"jane@example.com").hexdigest()
    body = folder.path / "body.json"
    event = {
        "event_name": "Lead",
        "event_time": int(datetime.now(UTC).timestamp()),
        "event_id": "1",
        "action_source": "website",
        "event_source_url": "https://example.com/",
        "user_data": {"em": [digest], "client_user_agent": "Mozilla/5.0"},
    }
    body.write_text(json.dumps({"data": [event]}))
    assert folder.run("send", str(body)).code == 0
    [row] = folder.run("destinations", "quality", "--json").json["rows"]
    assert row == {
        "destination": "main",
        "event_name": "Lead",
        "meta_match_quality": 4.6,
        "our_match_strength": None,
        "server_events_with_event_id": 100.0,
        "browser_events_deduplicated": 0.0,
        "coverage": 0.0,
        "identifiers": {"email": 100.0, "user_agent": 100.0},
    }


def test_the_command_alone_lists_what_is_configured(folder):
    [row] = folder.run("destinations", "--json").json["rows"]
    assert (row["destination"], row["dataset_id"]) == ("main", DATASET)


def test_an_unknown_destination_is_wrong_use(folder):
    ran = folder.run("destinations", "check", "--destination", "mian")
    assert (ran.code, ran.err) == (2, "there is no destination mian")


def test_check_live_asks_meta_about_every_token(started):
    folder, _ = started(expired_tokens=[TOKEN])
    (folder.path / "mappings").mkdir()
    ran = folder.run("check", "--live", "--json")
    assert ran.code == 1
    assert [f["code"] for f in ran.json["findings"]] == ["token_invalid"]


def test_check_live_warns_of_a_token_that_ends_soon(started):
    folder, _ = started(token_expires_at=datetime.now(UTC).replace(microsecond=0))
    (folder.path / "mappings").mkdir()
    ran = folder.run("check", "--live", "--json")
    assert (ran.code, [f["code"] for f in ran.json["findings"]]) == (0, ["token_expires"])


@pytest.mark.parametrize("token", ["EAAB…", "EAAB...", "<your token>", "EAAB xyz"])
def test_a_token_that_was_never_filled_in_is_an_error(folder, token):
    folder.settings(f"destinations: {{main: {{dataset_id: 1234567890123456, access_token: '{token}'}}}}\n")
    ran = folder.run("check", "--json")
    assert ran.code == 1
    assert [(f["code"], f["path"]) for f in ran.json["findings"]] == [
        ("wrong_type", "$.destinations.main.access_token")
    ]
    assert token not in ran.out


def test_the_proof_is_the_hmac_of_the_token():
    # printf token | openssl dgst -sha256 -hmac secret
    expected = "e941110e3d2bfe82621f0e3e1434730d7305d106c5f68c87165d0b27a4611a4a"
    assert Destination("main", "1", "token", app_secret="secret").appsecret_proof == expected
    assert Destination("main", "1", "token").appsecret_proof is None
