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
from bridge.normalize.findings import Findings
from bridge.normalize.user_data import clean_user_data, fill_click_id

_BLOCKS: Final = frozenset({"user_data", "custom_data"})


def normalize(
    draft: Draft, spec: MetaSpec, now: datetime, trace: Trace | None = None
) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """Return the event as it would be sent, cleaned and hashed, and what was left out or changed.

    Never raises, whatever the draft holds. A missing field is not reported here but by validation. With a
    trace each cleaning step is written down.
    """
    findings = Findings(spec, draft.positions, trace)
    now_seconds = int(now.timestamp())
    event = _single_fields(draft, now_seconds, findings)
    user_data, custom_data = draft.fields.get("user_data"), draft.fields.get("custom_data")
    if isinstance(user_data, dict):
        event["user_data"] = _cleaned_user_data(
            user_data, draft, event.get("event_time"), now_seconds, findings
        )
    elif user_data is not None:
        findings.add("not_an_object", "user_data")
    if custom_data is not None and (sent := clean_custom_data(custom_data, draft.settings, findings)):
        event["custom_data"] = sent
    return event, tuple(findings.collected)


def _single_fields(draft: Draft, now_seconds: int, findings: Findings) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for key, value in draft.fields.items():
        reader = READERS.get(key)
        if reader is None:
            if key not in _BLOCKS:
                findings.add_unknown_key("", key)
        elif value is not None:
            try:
                event[key] = reader(value, key, draft.settings, now_seconds, findings)
            except ValueDropped as reason:
                findings.add_dropped(key, reason)
    return event


def _cleaned_user_data(
    given: dict[str, Any], draft: Draft, event_time: Any, now_seconds: int, findings: Findings
) -> dict[str, Any]:
    sent = clean_user_data(given, draft.settings, now_seconds, findings)
    urls = (draft.fields.get("event_source_url"), draft.fields.get("referrer_url"))
    fill_click_id(sent, given, urls, event_time, findings)
    return sent
