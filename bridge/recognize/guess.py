"""Guesses what a field of an unknown webhook is: by its name, by its value, and by whose it is."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bridge.coerce.emptiness import is_empty
from bridge.recognize.payload_fields import PayloadField, payload_fields
from bridge.recognize.recognition_tables import (
    KnownField,
    KnownShape,
    RecognitionTables,
    folded,
    recognition_tables,
    words_of,
)
from bridge.recognize.value_shapes import has_shape, is_certainly_phone

_EXACT_NAME, _WORD_IN_NAME, _VALUE_ALONE, _EMPTY_VALUE = 100, 60, 40, -35
_DOUBTFUL, _ITS_OWN_PERSON, _PER_LEVEL, _PER_RANK = -45, 6, 4, 1
_SOMEWHERE_ELSE, _ONE_OF_A_LIST = -30, -12
_PERSONAL = "user_data."
_LIST_STEP = re.compile(r"\.(?:first|\d+)(?=[.(\[])")


@dataclass(frozen=True, slots=True)
class Guess:
    """One field of the payload and what it probably is. A higher `strength` is a surer guess."""

    field: PayloadField
    destination: str
    called: str
    strength: int


def recognize(data: Any) -> tuple[Guess, ...]:
    """Return the likely meaning of every recognizable field of a payload, the best guess of each field first.

    Fields of other people (the sales owner, the company, a host) are never guessed as the customer's.
    """
    tables = recognition_tables()
    guesses = [guess for field in payload_fields(data, tables) for guess in guesses_of(field, tables)]
    return tuple(sorted(guesses, key=lambda guess: -guess.strength))


def guesses_of(field: PayloadField, tables: RecognitionTables | None = None) -> tuple[Guess, ...]:
    """Return what one field may be, the surest first."""
    tables = tables or recognition_tables()
    empty = is_empty(field.value)
    found = []
    for known, named in _candidates(field, tables, empty=empty):
        strength = _strength(field, known, named, tables, empty=empty)
        if strength > 0:
            found.append(Guess(field, known.destination, known.called, strength))
    return tuple(sorted(found, key=lambda guess: -guess.strength))


def _candidates(
    field: PayloadField, tables: RecognitionTables, *, empty: bool
) -> Iterator[tuple[KnownField, int]]:
    """Yield each destination whose name or value this could be, and how telling the name is."""
    named = _named(field.name)
    for known, strength in named:
        if strength > _WORD_IN_NAME if empty else _fits(field, known, tables):
            yield known, strength
    if empty:
        return
    already = {known.destination for known, _ in named}
    for known in tables.fields:
        if known.by_value and known.destination not in already and _is_surely(known, field):
            yield known, _VALUE_ALONE


@lru_cache(maxsize=4096)
def _named(name: str) -> tuple[tuple[KnownField, int], ...]:
    """Return the destinations a name speaks of: mostly none, and the same names come again and again."""
    tables = recognition_tables()
    words = [word for word in words_of(name) if not word.isdigit()]
    telling = [word for word in words if word not in tables.filler and not _is_numbered(word)]
    whole, short = "".join(words), "".join(telling)
    near = {*words, *map("".join, itertools.pairwise(words))}
    found = []
    for known in tables.fields:
        spellings = (whole, short) if _is_about_a_person(known) else (whole,)
        ranks = [known.names[spelling] for spelling in spellings if spelling in known.names]
        if ranks:
            found.append((known, _EXACT_NAME - ranks[0] * _PER_RANK))
        elif known.words & near:
            found.append((known, _WORD_IN_NAME))
    return tuple(found)


def _is_surely(known: KnownField, field: PayloadField) -> bool:
    if not has_shape(known.shape, field.value):
        return False
    return known.shape != "phone" or is_certainly_phone(str(field.value))


def _strength(
    field: PayloadField, known: KnownField, named: int, tables: RecognitionTables, *, empty: bool
) -> int:
    if _is_personal(known) and _belongs_to_another(field, known, tables):
        return 0
    strength = named + _context_strength(field, known, tables) - field.depth * _PER_LEVEL
    return max(0, strength + (_EMPTY_VALUE if empty else 0))


def _fits(field: PayloadField, known: KnownField, tables: RecognitionTables) -> bool:
    if not has_shape(known.shape, field.value):
        return False
    return not (known.shape == "region" and folded(str(field.value)) in tables.status_words)


def _is_numbered(word: str) -> bool:
    return word[:1] in "qf" and word[1:].isdigit()


def _is_personal(known: KnownField) -> bool:
    return known.destination.startswith(_PERSONAL)


def _is_about_a_person(known: KnownField) -> bool:
    return _is_personal(known) or known.destination == "consent"


def _belongs_to_another(field: PayloadField, known: KnownField, tables: RecognitionTables) -> bool:
    """Say whether the names around a field show that it is not the customer's.

    The field's own name counts too (`owner_email`), but not as a whole: `user_agent` and `created` are names.
    """
    around = {word for name in field.within for word in words_of(name)}
    own = set(words_of(field.name)) if folded(field.name) not in known.names else set()
    nearest = _nearest_person((*field.within, field.name if own else ""), tables)
    if nearest:
        return nearest == "other"
    return known.shape == "person_name" and bool((around | own) & tables.things)


def _nearest_person(names: tuple[str, ...], tables: RecognitionTables) -> str:
    """Return whose field this is by the name closest to it: `customer.owner.email` is the owner's."""
    for name in reversed(names):
        words = set(words_of(name))
        if words & tables.other_people:
            return "other"
        if words & tables.customer_words:
            return "customer"
    return ""


def _context_strength(field: PayloadField, known: KnownField, tables: RecognitionTables) -> int:
    listed = _ONE_OF_A_LIST * len(_LIST_STEP.findall(field.path))
    return listed + (_of_a_person if _is_personal(known) else _of_the_event)(field, known, tables)


def _of_the_event(field: PayloadField, known: KnownField, tables: RecognitionTables) -> int:
    around = {word for name in field.within for word in words_of(name)}
    if known.shape == "amount" and (around | set(words_of(field.name))) & tables.not_the_amount:
        return -_EXACT_NAME
    return _SOMEWHERE_ELSE if around & (tables.other_people | tables.things - {"event", "deal"}) else 0


def _of_a_person(field: PayloadField, known: KnownField, tables: RecognitionTables) -> int:
    words = {word for name in (*field.within, field.name) for word in words_of(name)}
    doubt = _DOUBTFUL if words & tables.doubtful and folded(field.name) not in known.names else 0
    doubt += _DOUBTFUL if {word for name in field.within for word in words_of(name)} & tables.doubtful else 0
    return doubt + (_ITS_OWN_PERSON if words & tables.customer_words else 0)


def known_shape(data: Any) -> KnownShape | None:
    """Return the sender's shape when the payload's structure gives it away."""
    for shape in recognition_tables().shapes:
        if all(_holds(data, path) for path in shape.when):
            return shape
    return None


def _holds(data: Any, path: str) -> bool:
    node = data
    for key in path.split("."):
        if not isinstance(node, Mapping) or key not in node:
            return False
        node = node[key]
    return True
