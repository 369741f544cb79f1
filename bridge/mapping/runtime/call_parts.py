"""The address and the body of a call: what a webhook says fills path segments, query values and JSON texts.

Nothing that a sender writes can change where a call goes: every inserted value is percent-encoded as a
whole, and one that could still mean another path, or is no printable text, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from bridge.mapping.compiler.conditions import Condition
from bridge.mapping.compiler.context import MAX_ITEMS
from bridge.mapping.compiler.templates import PartOfText, Template
from bridge.mapping.runtime.scope import Reader, Scope, entries_of
from bridge.serialization import encode

LONGEST_INSERTED: Final = 512
_SEPARATORS: Final = re.compile(r"[/\\;?#]")  # some servers cut a segment at ; before they resolve dots
_DOTS: Final = {".", ".."}
_IN_A_PATH: Final = "/-._~!$&'()*+,;=:@"  # RFC 3986, 3.3: what a path holds as it is
_IN_A_QUERY: Final = "-._~,:"

# what is made of a scope for one place of a JSON body; raises CannotCall
Json = Callable[[Scope], Any]


class CannotCall(Exception):
    """A call cannot be made for this webhook; the message completes `because …`."""


@dataclass(frozen=True, slots=True)
class Target:
    """The path and the query of a call, as texts with fields in them; the first complete path counts."""

    paths: tuple[Template, ...]
    query: Mapping[str, Template]

    @property
    def has_fields(self) -> bool:
        """Return whether anything of a webhook is put into them."""
        texts = (*self.paths, *self.query.values())
        return any(not isinstance(part, str) for text in texts for part in text.parts)

    def of(self, scope: Scope) -> str:
        """Return both for one webhook, percent-encoded; raises CannotCall."""
        path = self._path(scope)
        query = "&".join(f"{quote(name)}={_text(text, scope)}" for name, text in self.query.items())
        return f"{path}?{query}" if query else path

    def _path(self, scope: Scope) -> str:
        for template in self.paths[:-1]:
            try:
                return _path(template, scope)
            except CannotCall:
                continue
        return _path(self.paths[-1], scope)


def _path(template: Template, scope: Scope) -> str:
    path = "".join(_encoded(part, scope, _IN_A_PATH) for part in template.parts)
    if not _DOTS.isdisjoint(path.split("/")):
        raise CannotCall("a value in its path would lead to another path")
    return path


def _text(template: Template, scope: Scope) -> str:
    return "".join(_encoded(part, scope, _IN_A_QUERY) for part in template.parts)


def _encoded(part: str | PartOfText, scope: Scope, literally: str) -> str:
    return quote(part, safe=literally) if isinstance(part, str) else quote(inserted(part, scope), safe="")


def inserted(part: PartOfText, scope: Scope) -> str:
    """Return the text to insert into a call; raises CannotCall when it is empty or no name of a record."""
    text, name = part.read(scope), part.name
    if text is None:
        raise CannotCall(f"{name} is empty")
    if len(text) > LONGEST_INSERTED:
        raise CannotCall(f"{name} is longer than {LONGEST_INSERTED} characters")
    if not text.isprintable() or not _DOTS.isdisjoint(_SEPARATORS.split(text)):
        raise CannotCall(f"{name} holds signs that no id has")
    return text


# --- JSON ------------------------------------------------------------------------------------------


def json_body(body: Json, scope: Scope) -> bytes:
    """Return the JSON of a call for one webhook; raises CannotCall."""
    return encode(body(scope))


def constant(data: Any) -> Json:
    """Return what is the same for every webhook."""
    return lambda _scope: data


def text_with_fields(template: Template) -> Json:
    """Return a text with fields in it."""

    def text(scope: Scope) -> str:
        return "".join(part if isinstance(part, str) else inserted(part, scope) for part in template.parts)

    return text


def object_of(fields: Mapping[str, Json]) -> Json:
    """Return a JSON object."""
    return lambda scope: {name: value(scope) for name, value in fields.items()}


def list_of(values: tuple[Json, ...]) -> Json:
    """Return a JSON list."""
    return lambda scope: [value(scope) for value in values]


def entries_for_each(locate: Reader, condition: Condition | None, entry: Json) -> Json:
    """Return a JSON list with one entry for each entry of a list of the webhook, equal ones once.

    An entry that lacks a field is left out; with none left there is nothing to ask for.
    """

    def entries(scope: Scope) -> list[Any]:
        distinct: dict[bytes, Any] = {}
        for index, item in enumerate(entries_of(locate.read(scope), scope)[:MAX_ITEMS]):
            inner = scope.inside(item, index, "")
            if condition is None or condition(inner) is None:
                _add(entry, inner, distinct)
        if not distinct:
            raise CannotCall("the webhook has nothing to ask for")
        return list(distinct.values())

    return entries


def _add(entry: Json, scope: Scope, distinct: dict[bytes, Any]) -> None:
    try:
        made = entry(scope)
    except CannotCall:
        return
    distinct.setdefault(encode(made), made)
