"""What every written function may call, by the names that the source uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from bridge.coerce.emptiness import Emptiness
from bridge.mapping.runtime.scope import Scope
from bridge.meta_spec.spec import MetaSpec
from bridge.normalize import careful
from bridge.normalize.careful import NotOrdinary
from bridge.normalize.context import Known
from bridge.normalize.custom_data import round_money
from bridge.normalize.event import has_a_browser_twin
from bridge.normalize.user_data import known_about
from bridge.privacy.phone_numbers import mapped_phones

_PIECE_LIMIT: Final = 10**30


def built_ins(spec: MetaSpec, empty: Emptiness) -> dict[str, Any]:
    """Return them for one set of rules and one mapping's empty values."""
    return {
        "NO_FIELDS": {},
        "NotOrdinary": NotOrdinary,
        "Known": Known,
        "add_copied": careful.add_copied,
        "add_custom": careful.add_custom,
        "add_field": careful.add_field,
        "add_item": careful.add_item,
        "add_person": careful.add_person,
        "chosen": _chosen,
        "fill_fbc": careful.fill_fbc,
        "fill_names": careful.fill_names,
        "has_a_browser_twin": has_a_browser_twin,
        "known_about": known_about,
        "mapped_phones": mapped_phones,
        "read_inside": _read_inside,
        "round_money": round_money,
        "spec": spec,
        "starts": empty.starts,
        "sum_of_whole_numbers": _sum_of_whole_numbers,
        "text_of_piece": _text_of_piece(empty.starts),
    }


def _chosen(items: Any, key: str, wanted: str, after: str) -> Any:
    """Return what the first fitting entry of a list holds; None leaves everything odd to the reader."""
    if type(items) is not list:
        return None
    for entry in items:
        name = entry.get(key) if type(entry) is dict else None
        if type(name) is not str:
            return None
        if name == wanted or name.strip().casefold() == wanted:
            return entry.get(after)
    return None


def _sum_of_whole_numbers(items: Any, key: str) -> int | None:
    """Return the sum of a field over a list of objects; None leaves everything odd to the reader."""
    if type(items) is not list or not items:
        return None
    total = 0
    for entry in items:
        number = entry.get(key) if type(entry) is dict else None
        if type(number) is not int:
            return None
        total += number
    return total


def _read_inside(scope: Scope, item: Any, index: int, read: Callable[[Scope], Any]) -> Any:
    """Read a value of one entry of a list the general way."""
    return read(scope.inside(item, index, ""))


def _text_of_piece(starts: Mapping[str, Any]) -> Callable[[Any], str | None]:
    """Return what makes the text of a field inside a text, None for one that must be looked at closely."""

    def text_of_piece(value: Any) -> str | None:
        if type(value) is str:
            text = value.strip()
        elif type(value) is int and -_PIECE_LIMIT < value < _PIECE_LIMIT:
            text = str(value)
        else:
            return None
        return text if text and text[0] not in starts else None

    return text_of_piece
