"""`fbc` from a click id, where there is no cookie: which click id, and when the ad was clicked."""

from __future__ import annotations

from typing import Any, Final

from bridge.coerce.dates import read_time
from bridge.models import Draft
from bridge.normalize.context import ValueDropped
from bridge.normalize.findings import Findings
from bridge.normalize.ids import click_id, click_id_in
from bridge.normalize.scalars import text_from
from bridge.normalize.user_data import text_of_virtual

_URLS: Final = ("event_source_url", "referrer_url")
_DAY: Final = 86_400
_FBC: Final = "user_data.fbc"


def fill_click_id(event: dict[str, Any], draft: Draft, now_seconds: int, findings: Findings) -> None:
    """Build fbc from the mapped click id, or from the one in a URL, when there is no cookie.

    The documented form is fb.1.<milliseconds>.<click id>, with the time at which the click was first seen:
    that of the click when it is mapped, else the nearest known one, that of the event.
    https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/fbp-and-fbc
    """
    user_data, event_time = event["user_data"], event.get("event_time")
    if "fbc" in user_data or type(event_time) is not int:
        return
    given = draft.fields["user_data"]
    mapped = _mapped_click_id(given.get("fbclid"), findings)
    found = mapped or _first_click_id(draft.fields)
    if found is None:
        return
    clicked = _time_of_click(given.get("clicked_at"), draft, findings) if mapped else None
    if mapped and clicked is None and _may_be_long_after(event, now_seconds - event_time):
        findings.add("click_time_assumed", _FBC)
    user_data["fbc"] = f"fb.1.{(event_time if clicked is None else clicked) * 1000}.{found}"
    if findings.trace is not None:
        findings.trace.step(_FBC, _built_from(clicked, draft), user_data["fbc"])


def _mapped_click_id(value: Any, findings: Findings) -> str | None:
    text = text_of_virtual(value, "user_data.fbclid", findings) if value is not None else None
    try:
        return click_id(text) if text is not None else None
    except ValueDropped as reason:
        findings.add_dropped("user_data.fbclid", reason)
        return None


def _first_click_id(fields: dict[str, Any]) -> str | None:
    for name in _URLS:
        url = fields.get(name)
        found = click_id_in(url) if type(url) is str else None
        if found:
            return found
    return None


def _time_of_click(value: Any, draft: Draft, findings: Findings) -> int | None:
    """Read the time of the click; one that cannot be read is reported, an empty one is none."""
    if type(value) is list:
        value = value[0] if value else None
    if value is None:
        return None
    seconds = read_time(value, draft.settings.date_format, draft.settings.timezone)
    if seconds is None:
        try:
            text_from(value, findings.spec)
        except ValueDropped as reason:
            findings.add_dropped("user_data.clicked_at", reason)
        else:
            findings.add("click_time_unreadable", "user_data.clicked_at")
    return seconds


def _may_be_long_after(event: dict[str, Any], age_seconds: int) -> bool:
    """Say whether the event may lie days or weeks behind the click: one of a CRM, or an old one."""
    return age_seconds > _DAY or event.get("action_source") == "system_generated"


def _built_from(clicked: int | None, draft: Draft) -> str:
    if clicked is not None:
        return "built from the click id and the time of the click"
    if "event_time" in draft.positions:
        return "built from the click id and the event's time, as the time of the click is not known"
    return "built from the click id and the time of receipt, as the time of the click is not known"
