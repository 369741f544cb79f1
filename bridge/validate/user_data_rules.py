"""Rules about who the event is about: identity, sets that are too broad, browser ids, hashes of nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from bridge.finding import Finding
from bridge.meta_spec.spec import MetaSpec
from bridge.privacy.client_ip import NoVisitor, visitor_address_reader

_DAY_MS: Final = 86_400_000


def identity(event: dict[str, Any], now: int, spec: MetaSpec) -> Iterable[Finding]:
    """Find events nobody can be matched by: no identifier at all, or one of the sets that are too broad."""
    user_data = event.get("user_data")
    if not isinstance(user_data, dict):
        return ()
    broad = spec.too_broad
    for key, value in user_data.items():
        if key not in broad.keys and _is_usable(value):
            return ()
    present = {key for key, value in user_data.items() if _is_usable(value)}
    if not present:
        return (spec.rules["no_identity"].finding("$.user_data"),)
    if any(present <= group for group in broad.groups):
        names = ", ".join(spec.user_data[name].long_name for name in sorted(present))
        return (spec.rules["too_broad"].finding("$.user_data", fields=names),)
    return ()


def _is_usable(value: Any) -> bool:
    if type(value) is not list:
        return value is not None and value != ""
    for item in value:  # noqa: SIM110 - every event passes here, and any() takes three times as long
        if item is not None and item != "":
            return True
    return False


def browser_ids(event: dict[str, Any], now: int, spec: MetaSpec) -> Iterable[Finding]:
    """Find click and browser ids whose time is not in milliseconds, after the event, or long before it."""
    user_data, seconds = event.get("user_data"), event.get("event_time")
    if not isinstance(user_data, dict) or type(seconds) is not int:
        return ()
    found: tuple[Finding, ...] = ()
    happened = seconds * 1000
    for name, days in (("fbc", spec.limits.fbc_days), ("fbp", spec.limits.fbp_days)):
        value = user_data.get(name)
        parts = value.split(".", 3) if type(value) is str else ()
        if len(parts) != 4 or not (digits := parts[2]).isdecimal() or len(digits) > 20:
            continue
        made = int(digits)
        if made < spec.milliseconds_from or not happened - days * _DAY_MS <= made <= happened + _DAY_MS:
            code = "click_id_expired" if spec.milliseconds_from <= made < happened else "click_id_time"
            field = f"user_data.{name}"
            found = (*found, spec.rules[code].finding(f"$.{field}", field=field, days=days))
    return found


# --- rules for events that the bridge did not clean -------------------------------------------


def hashes_of_nothing(event: Mapping[str, Any], now: int, spec: MetaSpec) -> Iterator[Finding]:
    """Find hashes of empty texts and placeholders, which match no one."""
    for name, values in _identifiers(event, spec):
        if any(isinstance(value, str) and value[:64] in spec.placeholder_hashes for value in values):
            field = f"user_data.{name}"
            yield spec.rules["placeholder_hash_sent"].finding(f"$.{field}", field=field)


def nulls(event: Mapping[str, Any], now: int, spec: MetaSpec) -> Iterator[Finding]:
    """Find nulls, which Meta's own samples hold and no document mentions."""
    for name, values in _identifiers(event, spec):
        if None in values:
            field = f"user_data.{name}"
            yield spec.rules["null_sent"].finding(f"$.{field}", field=field)


def number_of_values(event: Mapping[str, Any], now: int, spec: MetaSpec) -> Iterator[Finding]:
    """Find lists with more values than one person has."""
    limit = spec.limits.user_data_list
    for name, values in _identifiers(event, spec):
        if len(values) > limit:
            field = f"user_data.{name}"
            yield spec.rules["too_many_values"].finding(f"$.{field}", field=field, limit=limit)


def _identifiers(event: Mapping[str, Any], spec: MetaSpec) -> Iterator[tuple[str, list[Any]]]:
    user_data = event.get("user_data")
    if isinstance(user_data, Mapping):
        for name, value in user_data.items():
            if name in spec.user_data:
                yield name, value if isinstance(value, list) else [value]


def visitor_address(event: Mapping[str, Any], now: int, spec: MetaSpec) -> Iterator[Finding]:
    """Find IP addresses that cannot be a visitor's."""
    user_data = event.get("user_data")
    address = user_data.get("client_ip_address") if isinstance(user_data, Mapping) else None
    if not isinstance(address, str) or len(address) > 64:
        return
    try:
        _reader(spec)(address)
    except NoVisitor as error:
        code = "private_address" if error.is_private else "not_an_address"
        field = "user_data.client_ip_address"
        yield spec.rules[code].finding(f"$.{field}", field=field)


@cache
def _reader(spec: MetaSpec) -> Callable[[str], str]:
    return visitor_address_reader(spec)


FOREIGN_USER_DATA_RULES: Final = (hashes_of_nothing, nulls, number_of_values, visitor_address)
