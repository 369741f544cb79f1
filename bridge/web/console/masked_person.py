"""Who an event is about, masked, for lists: what the webhook said, as long as it is kept.

An event holds hashes, so its webhook is mapped once more. Only the masked text is remembered, in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from bridge.explain.stored_webhook import explained
from bridge.outbox import EventRecord
from bridge.web.context import AppContext, OpenedLater

_IDENTIFIERS = ("user_data.em", "user_data.ph", "user_data.external_id", "user_data.ln", "user_data.fn")
_MOST_REMEMBERED = 5_000
_remembered: WeakKeyDictionary[OpenedLater, dict[tuple[str, ...], str]] = WeakKeyDictionary()


def masked_persons(context: AppContext, events: Iterable[EventRecord]) -> dict[str, str]:
    """Return for each event who it is about, by its id; empty for those that do not say it any more."""
    revisions = {mapping.name: mapping.revision for mapping in context.mappings.mappings()}
    known = _remembered.setdefault(context.outbox, {})
    if len(known) > _MOST_REMEMBERED:
        known.clear()
    persons = {}
    for event in events:
        key = (event.webhook_id, event.label, revisions.get(event.mapping, ""))
        if key not in known:
            known[key] = _person_of(context, event)
        persons[event.id] = known[key]
    return persons


def _person_of(context: AppContext, event: EventRecord) -> str:
    stored = context.outbox()
    entries = explained(stored, event.webhook_id, event.mapping, context.mappings, context.spec) or ()
    return next((_person(entry) for entry in entries if entry.get("event") == event.label), "")


def _person(entry: Mapping[str, Any]) -> str:
    given = {field["field"]: field["given"] for field in entry["fields"]}
    first = next((given[name] for name in _IDENTIFIERS if given.get(name)), "")
    return str(first[0] if isinstance(first, list) else first)
