"""From a finished translation to what the outbox stores: one entry for each event and destination."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bridge.errors import UnreadableBody
from bridge.finding import Finding
from bridge.ingest.persons import erasure_job
from bridge.mapping import CompiledMapping
from bridge.meta_spec.spec import MetaSpec
from bridge.mode import DEMO_DATASET_ID, TEST_CODE_MAX_LENGTH, is_test_code
from bridge.models import Event, Request, Translation
from bridge.outbox import NewEvent, NewJob, NewWebhook
from bridge.outbox.records import NewFetch, NewStatus
from bridge.serialization import encode
from bridge.settings import DEFAULT_GIVE_UP, Settings
from bridge.validate import accepted_until

_STATUS: dict[str, NewStatus] = {
    "ready": "waiting",
    "fetching": "fetching",
    "held": "held",
    "skipped": "skipped",
    "suppressed": "suppressed",
}
HELD_BY_AN_ERROR = Finding(
    "error",
    "internal_fault",
    "the bridge could not translate this webhook because of an error of its own",
    "the webhook is kept as it came: replay it once the error is fixed",
)


def new_webhook(  # noqa: PLR0913 - what is stored comes from all of these
    translation: Translation,
    request: Request,
    settings: Settings,
    spec: MetaSpec,
    *,
    request_id: str,
    repeat_window_seconds: int,
    test_event_code: str | None = None,
) -> NewWebhook:
    """Return a webhook with everything it became, ready to be stored.

    One that only asks to erase somebody is no repeat of an earlier one: the person may have come back since.
    """
    events = new_events(translation, settings, spec, request.received_at, test_event_code)
    only_erases = translation.erasure is not None and not events
    return NewWebhook(
        mapping=translation.mapping,
        revision=translation.revision,
        repeat_key=None if only_erases else translation.repeat_key,
        repeat_window_seconds=repeat_window_seconds,
        received_at=request.received_at,
        request=request,
        request_id=request_id,
        events=events,
        fetch=new_fetch(translation, settings, request.received_at),
        job=erasure_asked_by(translation),
    )


def erasure_asked_by(translation: Translation) -> NewJob | None:
    """Return the job that erases whom a webhook asks to erase."""
    erasure = translation.erasure
    if erasure is None:
        return None
    asked_by = f"mapping {translation.mapping}"
    return erasure_job(erasure.identifiers, asked_by, erasure.destination, never_send=erasure.never_send)


def new_fetch(
    translation: Translation, settings: Settings, since: datetime, *, anew: bool = False
) -> NewFetch | None:
    """Return what is to be fetched for a webhook first; None when all of its events are decided.

    Its time runs from `since`; with `anew`, no answer that is still in memory will do.
    """
    if not translation.calls:
        return None
    source = translation.calls[0].source
    known = settings.sources.get(source)
    return NewFetch(source, since + (known.give_up if known else DEFAULT_GIVE_UP), anew)


def new_events(
    translation: Translation,
    settings: Settings,
    spec: MetaSpec,
    now: datetime,
    test_event_code: str | None = None,
) -> tuple[NewEvent, ...]:
    """Return what is to be stored for a webhook.

    A test code given here (by the sender of this webhook, or by the mapping's file) wins over the one
    set for the mapping in the settings, and that over the destination's own.
    """
    code = checked_test_code(test_event_code) or code_of_hook(settings, translation.mapping, now)
    return tuple(
        _new_event(event, name, settings, spec, code or code_of_destination(settings, name, now), now)
        for event in translation.events
        for name in event.send_to
    )


def checked_test_code(code: str | None) -> str | None:
    """Return the test code a sender asked for; raise UnreadableBody when it cannot be one."""
    if code and not is_test_code(code):
        raise UnreadableBody(
            f"test_event_code is not a code of at most {TEST_CODE_MAX_LENGTH} letters and digits",
            code="bad_test_event_code",
            fix="copy the code from Test Events in Events Manager",
        )
    return code


def code_of_hook(settings: Settings, mapping: str, now: datetime) -> str | None:
    """Return the active test code of one mapping."""
    code = settings.hook(mapping).test_event_code
    return code.at(now) if code else None


def code_of_destination(settings: Settings, name: str, now: datetime) -> str | None:
    """Return the active test code of one destination."""
    destination = settings.destinations.get(name)
    code = destination.test_event_code if destination else None
    return code.at(now) if code else None


def translation_after_a_fault(mapping: CompiledMapping, request: Request) -> Translation:
    """Return a translation that holds a webhook which the bridge could not translate."""
    event = Event("", "held", None, mapping.undecided, (HELD_BY_AN_ERROR,), HELD_BY_AN_ERROR.message)
    return Translation(mapping.name, mapping.revision, hashlib.sha256(request.body).digest(), (event,))


def _new_event(  # noqa: PLR0913, PLR0917 - what is stored comes from all of these
    event: Event, destination: str, settings: Settings, spec: MetaSpec, code: str | None, now: datetime
) -> NewEvent:
    data = event.data or {}
    event_time = _whole(data, "event_time")
    held_at = int(now.timestamp()) if event.data is None and event.verdict in {"held", "fetching"} else 0
    return NewEvent(
        status=_STATUS[event.verdict],
        destination=destination,
        dataset_id=_dataset(settings, destination),
        event_name=str(data.get("event_name", "")),
        event_id=str(data.get("event_id", "")),
        event_time=event_time or held_at,
        body=None if event.data is None else encode(data),
        test_event_code=code,
        reason=event.reason,
        findings=event.findings,
        match_score=event.match.score if event.match else None,
        score_without_visit=event.match.without_visit if event.match else None,
        accepted_until=accepted_until(data, spec) if event_time else None,
        label=event.label,
        consent=event.consent,
    )


def _dataset(settings: Settings, name: str) -> str:
    destination = settings.destinations.get(name)
    if destination is not None:
        return destination.dataset_id
    return DEMO_DATASET_ID if settings.demo else ""


def _whole(data: Mapping[str, Any], key: str) -> int:
    value = data.get(key, 0)
    return value if isinstance(value, int) else 0
