"""Whose a field is: the customer's, somebody else's, or nobody can tell; by the names around it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import NamedTuple

from bridge.recognize.payload_fields import PayloadField
from bridge.recognize.recognition_tables import (
    KnownField,
    RecognitionTables,
    folded,
    recognition_tables,
    words_of,
)
from bridge.recognize.value_shapes import has_shape, is_certainly_phone

_OUTBOUND = ("out",)
_PARTIES = frozenset({"from", "to"})
_BARE_NAMES = frozenset({"name", "displayname"})
# a click belongs to whoever clicked, whatever block a vendor keeps it in
_OF_THE_CLICK = frozenset({"user_data.fbc", "user_data.fbp", "user_data.fbclid"})


class PayloadContext(NamedTuple):
    """What the whole payload says about one field of it.

    `has_customer`: somewhere a block or a field is named after the customer. `customer_side`: in a message or
    call with a From and a To, the word of the two that is the customer.
    """

    has_customer: bool = False
    customer_side: str | None = None
    has_anonymous_id: bool = False


ANY_PAYLOAD = PayloadContext()


def payload_context(fields: Sequence[PayloadField], tables: RecognitionTables) -> PayloadContext:
    """Return what the fields of a payload say together."""
    names = frozenset([field.name for field in fields])
    said = _said_by_names(names, frozenset([field.within for field in fields]))
    return PayloadContext(
        has_customer=said.has_customer_block
        or any(field.name in said.customers and _is_of_a_person(field.value) for field in fields),
        customer_side=_customer_side(fields) if said.has_parties else None,
        has_anonymous_id=said.has_anonymous_id,
    )


class _SaidByNames(NamedTuple):
    """What the names of a payload's fields and blocks say, whatever the values are."""

    customers: frozenset[str]
    has_customer_block: bool
    has_parties: bool
    has_anonymous_id: bool


@lru_cache(maxsize=1024)
def _said_by_names(names: frozenset[str], blocks: frozenset[tuple[str, ...]]) -> _SaidByNames:
    """Return it; payloads of one sender have the same names."""
    tables = recognition_tables()
    return _SaidByNames(
        frozenset(name for name in names if _is_customer(name, tables)),
        any(_is_customer(name, tables) for block in blocks for name in block),
        _folded(names, blocks) >= _PARTIES,
        "anonymousid" in {folded(name) for name in names},
    )


def _is_of_a_person(value: object) -> bool:
    """Say whether a field with the customer's name holds an address, or nothing.

    A block that is empty in this webhook (`contact: null`) counts: the next one may have it filled.
    """
    return value is None or has_shape("email", value) or _is_phone(value)


def _is_customer(name: str, tables: RecognitionTables) -> bool:
    words = words_in(name)
    return bool(words & tables.customer_words) and not words & tables.other_people


def _is_phone(value: object) -> bool:
    return isinstance(value, str) and is_certainly_phone(value)


def _customer_side(fields: Sequence[PayloadField]) -> str | None:
    """Return `from` or `to` when both hold numbers or addresses, themselves or in a block of that name."""
    reachable = [field for field in fields if _is_reachable(field.value)]
    if not _folded({field.name for field in reachable}, {field.within for field in reachable}) >= _PARTIES:
        return None
    direction = next((str(field.value) for field in fields if folded(field.name) == "direction"), "")
    return "to" if direction.casefold().startswith(_OUTBOUND) else "from"


def _folded(names: AbstractSet[str], blocks: AbstractSet[tuple[str, ...]]) -> set[str]:
    return {folded(name) for name in set(names).union(*blocks)}


def _is_reachable(value: object) -> bool:
    return has_shape("email", value) or (
        isinstance(value, str) and is_certainly_phone(value.rpartition(":")[2])
    )


@lru_cache(maxsize=8192)
def words_in(name: str) -> frozenset[str]:
    """Return the words of a name, those with a counter without it as well: `address1_city`."""
    words = words_of(name)
    return frozenset((*words, *(bare for word in words if (bare := word.rstrip("0123456789")))))


def words_around(field: PayloadField) -> frozenset[str]:
    """Return the words of every block a field stands in."""
    return _words_of(field.within)


