"""Fictional people in the place of real ones: what a webhook says that came, without saying of whom.

Only what the mapping reads is kept. What it reads about the person is replaced by values of the same shape;
the same value becomes the same one everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from bridge.mapping import CompiledMapping
from bridge.mapping.runtime.scope import Scope
from bridge.models import Request, Webhook
from bridge.privacy.personal_data import holds_contact
from bridge.serialization import encode

_PERSON = "user_data."
_NAMES_NOBODY = frozenset({"user_data.country", "user_data.ge", "user_data.st"})
_INSTEAD = {
    "em": "jane.doe{}@example.com",
    "fn": "Jane{}",
    "ln": "Doe{}",
    "full_name": "Jane{} Doe",
    "ct": "Springfield{}",
    "client_ip_address": "203.0.113.7",
    "client_user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
    "fbc": "fb.1.1554763741205.IwAR0exampleExampleExample",
    "fbp": "fb.1.1596403881668.1116446470",
    "fbclid": "IwAR0exampleExampleExample",
}
_DIGITS = "7036284951"
_CLICK_IDS = frozenset({"fbc", "fbclid"})
_LABEL = re.compile(r"\([^()=]+=([^()]*)\)")
_UNREAD = object()


@dataclass(slots=True)
class _Cast:
    """Who plays whom in one webhook: the replaced values, and the ones that stay."""

    instead: dict[str, str] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    numbers: dict[str, int] = field(default_factory=dict)

    def replace(self, name: str, value: Any) -> None:
        """Note a value about the person that the mapping reads for a field."""
        text = str(value)
        if text not in self.instead:
            number = self.numbers[name] = self.numbers.get(name, 0) + 1
            self.instead[text] = _fictional(name.removeprefix(_PERSON), text, number)

    def as_played(self, value: Any) -> Any:
        """Return what stands in the place of a scalar; _UNREAD when the mapping does not read it."""
        text = str(value)
        if text in self.instead:
            return _like(value, self.instead[text])
        if text not in self.kept or value is None:
            return _UNREAD
        return self._without_people(value) if isinstance(value, str) else _plain(value)

    def _without_people(self, text: str) -> str:
        """Replace people inside a text; where somebody else's address or number is left, all of it."""
        left = text
        for real in sorted(self.instead, key=len, reverse=True):
            if len(real) > 2:
                text = _replaced(real, self.instead[real], text)
                left = _replaced(real, "", left)
        return _same_shape(text) if holds_contact(left) else _without_query(text)


