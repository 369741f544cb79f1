"""Whether each mapping's source behaves as usual: how much is held, whether it fell silent, what is missing.

Nothing is remembered between two looks: all of it is read from what is stored, so all processes say the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from bridge.finding import Finding
from bridge.mapping import MappingFolder, name_of
from bridge.mapping.runtime.erase_requests import NEEDS_A_PERSON
from bridge.outbox import Outbox, Query
from bridge.outbox.recent import Recent, SentBody, moment_of_id
from bridge.plurals import counted
from bridge.settings import Settings

_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_FEWEST_FOR_A_SHARE = 5
_FEWEST_USUAL = 5
_GONE_FROM = 20  # a field that none of the last events has ...
_USUAL_IN = 0.8  # ... and that most of those before had
_FEWEST_BEFORE = 20
_BLOCKS = ("user_data", "custom_data")
_STOPPED_LOADING = ("mapping_broken", "stopped loading, the last good one stays active")
_NEVER_LOADED = ("mapping_not_loaded", "does not load, its webhooks are answered 503")
ByName = Mapping[str, Sequence[bytes]]  # the ids of the newest webhooks of each mapping, newest first


@dataclass(frozen=True, slots=True)
class Concern:
    """Something about one mapping, or one destination, that a person should look at."""

    kind: str
    about: str
    text: str


def concerns(outbox: Outbox, settings: Settings, mappings: Iterable[str], now: datetime) -> list[Concern]:
    """Return what is unusual about these mappings, tokens that expire soon, and what needs a person."""
    newest = outbox.recent.webhooks(settings.alerts.webhooks)
    by_name = {name: newest.get(name, []) for name in sorted(mappings)}
    return [
        *_held_shares(outbox.recent, settings, by_name),
        *_silences(outbox, settings, by_name, now),
        *_about_bodies(outbox.recent, settings, by_name),
        *_expiring_tokens(settings, now),
        *_requests_to_answer(outbox, now),
        *_failed_erasures(outbox),
    ]


def unloaded_mappings(mappings: MappingFolder, folders: Sequence[Path]) -> list[Concern]:
    """Return each mapping file that does not load as it is now, and what its webhooks meet until it does."""
    active = mappings.names()
    return [
        _unloaded(Path(file), name_of(Path(file), folders), findings[0], active)
        for file, findings in mappings.problems().items()
    ]


def _unloaded(file: Path, name: str, first: Finding, active: Collection[str]) -> Concern:
    line = f"line {first.position.line}: " if first.position else ""
    why = f"{line}{first.message} (`capi-bridge check` says more)"
    kind, what = _STOPPED_LOADING if name in active else _NEVER_LOADED
    return Concern(kind, name, f"{file.name} {what}: {why}")


def _held_shares(recent: Recent, settings: Settings, by_name: ByName) -> Iterator[Concern]:
    held = recent.held_among([row for ids in by_name.values() for row in ids])
    for name, ids in by_name.items():
        number = sum(row in held for row in ids)
        if len(ids) >= _FEWEST_FOR_A_SHARE and number / len(ids) > settings.alerts_of(name).held_share:
            text = f"{name}: {number} of the last {len(ids)} webhooks {'is' if number == 1 else 'are'} held"
            yield Concern("held_share", name, text)


def _silences(outbox: Outbox, settings: Settings, by_name: ByName, now: datetime) -> Iterator[Concern]:
    for name, last in _last_webhooks(outbox, by_name).items():
        length = settings.alerts_of(name).silent_after
        if length and now - last >= length and _is_unusual(outbox.recent, name, last, now, length):
            hours = round((now - last).total_seconds() / 3600)
            text = (
                f"{name}: no webhook for {counted(hours, 'hour')}, since {last.isoformat(timespec='minutes')}"
            )
            yield Concern("silent", name, text)


def _last_webhooks(outbox: Outbox, by_name: ByName) -> dict[str, datetime]:
    """Return when each mapping's last webhook came; only what is not among the newest takes a long look."""
    known = {name: moment_of_id(ids[0]) for name, ids in by_name.items() if ids}
    if len(known) == len(by_name):
        return known
    return {name: last for name, last in outbox.overview.last_webhooks().items() if name in by_name}


def _is_unusual(recent: Recent, name: str, last: datetime, now: datetime, length: timedelta) -> bool:
    """Tell whether webhooks were due since the last one: right after it, or lately.

    A source may be quiet at night and at weekends: what counts is how many came in the same hours before.
    """
    return any(_usual(recent, name, start, length, last) >= _FEWEST_USUAL for start in (last, now - length))


