"""Guesses what a field of an unknown webhook is: by its name, by its value, and by whose it is."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import Any, NamedTuple

from msgspec import Struct

from bridge.coerce.emptiness import is_empty
from bridge.recognize.id_fields import event_id_strength, external_id_strength, order_id_strength
from bridge.recognize.money_fields import currency_strength, value_strength
from bridge.recognize.ownership import (
    ANY_PAYLOAD,
    PayloadContext,
    belongs_to_another,
    nearest_person,
    payload_context,
    without_side,
    words_in,
    words_of_blocks,
)
from bridge.recognize.payload_fields import PayloadField, payload_fields
from bridge.recognize.recognition_tables import (
    KnownField,
    RecognitionTables,
    folded,
    recognition_tables,
    words_of,
)
from bridge.recognize.time_fields import event_time_strength
from bridge.recognize.value_shapes import (
    SHAPES,
    as_text,
    has_shape,
    is_certainly_click_id,
    is_certainly_phone,
)

_EXACT_NAME, _WORD_IN_NAME, _VALUE_ALONE, _EMPTY_VALUE = 100, 60, 40, -35
_DOUBTFUL, _ITS_OWN_PERSON, _PER_LEVEL, _PER_RANK = -45, 6, 4, 1
_SOMEWHERE_ELSE, _ONE_OF_A_LIST, _CONFIRMED_BY_EMAIL = -30, -12, 70
_PERSONAL = "user_data."
_KEPT_WITH_A_PAGE = frozenset({"event", "deal", "page"})
_ANY_LINK = frozenset({"url", "link", "uri", "href"})
_VISIT = frozenset({"page", "context", "visit", "session", "tracking", "visitor", "client", "browser"})
# shapes that a value needs a telling name for, and what it needs without one
_CERTAIN = {"phone": is_certainly_phone, "fbclid": is_certainly_click_id}
_LIST_STEP = re.compile(r"\.(?:first|\d+)(?=[.(\[])")


class Guess(Struct, frozen=True):
    """One field of the payload and what it probably is. A higher `strength` is a surer guess."""

    field: PayloadField
    destination: str
    called: str
    strength: int


_Strength = Callable[[PayloadField, KnownField, PayloadContext, RecognitionTables], int]
_Rules = tuple[tuple[KnownField, _Strength], ...]

# what is not a person's contact is recognised by a rule of its own
RULES: dict[str, _Strength] = {
    "event_id": event_id_strength,
    "event_time": event_time_strength,
    "external_id": external_id_strength,
    "order_id": order_id_strength,
    "value": value_strength,
    "currency": currency_strength,
}


# the values that a rule takes most readily
_BEST: dict[str, tuple[str, ...]] = {
    "event_id": ("id-7", "https://shop.example/7"),
    "event_time": ("2026-11-21T10:00:00Z",),
    "external_id": ("id-7",),
    "order_id": ("id-7",),
    "value": ("7.50",),
    "currency": ("EUR",),
}
_WITH_VISITOR_ID = PayloadContext(has_anonymous_id=True)


def recognize(data: Any) -> tuple[Guess, ...]:
    """Return the likely meaning of every recognizable field of a payload, the best guess of each field first.

    Fields of other people (the sales owner, the company, a host) are never guessed as the customer's.
    """
    tables = recognition_tables()
    fields = payload_fields(data, tables)
    context = payload_context(fields, tables)
    guesses = [guess for field in fields for guess in guesses_of(field, context)]
    guesses += _confirmed_names(fields, guesses, context, tables)
    return tuple(sorted(guesses, key=lambda guess: -guess.strength))


def guesses_of(field: PayloadField, context: PayloadContext = ANY_PAYLOAD) -> tuple[Guess, ...]:
    """Return what one field may be, the surest first."""
    tables, empty = recognition_tables(), is_empty(field.value)
    rules = () if empty else rules_for(field.name, field.within)
    found = [(known, rule(field, known, context, tables)) for known, rule in rules]
    candidates = _candidates(field.path, field.name, field.within, field.depth, context, empty=empty)
    found += [(one.known, one.strength) for one in candidates if one.fits(field, one.known)]
    guesses = [_guess(field, known, strength) for known, strength in found if strength > 0]
    return tuple(sorted(guesses, key=lambda guess: -guess.strength))


def surest_guess(field: PayloadField, context: PayloadContext, *, at_least: int) -> Guess | None:
    """Return what a filled field most probably is, None when no guess is that sure."""
    rules, candidates = _possible(field.path, field.name, field.within, field.depth, context, at_least)
    best = None
    for known, rule in rules:
        strength = rule(field, known, context, recognition_tables())
        if strength >= at_least and (best is None or strength > best.strength):
            best = _guess(field, known, strength)
    for one in candidates:
        if best is not None and best.strength >= one.strength:
            break
        if one.fits(field, one.known):
            return _guess(field, one.known, one.strength)
    return best


def _guess(field: PayloadField, known: KnownField, strength: int) -> Guess:
    return Guess(field, known.destination, known.called, strength)


@lru_cache(maxsize=8192)
def _possible(  # noqa: PLR0913, PLR0917 - the parts of a field that are the same in the next webhook
    path: str, name: str, within: tuple[str, ...], depth: int, context: PayloadContext, at_least: int
) -> tuple[_Rules, tuple[_Candidate, ...]]:
    """Return what may be so sure of a filled field in this place: its rules, and candidates by strength."""
    candidates = _candidates(path, name, within, depth, context, empty=False)
    sure = (one for one in candidates if one.strength >= at_least)
    return rules_for(name, within), tuple(sorted(sure, key=lambda one: -one.strength))


class _Candidate(NamedTuple):
    """A destination that a field may be, how surely, and the test that its value has to pass."""

    known: KnownField
    strength: int
    fits: Callable[[PayloadField, KnownField], bool]


@lru_cache(maxsize=8192)
def _candidates(  # noqa: PLR0913 - the same parts
    path: str, name: str, within: tuple[str, ...], depth: int, context: PayloadContext, *, empty: bool
) -> tuple[_Candidate, ...]:
    """Return each destination whose name or value a field in this place could be."""
    field, tables = PayloadField(path, "", name, within, None, depth), recognition_tables()
    named = _named(without_side(name, context))
    found = [(known, strength, _fits) for known, strength in named]
    if empty:
        found = [(known, strength, _anything) for known, strength in named if strength > _WORD_IN_NAME]
    else:
        already = {known.destination for known, _ in named}
        by_value = (known for known in _recognized_by_value() if known.destination not in already)
        found += [(known, _VALUE_ALONE, _is_recognized) for known in by_value]
    return tuple(
        _Candidate(known, _strength(field, known, strength, tables, empty=empty), fits)
        for known, strength, fits in found
        if not (_is_personal(known) and belongs_to_another(field, known, context, tables))
    )


def _anything(field: PayloadField, known: KnownField) -> bool:
    """Say so of an empty value: only its name tells what it is."""
    return True


def _is_recognized(field: PayloadField, known: KnownField) -> bool:
    """Say whether a value alone, under any name, is what it looks like."""
    if isinstance(field.value, bool):
        return False
    return _CERTAIN.get(known.shape, SHAPES[known.shape])(as_text(field.value))


@lru_cache(maxsize=8192)
def rules_for(name: str, within: tuple[str, ...]) -> _Rules:
    """Return the rules that could say something of a field of this name there: mostly none.

    Each is asked about values that it likes best, in the most favorable place.
    """
    return tuple(
        (known, RULES[known.rule])
        for known in recognition_tables().fields
        if known.rule
        and any(
            _likes(known, PayloadField("value", "", name, within, value, 0)) for value in _BEST[known.rule]
        )
    )


def _likes(known: KnownField, field: PayloadField) -> bool:
    rule, tables = RULES[known.rule or ""], recognition_tables()
    return any(rule(field, known, context, tables) > 0 for context in (ANY_PAYLOAD, _WITH_VISITOR_ID))


@cache
def _recognized_by_value() -> tuple[KnownField, ...]:
    return tuple(known for known in recognition_tables().fields if known.by_value)


def _confirmed_names(
    fields: Iterable[PayloadField],
    guesses: Iterable[Guess],
    context: PayloadContext,
    tables: RecognitionTables,
) -> list[Guess]:
    """Return the texts that the customer's e-mail address confirms as their name (jane.doe@…)."""
    emails = [str(guess.field.value) for guess in guesses if guess.destination == "user_data.email"]
    known = tables.field("user_data.full_name")
    mailboxes = {folded(email.partition("@")[0]) for email in emails}
    return [
        Guess(field, known.destination, known.called, _CONFIRMED_BY_EMAIL)
        for field in fields
        if has_shape("person_name", field.value)
        and _is_the_name_in(str(field.value), mailboxes)
        and not _is_somebody_elses(field, known, context, tables)
    ]


