"""Pairing: which events of pages found the server's event with the same id, and what earlier visits add."""

from __future__ import annotations

from bridge.monitoring.pairing_check import ADVICE, browser_mappings, count_pairs, visit_mappings
from bridge.outbox.pairing import REASONS
from bridge.web.console.pages import page
from bridge.web.console.recent_counts import LENGTHS
from bridge.web.console.viewers import Viewer
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest, query
from bridge.web.responses import Response

_USUALLY = "7 days"


def show(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show the pairing check over the last day or week."""
    asked = query(request).get("last", "")
    length = asked if asked in LENGTHS else _USUALLY
    now = context.now()
    since = now - LENGTHS[length]
    counted = count_pairs(context.outbox(), context.mappings, context.spec, since, now)
    return page(
        context,
        viewer,
        "pairing.html",
        length=length,
        lengths=list(LENGTHS),
        cut_off_at=counted.since if counted.since > since else None,
        names=counted.names,
        mappings=counted.mappings,
        from_pages=browser_mappings(context.mappings),
        joining=visit_mappings(context.mappings),
        reasons=REASONS,
        advice=ADVICE,
    )
