"""What is usual for a source, and what is not: its held share, its silence, its fields, its token."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.bootstrap import open_mappings
from bridge.delivery.process import snapshot
from bridge.finding import Finding
from bridge.monitoring.mapping_health import Concern, concerns
from bridge.outbox import ErasureRequest, NewEvent, NewJob, NewWebhook, Outbox
from bridge.settings import Settings, load_settings

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)  # a Saturday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FULL = {"user_data": {"em": ["h"], "ph": ["h"]}, "custom_data": {"value": 1}}


@pytest.fixture
def store(outbox: Outbox) -> Outbox:
    return outbox


@pytest.fixture
def settings(tmp_path: Path) -> Callable[[str], Settings]:
    def load(text: str = "") -> Settings:
        destination = "destinations: {main: {dataset_id: 1, access_token: t}}\n"
        (tmp_path / "bridge.yaml").write_text(destination + text if "destinations" not in text else text)
        return load_settings(None, {}, folder=tmp_path)

    return load


def webhooks(
    moments: Iterable[datetime],
    *,
    mapping: str = "lead",
    held: bool = False,
    event: object = FULL,
    score: int | None = None,
) -> list[NewWebhook]:
    status = "held" if held else "waiting"
    made = NewEvent(status, "main", "1", "Lead", None, 0, json.dumps(event).encode(), match_score=score)
    return [NewWebhook(mapping, "r", None, 0, moment, None, "request", (made,)) for moment in moments]


def every(step: timedelta, start: datetime, end: datetime) -> list[datetime]:
    return [start + number * step for number in range(int((end - start) / step))]


def kinds(store: Outbox, settings: Settings, *names: str) -> list[tuple[str, str]]:
    return [(one.kind, one.about) for one in concerns(store, settings, names or ("lead",), NOW)]


def test_nothing_at_all_is_nothing_unusual(store, settings):
    assert concerns(store, settings(), ["lead", "never"], NOW) == []


@pytest.mark.parametrize(
    ("good", "held", "text", "is_told"),
    [
        pytest.param(20, 4, "", False, id="under the share"),
        pytest.param(20, 6, "", True, id="over it"),
        pytest.param(2, 2, "", False, id="too few to tell"),
        pytest.param(0, 5, "", True, id="nothing but held ones"),
        pytest.param(
            20, 6, "hooks: {lead: {alerts: {held_share: 50%}}}\n", False, id="fine for this mapping"
        ),
        pytest.param(20, 3, "alerts: {held_share: 5%}\n", True, id="a stricter share for all"),
    ],
)
def test_the_held_share_of_the_last_webhooks_is_watched(store, settings, good, held, text, is_told):
    store.add_all(webhooks([NOW] * good) + webhooks([NOW] * held, held=True))
    assert kinds(store, settings(text)) == ([("held_share", "lead")] if is_told else [])


def test_what_was_repaired_is_held_no_more(store, settings):
    store.add_all(webhooks([NOW] * 10, held=True))
    [told] = concerns(store, settings(), ["lead"], NOW)
    assert told == Concern("held_share", "lead", "lead: 10 of the last 10 webhooks are held")
    store.discard([record.id for record in store.find(_all())], "tests", NOW)
    assert concerns(store, settings(), ["lead"], NOW) == []


def _all():
    from bridge.outbox import Query

    return Query()


BUSY = every(HOUR / 2, NOW - 20 * DAY, NOW - 8 * HOUR)
OFFICE = [moment for moment in BUSY if moment.weekday() < 5 and 8 <= moment.hour < 18]


@pytest.mark.parametrize(
    ("moments", "text", "is_told"),
    [
        pytest.param(BUSY, "", True, id="busy at all hours, now quiet for eight"),
        pytest.param(OFFICE, "", False, id="an office on its Saturday"),
        pytest.param(every(HOUR / 2, NOW - 20 * DAY, NOW - 5 * HOUR), "", False, id="quiet for five hours"),
        pytest.param(every(HOUR / 2, NOW - 20 * DAY, NOW - 3 * DAY), "", True, id="quiet for three days"),
        pytest.param(every(HOUR / 2, NOW - 3 * DAY, NOW - 8 * HOUR), "", True, id="in its first week"),
        pytest.param(every(2 * DAY, NOW - 20 * DAY, NOW - 3 * DAY), "", False, id="seldom anyway"),
        pytest.param(BUSY, "hooks: {lead: {alerts: {silent_after: 12h}}}\n", False, id="more patience"),
        pytest.param(BUSY, "alerts: {silent_after: 0s}\n", False, id="silence is fine"),
    ],
)
def test_a_source_that_fell_silent_is_told_by_its_own_usual_rate(store, settings, moments, text, is_told):
    store.add_all(webhooks(moments))
    assert kinds(store, settings(text)) == ([("silent", "lead")] if is_told else [])


def test_a_silent_source_is_found_behind_many_webhooks_of_others(store, settings):
    store.add_all(webhooks(BUSY))
    for _ in range(6):
        store.add_all(webhooks([NOW] * 1000, mapping="busy"))
    assert kinds(store, settings(), "lead", "busy") == [("silent", "lead")]


@pytest.mark.parametrize(
    ("before", "after", "text", "told"),
    [
        pytest.param(FULL, FULL, "", [], id="all is there"),
        pytest.param(
            FULL, {"user_data": {"em": ["h"]}}, "", ["custom_data.value", "user_data.ph"], id="renamed"
        ),
        pytest.param(FULL, {}, "alerts: {missing_fields: no}\n", [], id="not watched"),
        pytest.param(FULL, {}, "hooks: {lead: {alerts: {missing_fields: no}}}\n", [], id="not watched here"),
    ],
)
def test_a_field_that_stopped_arriving_is_told(store, settings, before, after, text, told):
    store.add_all(webhooks([NOW - HOUR] * 30, event=before) + webhooks([NOW] * 20, event=after))
    found = concerns(store, settings(text), ["lead"], NOW)
    assert [one.text for one in found] == [
        f"lead: {field} stopped arriving; none of the last 20 Lead events has it" for field in told
    ]


@pytest.mark.parametrize(
    ("before", "after", "text", "is_told"),
    [
        pytest.param((30, 80), (20, 75), "", False, id="about the same"),
        pytest.param((30, 80), (20, 45), "", True, id="an e-mail that stopped arriving"),
        pytest.param((30, 45), (20, 80), "", False, id="better"),
        pytest.param((10, 80), (20, 45), "", False, id="too few to compare with"),
        pytest.param((30, 80), (20, 75), "alerts: {match_drop: 5}\n", True, id="a bound of one's own"),
        pytest.param(
            (30, 80), (20, 45), "hooks: {lead: {alerts: {match_drop: 50}}}\n", False, id="for one mapping"
        ),
    ],
)
def test_a_match_strength_that_falls_is_told(store, settings, before, after, text, is_told):
    (number, score), (last, now) = before, after
    store.add_all(webhooks([NOW - HOUR] * number, score=score) + webhooks([NOW] * last, score=now))
    found = concerns(store, settings(text), ["lead"], NOW)
    said = f"lead: the match strength of Lead events fell from {score} to {now} of 100"
    assert [(one.kind, one.text) for one in found] == ([("match_strength", said)] if is_told else [])


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("2026-12-05", ["expires on 2026-12-05"]),
        ("2026-11-27", ["expired on 2026-11-27"]),
        ("2027-06-01", []),
    ],
)
def test_a_token_that_expires_soon_is_told(store, settings, day, words):
    destination = f"{{dataset_id: 1, access_token: t, token_expires: {day}T00:00:00Z}}"
    found = concerns(store, settings(f"destinations: {{main: {destination}}}\n"), [], NOW)
    assert [(one.kind, one.text) for one in found] == [
        ("token_expires", f"main: its access token {word}") for word in words
    ]


def test_a_request_that_a_person_has_to_answer_is_told_for_a_day(store, settings):
    finding = Finding("error", "needs_a_person", "a customer asks for a copy", "answer")
    held = NewEvent("held", "main", "1", "", None, 0, None, reason=finding.message, findings=(finding,))
    [webhook] = webhooks([NOW - HOUR], mapping="privacy", held=True)
    store.add(webhook._replace(events=(held,)))
    assert concerns(store, settings(), ["privacy"], NOW) == [
        Concern(
            "needs_a_person", "privacy: a customer asks for a copy", "privacy: a customer asks for a copy"
        )
    ]
    assert concerns(store, settings(), ["privacy"], NOW + DAY) == []


def test_an_erasure_that_failed_is_told_without_the_person(store, settings):
    request = ErasureRequest("mapping privacy", {"email": 1}).as_json()
    job = store.jobs.add(NewJob("erase", request, b"{}"), NOW)
    assert concerns(store, settings(), [], NOW) == []
    claimed = store.jobs.claim(NOW)
    assert claimed is not None
    store.jobs.fail(claimed, "broken", NOW)
    text = f"erasing a person failed (mapping privacy, {job.id}); erase them by hand"
    assert concerns(store, settings(), [], NOW) == [Concern("erasure_failed", job.id, text)]


# --- files that do not load -------------------------------------------------

GOOD = "version: 1\nevent_name: Lead\naction_source: website\nuser_data: {email: mail}\n"


def test_a_file_that_does_not_load_is_alerted_with_its_line_until_it_does(store, settings, tmp_path):
    folder = tmp_path / "mappings"
    folder.mkdir()
    (folder / "contact.yaml").write_text(GOOD)
    (folder / "lead.yaml").write_text(GOOD + " custom_data: {value: total}\n")
    configured = settings()
    mappings = open_mappings(configured, {})
    (folder / "contact.yaml").write_text(GOOD + "emial: x\n")
    mappings.refresh()

    def alerted() -> list[tuple[str, str, str]]:
        seen = snapshot(store, configured, mappings, NOW)
        return [(one.kind, one.about, one.text.partition(": line ")[2][:2]) for one in seen.concerns]

    assert alerted() == [("mapping_broken", "contact", "5:"), ("mapping_not_loaded", "lead", "5:")]

    (folder / "contact.yaml").write_text(GOOD)
    (folder / "lead.yaml").write_text(GOOD)
    mappings.refresh()
    assert alerted() == []