def _is_the_name_in(text: str, mailboxes: set[str]) -> bool:
    words = [word for word in words_of(text) if len(word) > 1]
    return len(words) > 1 and any(all(word in mailbox for word in words) for mailbox in mailboxes)


def _is_somebody_elses(
    field: PayloadField, known: KnownField, context: PayloadContext, tables: RecognitionTables
) -> bool:
    if known.names.keys() & {folded(field.name)}:
        return belongs_to_another(field, known, context, tables)
    return nearest_person((*field.within, field.name), context, tables) == "other"


@lru_cache(maxsize=4096)
def _named(name: str) -> tuple[tuple[KnownField, int], ...]:
    """Return the destinations a name speaks of: mostly none, and the same names come again and again."""
    tables = recognition_tables()
    words = [
        bare for word in words_of(name) if (bare := word if _is_numbered(word) else word.rstrip("0123456789"))
    ]
    telling = [word for word in words if word not in tables.filler and not _is_numbered(word)]
    whole, short = "".join(words), "".join(telling)
    near = {*words, *map("".join, itertools.pairwise(words))}
    found = []
    for known in tables.fields:
        if known.rule is not None:
            continue
        spellings = (whole, short) if _is_about_a_person(known) else (whole,)
        ranks = [known.names[spelling] for spelling in spellings if spelling in known.names]
        if ranks:
            found.append((known, _EXACT_NAME - ranks[0] * _PER_RANK))
        elif known.words & near:
            found.append((known, _WORD_IN_NAME))
    return tuple(found)