@lru_cache(maxsize=8192)
def _words_of(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset().union(*map(words_in, names))


def is_wrapper(name: str, tables: RecognitionTables) -> bool:
    """Say whether a block only wraps the webhook's subject: `data`, `webHookEvent`, `notificationItems`."""
    words = words_in(name)
    return bool(words) and words <= tables.wrappers and folded(name) not in tables.item_lists


def words_of_blocks(field: PayloadField, tables: RecognitionTables) -> frozenset[str]:
    """Return the words of the blocks around a field that say something: `data` and `event` do not."""
    return _words_of(tuple([name for name in field.within if not is_wrapper(name, tables)]))


def belongs_to_another(
    field: PayloadField, known: KnownField, context: PayloadContext, tables: RecognitionTables
) -> bool:
    """Say whether the names around a field show that it is not the customer's.

    The field's own name counts too (`owner_email`), but not as a whole: `user_agent` and `created` are names.
    """
    if known.destination in _OF_THE_CLICK:
        return False
    whole = folded(field.name) in known.names
    if whole and known.shape == "person_name" and _is_a_name_of_something(field, tables):
        return True
    own = frozenset() if whole else words_in(field.name)
    nearest = nearest_person((*field.within, "" if whole else field.name), context, tables)
    if nearest:
        return nearest == "other"
    if context.has_customer and not _is_in_the_open(field, tables):
        return True
    return known.shape == "person_name" and bool(_what_is_named(field, known, own, tables) & tables.things)


def _what_is_named(
    field: PayloadField, known: KnownField, own: frozenset[str], tables: RecognitionTables
) -> frozenset[str]:
    """Return the words that may name a thing; first and last names only persons have, whatever holds them."""
    of_persons_only = known.destination in {"user_data.first_name", "user_data.last_name"}
    return own if of_persons_only else own | words_of_blocks(field, tables)


def _is_a_name_of_something(field: PayloadField, tables: RecognitionTables) -> bool:
    """Say whether a bare `name` stands in a block that is no person's: `contact.funnel.name`."""
    blocks = [name for name in field.within if not name.isdigit()]
    if folded(field.name) not in _BARE_NAMES or not blocks:
        return False
    known_blocks = tables.neutral_blocks | tables.customer_words | tables.uncertain_people
    return not (words_in(blocks[-1]) & known_blocks or is_wrapper(blocks[-1], tables))


def nearest_person(names: Iterable[str], context: PayloadContext, tables: RecognitionTables) -> str:
    """Return whose field this is by the name closest to it: `customer.owner.email` is the owner's."""
    for name in reversed(list(names)):
        words = words_in(name)
        side = _side(name, words, context)
        if side:
            return side
        if words & tables.other_people or folded(name) == "number":
            return "other"
        if context.has_customer and words & tables.uncertain_people and not words & tables.customer_words:
            return "other"
        if words & tables.customer_words:
            return "customer"
    return ""


def _side(name: str, words: frozenset[str], context: PayloadContext) -> str:
    if context.customer_side is None or words_of(name)[:1] not in {("from",), ("to",)}:
        return ""
    return "customer" if context.customer_side in words else "other"


def _is_in_the_open(field: PayloadField, tables: RecognitionTables) -> bool:
    """Say whether every block around a field is one that holds anybody's fields."""
    return all(
        not words_in(name) or bool(words_in(name) & tables.neutral_blocks) or is_wrapper(name, tables)
        for name in field.within
    )


def without_side(name: str, context: PayloadContext) -> str:
    """Return `City` for the `FromCity` of a message whose From is the customer."""
    if context.customer_side and words_of(name)[:1] == (context.customer_side,):
        return name[len(context.customer_side) :].lstrip("_- ")
    return name


def is_of_the_event(field: PayloadField, tables: RecognitionTables) -> bool:
    """Say whether a field describes what happened: not a person, a product, an app or a list inside it."""
    return not (_is_about_another(field.within) or _is_of_a_later_entry(field))


@lru_cache(maxsize=8192)
def _is_about_another(names: tuple[str, ...]) -> bool:
    tables = recognition_tables()
    others = tables.other_subjects | tables.other_people | tables.customer_words
    return any(words_in(name) & others for name in names if not is_wrapper(name, tables))


def _is_of_a_later_entry(field: PayloadField) -> bool:
    return any(part.isdigit() and int(part) > 0 for part in field.concrete.split(".")[:-1])


def is_in_customer_block(field: PayloadField, tables: RecognitionTables) -> bool:
    """Say whether the block directly around a field is the customer's own."""
    blocks = [name for name in field.within if not name.isdigit()]
    return bool(blocks) and _is_customer(blocks[-1], tables)
