"""The list of events: filters in the URL, every row a link, and actions on all that a filter means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bridge.errors import WrongUse
from bridge.ingest.replay import discard, remapping, replay
from bridge.mode import MODES
from bridge.outbox import STATUSES, Query
from bridge.web.console.pages import form, page, see_other, with_query
from bridge.web.console.viewers import Viewer
from bridge.web.context import AppContext
from bridge.web.events_api import query_from
from bridge.web.request import HttpRequest, query
from bridge.web.responses import Response

PAGE = 50
FILTERS = ("status", "mode", "mapping", "destination", "event_name", "event_id", "reason", "since", "until")
MOST_AT_ONCE = 1000
_DRIFT = 0.1  # a filter that means this share more or fewer events than were shown is asked about again
_HOME = "/console/events"


def show(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show a page of events, newest first."""
    given = query(request)
    asked = _asked(given)
    chosen = _query(context, viewer, {**asked, "before": given.get("before", "")}, PAGE)
    found = context.outbox().find(chosen)
    return page(
        context,
        viewer,
        "events.html",
        events=found,
        asked=asked,
        filled={name: asked.get(name, "") for name in FILTERS},
        statuses=STATUSES,
        modes=MODES,
        mappings=context.mappings.names(),
        destinations=[name for name in context.settings.destinations if viewer.sees(name)],
        older=with_query(_HOME, asked, before=found[-1].id) if len(found) == PAGE else "",
        is_first=not given.get("before"),
        done=given.get("done", ""),
    )


def ask_before(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show how many events a filter means, and the oldest of them, before something is done with all."""
    asked = _asked(query(request))
    action = query(request).get("action", "replay")
    chosen = _query(context, viewer, asked, MOST_AT_ONCE)
    number = context.outbox().count(chosen)
    oldest = context.outbox().ids(replace(chosen, limit=5))
    return page(
        context,
        viewer,
        "events_all.html",
        asked=asked,
        action=action,
        number=number,
        most=MOST_AT_ONCE,
        oldest=context.outbox().find(Query(ids=tuple(oldest))) if oldest else [],
    )


def do_all(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Send again, or discard, what the filter means: the filter itself, not what a page showed of it."""
    given = form(request)
    asked = _asked(given)
    if not asked:
        raise WrongUse("nothing says which events", fix="choose a filter first")
    chosen = _query(context, viewer, asked, MOST_AT_ONCE)
    _refuse_when_changed(context.outbox().count(chosen), given.get("number", ""))
    if given.get("action") == "discard":
        reason = given.get("because", "").strip()[:500] or "discarded by a person"
        done = f"{discard(context.outbox(), chosen, reason, context.now())} discarded"
    else:
        remap = remapping(context.settings, context.spec, context.mappings)
        done = described(replay(context.outbox(), chosen, remap, context.now()))
    return see_other(with_query(_HOME, asked, done=done))


def _refuse_when_changed(number: int, shown: str) -> None:
    if not shown.isascii() or not shown.isdigit():
        raise WrongUse("the number that was shown is missing", fix="go back and reload the page")
    if abs(number - int(shown[:12])) > _DRIFT * int(shown[:12]):
        raise WrongUse(
            f"the filter means {number:,} events now, and {int(shown[:12]):,} were shown",
            fix="go back, reload the page, and look again",
        )


WORDS = {
    "replayed": "will be sent again",
    "remapped": "mapped again and will be sent",
    "still_held": "still held",
    "unknown_mapping": "held: there is no mapping of that name now",
    "raw_gone": "cannot be mapped again: the webhook is no longer kept",
    "cannot_open": "cannot be decrypted with the keys that are set",
    "other_dataset": "belong to a dataset that is no longer configured",
    "too_old": "too old for Meta",
    "no_body": "have nothing to send",
    "duplicate": "are duplicates",
    "sending": "are being sent right now",
    "skipped": "were skipped on purpose",
    "suppressed": "have no consent",
}


def described(became: Any) -> str:
    """Return the result of a replay as a sentence."""
    parts = [f"{number:,} {WORDS.get(word, word)}" for word, number in became.items() if number]
    return ", ".join(parts) or "nothing was there to do"


def _asked(given: Any) -> dict[str, str]:
    return {name: text for name in FILTERS if (text := given.get(name, "").strip())}


def _query(context: AppContext, viewer: Viewer, asked: dict[str, str], limit: int) -> Query:
    chosen = query_from({**asked, "limit": limit}, context.now())
    return chosen if viewer.is_admin else replace(chosen, destinations=viewer.destinations)
