"""The mapping that made an event, if it has changed since: its text, and what the present one makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import unified_diff
from typing import Any, NamedTuple

from bridge.errors import BridgeError
from bridge.mapping import CompiledMapping
from bridge.mapping.draft import draft_mapping
from bridge.models import Request
from bridge.web.console.mapping_files import content_of, text_of_revision
from bridge.web.context import AppContext


class ThenAndNow(NamedTuple):
    """A mapping as it was, and the one that is active. `then` is None where its text is not kept."""

    then: CompiledMapping | None
    now: CompiledMapping
    difference: Sequence[str] | None

    @property
    def has_changed(self) -> bool:
        """Tell whether the mapping is another one by now."""
        return self.then is not self.now


def then_and_now(context: AppContext, mapping: CompiledMapping, revision: str) -> ThenAndNow:
    """Return the mapping of a revision beside the active one."""
    if mapping.revision == revision:
        return ThenAndNow(mapping, mapping, [])
    kept = context.outbox().revisions.text(mapping.name, revision)
    text = kept if kept is not None else text_of_revision(mapping.file, revision)
    if text is None:
        return ThenAndNow(None, mapping, None)
    return ThenAndNow(_loaded(context, mapping.name, text), mapping, _difference(text, mapping))


def _loaded(context: AppContext, name: str, text: str) -> CompiledMapping | None:
    try:
        return draft_mapping(text, context.spec, context.settings.destinations, name)
    except BridgeError:
        return None


def _difference(then: str, mapping: CompiledMapping) -> list[str]:
    now = content_of(mapping.file).decode("utf-8", "replace")
    return list(unified_diff(then.splitlines(), now.splitlines(), "then", "now", lineterm=""))


def what_would_change(context: AppContext, both: ThenAndNow, request: Request) -> Sequence[Mapping[str, Any]]:
    """Return the events of a webhook that the present mapping makes otherwise than the earlier one."""
    from bridge.authoring.diff import TriedWebhook, changes

    if both.then is None or not both.has_changed:
        return ()
    [change] = changes(both.then, both.now, [TriedWebhook("stored", request)], context.spec)
    events: Sequence[Mapping[str, Any]] = change.as_json()["events"]
    return events
