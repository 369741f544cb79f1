"""The plain kinds of the grammar: one word of a list, yes or no, a number, a duration, a size."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bridge.coerce.dates import read_time
from bridge.coerce.durations import UNITS, read_duration, unit_of
from bridge.coerce.numbers import read_number
from bridge.coerce.origins import origin_of
from bridge.coerce.sizes import read_size
from bridge.coerce.yes_no import YES_NO
from bridge.mapping.language.keys import Key
from bridge.positioned_yaml import Block, Listing, Node, Scalar, one_or_more
from bridge.spelling import closest

MAX_TEXT = 2_048
MAX_ROWS = 5_000


class BadText(Exception):
    """A node that does not fit its kind; the message completes a sentence that starts with the key."""

    def __init__(
        self, code: str, message: str, fix: str = "", suggestion: str | None = None, node: Node | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.fix = code, message, fix
        self.suggestion, self.node = suggestion, node


def text(node: Node, rule: Key) -> str:
    """Return a plain text."""
    if isinstance(node, Block):
        if any(isinstance(below, Scalar) and below.null for _, below in node.entries):
            raise BadText(
                "brace_in_text", "must be a text; one that starts with { must be quoted", 'write "{field}"'
            )
        raise BadText("wrong_shape", "must be a text, not a block", "write the text after the colon")
    if isinstance(node, Listing):
        raise BadText("wrong_shape", "must be one text, not a list", "keep one")
    if len(node.text.encode()) > MAX_TEXT:
        raise BadText("text_too_long", f"is longer than {MAX_TEXT // 1024} KiB")
    return node.text


def texts(node: Node, rule: Key) -> tuple[str, ...]:
    """Return one text or a list of them."""
    if not isinstance(node, Listing):
        return (text(node, rule),)
    if not node.items:
        raise BadText("empty_list", "must not be an empty list", "name at least one")
    return tuple(_entry(item, rule) for item in node.items)


def _entry(item: Node, rule: Key) -> str:
    try:
        found = text(item, rule)
    except BadText as bad:
        bad.node = bad.node or item
        raise
    if isinstance(item, Scalar) and item.null:
        raise BadText(
            "no_value", "has an entry without a value", "write the text, or remove the dash (-)", node=item
        )
    return found


def origins(node: Node, rule: Key) -> frozenset[str]:
    """Return the origins that are named, in the form in which a browser sends them."""
    items = one_or_more(node)
    return frozenset(map(_origin, texts(node, rule), items))


def _origin(written: str, node: Node) -> str:
    found = origin_of(written)
    if found is None:
        fix = "write it like https://www.example.com"
        raise BadText("no_origin", f"cannot be {shown(written)}, which is no website", fix, node=node)
    if found.rest:
        message = f"cannot be {shown(written)}, which is a page: an origin ends behind the host"
        raise BadText("no_origin", message, f"write {found.origin}", found.origin, node)
    return found.origin


def choice(node: Node, rule: Key) -> str:
    """Return one word of the key's list."""
    word = text(node, rule)
    if word in rule.choices:
        return word
    fix = f"write {one_of(rule.choices)}"
    raise BadText("unknown_word", f"cannot be {shown(word)}", fix, closest(word, rule.choices), node)


def choices(node: Node, rule: Key) -> tuple[str, ...]:
    """Return one word or several of the key's list."""
    items = one_or_more(node)
    return tuple(choice(item, rule) for item in items)


def yes_no(node: Node, rule: Key) -> bool:
    """Return whether the text says yes."""
    word = text(node, rule).lower()
    if word in YES_NO:
        return YES_NO[word]
    raise BadText("unknown_word", "must be yes or no", "write yes or no", closest(word, ("yes", "no")))


def whole(node: Node, rule: Key) -> int:
    """Return a whole number of at least one."""
    word = text(node, rule)
    if word.isascii() and word.isdigit() and 0 < len(word) < 10 and int(word) > 0:
        return int(word)
    raise BadText("no_number", "must be a whole number of at least 1", "write digits only")


