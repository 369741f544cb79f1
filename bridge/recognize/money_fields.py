"""Money: the amount that was paid, the currency beside it, and whether it is written in cents."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal

from bridge.coerce.emptiness import is_empty
from bridge.recognize.ownership import PayloadContext, words_around, words_in, words_of_blocks
from bridge.recognize.payload_fields import PayloadField
from bridge.recognize.recognition_tables import KnownField, RecognitionTables, folded
from bridge.recognize.value_shapes import has_shape

Units = Literal["as written", "minor", "unknown"]

_NAMED, _BY_WORD, _ENOUGH_FOR_CENTS = 98, 62, 1_000
_CERTAIN_RANKS = 10  # names that say "this was charged", whatever block they stand in
_WHOLE = re.compile(r"-?[0-9]{1,12}")
_DECIMAL = re.compile(r"-?[0-9]{1,12}[.,][0-9]{1,2}")
_OF_MONEY = frozenset({"payment", "sale", "order", "purchase", "transaction", "charge", "invoice"})
_CODE = frozenset({"code", "iso", "isocode"})
_IN_CENTS = frozenset({"cents", "cent", "minor", "pence", "kobo", "paise", "centavos", "subunits", "micros"})


def value_strength(
    field: PayloadField, known: KnownField, context: PayloadContext, tables: RecognitionTables
) -> int:
    """Return how well a field is what the customer paid: no fee, tax, commission or list price."""
    name, words = folded(field.name), words_in(field.name)
    rank = known.names.get(name, _rank_of_value(field, known))
    if rank is None and not words & known.words:
        return 0
    if isinstance(field.value, bool) or is_empty(field.value) or not has_shape("amount", field.value):
        return 0
    certain = rank is not None and rank < _CERTAIN_RANKS
    if words & tables.not_the_amount - (words if rank is not None else frozenset()):
        return 0
    if not certain and words_of_blocks(field, tables) & (tables.not_the_amount | tables.other_people):
        return 0
    if words & (tables.ids["suffixes"] | tables.ids["secret"]) and rank is None:
        return 0
    return max(0, (_NAMED - rank if rank is not None else _BY_WORD) - field.depth)


def _rank_of_value(field: PayloadField, known: KnownField) -> int | None:
    """Return the rank of a `value` that is called after the block it stands in: `payment.value`."""
    is_value = folded(field.path.rpartition(".")[2]) == "value"
    return known.names["value"] if is_value and words_in(field.name) & _OF_MONEY else None


def currency_strength(
    field: PayloadField, known: KnownField, context: PayloadContext, tables: RecognitionTables
) -> int:
    """Return how well a field is a currency's code."""
    strength = _currency_by_name(field, known)
    return strength - field.depth if strength and has_shape("currency", field.value) else 0


def _currency_by_name(field: PayloadField, known: KnownField) -> int:
    name = folded(field.name)
    if name in known.names:
        return _NAMED - known.names[name]
    if name in _CODE and field.within and folded(field.within[-1]) in known.names:
        return _NAMED - known.names[folded(field.within[-1])]
    return _BY_WORD if words_in(field.name) & known.words else 0


def nearest_currency(amount: PayloadField, currencies: Sequence[PayloadField]) -> PayloadField | None:
    """Return the currency that stands closest to an amount; of equals, the first."""
    return max(currencies, key=lambda field: _shared(amount.concrete, field.concrete), default=None)


def _shared(one: str, other: str) -> int:
    count = 0
    for left, right in zip(one.split(".")[:-1], other.split(".")[:-1], strict=False):
        if left != right:
            break
        count += 1
    return count - other.count(".") // 8


def units_of(
    amount: PayloadField,
    fields: Sequence[PayloadField],
    currency: str | None,
    tables: RecognitionTables,
    *,
    is_payment: bool,
) -> Units:
    """Return how an amount is written, as far as the payload shows it.

    A sibling that says the same with decimals is proof. Without any decimals in the payload, a payment's
    whole numbers are cents nearly always, unless small or in a currency whose cents nobody uses.
    """
    text = str(amount.value).strip()
    if (words_in(amount.name) | words_around(amount)) & _IN_CENTS:
        return "minor"
    if not _WHOLE.fullmatch(text):
        return "as written"
    amounts = (str(field.value).strip() for field in fields if _is_money(field, tables))
    decimals = [Decimal(other.replace(",", ".")) for other in amounts if _DECIMAL.fullmatch(other)]
    if any(decimals):
        return _units_beside(Decimal(text), [other for other in decimals if other])
    has_cents = (currency or "").upper() not in tables.without_cents_in_practice
    surely = is_payment and has_cents and _is_number(amount.value) and abs(int(text)) >= _ENOUGH_FOR_CENTS
    return "minor" if surely else "unknown"


def _units_beside(amount: Decimal, decimals: Sequence[Decimal]) -> Units:
    if amount / 100 in decimals:
        return "minor"
    return "as written" if any(abs(other) <= abs(amount) * 2 for other in decimals) else "unknown"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _is_money(field: PayloadField, tables: RecognitionTables) -> bool:
    known = tables.field("custom_data.value")
    words = words_in(field.name)
    if isinstance(field.value, bool) or words & tables.ids["suffixes"]:
        return False
    return folded(field.name) in known.names or bool(
        words & (known.words | tables.not_the_amount - {"rate", "score"})
    )


def decimal_sibling(amount: PayloadField, fields: Sequence[PayloadField]) -> PayloadField | None:
    """Return the field beside an amount in cents that says the same with decimals: `total_str`."""
    if not _WHOLE.fullmatch(str(amount.value).strip()):
        return None
    beside = (
        field for field in fields if field.within == amount.within and field.name.startswith(amount.name)
    )
    return next((field for field in beside if _says_the_same(field, Decimal(str(amount.value)))), None)


def _says_the_same(field: PayloadField, cents: Decimal) -> bool:
    text = str(field.value).strip()
    return _DECIMAL.fullmatch(text) is not None and Decimal(text.replace(",", ".")) * 100 == cents
