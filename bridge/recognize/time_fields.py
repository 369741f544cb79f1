"""Times: which one is when it happened, not when a record changed, a card expires or a message was sent."""

from __future__ import annotations

import re

from bridge.recognize.ownership import PayloadContext, is_of_the_event, words_in
from bridge.recognize.payload_fields import PayloadField
from bridge.recognize.recognition_tables import KnownField, RecognitionTables, folded
from bridge.recognize.value_shapes import has_shape

_HAPPENED, _CREATED, _BARELY = 98, 84, 66
_NO_ZONE, _DAY_ONLY, _ELSEWHERE, _PER_LEVEL = -16, -30, -60, 1
_ZONE = re.compile(r"(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})$|^/Date\(|^[\d.]+$")
_CLOCK = re.compile(r"\d{1,2}:\d{2}|^[\d.]{10,}$|^/Date\(")


def event_time_strength(
    field: PayloadField, known: KnownField, context: PayloadContext, tables: RecognitionTables
) -> int:
    """Return how well a field says when it happened.

    What was approved or submitted comes before what was created, and a moment with its zone before one
    without: a wrong zone is hours off, a wrong field seconds.
    """
    strength = _by_name(folded(field.name), words_in(field.name), known, tables)
    if not strength or not has_shape("date", field.value):
        return 0
    strength += 0 if is_of_the_event(field, tables) else _ELSEWHERE
    return max(0, strength + _precision(str(field.value).strip()) - field.depth * _PER_LEVEL)


def _by_name(name: str, words: frozenset[str], known: KnownField, tables: RecognitionTables) -> int:
    if name in known.names:
        return _HAPPENED - known.names[name] // 2
    if words & tables.times["never"] or not words & (tables.times["happened"] | tables.times["created"]):
        return 0
    if not words & {
        "at",
        "date",
        "time",
        "timestamp",
        "datetime",
        "on",
        "created",
        "creation",
        "data",
        "fecha",
        "datum",
    }:
        return 0
    if words & tables.times["decided"]:
        return _HAPPENED
    if words & tables.times["happened"]:
        return _CREATED
    return _BARELY + 8 if {"created", "creation"} & words else _BARELY


def _precision(text: str) -> int:
    if not _CLOCK.search(text):
        return _DAY_ONLY
    return 0 if _ZONE.search(text) else _NO_ZONE
