"""One event: what came in, what Meta gets, the way between, what Meta said, and what can be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from bridge.body.parse import parse
from bridge.delivery.meta_responses import classify_response
from bridge.errors import Refused
from bridge.explain.masking import mask
from bridge.fetch.kept_answers import kept_lookup
from bridge.ingest.replay import discard
from bridge.mapping import CompiledMapping
from bridge.models import Request, Verified
from bridge.outbox import Attempt, EventDetail, Query
from bridge.pipeline import translate
from bridge.serialization import encode_readable
from bridge.web.api.bulk_api import replayed
from bridge.web.api.events_api import event_detail, no_such_event
from bridge.web.console.active_mappings import active_mapping
from bridge.web.console.curl import curl_of
from bridge.web.console.earlier_mapping import ThenAndNow, then_and_now, what_would_change
from bridge.web.console.pages import form, page, see_other, with_query
from bridge.web.console.results import code_of, sentence_of
from bridge.web.console.viewers import Viewer
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, origin
from bridge.web.responses import Response

_MOST_UNUSED = 50
_FINAL = frozenset({"sent", "suppressed", "skipped", "discarded"})


class Shown(NamedTuple):
    """What can be said of a webhook that is still kept: its body, and why each field is what it is.

    `empty` are the mapped fields that it does not have, with what was probably meant. `changes` are the
    events that the mapping would make of it otherwise now.
    """

    body: str = ""
    explanation: Mapping[str, Any] | None = None
    unused: Sequence[Any] = ()
    empty: Sequence[Any] = ()
    problem: str = ""
    changes: Sequence[Mapping[str, Any]] = ()


def show(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show one event; what is personal is masked."""
    return _page(context, request, viewer, _detail(context, request, viewer))


def reveal(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show one event with what is personal in the clear, and log that somebody looked."""
    detail = _detail(context, request, viewer)
    context.log.info("revealed", request_id=request.id, stored_event=detail.event.id, peer=request.peer)
    return _page(context, request, viewer, detail, revealed=True)


def send_again(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Send the event again, mapped anew when it was held, and its records fetched anew when that is asked."""
    event = _detail(context, request, viewer).event
    again = form(request).get("fetch_again") == "yes"
    became = replayed(context, Query(ids=(event.id,), limit=1), fetch_again=again)
    return see_other(with_query(f"/console/events/{event.id}", {}, done=code_of(became)))


def give_up(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Discard the event, with a reason."""
    event = _detail(context, request, viewer).event
    reason = form(request).get("because", "").strip()[:500] or "discarded by a person"
    number = discard(context.outbox(), Query(ids=(event.id,), limit=1), reason, context.now())
    done = "discarded" if number else "left_alone"
    return see_other(with_query(f"/console/events/{event.id}", {}, done=done))


def _detail(context: AppContext, request: HttpRequest, viewer: Viewer) -> EventDetail:
    detail = event_detail(context, request)
    if not viewer.sees(detail.event.destination):
        raise no_such_event()
    return detail


def _page(
    context: AppContext,
    request: HttpRequest,
    viewer: Viewer,
    detail: EventDetail,
    *,
    revealed: bool = False,
) -> Response:
    mapping = active_mapping(context, detail.event.mapping)
    both = then_and_now(context, mapping, detail.revision) if mapping else None
    shown = _shown(context, detail, both, revealed=revealed)
    return page(
        context,
        viewer,
        "event.html",
        can_edit=context.settings.console.edit,
        event=detail.event,
        body=encode_readable(orjson.loads(detail.body)) if detail.body else "",
        attempts=[(attempt, _next_step(context, attempt)) for attempt in detail.attempts],
        revision=detail.revision,
        revision_now=mapping.revision if mapping else "",
        raw_kept=detail.raw_kept,
        shown=shown,
        difference=both.difference if both and viewer.is_admin else [],
        is_by_then=both is not None and both.then is not None,
        revealed=revealed,
        done=sentence_of(request),
        curl=_curl(context, request, detail, shown) if viewer.is_admin else "",
        can_fetch_again=_can_fetch_again(detail, mapping),
        can_send=detail.event.status not in {"suppressed", "skipped", "sending"},
        can_give_up=detail.event.status not in _FINAL,
    )


def _can_fetch_again(detail: EventDetail, mapping: CompiledMapping | None) -> bool:
    """Say whether mapping a held event again may also fetch its records again."""
    return detail.event.status == "held" and detail.raw_kept and mapping is not None and bool(mapping.fetch)


def _curl(context: AppContext, request: HttpRequest, detail: EventDetail, shown: Shown) -> str:
    """Return the webhook as a command that tries it, masked as it is shown."""
    url = f"{origin(request, context.settings)}/dry-run/{quote(detail.event.mapping)}"
    return curl_of(url, shown.body) if shown.body else ""


def _next_step(context: AppContext, attempt: Attempt) -> str:
    """Return what to do about an attempt that failed; nothing for one that Meta accepted."""
    if attempt.outcome == "delivered":
        return ""
    error = {"error": {"code": attempt.code, "error_subcode": attempt.subcode}} if attempt.code else None
    return classify_response(attempt.http_status, error, attempt.events, context.spec).next_step


def _shown(context: AppContext, detail: EventDetail, both: ThenAndNow | None, *, revealed: bool) -> Shown:
    request = context.outbox().raw(detail.event.webhook_id)
    if request is None:
        kept = "cannot be decrypted with the keys that are set" if detail.raw_kept else "is no longer kept"
        return Shown(problem=f"The webhook {kept}, so it cannot be shown or mapped again.")
    if both is None:
        return Shown(problem=f"There is no mapping {detail.event.mapping} now, so nothing can be explained.")
    shown = _explained(context, request, both.then or both.now, detail, revealed=revealed)
    return shown._replace(changes=what_would_change(context, both, request))


def _explained(
    context: AppContext, request: Request, mapping: CompiledMapping, detail: EventDetail, *, revealed: bool
) -> Shown:
    try:
        data = parse(Verified(request), mapping.receive).data
        fetched = kept_lookup(context.outbox().fetches.kept(detail.event.webhook_id), mapping)
        explained = translate(
            Verified(request), mapping, context.spec, fetched=fetched, explain=True, reveal=revealed
        )
    except Refused as error:
        return Shown(problem=f"The webhook cannot be read: {error.message}.")
    entries = list(explained.explanation)
    mine = next((entry for entry in entries if entry.get("event") == detail.event.label), None)
    whole = next((entry for entry in entries if "unused" in entry), {"unused": (), "empty": ()})
    body = encode_readable(data if revealed else mask(data))
    return Shown(body, mine, whole["unused"][:_MOST_UNUSED], whole["empty"])
