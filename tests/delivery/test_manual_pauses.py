"""A pause as it is told: what is paused, why, and until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bridge.delivery.manual_pauses import pause_as_json, pause_destination, resume_destination
from bridge.outbox import Pause
from bridge.settings import Destination

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MAIN = Destination("main", "123", "token")


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("destination:main:123", {"destination": "main", "source": None, "dataset_id": "123"}),
        ("dataset:123", {"destination": None, "source": None, "dataset_id": "123"}),
        ("source:crm", {"destination": None, "source": "crm", "dataset_id": None}),
    ],
)
def test_a_pause_says_what_is_paused(scope, told):
    pause = Pause(scope, "circuit", NOW + timedelta(hours=2), 1, "the token has expired", NOW)
    assert pause_as_json(pause) == {
        "scope": scope,
        **told,
        "kind": "circuit",
        "reason": "the token has expired",
        "since": "2026-11-21T12:00:00+00:00",
        "until": "2026-11-21T14:00:00+00:00",
    }


@pytest.mark.parametrize(
    ("because", "reason"),
    [
        pytest.param("  a new token ", "paused by a person: a new token", id="with a reason"),
        pytest.param(" ", "paused by a person", id="without one"),
        pytest.param("x" * 600, "paused by a person: " + "x" * 500, id="a very long one"),
    ],
)
def test_a_person_pauses_a_destination_and_resumes_it_once(outbox, because, reason):
    pause = pause_destination(outbox, MAIN, timedelta(hours=1), because, NOW)
    assert (pause.reason, pause.until, pause.since) == (reason, NOW + timedelta(hours=1), NOW)
    assert (resume_destination(outbox, MAIN), resume_destination(outbox, MAIN)) == (True, False)