def _strength(
    field: PayloadField, known: KnownField, named: int, tables: RecognitionTables, *, empty: bool
) -> int:
    strength = named + _context_strength(field, known, tables) - field.depth * _PER_LEVEL
    return max(0, strength + (_EMPTY_VALUE if empty else 0))


def _fits(field: PayloadField, known: KnownField) -> bool:
    tables = recognition_tables()
    if not has_shape(known.shape, field.value):
        return False
    if known.shape == "url" and folded(field.name) in _ANY_LINK and not _is_a_page(field, tables):
        return False
    return not (known.shape == "region" and folded(str(field.value)) in tables.status_words)


def _is_a_page(field: PayloadField, tables: RecognitionTables) -> bool:
    """Say whether a bare `url` is that of a page: on top, or in a block of the visit."""
    blocks = [words_in(name) for name in field.within if not name.isdigit()]
    return all(words & (tables.wrappers | _VISIT) for words in blocks)


def _is_numbered(word: str) -> bool:
    return word[:1] in "qf" and word[1:].isdigit()


def _is_personal(known: KnownField) -> bool:
    return known.destination.startswith(_PERSONAL)


def _is_about_a_person(known: KnownField) -> bool:
    return _is_personal(known) or known.destination == "consent"


def _context_strength(field: PayloadField, known: KnownField, tables: RecognitionTables) -> int:
    listed = _ONE_OF_A_LIST * len(_LIST_STEP.findall(field.path))
    return listed + (_of_a_person if _is_personal(known) else _of_the_event)(field, known, tables)


def _of_the_event(field: PayloadField, _known: KnownField, tables: RecognitionTables) -> int:
    around = words_of_blocks(field, tables)
    return _SOMEWHERE_ELSE if around & (tables.other_people | tables.things - _KEPT_WITH_A_PAGE) else 0


def _of_a_person(field: PayloadField, known: KnownField, tables: RecognitionTables) -> int:
    words = {word for name in (*field.within, field.name) for word in words_of(name)}
    doubt = _DOUBTFUL if words & tables.doubtful and folded(field.name) not in known.names else 0
    doubt += _DOUBTFUL if {word for name in field.within for word in words_of(name)} & tables.doubtful else 0
    return doubt + (_ITS_OWN_PERSON if words & tables.customer_words else 0)
