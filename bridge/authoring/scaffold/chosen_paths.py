"""Which path of a sample each field is read from: the surest one, with what stands beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.recognize.event_kind import Occurrence, occurrence, speaks_of_a_sale
from bridge.recognize.guess import Guess, recognize
from bridge.recognize.money_fields import decimal_sibling, nearest_currency
from bridge.recognize.ownership import payload_context
from bridge.recognize.payload_fields import PayloadField, joined_path, payload_fields
from bridge.recognize.recognition_tables import folded, recognition_tables, words_of

CONTENT_IDS = "custom_data.content_ids"
SURE = 50
_GOOD_ENOUGH_ALONE, _CLOSE_BEHIND, _MOST_PATHS = 24, 32, 3
_MAY_BE_GUESSED = frozenset(
    {"user_data.email", "user_data.phone", "user_data.fbclid", "user_data.fbc", "user_data.fbp"}
)
_ONE_PATH_ONLY = frozenset({"event_id", "event_time", "custom_data.value", "custom_data.currency"})
_MAY_SHARE = frozenset({"event_id", "custom_data.order_id", "user_data.external_id", "user_data.lead_id"})
_LONGEST_LOCAL_PHONE = 9  # digits; a longer one holds its area code already


@dataclass(frozen=True, slots=True)
class Items:
    """The list of bought things in a payload and the names of its columns."""

    path: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Seen:
    """What recognition saw in one payload."""

    fields: tuple[PayloadField, ...]
    guesses: tuple[Guess, ...]
    values: Mapping[str, Any]
    chosen: dict[str, list[str]]
    happened: Occurrence


def seen_in(item: Any, standard_events: Iterable[str]) -> Seen:
    """Recognise a payload: what happened, and the paths of each field by their names and values."""
    tables = recognition_tables()
    fields = payload_fields(item, tables)
    guesses = recognize(item)
    chosen = _chosen(guesses)
    has_amount = "custom_data.value" in chosen
    sold = has_amount and "custom_data.currency" in chosen
    happened = occurrence(
        fields,
        payload_context(fields, tables),
        tables,
        {folded(name): name for name in standard_events},
        is_sale=(sold and ("custom_data.order_id" in chosen or items_of(item) is not None))
        or (has_amount and speaks_of_a_sale(fields, tables)),
    )
    return Seen(fields, guesses, {field_.path: field_.value for field_ in fields}, chosen, happened)


def chosen_paths(seen: Seen, items: Items | None) -> dict[str, list[str]]:
    """Return the chosen paths, put right by what happened: an amount's own currency, a phone in one piece."""
    chosen = {name: list(paths) for name, paths in seen.chosen.items()}
    by_path = {field_.path: field_ for field_ in seen.fields}
    amount = by_path.get(next(iter(chosen.get("custom_data.value", ())), ""))
    if amount is not None:
        _with_money_beside(chosen, amount, seen)
    if "user_data.phone" in chosen:
        chosen["user_data.phone"] = [
            _in_one_piece(by_path[path], seen.fields) for path in chosen["user_data.phone"]
        ]
    _with_whole_name(chosen, by_path)
    _without_a_persons_id(chosen, seen)
    _with_id_of_the_record(chosen, by_path, seen)
    product = next((field_ for field_ in seen.fields if _is_product_id(field_)), None)
    if product is not None and items is None and seen.happened.is_payment:
        chosen[CONTENT_IDS] = [product.path]
    return chosen


def _with_money_beside(chosen: dict[str, list[str]], amount: PayloadField, seen: Seen) -> None:
    sibling = decimal_sibling(amount, seen.fields)
    if sibling is not None:
        chosen["custom_data.value"] = [sibling.path]
    currencies = [
        g.field for g in seen.guesses if g.destination == "custom_data.currency" and g.strength >= SURE
    ]
    nearest = nearest_currency(amount, currencies)
    if nearest is not None:
        chosen["custom_data.currency"] = [nearest.path]


def _in_one_piece(phone: PayloadField, fields: Sequence[PayloadField]) -> str:
    """Return the path of a phone, together with its area code where that is a field of its own."""
    parts = recognition_tables().phone_parts
    for part in fields:
        beside = part.within == phone.within and re.fullmatch(r"\+?\d{1,4}", str(part.value).strip())
        name = folded(part.name)
        rest = name.removeprefix(folded(phone.name)) if name.startswith(folded(phone.name)) else ""
        if (
            beside
            and (rest in parts or name in {"ddd", "phoneareacode", "phoneddd"})
            and not _is_long(phone.value)
        ):
            return f"{{{part.path}}}{{{phone.path}}}"
    return phone.path


def _is_long(phone: Any) -> bool:
    return str(phone).strip().startswith("+") or sum(map(str.isdigit, str(phone))) > _LONGEST_LOCAL_PHONE


def _without_a_persons_id(chosen: dict[str, list[str]], seen: Seen) -> None:
    """Let no customer's id name a purchase or a call: their second one would count as the first."""
    ids = chosen.get("event_id", [])
    if seen.happened.event_name not in {None, "Lead"} and set(ids) & set(
        chosen.get("user_data.external_id", [])
    ):
        del chosen["event_id"]


