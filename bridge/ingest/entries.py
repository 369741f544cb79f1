"""From a finished translation to what the outbox stores: one entry for each event and destination."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bridge.mapping import CompiledMapping
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Event, Finding, Request, Translation
from bridge.outbox import NewEvent, NewWebhook
from bridge.outbox.records import NewStatus
from bridge.serialization import encode
from bridge.settings import Settings
from bridge.validate import accepted_until

_STATUS: dict[str, NewStatus] = {
    "ready": "waiting",
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
    """Return a webhook with everything it became, ready to be stored."""
    events = new_events(translation, settings, spec, request.received_at, test_event_code)
    return NewWebhook(
        mapping=translation.mapping,
        revision=translation.revision,
        repeat_key=translation.repeat_key,
        repeat_window_seconds=repeat_window_seconds,
        received_at=request.received_at,
        request=request,
        request_id=request_id,
        events=events,
    )


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
    code = test_event_code or code_of_hook(settings, translation.mapping, now)
    return tuple(
        _new_event(event, name, settings, spec, code or code_of_destination(settings, name, now))
        for event in translation.events
        for name in event.send_to
    )


def code_of_hook(settings: Settings, mapping: str, now: datetime) -> str | None:
    """Return the active test code of one mapping."""
    code = settings.hook(mapping).test_event_code
    return code.at(now) if code else None


def code_of_destination(settings: Settings, name: str, now: datetime) -> str | None:
    """Return the active test code of one destination."""
    destination = settings.destinations.get(name)
    code = destination.test_event_code if destination else None
    return code.at(now) if code else None


def held_by_an_error(
    mapping: CompiledMapping, settings: Settings, now: datetime, test_event_code: str | None = None
) -> tuple[NewEvent, ...]:
    """Return events that hold a webhook whose translation failed."""
    code = test_event_code or code_of_hook(settings, mapping.name, now)
    event = Event("", "held", None, mapping.send_to, (HELD_BY_AN_ERROR,), HELD_BY_AN_ERROR.message)
    return tuple(
        _without_data(
            event, name, settings, int(now.timestamp()), code or code_of_destination(settings, name, now)
        )
        for name in mapping.send_to
    )


def _new_event(
    event: Event, destination: str, settings: Settings, spec: MetaSpec, code: str | None
) -> NewEvent:
    data = event.data
    if data is None:
        return _without_data(event, destination, settings, 0, code)
    return NewEvent(
        status=_STATUS[event.verdict],
        destination=destination,
        dataset_id=_dataset(settings, destination),
        event_name=str(data.get("event_name", "")),
        event_id=str(data.get("event_id", "")),
        event_time=_whole(data, "event_time"),
        body=encode(data),
        test_event_code=code,
        reason=event.reason,
        findings=event.findings,
        match_score=event.match.score if event.match else None,
        accepted_until=accepted_until(data, spec) if _whole(data, "event_time") else None,
        label=event.label,
    )


def _without_data(
    event: Event, destination: str, settings: Settings, event_time: int, code: str | None
) -> NewEvent:
    return NewEvent(
        status=_STATUS[event.verdict],
        destination=destination,
        dataset_id=_dataset(settings, destination),
        event_name="",
        event_id="",
        event_time=event_time,
        body=None,
        test_event_code=code,
        reason=event.reason,
        findings=event.findings,
        match_score=None,
        accepted_until=None,
        label=event.label,
    )


def _dataset(settings: Settings, name: str) -> str:
    destination = settings.destinations.get(name)
    return destination.dataset_id if destination else ""


def _whole(data: Mapping[str, Any], key: str) -> int:
    value = data.get(key, 0)
    return value if isinstance(value, int) else 0
