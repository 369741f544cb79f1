"""Repair and replay: held webhooks are mapped again, others sent again, the rest discarded.

Nothing here calls Meta: what is replayed waits in the outbox like everything else. A bound on the rate is
kept by making the events due one after the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.errors import Refused, UnknownMapping
from bridge.fetch.kept_answers import found_answers
from bridge.ingest.entries import erasure_asked_by, new_events, new_fetch
from bridge.mapping import MappingFolder
from bridge.meta_spec.spec import MetaSpec
from bridge.mode import UNKNOWN_DESTINATION
from bridge.models import Verified
from bridge.outbox import Correction, EventRecord, HeldEvent, HeldWebhook, NewEvent, Outbox, Query, ReplayPage
from bridge.pipeline import translate
from bridge.settings import Settings

# A held webhook to what it means now, or to the word that says why it stays held.
Remap = Callable[[HeldWebhook], Correction | str]
ReplayProgress = Callable[[int, int], None]

_PAGE = 500


def ignore_progress(_done: int, _total: int) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a replay may go (events a second; None: as fast as delivery does), and who watches it."""

    per_second: float | None = None
    progress: ReplayProgress = ignore_progress


AT_ONCE = Pace()


def replay(
    outbox: Outbox, query: Query, remap: Remap, now: datetime, pace: Pace = AT_ONCE
) -> Mapping[str, int]:
    """Send events again, and map held ones again first; return how many became what.

    The counts: `replayed` (due again), `remapped` (held, now waiting), `fetching` (held, now waiting for what
    is fetched), `still_held`, `unknown_mapping` (held, and no mapping has that name now), `raw_gone` (held,
    and the webhook is no longer kept), `cannot_open` (held, and no configured key decrypts the webhook),
    `other_dataset` (held for a dataset that is no longer configured). Left alone: `too_old`, `no_body`,
    `duplicate`, `sending`, `skipped`, `suppressed`.
    """
    ids = outbox.ids(query)
    counts: Counter[str] = Counter()
    for start in range(0, len(ids), _PAGE):
        due = due_times(ids[start : start + _PAGE], now, start, pace.per_second)
        page, untouched = planned(outbox, due, remap)
        counts += untouched + outbox.replay(page, now)
        pace.progress(start + len(due), len(ids))
    return dict(counts)


def planned(outbox: Outbox, due: Mapping[str, datetime], remap: Remap) -> tuple[ReplayPage, Counter[str]]:
    """Return what to write to send some events again, each at its time, and how many stay as they are."""
    statuses = outbox.statuses(list(due))
    held = {event_id for event_id in due if statuses.get(event_id, ("",))[0] == "held"}
    corrections: dict[str, Correction] = {}
    untouched: Counter[str] = Counter()
    for webhook in outbox.held_webhooks(sorted(held)):
        correction = remap(webhook) if webhook.request else _without_request(webhook)
        if isinstance(correction, Correction):
            corrections[webhook.id] = correction
        else:
            untouched[correction] += 1
    others = {event_id: moment for event_id, moment in due.items() if event_id not in held}
    return ReplayPage(corrections, others), untouched


def due_times(
    ids: Sequence[str], start: datetime, place: int, per_second: float | None
) -> dict[str, datetime]:
    """Return when each event is due so that a rate is kept; the first is the one at `place` since `start`."""
    seconds = 1 / per_second if per_second else 0.0
    return {
        event_id: start + timedelta(seconds=number * seconds) for number, event_id in enumerate(ids, place)
    }


def _without_request(webhook: HeldWebhook) -> str:
    return "cannot_open" if webhook.is_kept else "raw_gone"


def remapping(
    settings: Settings,
    spec: MetaSpec,
    mappings: MappingFolder,
    now: Callable[[], datetime],
    *,
    fetch_again: bool = False,
) -> Remap:
    """Return what maps a stored webhook with the active mapping.

    The webhook was verified when it came, so its signature (whose timestamp is old by now) is not checked
    again. The moment it came stays its moment, a test stays a test, and live stays live. The records that
    were fetched for it are used again, unless the mapping has changed since or `fetch_again` asks for new
    ones; what is not there is fetched before the event is sent.
    """

    def remap(webhook: HeldWebhook) -> Correction | str:
        if webhook.request is None:
            return "still_held"
        known = [event for event in webhook.events if event.destination != UNKNOWN_DESTINATION]
        if not all(settings.is_configured(event.destination, event.dataset_id) for event in known):
            return "other_dataset"
        try:
            mapping = mappings.get(webhook.mapping)
            kept = None if fetch_again else webhook.fetched
            fetched = found_answers(kept, mapping.revision)
            translation = translate(Verified(webhook.request), mapping, spec, fetched=fetched.get)
        except UnknownMapping:
            return "unknown_mapping"
        except Refused:
            return "still_held"
        events = new_events(translation, settings, spec, webhook.request.received_at)
        fetch = new_fetch(translation, settings, now(), anew=fetch_again)
        return Correction(
            mapping.revision, with_codes(events, webhook.events), fetch, job=erasure_asked_by(translation)
        )

    return remap


def with_codes(events: Sequence[NewEvent], before: Sequence[HeldEvent]) -> tuple[NewEvent, ...]:
    """Return events with the test codes that they had before, whatever the settings say now."""
    codes = {held.destination: held.test_event_code for held in before}
    of_webhook = next(iter(codes.values()), None)
    return tuple(event._replace(test_event_code=codes.get(event.destination, of_webhook)) for event in events)


def discard(outbox: Outbox, query: Query, reason: str, now: datetime) -> int:
    """Give up what a query means; what was sent or is being sent is left alone."""
    ids = outbox.ids(query)
    pages = (ids[start : start + _PAGE] for start in range(0, len(ids), _PAGE))
    return sum(outbox.discard(page, reason, now) for page in pages)


def each(outbox: Outbox, query: Query, page: int = _PAGE) -> Iterator[EventRecord]:
    """Walk through all events a query means, newest first, however many there are."""
    left, before = query.limit, query.before
    while left > 0:
        found = outbox.find(replace(query, before=before, limit=min(page, left)))
        yield from found
        if len(found) < min(page, left):
            return
        left -= len(found)
        before = found[-1].id