class FictionalWebhook(NamedTuple):
    """What a webhook says without its person: its data, and what the mapping reads beside them."""

    data: Any
    headers: Mapping[str, str]
    query: Mapping[str, str]
    cookies: Mapping[str, str]
    ip: str | None

    def as_request(self, original: Request) -> Request:
        """Return it as the request that would have brought it, as JSON."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {
            **self.headers,
            "content-type": "application/json",
            **({"cookie": cookies} if cookies else {}),
        }
        return Request(
            method="POST",
            url=original.url,
            headers=headers,
            query=dict(self.query),
            body=encode(self.data),
            ip=self.ip,
            received_at=original.received_at,
        )


def fictional_webhook(webhook: Webhook, mapping: CompiledMapping) -> FictionalWebhook:
    """Return a webhook with fictional people, as far as the mapping reads it."""
    cast, request = _cast(webhook, mapping), webhook.request
    played = _played(webhook.data, cast)
    read = {use.text for line in mapping.lines for use in line.paths}
    agent = {"user-agent": request.headers["user-agent"]} if _reads_agent(read, request) else {}
    headers = {name: request.headers[name] for name in _named("$headers.", read) if name in request.headers}
    return FictionalWebhook(
        data={} if played is _UNREAD else played,
        headers=_without_person({**headers, **agent}, cast),
        query=_without_person(_only(request.query, _named("$query.", read, str)), cast),
        cookies=_without_person(
            _only(Scope(webhook, mapping.name).cookies, _named("$cookies.", read, str)), cast
        ),
        ip=_INSTEAD["client_ip_address"] if "$ip" in read and request.ip else None,
    )


def _reads_agent(read: Set[str], request: Request) -> bool:
    return "$user_agent" in read and "user-agent" in request.headers


def _named(prefix: str, read: Iterable[str], form: Callable[[str], str] = str.lower) -> list[str]:
    """Return the names that paths with a prefix read; those of headers are compared in small letters."""
    return sorted(form(path.removeprefix(prefix)) for path in read if path.startswith(prefix))


def _only(given: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    return {name: given[name] for name in names if name in given}


def _without_person(given: Mapping[str, str], cast: _Cast) -> dict[str, str]:
    played = {name: cast.as_played(value) for name, value in given.items()}
    return {name: value for name, value in played.items() if value is not _UNREAD}


def _cast(webhook: Webhook, mapping: CompiledMapping) -> _Cast:
    cast = _Cast()
    for line in mapping.lines:
        is_person = line.field.startswith(_PERSON) and line.field not in _NAMES_NOBODY
        for use in line.paths:
            cast.kept.update(_LABEL.findall(use.text))
            for value in _scalars(use.values(webhook)):
                if is_person:
                    cast.replace(line.field, value)
                else:
                    cast.kept.add(str(value))
    return cast


def _scalars(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, Mapping):
            yield from _scalars(value.values())
        elif isinstance(value, list):
            yield from _scalars(value)
        elif value is not None:
            yield value


def _played(node: Any, cast: _Cast) -> Any:
    if isinstance(node, Mapping):
        played = {str(key): _played(value, cast) for key, value in node.items()}
        read = {key: value for key, value in played.items() if value is not _UNREAD}
        return read or _UNREAD
    if isinstance(node, list):
        entries = [_played(entry, cast) for entry in node]
        if all(entry is _UNREAD for entry in entries):
            return _UNREAD
        return [{} if entry is _UNREAD else entry for entry in entries]  # places in a list stay
    return cast.as_played(node)


def _fictional(name: str, text: str, number: int) -> str:
    if "://" in text:
        return _without_query(text) + (f"?fbclid={_INSTEAD['fbclid']}" if name in _CLICK_IDS else "")
    if name in _INSTEAD:
        return _INSTEAD[name].format("" if number == 1 else number)
    if name == "ph":
        return _other_digits(text, min(7, max(0, sum(map(str.isdigit, text)) - 3)))
    if name == "db":
        return re.sub(r"(?<!\d)\d{1,2}(?!\d)", "01", re.sub(r"(?<!\d)\d{4}(?!\d)", "1990", text))
    return _same_shape(text)


def _without_query(text: str) -> str:
    """Return a URL without what a visitor's click added to it; other texts stay."""
    return text.partition("?")[0] if "://" in text else text


def _replaced(old: str, new: str, text: str) -> str:
    return re.sub(re.escape(old), new.replace("\\", r"\\"), text, flags=re.IGNORECASE)


def _other_digits(text: str, number: int) -> str:
    """Return a text with its last digits replaced."""
    places = [at for at, letter in enumerate(text) if letter.isdigit()][-number or len(text) :]
    letters = list(text)
    for place, digit in zip(places, _DIGITS, strict=False):
        letters[place] = digit
    return "".join(letters)


def _same_shape(text: str) -> str:
    """Return a text with other letters and digits at the same places."""
    digits = iter(_DIGITS * (len(text) // len(_DIGITS) + 1))
    return "".join(next(digits) if one.isdigit() else _other_letter(one) for one in text)


def _other_letter(letter: str) -> str:
    if not letter.isalpha():
        return letter
    return "X" if letter.isupper() else "x"


def _like(value: Any, text: str) -> Any:
    is_number = isinstance(value, int) and not isinstance(value, bool) and text.isdigit()
    return int(text) if is_number else text


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
