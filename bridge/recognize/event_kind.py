"""What happened, by what a webhook says about itself: its event, its conditions, whether it converted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.coerce.emptiness import is_empty
from bridge.recognize.ownership import PayloadContext, is_of_the_event, is_wrapper, words_around
from bridge.recognize.payload_fields import PayloadField
from bridge.recognize.recognition_tables import RecognitionTables, folded, words_of
from bridge.recognize.value_shapes import has_shape

_LONGEST_NAME, _DEEPEST_NAME, _DEEPEST_STATUS = 80, 4, 6
_PURCHASE = "Purchase"
_YES = {"true": "true", "yes": "yes", "y": "Y", "1": "1"}
_NO = {"false": "true", "no": "yes", "n": "Y", "0": "1", "none": "true"}
_ENOUGH_FIELDS = 2
_DEEPEST_OWN_FIELD = 2


@dataclass(frozen=True, slots=True)
class Condition:
    """One line of `when`: a path, and the test its value has to pass, as YAML writes it."""

    path: str
    test: Mapping[str, str] | str


@dataclass(frozen=True, slots=True)
class Occurrence:
    """What a payload says that happened.

    `event_name` is None when it says nothing. `refused_by` is the field that shows the sample to be a
    refund, a failed payment or something else that must not be sent; None when nothing does.
    """

    event_name: str | None
    action_source: str | None
    conditions: tuple[Condition, ...]
    refused_by: PayloadField | None

    @property
    def is_payment(self) -> bool:
        """Say whether the payload calls itself a payment, an order or a sale."""
        return self.event_name == _PURCHASE


def occurrence(
    fields: Sequence[PayloadField],
    context: PayloadContext,
    tables: RecognitionTables,
    standard_events: Mapping[str, str],
    *,
    is_sale: bool,
) -> Occurrence:
    """Read what happened out of the fields of a payload. `is_sale`: money and an order number were found."""
    naming = [field for field in fields if _names_the_event(field, tables)]
    statuses = [field for field in fields if _is_status(field, tables)]
    event_name, action_source = _kind(naming, fields, context, tables, standard_events)
    sold = is_sale if event_name is None else event_name == _PURCHASE
    refused_by = next((field for field in (*naming, *statuses) if _is_bad(field, tables)), None)
    refused_by = refused_by or next((field for field in fields if _is_sad(field, tables)), None)
    if (
        refused_by is not None
        and refused_by in (*naming, *statuses)
        and not (sold or _is_bad_in_any_case(refused_by, tables))
    ):
        refused_by = None
    conditions = [Condition(field.path, str(field.value)) for field in naming]
    if sold:
        conditions += [Condition(field.path, str(field.value)) for field in statuses]
        conditions += _flags(fields, tables)
    return Occurrence(
        event_name or (_PURCHASE if sold else None),
        action_source,
        tuple(_without_doubles(conditions)),
        refused_by,
    )


# --- what the event calls itself -------------------------------------------------------------------


def _names_the_event(field: PayloadField, tables: RecognitionTables) -> bool:
    """Say whether a field says which event this is: `event`, `type`, `topic`, of the webhook itself."""
    text = field.value.strip() if isinstance(field.value, str) else ""
    if not text or len(text) > _LONGEST_NAME or folded(field.name) not in tables.event_keys:
        return False
    if field.depth > _DEEPEST_NAME or not _is_around_the_event(field, tables):
        return False
    if has_shape("url", text) or has_shape("email", text) or any(map(str.isdigit, text)):
        return False
    return _is_telling(folded(field.name), text, tables)


def _is_telling(name: str, text: str, tables: RecognitionTables) -> bool:
    """Say whether a text is the name of an event: `order.paid`, `PURCHASE_APPROVED`, a word of the list."""
    words = set(words_of(text))
    if name in {
        "name",
        "object",
        "key",
        "resource",
        "kind",
        "entitytype",
        "primaryentityname",
        "eventid",
        "leadtype",
    }:
        return bool(re.fullmatch(r"[A-Za-z_-]+[.:/][\w.:/-]+", text)) or (
            name not in {"name", "key", "eventid"} and bool(words & _event_vocabulary(tables))
        )
    return len(words) <= 8


def _event_vocabulary(tables: RecognitionTables) -> frozenset[str]:
    return frozenset().union(*(row.words for row in tables.event_words))


def _is_around_the_event(field: PayloadField, tables: RecognitionTables) -> bool:
    return all(name.isdigit() or is_wrapper(name, tables) for name in field.within) and not re.search(
        r"\.[1-9]\d*\.", f".{field.concrete}."
    )


def _kind(
    naming: Sequence[PayloadField],
    fields: Sequence[PayloadField],
    context: PayloadContext,
    tables: RecognitionTables,
    standard_events: Mapping[str, str],
) -> tuple[str | None, str | None]:
    for field in naming:
        if (standard := _standard_event(field, standard_events)) is not None:
            return standard, None
    said = [frozenset(words_of(str(field.value))) for field in naming]
    for row in tables.event_words:
        if any(words & row.words for words in said):
            return row.event_name, row.action_source
    return _kind_by_its_fields(fields, context)


def _standard_event(field: PayloadField, standard_events: Mapping[str, str]) -> str | None:
    """Return the name at Meta that a field holds as it is; `type: contact` is a kind of record, no event."""
    standard = standard_events.get(folded(str(field.value)))
    return standard if folded(field.name) in {"event", "eventname"} or standard == field.value else None


def _kind_by_its_fields(
    fields: Sequence[PayloadField], context: PayloadContext
) -> tuple[str | None, str | None]:
    """Tell calls and messages by the names of their fields, when they have no name of their own."""
    top = [words_of(field.name) for field in fields if field.depth <= _DEEPEST_OWN_FIELD]
    if sum("call" in words or "caller" in words for words in top) >= _ENOUGH_FIELDS:
        return "Contact", "phone_call"
    if context.customer_side:
        return "Contact", None
    return None, None


def speaks_of_a_sale(fields: Sequence[PayloadField], tables: RecognitionTables) -> bool:
    """Say whether the webhook's own fields are named after a sale: `sale_status`, `payment_type`."""
    top = [set(words_of(field.name)) for field in fields if field.depth <= _DEEPEST_OWN_FIELD]
    return sum(bool(words & tables.statuses["deals_in"]) for words in top) >= _ENOUGH_FIELDS