def number(node: Node, rule: Key) -> Decimal:
    """Return a number written with a point."""
    found = read_number(text(node, rule), "1234.56")
    if found is None:
        raise BadText("no_number", "must be a number", "write digits, with a point for decimals")
    return found


def duration(node: Node, rule: Key) -> int:
    """Return a duration in whole seconds, rounded up."""
    written = text(node, rule)
    found = read_duration(written)
    if not found:
        unit = unit_of(written)
        suggestion = closest(unit, UNITS) if unit else None
        raise BadText(
            "no_amount",
            "must be a duration such as 30 minutes or 7 days",
            "write a number and a unit",
            suggestion,
        )
    return math.ceil(found.total_seconds())


def size(node: Node, rule: Key) -> int:
    """Return a size in bytes."""
    found = read_size(text(node, rule))
    if not found:
        raise BadText("no_amount", "must be a size such as 512 KiB or 1 MiB", "write a number and a unit")
    return found


def moment(node: Node, rule: Key) -> str:
    """Return a time as written, once it is sure that it can be read."""
    written = text(node, rule)
    if read_time(written) is None:
        raise BadText("no_time", "must be a date and time", "write it like 2026-11-21T10:00:00Z")
    return written


def take(node: Node, rule: Key) -> str | int:
    """Return first, last, rest, or a number counted from 1."""
    word = text(node, rule)
    if word in {"first", "last", "rest"}:
        return word
    if word.isascii() and word.isdigit() and 0 < len(word) < 6 and int(word) > 0:
        return int(word)
    known = closest(word, ("first", "last", "rest"))
    raise BadText(
        "unknown_word",
        "must be first, last, rest or a number from 1",
        "write first, last, rest or a number",
        known,
    )


OTHERWISE = ("keep", "skip", "error")


def otherwise(node: Node, rule: Key) -> str:
    """Return what happens to a value that no row has: one of three words, or a plain text.

    A text that is nearly one of the words is an error, because it would otherwise be sent as it is.
    """
    word = text(node, rule)
    meant = None if word in OTHERWISE else closest(word, OTHERWISE)
    if meant and len(word) > 2:
        raise BadText(
            "unknown_word", f"cannot be {shown(word)}, which looks like {meant}", f"write {meant}", meant
        )
    return word


def rows(node: Node, rule: Key) -> dict[str, str]:
    """Return a table of texts."""
    if not isinstance(node, Block):
        raise BadText(
            "wrong_shape", "must be a block of rows", "write each row on its own line, as this: that"
        )
    if len(node.entries) > MAX_ROWS:
        raise BadText("too_many_rows", f"has more than {MAX_ROWS} rows")
    return {key.text: _row(below, rule) for key, below in node.entries}


def _row(node: Node, rule: Key) -> str:
    try:
        return text(node, rule)
    except BadText as bad:
        bad.node = bad.node or node
        raise


def shown(word: str) -> str:
    """Return a word of the file for a message, cut when it is long."""
    return repr(word if len(word) <= 40 else word[:37] + "...")


def one_of(words: tuple[str, ...]) -> str:
    """Return words as a person lists them."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


# the kind of a key -> how its node becomes a value; kinds that read the webhook are compiled elsewhere
PLAIN_KINDS: dict[str, Callable[[Node, Key], Any]] = {
    "text": text,
    "texts": texts,
    "files": texts,
    "origins": origins,
    "choice": choice,
    "choices": choices,
    "yes_no": yes_no,
    "whole": whole,
    "number": number,
    "duration": duration,
    "size": size,
    "moment": moment,
    "take": take,
    "otherwise": otherwise,
    "rows": rows,
    "query_texts": rows,
    "templates": texts,
    "country": text,
    "template": text,
    "signed": text,
}