def _usual(recent: Recent, name: str, start: datetime, length: timedelta, last: datetime) -> int:
    """Return how many webhooks came in the same hours: a day and a week before, the smaller of the two."""
    day_before = _moved_before(start, length, last, _DAY)
    week_before = _moved_before(start, length, last, _WEEK)
    usual = recent.count(name, day_before, day_before + length)
    if usual < _FEWEST_USUAL or not recent.came_before(name, week_before):
        return usual
    return min(usual, recent.count(name, week_before, week_before + length))


def _moved_before(start: datetime, length: timedelta, last: datetime, step: timedelta) -> datetime:
    """Return `start` moved back by whole steps until that time is over when the last webhook came."""
    steps = max(1, -((last - start - length) // step))
    return start - steps * step


def _about_bodies(recent: Recent, settings: Settings, by_name: ByName) -> Iterator[Concern]:
    by_kind: dict[tuple[str, str], list[SentBody]] = defaultdict(list)
    for sent in recent.bodies([row for ids in by_name.values() for row in ids]):
        by_kind[sent.mapping, sent.event_name].append(sent)
    for (name, event_name), bodies in sorted(by_kind.items()):
        usual = settings.alerts_of(name)
        if usual.missing_fields:
            yield from _missing_fields(name, event_name, bodies)
        yield from _weaker_match(name, event_name, bodies, usual.match_drop)


def _missing_fields(name: str, event_name: str, bodies: Sequence[SentBody]) -> Iterator[Concern]:
    fields = [_fields(sent.body) for sent in bodies]
    for field in _stopped(fields[:_GONE_FROM], fields[_GONE_FROM:]):
        text = f"{name}: {field} stopped arriving; none of the last {_GONE_FROM} {event_name} events has it"
        yield Concern("field_missing", name, text)


def _weaker_match(name: str, event_name: str, bodies: Sequence[SentBody], points: int) -> Iterator[Concern]:
    """Compare how well the last events can be matched with those before."""
    scores = [sent.match_score for sent in bodies if sent.match_score is not None]
    last, before = scores[:_GONE_FROM], scores[_GONE_FROM:]
    if len(before) < _FEWEST_BEFORE:
        return
    now, usual = (round(sum(some) / len(some)) for some in (last, before))
    if usual - now >= points:
        text = f"{name}: the match strength of {event_name} events fell from {usual} to {now} of 100"
        yield Concern("match_strength", name, text)


def _stopped(last: Sequence[frozenset[str]], before: Sequence[frozenset[str]]) -> list[str]:
    if len(last) < _GONE_FROM or len(before) < _FEWEST_BEFORE:
        return []
    there = frozenset().union(*last)
    candidates = frozenset().union(*before) - there
    return sorted(f for f in candidates if sum(f in fields for fields in before) >= _USUAL_IN * len(before))


def _fields(body: bytes) -> frozenset[str]:
    event: dict[str, Any] = orjson.loads(body)
    return frozenset(f"{block}.{name}" for block in _BLOCKS for name in event.get(block) or {})


def _expiring_tokens(settings: Settings, now: datetime) -> Iterator[Concern]:
    for name, destination in sorted(settings.destinations.items()):
        expires = destination.token_expires
        if expires is not None and expires - now < settings.alerts.token_expires:
            verb = "expires" if expires > now else "expired"
            text = f"{name}: its access token {verb} on {expires.date().isoformat()}"
            yield Concern("token_expires", name, text)


def _requests_to_answer(outbox: Outbox, now: datetime) -> Iterator[Concern]:
    """Yield what a mapping holds for a person to answer; after a day it is a line among what is held."""
    lately = Query(statuses=frozenset({"held"}), reason=NEEDS_A_PERSON, since=now - _DAY)
    found = Counter((event.mapping, event.reason or "") for event in outbox.find(lately))
    for (name, reason), number in sorted(found.items()):
        times = f" ({number} times)" if number > 1 else ""
        yield Concern(NEEDS_A_PERSON, f"{name}: {reason}", f"{name}: {reason}{times}")


def _failed_erasures(outbox: Outbox) -> Iterator[Concern]:
    for job in outbox.erasures.unfinished():
        if job.state == "failed":
            text = f"erasing a person failed ({job.request['asked_by']}, {job.id}); erase them by hand"
            yield Concern("erasure_failed", job.id, text)
