"""The single values of `custom_data` and of its items: one reader each, and what the readers know.

A reader takes the value and the block it stands in, and returns what is sent, or raises ValueDropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from bridge.coerce.identifiers import lost_digits, why_unusable, without_fraction
from bridge.coerce.json_text import opened_text
from bridge.coerce.numbers import currency_beside, is_ambiguous
from bridge.meta_spec.spec import MetaSpec
from bridge.models import ReadingSettings
from bridge.normalize.amounts import Amounts, Number, number_of, ordinary_number
from bridge.normalize.context import Known, ValueDropped
from bridge.normalize.findings import Findings
from bridge.normalize.scalars import choice_of, text_from
from bridge.privacy.personal_data import holds_contact
from bridge.privacy.phone_numbers import may_hold_mapped_phone

_LARGEST_NUMBER: Final = 2**64  # ids and counts are smaller; what is larger is looked at closely
_LONGEST_DIGITS: Final = 64
_DECORATION: Final = " .,:;!()[]{}\"'"
MONEY: Final = ("value", "predicted_ltv", "net_revenue")
_ITEM_MONEY: Final = ("item_price", "price")


class CustomData:
    """The block that a value stands in: its other values, the mapping's settings, the findings."""

    __slots__ = ("_amounts", "findings", "given", "phones", "settings", "spec")

    def __init__(self, given: Mapping[str, Any], settings: ReadingSettings, findings: Findings) -> None:
        self.given: Final = given
        self.settings: Final = settings
        self.findings: Final = findings
        self.spec: Final[MetaSpec] = findings.spec
        self.phones: Final = findings.phones
        self._amounts: Amounts | None = None

    @property
    def amounts(self) -> Amounts:
        """Return the reader of amounts; made when the first one needs more than its own text."""
        if self._amounts is None:
            self._amounts = Amounts(self._currency(), self.settings.number_format, _amounts_in(self.given))
        return self._amounts

    def compare_currency(self, beside: str | None) -> None:
        """Add a finding where an amount names another currency than the event."""
        if beside is not None and self._currency() not in {None, beside}:
            self.findings.add("currency_differs", "custom_data.currency")

    def _currency(self) -> str | None:
        try:
            return currency(self.given.get("currency"), self)
        except ValueDropped:
            return None


Reader = Callable[[Any, CustomData], Any]


def _amounts_in(given: Mapping[str, Any]) -> Iterator[Any]:
    yield from (given.get(key) for key in MONEY)
    items = opened_text(given.get("contents"))
    for item in items if isinstance(items, list | tuple) else [items]:
        if isinstance(item, Mapping):
            yield from (item.get(key) for key in _ITEM_MONEY)


def amount(value: Any, block: CustomData) -> Number:
    """Read an amount of money, with the event's currency where its text could be two numbers."""
    example = block.settings.number_format
    if type(value) is not str:
        return _read(number_of(value, example), value, block)
    number = ordinary_number(value) if example is None else None
    if number is not None:
        return number
    if "%" in value:  # a rate is no amount
        raise ValueDropped("number_unreadable")
    block.compare_currency(currency_beside(value))
    return _read(block.amounts.read(value), value, block)


def _read(number: Number | None, value: Any, block: CustomData) -> Number:
    if number is not None:
        return number
    text_from(value, block.spec)  # says so when there is nothing at all
    open_question = block.settings.number_format is None and is_ambiguous(value)
    raise ValueDropped("number_ambiguous" if open_question else "number_unreadable")


def whole_number(value: Any, block: CustomData) -> int:
    """Read a count. A currency says nothing about it."""
    if type(value) is int and 0 <= value < _LARGEST_NUMBER:
        return value
    number = _read(number_of(value, block.settings.number_format), value, block)
    if type(number) is int and number >= 0:
        return number
    raise ValueDropped("number_unreadable")


def quantity(value: Any, block: CustomData) -> int:
    """Read a number of pieces, a whole one of at least 1; anything else is as good as none."""
    number = value if type(value) is int else number_of(value, block.settings.number_format)
    if type(number) is int and 0 < number < _LARGEST_NUMBER:
        return number
    raise ValueDropped("empty_value")


