"""Ids: which one names what happened, which one the customer, which one the order; and which must not."""

from __future__ import annotations

import re
from functools import lru_cache

from bridge.coerce.emptiness import is_empty
from bridge.recognize.ownership import (
    PayloadContext,
    is_in_customer_block,
    is_of_the_event,
    is_wrapper,
    words_around,
    words_in,
)
from bridge.recognize.payload_fields import PayloadField
from bridge.recognize.recognition_tables import (
    KnownField,
    RecognitionTables,
    folded,
    recognition_tables,
    words_of,
)
from bridge.recognize.value_shapes import has_shape

_NAMED, _ANY_ID, _OF_CUSTOMER, _OF_NOTIFICATION, _URL = 98, 72, 64, 56, 52
_LONGEST_ID = 200
# a lead's id is what happened; a visitor's is of one visit; a caller's number is a phone
_NO_CUSTOMERS_ID = frozenset({"lead", "leads", "visitor", "number", "phone", "document", "tax", "vat"})
_BARE_NUMBERS = frozenset({"number", "no", "ref", "code"})  # an invoice's number, in the invoice's block
_PLAIN = frozenset({"id", "uid", "uuid", "guid", "sid"})


def event_id_strength(
    field: PayloadField, known: KnownField, context: PayloadContext, tables: RecognitionTables
) -> int:
    """Return how well a field names what happened, so that the same webhook again is the same event.

    An id has a digit and is no secret. One that is the same for all webhooks (the account's, the form's, the
    product's) would make every event a duplicate of the first; one of the delivery counts a payment twice.
    """
    kind = _kind_of_id(field, known, tables)
    if not kind or not _is_id(field, tables):
        return 0
    return max(0, kind + (_inside(field, tables) if folded(field.name) in _PLAIN else -field.depth))


def _inside(field: PayloadField, tables: RecognitionTables) -> int:
    """Prefer the `id` of the subject to that of the notification around it, and of things inside it."""
    blocks = [name for name in field.within if not name.isdigit()]
    inner = [name for name in blocks if not is_wrapper(name, tables)]
    if not inner:
        return 2 * len(blocks)
    is_subject = len(inner) == 1 and words_in(inner[0]) <= tables.ids["subjects"]
    return 2 * len(blocks) if is_subject else -3 * len(blocks)


def _kind_of_id(field: PayloadField, known: KnownField, tables: RecognitionTables) -> int:
    name = folded(field.name)
    if _is_of_customer(field, tables):
        return _OF_CUSTOMER if not _is_secondary(field, tables) else 0
    if not is_of_the_event(field, tables):
        return 0
    if has_shape("url", field.value):
        return _URL if name in tables.ids["url_names"] else 0
    if name in known.names:
        return _NAMED - known.names[name] // 2
    if name in _BARE_NUMBERS and field.within and words_in(field.within[-1]) & tables.ids["subjects"]:
        return _NAMED - 10
    return _unnamed_id(words_in(field.name), tables)


def _unnamed_id(words: frozenset[str], tables: RecognitionTables) -> int:
    """Judge an id by the words of its name alone: `projectUuid`, `deliveryId`."""
    if not words & tables.ids["suffixes"] or words & tables.ids["same_for_all"]:
        return 0
    return _OF_NOTIFICATION if words & tables.ids["notification"] else _ANY_ID


def external_id_strength(
    field: PayloadField, known: KnownField, context: PayloadContext, tables: RecognitionTables
) -> int:
    """Return how well a field names the customer: their own id, never a user's of the sender's staff."""
    strength = _external_id_by_name(field, known, context, tables)
    if not strength or not _is_id(field, tables, digit=False) or has_shape("url", field.value):
        return 0
    return strength


def _external_id_by_name(
    field: PayloadField, known: KnownField, context: PayloadContext, tables: RecognitionTables
) -> int:
    name = folded(field.name)
    if name == "userid" and context.has_anonymous_id and not words_around(field) & tables.other_people:
        return _NAMED - 10
    if not _is_of_customer(field, tables):
        return 0
    if name in known.names and not words_around(field) & (tables.other_subjects | tables.other_people):
        return _NAMED - known.names[name] // 2 - field.depth
    return 0 if _is_secondary(field, tables) else _NAMED - 12 - field.depth


def order_id_strength(
    field: PayloadField, known: KnownField, context: PayloadContext, tables: RecognitionTables
) -> int:
    """Return how well a field is the number that buyer and seller call an order by."""
    name = folded(field.name)
    if name not in known.names or not _is_id(field, tables) or has_shape("url", field.value):
        return 0
    return _NAMED - known.names[name] - field.depth if is_of_the_event(field, tables) else 0


def _is_id(field: PayloadField, tables: RecognitionTables, *, digit: bool = True) -> bool:
    text = str(field.value).strip()
    if is_empty(field.value) or isinstance(field.value, bool) or len(text) > _LONGEST_ID:
        return False
    return (text.isdigit() or _looks_like_id(text, digit=digit)) and not words_in(field.name) & tables.ids[
        "secret"
    ]


def _looks_like_id(text: str, *, digit: bool) -> bool:
    if not has_shape("id", text) or (digit and not any(map(str.isdigit, text))):
        return False
    return not (re.fullmatch(r"-?\d+\.\d+", text) or has_shape("ip", text) or has_shape("date", text))


def _is_of_customer(field: PayloadField, tables: RecognitionTables) -> bool:
    """Say whether an id is the customer's: `customer_id`, or the `id` of the customer's block."""
    if words_around(field) & tables.other_people:
        return False
    if folded(field.name) in _PLAIN:
        return is_in_customer_block(field, tables)
    return _names_a_customers_id(field.name)


@lru_cache(maxsize=8192)
def _names_a_customers_id(name: str) -> bool:
    tables, words = recognition_tables(), words_in(name)
    named = bool(words & tables.customer_words) and not words & _NO_CUSTOMERS_ID
    last = frozenset(words_of(name)[-1:])
    return named and bool(last & tables.ids["suffixes"]) and not words & tables.other_people


def _is_secondary(field: PayloadField, tables: RecognitionTables) -> bool:
    """Say whether an id stands in a list inside the customer's block: the id of one of their phones."""
    return bool(re.search(r"\.\d+\.", f"{field.concrete}.")) and not words_around(field) & tables.wrappers
