"""A secret key that was lost or changed is an error at start, before anything is made in its place."""

from __future__ import annotations

import pytest

from bridge.errors import CannotOpen
from bridge.wsgi import create_app

SETTINGS = """\
graph_url: http://127.0.0.1:9
destinations: {main: {dataset_id: 1234567890123456, access_token: meta-token}}
"""


@pytest.fixture(name="changed")
def changed_fixture(stored):
    """A folder whose stored webhooks were encrypted with a key that is not there any more."""
    stored.settings(SETTINGS)
    return stored


def test_a_worker_does_not_start_and_makes_no_new_key(changed):
    ran = changed.run("worker", "--once")
    assert ran.code == 3
    assert "encrypted with a secret key that is not configured" in ran.err
    assert list(changed.path.rglob("secret.key")) == []


def test_a_worker_starts_when_the_loss_is_accepted_and_later_without_a_word(changed):
    assert changed.run("worker", "--once", "--accept-new-key").code == 0
    assert changed.run("worker", "--once").code == 0
    assert "secret_key_missing" not in changed.run("check", "--format", "json").out
    assert changed.run("events", "replay", "--status", "held", "--json").json == {"cannot_open": 1}


def test_a_key_that_is_lost_after_another_was_accepted_is_an_error_again(changed):
    assert changed.run("worker", "--once", "--accept-new-key").code == 0
    changed.settings(SETTINGS + "keys: {secret: [a-third-secret-for-the-tests]}\n")
    assert changed.run("worker", "--once").code == 3


def test_neither_does_another_server_start(changed):
    with pytest.raises(CannotOpen, match="secret key that is not configured"):
        create_app(changed.path / "bridge.yaml")
    assert changed.run("worker", "--once", "--accept-new-key").code == 0
    assert create_app(changed.path / "bridge.yaml").test_client().get("/healthz").status_code == 200


def test_check_says_so_too(changed):
    ran = changed.run("check", "--format", "json")
    errors = [
        finding["code"]
        for finding in ran.json["findings"]
        if finding["code"] not in {"unset_secret", "no_sample", "no_origins"}
    ]
    assert (ran.code, errors) == (1, ["secret_key_missing"])


def test_the_old_key_behind_the_new_one_is_enough(changed):
    keys = "keys: {secret: [a-new-secret-for-the-tests, a-secret-for-the-tests]}\n"
    changed.settings(SETTINGS + keys)
    assert "secret_key_missing" not in changed.run("check", "--format", "json").out
    assert changed.run("events", "replay", "--status", "held", "--json").json == {"still_held": 1}


def test_a_replay_counts_what_it_cannot_decrypt_and_says_what_to_do(changed):
    ran = changed.run("events", "replay", "--status", "held", "--json")
    assert (ran.code, ran.json) == (1, {"cannot_open": 1})
    assert "1 webhook cannot be decrypted" in ran.err


def test_readyz_says_so(changed, start):
    web = start(settings=SETTINGS, environment={"LEAD_SECRET": "s"})
    reasons = web.client.get("/readyz").json["reasons"]
    assert [(reason["level"], reason["code"]) for reason in reasons] == [("degrades", "secret_key_missing")]
