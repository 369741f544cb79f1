"""What one page reports: the body of a beacon, every part of it checked by its form and bounded in length.

A part of another form is left out, as if the page had not sent it: anybody can send a beacon.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import orjson

from bridge.errors import UnreadableBody
from bridge.mapping.language.visit_words import CAMPAIGN, CLICK_IDS

_MOST_CHARACTERS = 500
_MOST_ITEMS = 100
_MOST_LEVELS = 4
_CLOCK_TOLERANCE = timedelta(minutes=5)
_AMOUNTS = frozenset({"value", "currency", "predicted_ltv"})


class PageEvent(NamedTuple):
    """One event of a page; `data` are its properties as the page gave them."""

    name: str
    id: str | None
    time: datetime
    data: Mapping[str, Any]

    def without_amounts(self) -> PageEvent:
        """Return the same event without what it says about money."""
        return self._replace(data={name: value for name, value in self.data.items() if name not in _AMOUNTS})


class Beacon(NamedTuple):
    """What one page reported. `host` is where the script could set cookies; None when it could not."""

    is_granted: bool
    source: str
    decided_at: datetime
    visitor_id: str | None
    host: str | None
    page: str | None
    fbc: str | None
    fbp: str | None
    first: Mapping[str, str]
    last: Mapping[str, str]
    event: PageEvent | None


def _matching(pattern: str) -> Callable[[Any], str | None]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: value if isinstance(value, str) and compiled.fullmatch(value) else None


visitor_id = _matching(r"[0-9a-f]{32}")
_host = _matching(r"[a-z0-9.-]{1,253}")
_url = _matching(r"https?://[!-~]{1,2000}")
_fbc = _matching(r"fb\.[0-9]{1,2}\.[0-9]{1,16}\.[!-~]{1,600}")
_fbp = _matching(r"fb\.[0-9]{1,2}\.[0-9]{1,16}\.[0-9]{1,20}(\.[A-Za-z0-9_-]{1,8})?")
_click_id = _matching(r"[!-~]{1,500}")
_source = _matching(r"[a-z]{1,20}")


def _text(value: Any) -> str | None:
    return value.strip()[:_MOST_CHARACTERS] or None if isinstance(value, str) else None


_TOUCH: Mapping[str, Callable[[Any], str | None]] = {
    "landing_page": _url,
    "referrer": _url,
    **dict.fromkeys(("fbclid", *CLICK_IDS), _click_id),
    **dict.fromkeys(CAMPAIGN, _text),
}


def read_beacon(body: bytes, now: datetime) -> Beacon:
    """Return what a page reports. Raises UnreadableBody for what no page with the script sends."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableBody("the body is not JSON") from error
    if not isinstance(given, dict) or not isinstance(given.get("granted"), bool):
        fix = "load the script and call capi.consent(true) or capi.consent(false)"
        raise UnreadableBody("the body does not say whether the visitor consents", fix=fix)
    return Beacon(
        is_granted=given["granted"],
        source=_source(given.get("source")) or "page",
        decided_at=_moment(given.get("decided_at"), now) or now,
        visitor_id=visitor_id(given.get("visitor_id")),
        host=_host(given.get("host")),
        page=_url(given.get("page")),
        fbc=_fbc(given.get("fbc")),
        fbp=_fbp(given.get("fbp")),
        first=_touch(given.get("first")),
        last=_touch(given.get("last")),
        event=_event(given, now),
    )


def _touch(given: Any) -> dict[str, str]:
    if not isinstance(given, dict):
        return {}
    read = {name: form(given.get(name)) for name, form in _TOUCH.items()}
    return {name: value for name, value in read.items() if value}


def _event(given: Mapping[str, Any], now: datetime) -> PageEvent | None:
    name = _text(given.get("event_name"))
    if name is None:
        return None
    time = _moment(given.get("event_time"), now)
    if time is None or abs(time - now) > _CLOCK_TOLERANCE:
        time = now  # the clock of the device is wrong
    data = given.get("data")
    return PageEvent(
        name, _text(given.get("event_id")), time, _bounded(data) if isinstance(data, dict) else {}
    )


def _moment(milliseconds: Any, now: datetime) -> datetime | None:
    """Return a moment that a device names, but none in the future."""
    if type(milliseconds) not in {int, float} or not 0 < milliseconds < now.timestamp() * 1000 + 1:
        return None
    return datetime.fromtimestamp(milliseconds // 1000, UTC)


def _bounded(value: Any, levels: int = _MOST_LEVELS) -> Any:
    """Return a value with its texts, lists and levels cut to what an event needs."""
    inner = partial(_bounded, levels=levels - 1)
    if isinstance(value, str):
        return value[:_MOST_CHARACTERS]
    if isinstance(value, dict):
        items = list(value.items())[:_MOST_ITEMS] if levels else []
        return {name[:_MOST_CHARACTERS]: inner(item) for name, item in items}
    if isinstance(value, list):
        return [inner(item) for item in value[:_MOST_ITEMS]] if levels else []
    return value
