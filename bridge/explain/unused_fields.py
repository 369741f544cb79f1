"""What a mapping and a webhook do not share: fields that were never read, and lines that found nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bridge.coerce.emptiness import is_empty
from bridge.recognize.guess import surest_guess
from bridge.recognize.ownership import payload_context
from bridge.recognize.payload_fields import payload_fields
from bridge.recognize.recognition_tables import recognition_tables
from bridge.spelling import closest

_MOST_LISTED = 200
_SURE_ENOUGH = 40


def unused_fields(data: Any, paths_read: Collection[str]) -> list[dict[str, str | None]]:
    """Return every non-empty field that was not read: `path`, `looks_like`, `destination` and a `hint`.

    `paths_read` holds the position of each value that was used, with every list index (`answers.0.email`);
    a container covers everything inside it. The result never contains a value.
    """
    read = frozenset(paths_read)
    if "$" in read:
        return []
    unused = []
    fields = payload_fields(data)
    blocks = read.difference([field.concrete for field in fields])
    inside = tuple([f"{path}." for path in blocks])
    context = payload_context(fields, recognition_tables())
    for field in fields:
        if field.concrete in read or field.concrete.startswith(inside) or is_empty(field.value):
            continue
        guess = surest_guess(field, context, at_least=_SURE_ENOUGH)
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


def probably_meant(
    field: str, tried: Sequence[Mapping[str, str]], unused: Sequence[Mapping[str, str | None]]
) -> str | None:
    """Return the unused field that a mapped line probably means: by its name, else by what it looks like.

    `field` is the destination as mappings write it (`user_data.phone`). A field that is there, but empty, is
    not a misspelled one.
    """
    absent = [entry["path"] for entry in tried if entry["outcome"] == "absent"]
    paths = [path for entry in unused if (path := entry["path"])]
    by_key = {_last_key(path): path for path in reversed(paths)}
    for path in (path for path in absent if not _is_system(path)):
        near = closest(path, paths)
        if near is None and (key := closest(_last_key(path), by_key)) is not None:
            near = by_key[key]
        if near is not None:
            return near
    return next((entry["path"] for entry in unused if absent and entry["destination"] == field), None)


def _last_key(path: str) -> str:
    return path.rstrip("]").replace("[", ".").rpartition(".")[2]


def _is_system(path: str) -> bool:
    return path.startswith("$") and not path.startswith("$.")
