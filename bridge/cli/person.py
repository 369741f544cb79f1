"""Naming a person on the command line: how an address, a number or an id is read before it is looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from bridge.errors import WrongUse
from bridge.explain.masking import mask
from bridge.outbox import Person

_OPTIONS = (
    click.option("--email", "emails", multiple=True, help="An e-mail address of the person."),
    click.option(
        "--phone", "phones", multiple=True, help="A phone number, with its country code or --country."
    ),
    click.option("--external-id", "external_ids", multiple=True, help="The person's id as it was mapped."),
    click.option("--country", help="What country a national --phone is of: DE, Germany."),
)
_HOW_TO_WRITE = {
    "--email": "write it like jane@example.com",
    "--phone": "write it with its country code, like +49 151 2345678, or give --country",
    "--external-id": "write the id as the mapping sends it",
}


@dataclass(frozen=True, slots=True)
class Identifier:
    """One thing a person is known by: as typed, as cleaned, and as it is sent to Meta."""

    option: str
    typed: str
    cleaned: str
    sent: str


def person_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that name a person, as one tuple of `identifiers`."""

    @wraps(command)
    def with_identifiers(**options: Any) -> None:
        country = options.pop("country")
        given = (
            ("--email", "em", options.pop("emails")),
            ("--phone", "ph", options.pop("phones")),
            ("--external-id", "external_id", options.pop("external_ids")),
        )
        identifiers = tuple(
            _read(option, field, typed, country) for option, field, values in given for typed in values
        )
        command(identifiers=identifiers, **options)

    for option in reversed(_OPTIONS):
        with_identifiers = option(with_identifiers)
    return with_identifiers


def person_of(identifiers: Iterable[Identifier]) -> Person:
    """Return the person whom the identifiers name, to be found by hash and by plain text."""
    named = tuple(identifiers)
    return Person(
        hashes=frozenset(one.sent for one in named),
        emails=_texts(named, "--email"),
        phones=_texts(named, "--phone"),
        external_ids=tuple(one.typed.strip() for one in named if one.option == "--external-id"),
    )


def looked_for(identifiers: Iterable[Identifier]) -> str:
    """Say what is looked for, without showing the person: how each identifier was read."""
    return "looking for " + ", ".join(f"{one.option[2:]} {mask(one.cleaned)}" for one in identifiers)


def _texts(named: tuple[Identifier, ...], option: str) -> tuple[str, ...]:
    return tuple(text for one in named if one.option == option for text in (one.typed, one.cleaned))


def _read(option: str, field: str, typed: str, country: str | None) -> Identifier:
    """Clean one identifier as a mapping would; what cannot be read would find nobody, or everybody."""
    from bridge.normalize import normalize_value

    read = normalize_value(field, typed, country)
    sent, cleaned = _only(read.sent), _only(read.normalized)
    if not (sent and cleaned and typed.strip()):
        raise WrongUse(f"{option} cannot be read: {read.dropped or 'it is empty'}", fix=_HOW_TO_WRITE[option])
    return Identifier(option, typed, cleaned, sent)


def _only(value: Any) -> str | None:
    """Return the one text that an option may name."""
    if isinstance(value, list):
        return _only(value[0]) if len(value) == 1 else None
    return value if isinstance(value, str) else None
