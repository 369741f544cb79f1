"""The options that name a person on the command line."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from bridge.models import Identifier
from bridge.privacy.person_identifiers import KINDS, read_identifier

_OPTIONS = (
    click.option("--email", "email", multiple=True, help="An e-mail address of the person."),
    click.option(
        "--phone", "phone", multiple=True, help="A phone number, with its country code or --country."
    ),
    click.option("--external-id", "external_id", multiple=True, help="The person's id as it was mapped."),
    click.option("--order-id", "order_id", multiple=True, help="An order of the person, as it was mapped."),
    click.option("--country", help="What country a national --phone is of: DE, Germany."),
)


def person_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that name a person, as one tuple of `identifiers`."""

    @wraps(command)
    def with_identifiers(**options: Any) -> None:
        country = options.pop("country")
        given = [(kind, options.pop(kind)) for kind in KINDS]
        identifiers: tuple[Identifier, ...] = tuple(
            read_identifier(kind, text, country, called=f"--{kind.replace('_', '-')}")
            for kind, texts in given
            for text in texts
        )
        command(identifiers=identifiers, **options)

    for option in reversed(_OPTIONS):
        with_identifiers = option(with_identifiers)
    return with_identifiers
