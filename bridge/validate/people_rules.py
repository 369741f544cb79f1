"""Rules about who the event is about: identity, too broad sets, browser ids, hashes of nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from bridge.catalog import Catalog
from bridge.normalize.dropping import Dropped, Known
from bridge.normalize.ids import ip_address_step
from bridge.values import Finding

# Sets that alone fit too many people; Meta refuses them and their subsets since Graph API v13.0.
# https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/customer-information-parameters
TOO_BROAD = (
    frozenset({"ct", "country", "st", "zp", "ge", "client_user_agent"}),
    frozenset({"db", "client_user_agent"}),
    frozenset({"fn", "ge"}),
    frozenset({"ln", "ge"}),
)
_BROAD_KEYS = frozenset().union(*TOO_BROAD)


def identity(event: Mapping[str, Any], now: int, catalog: Catalog) -> Iterator[Finding]:
    """Find events nobody can be matched by: no identifier at all, or one of the too broad sets."""
    people = event.get("user_data")
    if not isinstance(people, Mapping):
        return
    present = {key for key, value in people.items() if _is_usable(value)}
    if present - _BROAD_KEYS:
        return
    if not present:
        yield catalog.rules["no_identity"].finding("$.user_data")
    elif any(present <= broad for broad in TOO_BROAD):
        names = ", ".join(catalog.user_data[name].long_name for name in sorted(present))
        yield catalog.rules["too_broad"].finding("$.user_data", fields=names)


def _is_usable(value: Any) -> bool:
    if isinstance(value, list):
        return any(_is_usable(item) for item in value)
    return value is not None and value != ""


def hashes_of_nothing(event: Mapping[str, Any], now: int, catalog: Catalog) -> Iterator[Finding]:
    """Find hashes of empty texts and placeholders, which match nobody."""
    people = event.get("user_data")
    if not isinstance(people, Mapping):
        return
    refused = catalog.placeholder_hashes
    for name, value in people.items():
        values = value if isinstance(value, list) else (value,)
        for item in values:
            if (
                isinstance(item, str)
                and len(item) >= 64
                and item[:64] in refused
                and name in catalog.user_data
            ):
                field = f"user_data.{name}"
                yield catalog.rules["placeholder_hash_sent"].finding(f"$.{field}", field=field)
                break


def visitor_address(event: Mapping[str, Any], now: int, catalog: Catalog) -> Iterator[Finding]:
    """Find addresses that are no visitor's."""
    people = event.get("user_data")
    address = people.get("client_ip_address") if isinstance(people, Mapping) else None
    if not isinstance(address, str) or len(address) > 64:
        return
    try:
        _cleaned_address(catalog)(address, Known())
    except Dropped as reason:
        code = "private_address" if reason.code == "ip_private" else "not_an_address"
        yield catalog.rules[code].finding(
            "$.user_data.client_ip_address", field="user_data.client_ip_address"
        )


@cache
def _cleaned_address(catalog: Catalog) -> Any:
    return ip_address_step(catalog)


def browser_ids(event: Mapping[str, Any], now: int, catalog: Catalog) -> Iterator[Finding]:
    """Find click and browser ids whose time is no millisecond time, after the event, or long before it."""
    people = event.get("user_data")
    seconds = event.get("event_time")
    if not isinstance(people, Mapping) or type(seconds) is not int:
        return
    for name, days in (("fbc", catalog.limits.fbc_days), ("fbp", catalog.limits.fbp_days)):
        value = people.get(name)
        parts = value.split(".", 3) if isinstance(value, str) else ()
        if len(parts) < 4 or not parts[2].isdigit() or not parts[2].isascii():
            continue
        field = f"user_data.{name}"
        made = int(parts[2][:20])
        if made < catalog.milliseconds_from or made > seconds * 1000 + 86_400_000:
            yield catalog.rules["click_id_time"].finding(f"$.{field}", field=field)
        elif seconds * 1000 - made > days * 86_400_000:
            yield catalog.rules["click_id_expired"].finding(f"$.{field}", field=field, days=days)


def number_of_values(event: Mapping[str, Any], now: int, catalog: Catalog) -> Iterator[Finding]:
    """Find lists with more values than belong to one person."""
    people = event.get("user_data")
    if not isinstance(people, Mapping):
        return
    limit = catalog.limits.user_data_list
    for name, value in people.items():
        if isinstance(value, list) and len(value) > limit and name in catalog.user_data:
            field = f"user_data.{name}"
            yield catalog.rules["too_many_values"].finding(f"$.{field}", field=field, limit=limit)


PEOPLE_RULES = (identity, hashes_of_nothing, visitor_address, browser_ids, number_of_values)