def currency(value: Any, block: CustomData) -> str:
    """Read a code in any case, or a sign that means one currency only; validation judges unknown codes."""
    spec = block.spec
    if type(value) is str and value in spec.currencies:
        return value
    word = text_from(value, spec)
    code = word.upper()
    named = code if code in spec.currencies else spec.currency_signs.get(word.lower())
    if named is not None:
        return named
    bare = word.strip(_DECORATION)
    code = bare.upper()
    if len(code) == 3 and code.isascii() and code.isalpha():
        return code
    named = spec.currency_signs.get(bare.lower())
    if named is None:
        raise ValueDropped("currency_unreadable")
    return named


def text(value: Any, block: CustomData) -> str:
    """Read a text of Meta's own parameters; neither an e-mail address nor a phone number belongs there."""
    if type(value) is int and 0 <= value < _LARGEST_NUMBER:
        written = str(value)
    else:
        written = text_from(value, block.spec)
    if holds_contact(written, block.phones):
        raise ValueDropped("personal_data_in_custom_data")
    if len(written) > block.spec.limits.custom_text:
        raise ValueDropped("value_left_out")
    return written


def identifier(value: Any, block: CustomData) -> str:
    """Read the id of an order or a product; one that lost its digits or was never filled in names nothing."""
    if type(value) is str and value.isdigit() and value.isascii() and len(value) < _LONGEST_DIGITS:
        if holds_contact(value, block.phones):
            raise ValueDropped("personal_data_in_custom_data")
        return value
    if lost_digits(value):
        raise ValueDropped("digits_lost")
    written = text(value, block)
    if written.isalnum():
        return written
    if reason := why_unusable(written):
        raise ValueDropped(reason)
    return without_fraction(written)


def ordinary_identifier(value: Any, known: Known) -> str | None:
    """Return the short way's id: a whole number, or letters and digits, without a mapped phone number."""
    if type(value) is int:
        if not 0 <= value < _LARGEST_NUMBER:
            return None
        text = str(value)
    elif type(value) is str and value.isdigit() and value.isascii() and len(value) < _LONGEST_DIGITS:
        text = value
    else:
        return None
    return None if may_hold_mapped_phone(text, known.phones) else text


def ordinary_identifiers(value: Any, known: Known) -> list[str] | None:
    """Return the short way's ids: a list of ordinary ones, or one alone."""
    if type(value) is not list:
        alone = ordinary_identifier(value, known)
        return None if alone is None else [alone]
    if not value:
        return None
    ids = [text for entry in value if (text := ordinary_identifier(entry, known)) is not None]
    return ids if len(ids) == len(value) else None


def ordinary_amount(value: Any, known: Known) -> Number | None:
    """Return the short way's amount: a number of JSON with at most six decimals, or a machine's text."""
    if type(value) is str:
        return None if known.settings.number_format else ordinary_number(value)
    if type(value) is int:
        return value if 0 <= value < _LARGEST_NUMBER else None
    if type(value) is float and 0.001 <= value < 1e9 and round(value, 6) == value:
        return int(value) if value.is_integer() else value
    return None


def ordinary_count(value: Any, known: Known) -> int | None:
    """Return the short way's count: a whole number from 1."""
    return value if type(value) is int and 0 < value < _LARGEST_NUMBER else None


def ordinary_currency(value: Any, known: Known) -> str | None:
    """Return the short way's currency: a code, in capital letters or small ones."""
    if type(value) is not str:
        return None
    if value in known.spec.currencies:
        return value
    code = value.upper() if value.isalpha() and value.isascii() else ""
    return code if code in known.spec.currencies else None


def enum(name: str) -> Reader:
    """Return the reader of a parameter whose values the schema lists."""

    def choice(value: Any, block: CustomData) -> str:
        properties = block.spec.event_schema["properties"]["custom_data"]["properties"]
        choices: list[str] = properties[name]["enum"]
        return value if value in choices else choice_of(value, choices, block.spec)

    return choice


def status(value: Any, block: CustomData) -> bool | str:
    """Read the status of a registration: Meta documents true or false, its SDK a text."""
    return value if isinstance(value, bool) else text(value, block)


def explain_number(field: str, value: Any, result: Any, findings: Findings) -> None:
    """Write into the trace how a text was read as a number."""
    if findings.trace is None or not isinstance(value, str) or isinstance(result, bool):
        return
    if isinstance(result, int | float | Decimal) and str(result) != value:
        findings.trace.step(field, "number read", f'"{value}" -> {result}')
