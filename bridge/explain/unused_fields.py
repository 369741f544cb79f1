"""The fields of a webhook that a mapping never read, each with a guess at what it could be."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from bridge.coerce.emptiness import is_empty
from bridge.recognize.guess import guesses_of
from bridge.recognize.ownership import payload_context
from bridge.recognize.payload_fields import payload_fields
from bridge.recognize.recognition_tables import recognition_tables

_MOST_LISTED = 200
_SURE_ENOUGH = 40


def unused_fields(data: Any, paths_read: Collection[str]) -> list[dict[str, str | None]]:
    """Return every non-empty field that was not read: `path`, `looks_like`, `destination` and a `hint`.

    `paths_read` holds the position of each value that was used, with every list index (`answers.0.email`);
    a container covers everything inside it. The result never contains a value.
    """
    read = frozenset(paths_read)
    unused = []
    fields = payload_fields(data)
    context = payload_context(fields, recognition_tables())
    for field in fields:
        if is_empty(field.value) or _was_read(field.concrete, read):
            continue
        guess = next((guess for guess in guesses_of(field, context) if guess.strength >= _SURE_ENOUGH), None)
        unused.append(
            {
                "path": field.path,
                "looks_like": guess.called if guess else None,
                "destination": guess.destination if guess else None,
                "hint": f"`{field.path}` looks like {guess.called}" if guess else None,
            }
        )
    unused.sort(key=lambda entry: entry["hint"] is None)
    return unused[:_MOST_LISTED]


def _was_read(concrete: str, read: frozenset[str]) -> bool:
    if not concrete:
        return "$" in read
    return "$" in read or concrete in read or any(_is_below(concrete, path) for path in read)


def _is_below(concrete: str, path: str) -> bool:
    return concrete.startswith(path) and concrete[len(path) : len(path) + 1] == "."
