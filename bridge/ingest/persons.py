"""Naming a person by identifiers: to find what is kept about them, or to erase it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson

from bridge.errors import WrongUse
from bridge.explain.masking import mask
from bridge.models import Identifier
from bridge.outbox import ErasureRequest, NewJob, Outbox, Person, Query
from bridge.outbox.erasure import sent_identifiers
from bridge.privacy.person_identifiers import HOW_TO_WRITE, KINDS, read_identifier


def identifiers_of(asked: Mapping[str, Any]) -> tuple[Identifier, ...]:
    """Return the identifiers of a JSON object: `email`, `phone`, `external_id`, `order_id`, with `country`.

    Each is a text or a list of texts. Raises WrongUse when one cannot be read, or none is there.
    """
    country = asked.get("country")
    named = tuple(
        read_identifier(kind, text, country if isinstance(country, str) else None)
        for kind in KINDS
        for text in _texts(asked.get(kind), kind)
    )
    if not named:
        raise WrongUse("no person is named", fix=f"give {', '.join(KINDS)}")
    return named


def _texts(given: Any, kind: str) -> list[str]:
    entries = given if isinstance(given, list) else [] if given is None else [given]
    if not all(isinstance(entry, str | int) and not isinstance(entry, bool) for entry in entries):
        raise WrongUse(f"{kind} is not a text", fix=HOW_TO_WRITE[kind])
    return [str(entry) for entry in entries]


def person_of(identifiers: Iterable[Identifier], destination: str | None = None) -> Person:
    """Return the person whom the identifiers name, to be found by hash and by plain text."""
    named = tuple(identifiers)
    return Person(
        hashes=frozenset(one.sent for one in named if KINDS[one.kind]),
        emails=_written(named, "email"),
        phones=_written(named, "phone"),
        external_ids=tuple(one.typed.strip() for one in named if one.kind == "external_id"),
        order_ids=tuple(one.cleaned for one in named if one.kind == "order_id"),
        destination=destination,
    )


def _written(named: Sequence[Identifier], kind: str) -> tuple[str, ...]:
    return tuple(text for one in named if one.kind == kind for text in (one.typed, one.cleaned))


def counted_kinds(identifiers: Iterable[Identifier]) -> dict[str, int]:
    """Return how many identifiers of which kind there are: all that a receipt says of a person."""
    return dict(Counter(one.kind for one in identifiers))


def looked_for(identifiers: Iterable[Identifier]) -> str:
    """Say what is looked for, without showing the person: how each identifier was read."""
    return "looking for " + ", ".join(
        f"{one.kind.replace('_', '-')} {mask(one.cleaned)}" for one in identifiers
    )


def erasure_job(
    identifiers: tuple[Identifier, ...], asked_by: str, destination: str | None, *, never_send: bool
) -> NewJob:
    """Return the job that erases a person; what it is asked for shows nobody."""
    person = person_of(identifiers, destination)
    return erasure_of(person, counted_kinds(identifiers), asked_by, never_send=never_send)


def erasure_of(person: Person, looked_for: Mapping[str, int], asked_by: str, *, never_send: bool) -> NewJob:
    """Return the job that erases a person who was named by so many identifiers of each kind."""
    request = ErasureRequest(asked_by, looked_for, person.destination, never_send)
    return NewJob("erase", request.as_json(), person_as_bytes(person))


def person_of_event(
    outbox: Outbox, event_id: str, destination: str | None = None, visible: Collection[str] | None = None
) -> Person:
    """Return the person that a stored event is about, by its event_id or by our own id.

    `visible` are the destinations that whoever asks may see. Raises WrongUse when no event of this id is kept
    that says who it is about.
    """
    seen = None if visible is None else frozenset(visible)
    asked = (Query(event_id=event_id, destinations=seen), Query(ids=(event_id,), destinations=seen))
    details = [outbox.show(event.id) for query in asked for event in outbox.find(query)]
    bodies = [detail.body for detail in details if detail]
    hashes = frozenset[str]().union(*(sent_identifiers(orjson.loads(body)) for body in bodies if body))
    if not hashes:
        raise WrongUse(
            "no event of this id says who it is about",
            fix="look for the person by e-mail address, phone number or id",
        )
    return Person(hashes=hashes, destination=destination)


def person_as_bytes(person: Person) -> bytes:
    """Return a person as a job keeps it, encrypted, until it is done."""
    return orjson.dumps(person_as_json(person))


def person_as_json(person: Person) -> dict[str, Any]:
    """Return a person as plain data: only for what is kept encrypted."""
    parts = {name: getattr(person, name) for name in Person.__slots__}
    return {**parts, "hashes": sorted(person.hashes)}


def person_from_bytes(kept: bytes) -> Person:
    """Return the person that a job was given."""
    return person_from_json(orjson.loads(kept))


def person_from_json(parts: Mapping[str, Any]) -> Person:
    """Return the person that `person_as_json` described."""
    lists = {name: tuple(part) for name, part in parts.items() if isinstance(part, list)}
    return Person(**{**lists, "hashes": frozenset(lists["hashes"]), "destination": parts["destination"]})
