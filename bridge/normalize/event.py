"""A whole draft: every field of an event read and cleaned."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from bridge.explain.trace import Trace
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Draft, Finding
from bridge.normalize.context import ValueDropped
from bridge.normalize.custom_data import clean_custom_data
from bridge.normalize.event_fields import READERS
from bridge.normalize.findings import Notes
from bridge.normalize.user_data import clean_user_data, fill_click_id

_BLOCKS: Final = frozenset({"user_data", "custom_data"})


def normalize(
    draft: Draft, spec: MetaSpec, now: datetime, trace: Trace | None = None
) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """Return the event as it would be sent, cleaned and hashed, and what was left out or changed.

    Never raises, whatever stands in the draft. What is missing is not the business of this step: validation
    tells. With a trace each cleaning step is written down.
    """
    notes = Notes(spec, draft.positions, trace)
    now_seconds = int(now.timestamp())
    event = _single_fields(draft, now_seconds, notes)
    people, custom = draft.fields.get("user_data"), draft.fields.get("custom_data")
    if isinstance(people, dict):
        event["user_data"] = _user_data(people, draft, event.get("event_time"), now_seconds, notes)
    elif people is not None:
        notes.found("not_an_object", "user_data")
    if custom is not None and (sent := clean_custom_data(custom, draft.settings, notes)):
        event["custom_data"] = sent
    return event, tuple(notes.findings)


def _single_fields(draft: Draft, now_seconds: int, notes: Notes) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for key, value in draft.fields.items():
        reader = READERS.get(key)
        if reader is None:
            if key not in _BLOCKS:
                notes.unknown_key("", key)
        elif value is not None:
            try:
                event[key] = reader(value, key, draft.settings, now_seconds, notes)
            except ValueDropped as reason:
                notes.dropped(key, reason)
    return event


def _user_data(
    people: dict[str, Any], draft: Draft, event_time: Any, now_seconds: int, notes: Notes
) -> dict[str, Any]:
    sent = clean_user_data(people, draft.settings, now_seconds, notes)
    addresses = (draft.fields.get("event_source_url"), draft.fields.get("referrer_url"))
    fill_click_id(sent, people, addresses, event_time, notes)
    return sent
