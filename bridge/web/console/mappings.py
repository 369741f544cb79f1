"""The mappings: where their webhooks go, when the last one came, and which of their lines find nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from bridge.errors import Refused
from bridge.mapping import CompiledMapping
from bridge.models import Request, Verified
from bridge.monitoring.line_counts import last_webhooks, line_counts
from bridge.pipeline import translate
from bridge.web.console.active_mappings import active_mapping, hook_url, text_of_file
from bridge.web.console.pages import page
from bridge.web.console.recent_counts import LENGTHS, webhooks_by_mapping
from bridge.web.console.static_files import NoSuchPage
from bridge.web.console.viewers import Viewer
from bridge.web.context import AppContext
from bridge.web.request import HttpRequest
from bridge.web.responses import Response

_LOOKED_AT_FOR_UNUSED = 20
_MOST_UNUSED = 50


def show_all(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """List the active mappings, and the files that do not load with what is wrong in them."""
    last = context.outbox().overview.last_webhooks()
    return page(
        context,
        viewer,
        "mappings.html",
        mappings=context.mappings.mappings(),
        last=last,
        came=webhooks_by_mapping(context),
        lengths=list(LENGTHS),
        problems={Path(file).name: found for file, found in context.mappings.problems().items()},
        url=lambda name: hook_url(context, request, name),
    )


def show_one(context: AppContext, request: HttpRequest, viewer: Viewer) -> Response:
    """Show one mapping: its URL, its text, and how often each line found something lately."""
    mapping = active_mapping(context, request.name)
    if mapping is None:
        raise NoSuchPage("there is no active mapping of this name", fix="see the list of mappings")
    requests = list(last_webhooks(context.outbox(), mapping.name))
    counts = line_counts(mapping, requests)
    return page(
        context,
        viewer,
        "mapping.html",
        mapping=mapping,
        url=hook_url(context, request, mapping.name),
        last=context.outbox().overview.last_webhooks().get(mapping.name),
        counts=counts,
        came=webhooks_by_mapping(context)[mapping.name],
        lengths=list(LENGTHS),
        looked_at=counts[0].webhooks if counts else 0,
        unused=_unused(context, mapping, requests[:_LOOKED_AT_FOR_UNUSED]),
        source=text_of_file(mapping.file),
    )


def _unused(
    context: AppContext, mapping: CompiledMapping, requests: Iterable[Request]
) -> list[tuple[str, str | None, int]]:
    """Return the fields of these webhooks that the mapping never reads, the most frequent first."""
    looks_like: dict[str, str | None] = {}
    seen: Counter[str] = Counter()
    for request in requests:
        try:
            entries = translate(Verified(request), mapping, context.spec, explain=True).explanation
        except Refused:
            continue
        for field in next((entry["unused"] for entry in entries if "unused" in entry), ()):
            looks_like[field["path"]] = field["looks_like"]
            seen[field["path"]] += 1
    return [(path, looks_like[path], number) for path, number in seen.most_common(_MOST_UNUSED)]