# --- how it stands -----------------------------------------------------------------------------------


def _is_status(field: PayloadField, tables: RecognitionTables) -> bool:
    """Say whether a field says how a sale stands: `status` of the payment, not of its card or delivery."""
    words = words_of(field.name)
    if not set(words) & tables.statuses["ends"] or field.depth > _DEEPEST_STATUS:
        return False
    if not set(words) <= tables.statuses["of"] | tables.statuses["ends"] or is_empty(field.value):
        return False
    return is_of_the_event(field, tables) and _is_short(field.value) and not _is_region(field, tables)


def _is_region(field: PayloadField, tables: RecognitionTables) -> bool:
    region = folded(field.name) in tables.field("user_data.state").names
    return region and folded(str(field.value)) not in tables.status_words | tables.statuses["bad"]


def _is_short(value: Any) -> bool:
    return not isinstance(value, bool) and len(str(value)) <= 40 and len(str(value).split()) <= 4


def _is_bad(field: PayloadField, tables: RecognitionTables) -> bool:
    return bool(set(words_of(str(field.value))) & tables.statuses["bad"])


_IN_ANY_CASE = frozenset(
    {
        "delete",
        "deleted",
        "unsubscribe",
        "archived",
        "remove",
        "removed",
        "unsubscribed",
        "spam",
        "cancel",
        "cancelled",
        "canceled",
        "noshow",
        "refund",
        "refunded",
    }
)


def _is_bad_in_any_case(field: PayloadField, tables: RecognitionTables) -> bool:
    return bool(set(words_of(str(field.value))) & _IN_ANY_CASE)


def _is_sad(field: PayloadField, tables: RecognitionTables) -> bool:
    """Say whether a flag such as `refunded` is set; a test is one that its author may well start from."""
    name, is_set = folded(field.name), str(field.value).casefold() in _YES
    return (
        name in tables.statuses["sad_flags"]
        and "test" not in name
        and is_set
        and is_of_the_event(field, tables)
    )


def _flags(fields: Sequence[PayloadField], tables: RecognitionTables) -> Iterator[Condition]:
    """Yield what must stay as it is in a sale: paid is true, refunded is not, nothing is a test."""
    for field in fields:
        name, text = folded(field.name), str(field.value).casefold()
        if words_around(field) & (tables.other_people | tables.customer_words) or not is_of_the_event(
            field, tables
        ):
            continue
        if name in tables.statuses["happy_flags"] and text in _YES:
            yield Condition(field.path, {"is_true": "yes"})
        elif name in tables.statuses["sad_flags"] and text in _NO:
            yield Condition(field.path, {"is_not": _NO[text]})
        elif name in tables.statuses["sad_times"] and is_empty(field.value):
            yield Condition(field.path, {"empty": "yes"})
        elif name in tables.statuses["mode_names"] and text in {"live", "production", "prod"}:
            yield Condition(field.path, str(field.value))


def _without_doubles(conditions: Sequence[Condition]) -> list[Condition]:
    return list({condition.path: condition for condition in conditions}.values())
