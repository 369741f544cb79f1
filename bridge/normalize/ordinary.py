"""The short ways in one table: for each cleaner the function that knows its ordinary values.

A short way stands beside the cleaner it shortens, returns exactly what that returns, and gives None for
every value it does not know. The tables name cleaners and their steps, so that a field whose rule changes
has no short way until somebody has looked at it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache
from typing import Any, Final

from bridge.meta_spec.spec import MetaSpec
from bridge.normalize import custom_values, event_fields, id_lists, ids, text
from bridge.normalize.birth_date import ordinary_birth_date
from bridge.normalize.context import Known, Short
from bridge.normalize.custom_data import CUSTOM_DATA_READERS
from bridge.normalize.event_fields import READERS
from bridge.normalize.event_id import ordinary_event_id
from bridge.normalize.field import Cleaner
from bridge.normalize.phone import ordinary_phone
from bridge.normalize.product_items import ITEM_READERS

ShortOfField = Callable[[Any, Known], Any]
_Maker = Callable[[MetaSpec, Collection[str]], Short]

# (hashed, cleaning steps of a field of user_data) -> its short way
_USER_DATA: Final[dict[tuple[bool, tuple[str, ...]], _Maker]] = {
    (True, ("lowercase", "email")): text.ordinary_email,
    (True, ("lowercase", "name_alone", "drop_punctuation", "compose", "has_a_letter")): text.ordinary_name,
    (True, ("outer_spaces", "identifier")): text.ordinary_person_id,
    (True, ("birth_date",)): ordinary_birth_date,
    (True, ("phone",)): ordinary_phone,
    (False, ("outer_spaces", "one_token", "ip_address")): lambda spec, _: ids.ordinary_ip_address(spec),
    (False, ("outer_spaces", "plain_text", "visitor_user_agent")): lambda *_: ids.ordinary_user_agent,
    (False, ("outer_spaces", "one_token", "click_cookie")): lambda spec, _: ids.ordinary_click_cookie(spec),
    (False, ("outer_spaces", "one_token", "browser_cookie")): lambda *_: ids.ordinary_browser_cookie,
}

# cleaner of a field beside user_data -> its short way
_FIELDS: Final[dict[Callable[..., Any], ShortOfField]] = {
    READERS["event_name"]: event_fields.ordinary_event_name,
    READERS["event_id"]: ordinary_event_id,
    READERS["event_time"]: event_fields.ordinary_event_time,
    READERS["event_source_url"]: event_fields.ordinary_url,
    custom_values.amount: custom_values.ordinary_amount,
    custom_values.currency: custom_values.ordinary_currency,
    custom_values.identifier: custom_values.ordinary_identifier,
    id_lists.identifiers: custom_values.ordinary_identifiers,
    custom_values.quantity: custom_values.ordinary_count,
    custom_values.whole_number: custom_values.ordinary_count,
}


# cleaners of custom_data that look at nothing but the value
_BY_VALUE_ALONE: Final = frozenset(
    {custom_values.currency, *(CUSTOM_DATA_READERS[name] for name in ("content_type", "delivery_category"))}
)


def is_same_for_every_event(reader: Callable[..., Any] | None, text: Any) -> bool:
    """Say whether a text of the mapping can be cleaned once: without digits, no phone number can be in it."""
    if reader in _BY_VALUE_ALONE:
        return True
    return reader is custom_values.text and type(text) is str and not any(map(str.isdigit, text))


@cache
def short_way_of_person(cleaner: Cleaner, spec: MetaSpec) -> Short | None:
    """Return the short way of a field of `user_data`, if it has one; the same for all mappings."""
    if cleaner.common:
        return cleaner.cached
    make = _USER_DATA.get((cleaner.hashed, tuple([name for name, _ in cleaner.steps])))
    return make(spec, cleaner.placeholders | spec.empty_texts) if make is not None else None


def short_way_of(field: str) -> ShortOfField | None:
    """Return the short way of a field of the event (`event_id`), of its `custom_data` or of its items."""
    block, _, name = field.rpartition(".")
    readers: dict[str, Callable[..., Any]] = _READERS_OF[block]
    reader = readers.get(name)
    return _FIELDS.get(reader) if reader is not None else None


_READERS_OF: Final[dict[str, Any]] = {
    "": READERS,
    "custom_data": CUSTOM_DATA_READERS,
    "custom_data.contents": ITEM_READERS,
}
