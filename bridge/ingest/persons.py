"""Naming a person: how an address, a number or an id is read before it is looked for, or erased."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from bridge.errors import WrongUse
from bridge.explain.masking import mask
from bridge.normalize import normalize_value
from bridge.outbox import Person

# the kinds of identifiers -> the field of user_data they are sent in; an order is sent in custom_data
KINDS: Mapping[str, str | None] = {
    "email": "em",
    "phone": "ph",
    "external_id": "external_id",
    "order_id": None,
}
_HOW_TO_WRITE = {
    "email": "write it like jane@example.com",
    "phone": "write it with its country code, like +49 151 2345678, or give the country",
    "external_id": "write the id as the mapping sends it",
    "order_id": "write the order id as the mapping sends it",
}


@dataclass(frozen=True, slots=True)
class Identifier:
    """One thing a person is known by: as typed, as cleaned, and as it is sent to Meta."""

    kind: str
    typed: str
    cleaned: str
    sent: str


def read_identifier(kind: str, typed: str, country: str | None = None, *, called: str = "") -> Identifier:
    """Clean one identifier as a mapping would; raises WrongUse, which names it as it is `called`.

    What cannot be read would find nobody, or everybody.
    """
    field = KINDS[kind]
    if field is None and typed.strip():
        return Identifier(kind, typed, typed.strip(), typed.strip())
    read = normalize_value(field, typed, country) if field else None
    sent, cleaned = (_only(read.sent), _only(read.normalized)) if read else (None, None)
    if not (sent and cleaned and typed.strip()):
        why = read.dropped if read and read.dropped else "it is empty"
        raise WrongUse(f"{called or kind} cannot be read: {why}", fix=_HOW_TO_WRITE[kind])
    return Identifier(kind, typed, cleaned, sent)


def _only(value: Any) -> str | None:
    """Return the one text that an identifier may be."""
    if isinstance(value, list):
        return _only(value[0]) if len(value) == 1 else None
    return value if isinstance(value, str) else None


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
        raise WrongUse(f"{kind} is not a text", fix=_HOW_TO_WRITE[kind])
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


def person_as_bytes(person: Person) -> bytes:
    """Return a person as a job keeps it, encrypted, until it is done."""
    parts = {name: getattr(person, name) for name in Person.__slots__}
    return orjson.dumps({**parts, "hashes": sorted(person.hashes)})


def person_from_bytes(kept: bytes) -> Person:
    """Return the person that a job was given."""
    parts: dict[str, Any] = orjson.loads(kept)
    lists = {name: tuple(part) for name, part in parts.items() if isinstance(part, list)}
    return Person(**{**lists, "hashes": frozenset(lists["hashes"]), "destination": parts["destination"]})