def _with_id_of_the_record(
    chosen: dict[str, list[str]], by_path: Mapping[str, PayloadField], seen: Seen
) -> None:
    """Let the id of a lead's or contact's record be the person's too, when they have no other."""
    path = next(iter(chosen.get("event_id", ())), None)
    if path is None or "user_data.external_id" in chosen or seen.happened.event_name not in {None, "Lead"}:
        return
    if path in chosen.get("custom_data.order_id", ()):  # an order has its own number each time
        return
    if _is_a_persons_record(by_path[path], seen):
        chosen["user_data.external_id"] = [path]


def _is_a_persons_record(record: PayloadField, seen: Seen) -> bool:
    words = set(words_of(record.name)) - recognition_tables().ids["suffixes"]
    if not words or words & recognition_tables().ids["other_records"]:
        return False
    about = {word for line in seen.happened.conditions for word in words_of(str(line.test))}
    customers = recognition_tables().customer_words
    people = {"user_data.email", "user_data.phone"} & seen.chosen.keys()
    return bool((about | words) & customers) or bool(people)


def _is_product_id(product: PayloadField) -> bool:
    """Say whether a field is the id of the one product that was bought."""
    value, words = str(product.value).strip(), words_of(product.name)
    if not words or not re.fullmatch(r"[\w-]*\d[\w-]*", value) or isinstance(product.value, bool):
        return False
    if words[-1] == "id" and words[:-1] in {(), ("product",), ("course",), ("item",)}:
        inside = [name for name in product.within if not name.isdigit()]
        return len(words) > 1 or (bool(inside) and folded(inside[-1]) in {"product", "course"})
    return words in {("base", "product"), ("product", "code"), ("product",)}


def _chosen(guesses: Sequence[Guess]) -> dict[str, list[str]]:
    chosen: dict[str, list[str]] = {}
    taken: set[str] = set()
    for name, ranked in _by_destination(guesses).items():
        best = ranked[0].strength
        enough = _GOOD_ENOUGH_ALONE if name in _MAY_BE_GUESSED and best < SURE else SURE
        free = [g for g in ranked if g.strength >= max(enough, best - _CLOSE_BEHIND)]
        paths = [g.field.path for g in free if name in _MAY_SHARE or g.field.path not in taken]
        if paths:
            chosen[name] = list(dict.fromkeys(paths))[: 1 if name in _ONE_PATH_ONLY else _MOST_PATHS]
            taken |= set(chosen[name]) if name not in _MAY_SHARE else set()
    return _without_doubles(chosen)


def _by_destination(guesses: Iterable[Guess]) -> dict[str, list[Guess]]:
    """Group the guesses; a field counts for the destination it fits best, ids for each that wants one."""
    best: dict[str, Guess] = {}
    for guess in guesses:
        best.setdefault(guess.field.path, guess)
    grouped: dict[str, list[Guess]] = {}
    for guess in guesses:
        if best[guess.field.path] is guess or guess.destination in _MAY_SHARE:
            grouped.setdefault(guess.destination, []).append(guess)
    return grouped


def _with_whole_name(chosen: dict[str, list[str]], by_path: Mapping[str, PayloadField]) -> None:
    """Read several words as a whole name where the field's name means both: `nome`, without a last name."""
    if "user_data.last_name" in chosen or "user_data.full_name" in chosen:
        return
    [first, *_] = chosen.get("user_data.first_name", [""])
    field_ = by_path.get(first)
    if field_ is None or folded(field_.name) not in recognition_tables().first_or_whole_names:
        return
    if len(str(field_.value).split()) > 1:
        chosen["user_data.full_name"] = chosen.pop("user_data.first_name")


def _without_doubles(chosen: dict[str, list[str]]) -> dict[str, list[str]]:
    if "user_data.first_name" in chosen and "user_data.last_name" in chosen:
        chosen.pop("user_data.full_name", None)
    chosen.pop("consent", None)
    return chosen


def items_of(item: Any) -> Items | None:
    """Return the list of bought things in a payload, when it has one."""
    tables = recognition_tables()
    for path, rows in _lists(item):
        if folded(path.rpartition(".")[2]) not in tables.item_lists or not isinstance(rows[0], Mapping):
            continue
        keys = {folded(str(key)): str(key) for key in rows[0]}
        found = {
            column: keys[name]
            for column, names in tables.item_fields.items()
            if (name := next((name for name in names if name in keys), None))
        }
        if "id" in found and len(found) > 1:
            return Items(path, found)
    return None


def _lists(node: Any, path: str = "", depth: int = 0) -> Iterable[tuple[str, list[Any]]]:
    if isinstance(node, Mapping) and depth < 4:
        for key, value in node.items():
            below = joined_path(path, str(key))
            if isinstance(value, list) and value:
                yield below, value
            yield from _lists(value, below, depth + 1)
