"""The scope in which a mapping reads one webhook: the body, the current item, the request around it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from bridge.coerce.identifiers import lost_digits
from bridge.coerce.json_text import opened_text
from bridge.explain.trace import Trace
from bridge.finding import Finding
from bridge.models import Webhook

_MAX_OPENED_DEPTH: Final = 64
_LONGEST_COMPOSED: Final = 512


class Missing:
    """The type of MISSING, the value of a field that does not exist."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


class _KnownParts:
    """What was found out about parts of one webhook, by their identity: texts that hold JSON, odd keys."""

    __slots__ = ("odd_keys", "opened", "plain")

    def __init__(self) -> None:
        self.opened: Final[dict[int, Any]] = {}
        self.odd_keys: Final[dict[int, dict[str, Any]]] = {}
        self.plain: Final[dict[int, bool]] = {}


class Scope:
    """One webhook being read, seen from one item of it.

    Not frozen, because it remembers what was opened and what went wrong; it lives for one webhook only.
    `trace`, `field` (the destination field being read) and `base` (the concrete path of the item) are kept
    only while an explanation is written. `outer` is the scope around the item. `placeholders` are those met
    since the last field was filled: `[2]` for an entry of a list that was left out, else an empty text.
    `by_visit` names the fields that an earlier visit filled, None while none was found.
    """

    __slots__ = (
        "_known_parts",
        "base",
        "by_visit",
        "field",
        "findings",
        "index",
        "item",
        "outer",
        "placeholders",
        "request",
        "root",
        "source",
        "trace",
        "webhook",
    )

    def __init__(self, webhook: Webhook, source: str) -> None:
        self.webhook = webhook
        self.request = webhook.request
        self.root = self.item = webhook.data
        self.source = source
        self.index = 0
        self.base = self.field = ""
        self.outer: Scope | None = None
        self.trace: Trace | None = None
        self.by_visit: frozenset[str] | None = None
        self.findings: list[Finding] = []
        self.placeholders: list[str] = []
        self._known_parts: _KnownParts | None = None

    def inside(self, item: Any, index: int, base: str) -> Scope:
        """Return the scope of one entry of a list; findings and opened texts are shared."""
        scope = Scope(self.webhook, self.source)
        scope.trace, scope.field, scope.findings = self.trace, self.field, self.findings
        scope.placeholders = self.placeholders
        scope._known_parts = self._parts()
        scope.item, scope.index, scope.base, scope.outer = item, index, base, self
        return scope

    def _parts(self) -> _KnownParts:
        parts = self._known_parts
        if parts is None:
            parts = self._known_parts = _KnownParts()
        return parts

    def place_of(self, path: str, index: int) -> str:
        """Return the place of a list entry in the webhook (`orders.0.lines.1`), for explanations."""
        base = "" if path.startswith("$") else self.base
        return ".".join(part for part in (base, path.removeprefix("$").removeprefix("."), str(index)) if part)

    @property
    def cookies(self) -> dict[str, str]:
        """Return the cookies of the request; the first of a repeated name counts."""
        cookies: dict[str, str] = {}
        for pair in self.request.headers.get("cookie", "").split(";"):
            name, equals, value = pair.strip().partition("=")
            if equals:
                cookies.setdefault(name.strip(), value.strip().strip('"'))
        return cookies

    def open_text(self, text: str) -> Any:
        """Return the data of a text that holds JSON, and the text itself when it holds none."""
        opened = self._parts().opened
        kept = opened.get(id(text), MISSING)
        if kept is MISSING:
            kept = opened[id(text)] = opened_text(text, deepest=_MAX_OPENED_DEPTH)
        return kept

    def has_plain_keys(self, item: dict[str, Any]) -> bool:
        """Return whether every key is plain, so that a key that is not there exactly is not there at all."""
        known = self._parts().plain
        plain = known.get(id(item))
        if plain is None:
            plain = known[id(item)] = _all_plain(item)
        return plain

    def oddly_named(self, item: dict[str, Any], key: str) -> Any:
        """Return the value of a key that is equal in NFC and without surrounding whitespace, else MISSING."""
        if self.has_plain_keys(item):
            return MISSING
        known = self._parts().odd_keys
        odd = known.get(id(item))
        if odd is None:
            odd = known[id(item)] = {plain_key(name): value for name, value in reversed(item.items())}
        return odd.get(plain_key(key), MISSING)


class Reader:
    """Reads one value from a scope; MISSING or None when there is nothing."""

    __slots__ = ()

    def read(self, scope: Scope) -> Any:
        """Return the value."""
        raise NotImplementedError

    def place_in(self, start: Any) -> str | None:
        """Return the place of the value in some data, for an explanation; None where only a walk can tell."""
        return None

    def __call__(self, scope: Scope) -> Any:
        """Return the value: for callers that want a function."""
        return self.read(scope)


class Called(Reader):
    """A reader made of a function, for the rare kinds of values."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[Scope], Any]) -> None:
        self.function: Final = function

    def read(self, scope: Scope) -> Any:
        """Return what the function gives."""
        return self.function(scope)


class Constant(Reader):
    """Always reads the same value; None replaces a value that could not be compiled."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value: Final = value

    def read(self, scope: Scope) -> Any:
        """Return the value."""
        return self.value


NOTHING: Final = Constant(None)


def entries_of(found: Any, scope: Scope) -> list[Any]:
    """Return the entries a `for_each` goes through: of a list, a numbered map, or a text that holds JSON.

    The webhook itself is one entry when it is no list: some tools post one object or a list of them.
    """
    if type(found) is str:
        found = scope.open_text(found)
    if type(found) is dict:
        return [found] if found is scope.root else list(found.values())
    return found if type(found) is list else []


def plain_key(key: str) -> str:
    """Return a key as it is compared when the exact one is not there; an endless one as it is.

    Composing marks takes time by the square of their number.
    """
    return _composed(key) if len(key) <= _LONGEST_COMPOSED else key


@lru_cache(maxsize=4096)
def _composed(key: str) -> str:
    return unicodedata.normalize("NFC", key).strip()


def _all_plain(item: dict[str, Any]) -> bool:
    """Look at all keys at once: no spaces, dots, brackets or characters beyond ASCII."""
    joined = "\0".join(item)
    return joined.isascii() and not any(sign in joined for sign in " .[(\t\n\r")


def text_of(value: Any) -> str | None:
    """Return a plain value as text, numbers with all their digits; None for lists and objects.

    A number written with an exponent (1.2E+17) stays so: written out, its lost digits would look like zeros.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        is_exact = value.is_finite() and abs(value.adjusted()) < 64 and not lost_digits(value)
        return format(value, "f") if is_exact else str(value)
    if isinstance(value, int | float):
        return str(value) if not isinstance(value, int) or value.bit_length() < 4096 else None
    return None
