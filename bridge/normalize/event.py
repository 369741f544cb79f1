"""A whole draft: every field of an event read and cleaned."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from bridge.explain.trace import Trace
from bridge.finding import Finding
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Draft
from bridge.normalize.click_id import fill_click_id
from bridge.normalize.context import ValueDropped
from bridge.normalize.custom_data import clean_custom_data
from bridge.normalize.event_fields import READERS, FieldPlace
from bridge.normalize.findings import Findings
from bridge.normalize.user_data import clean_user_data
from bridge.privacy.phone_numbers import mapped_phones

_BLOCKS: Final = frozenset({"user_data", "custom_data"})


def normalize(
    draft: Draft, spec: MetaSpec, now: datetime, trace: Trace | None = None
) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """Return the event as it would be sent, cleaned and hashed, and what was left out or changed.

    Never raises, whatever the draft holds. A missing field is not reported here but by validation. With a
    trace each cleaning step is written down.
    """
    user_data, custom_data = draft.fields.get("user_data"), draft.fields.get("custom_data")
    findings = Findings(spec, draft.positions, trace, _phones(user_data))
    now_seconds = int(now.timestamp())
    event = _single_fields(draft, now_seconds, findings)
    if isinstance(user_data, dict):
        event["user_data"] = clean_user_data(user_data, draft.settings, now_seconds, findings)
        fill_click_id(event, draft, now_seconds, findings)
    elif user_data is not None:
        findings.add("not_an_object", "user_data")
    if "event_id" not in event and draft.made_event_id is not None and not has_a_browser_twin(event):
        event["event_id"] = draft.made_event_id
    if custom_data is not None and (sent := clean_custom_data(custom_data, draft.settings, findings)):
        event["custom_data"] = sent
    return event, tuple(findings.collected)


def has_a_browser_twin(event: dict[str, Any]) -> bool:
    """Say whether Meta may match this event with the pixel's by person, as it does where no event_id is sent.

    An id that only the server knows would turn that off.
    https://developers.facebook.com/docs/marketing-api/conversions-api/deduplicate-pixel-and-server-events
    """
    user_data = event.get("user_data", ())
    return event.get("action_source") == "website" and ("fbp" in user_data or "external_id" in user_data)


def _phones(user_data: Any) -> tuple[str, ...]:
    phone = (user_data.get("ph") or user_data.get("phone")) if isinstance(user_data, dict) else None
    return mapped_phones(phone) if phone else ()


def _single_fields(draft: Draft, now_seconds: int, findings: Findings) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for key, value in draft.fields.items():
        reader = READERS.get(key)
        if reader is None:
            if key not in _BLOCKS:
                findings.add_unknown_key("", key)
        elif value is not None:
            try:
                event[key] = reader(value, FieldPlace(key, draft.settings, now_seconds, findings))
            except ValueDropped as reason:
                findings.add_dropped(key, reason)
    return event
