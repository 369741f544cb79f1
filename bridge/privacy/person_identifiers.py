"""What a person is known by, an address, a number or an id: read as a mapping would read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bridge.errors import WrongUse
from bridge.models import Identifier
from bridge.normalize import normalize_value

# the kinds of identifiers -> the field of user_data they are sent in; an order is sent in custom_data
KINDS: Mapping[str, str | None] = {
    "email": "em",
    "phone": "ph",
    "external_id": "external_id",
    "order_id": None,
}
HOW_TO_WRITE = {
    "email": "write it like jane@example.com",
    "phone": "write it with its country code, like +49 151 2345678, or give the country",
    "external_id": "write the id as the mapping sends it",
    "order_id": "write the order id as the mapping sends it",
}


def read_identifier(kind: str, typed: str, country: str | None = None, *, called: str = "") -> Identifier:
    """Clean one identifier as a mapping would; raises WrongUse, which names it as it is `called`.

    What cannot be read would find nobody, or everybody.
    """
    sent_as = KINDS[kind]
    if sent_as is None and typed.strip():
        return Identifier(kind, typed, typed.strip(), typed.strip())
    read = normalize_value(kind, typed, country) if sent_as else None
    sent, cleaned = (_only(read.sent), _only(read.normalized)) if read else (None, None)
    if not (sent and cleaned and typed.strip()):
        why = read.dropped if read and read.dropped else "it is empty"
        raise WrongUse(f"{called or kind} cannot be read: {why}", fix=HOW_TO_WRITE[kind])
    return Identifier(kind, typed, cleaned, sent)


def _only(value: Any) -> str | None:
    """Return the one text that an identifier may be."""
    if isinstance(value, list):
        return _only(value[0]) if len(value) == 1 else None
    return value if isinstance(value, str) else None


def readable(named: Mapping[str, Sequence[str]], country: str | None) -> Iterator[Identifier]:
    """Yield the identifiers of a person that can be read; a sender writes what it likes beside them."""
    for kind, texts in named.items():
        for text in dict.fromkeys(texts):
            try:
                yield read_identifier(kind, text, country)
            except WrongUse:
                continue
