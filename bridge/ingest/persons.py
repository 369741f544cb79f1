"""Naming a person by identifiers: to find what is kept about them, or to erase it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from bridge.errors import WrongUse
from bridge.explain.masking import mask
from bridge.outbox import ErasureRequest, NewJob, Person
from bridge.privacy.person_identifiers import HOW_TO_WRITE, KINDS, Identifier, read_identifier


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
    request = ErasureRequest(asked_by, counted_kinds(identifiers), destination, never_send)
    return NewJob("erase", request.as_json(), person_as_bytes(person_of(identifiers, destination)))


def person_as_bytes(person: Person) -> bytes:
    """Return a person as a job keeps it, encrypted, until it is done."""
    parts = {name: getattr(person, name) for name in Person.__slots__}
    return orjson.dumps({**parts, "hashes": sorted(person.hashes)})


def person_from_bytes(kept: bytes) -> Person:
    """Return the person that a job was given."""
    parts: dict[str, Any] = orjson.loads(kept)
    lists = {name: tuple(part) for name, part in parts.items() if isinstance(part, list)}
    return Person(**{**lists, "hashes": frozenset(lists["hashes"]), "destination": parts["destination"]})
