"""Rules about what happened and when: names, times, ids, money, personal data outside `user_data`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Final

from bridge.coerce.numbers import is_finite
from bridge.finding import Finding
from bridge.meta_spec.right_place import place_in_words
from bridge.meta_spec.spec import MetaSpec
from bridge.privacy.personal_data import PLAIN_NAME, holds_contact, is_personal_key
from bridge.privacy.phone_numbers import holds_hashed_phone
from bridge.privacy.urls import clean_url, is_clean

_NOT_LETTERS: Final = re.compile(r"[^a-z]+")


def time_window(event: dict[str, Any], now: int, spec: MetaSpec) -> Iterable[Finding]:
    """Find times outside Meta's window; the age is checked once more just before sending."""
    seconds = event.get("event_time")
    if type(seconds) is not int:
        if not isinstance(seconds, float | Decimal) or not is_finite(seconds):
            return ()
        seconds = int(seconds)  # 1795219200.0 is a whole number in JSON
    limits = spec.limits
    window = limits.window_seconds(event.get("action_source"))
    if 0 <= now - seconds <= window:
        return ()
    if seconds >= limits.milliseconds_from:
        return (spec.rules["event_time_milliseconds"].finding("$.event_time"),)
    if seconds > now:
        return (spec.rules["event_time_in_future"].finding("$.event_time"),)
    return (spec.rules["event_time_too_old"].finding("$.event_time", days=window // 86_400),)


def event_name(event: dict[str, Any], now: int, spec: MetaSpec) -> Iterable[Finding]:
    """Find misspelled standard names, personal data, and words about health or financial trouble."""
    name = event.get("event_name")
    if not isinstance(name, str) or name in spec.standard_events or len(name) > 200:
        return ()
    return _about_name(name, spec)


@lru_cache(maxsize=512)
def _about_name(name: str, spec: MetaSpec) -> tuple[Finding, ...]:
    findings = []
    standard = _standard_names(spec).get(_letters(name))
    if standard and standard != name:
        findings.append(spec.rules["standard_name_misspelled"].finding("$.event_name", standard=standard))
    if holds_contact(name):
        findings.append(spec.rules["personal_data_in_event_name"].finding("$.event_name"))
    if any(re.search(rf"(?<![a-z]){word}(?![a-z])", _words(name)) for word in spec.sensitive_words):
        findings.append(spec.rules["sensitive_event_name"].finding("$.event_name"))
    return tuple(findings)


@cache
def _standard_names(spec: MetaSpec) -> dict[str, str]:
    names = spec.standard_events | spec.messaging_events | spec.reserved_events
    return {_letters(name): name for name in names}


def _letters(name: str) -> str:
    return _NOT_LETTERS.sub("", name.lower())


def _words(name: str) -> str:
    """Return a name as words: `LoanApproved` and `loan_approved` become `loan approved`."""
    return re.sub(r"[^a-z]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())


def append_attribution(event: dict[str, Any], now: int, spec: MetaSpec) -> Iterable[Finding]:
    """Find additions that come too late for the event they add to."""
    if event.get("event_name") != "AppendAttribution":
        return ()
    original = event.get("original_event_data")
    happened = original.get("event_time") if isinstance(original, Mapping) else None
    window = spec.limits.append_attribution_seconds
    if type(happened) is not int or now - happened <= window:
        return ()
    rule = spec.rules["append_too_late"]
    return (rule.finding("$.original_event_data.event_time", hours=window // 3600),)


def event_id(event: dict[str, Any], now: int, spec: MetaSpec) -> Iterable[Finding]:
    """Find events without an id, and ids that are the time of sending."""
    given = event.get("event_id")
    if given is None or given == "":
        # Meta deduplicates no message events, so an id would serve nothing there.
        expected = event.get("action_source") != "business_messaging"
        return (spec.rules["event_id_missing"].finding("$.event_id"),) if expected else ()
    if isinstance(given, str) and len(given) in {10, 13} and _is_about(given, now):
        return (spec.rules["event_id_changes"].finding("$.event_id"),)
    return ()


def _is_about(digits: str, now: int) -> bool:
    return digits.isdecimal() and digits.isascii() and abs(int(digits[:10]) - now) < 3600


def website_page(event: dict[str, Any], now: int, spec: MetaSpec) -> Iterable[Finding]:
    """Find website events without their page: documented as required, yet accepted without."""
    if event.get("action_source") != "website" or "event_source_url" in event:
        return ()
    return (spec.rules["website_without_page"].finding("$.event_source_url"),)


def website_user_agent(event: dict[str, Any], now: int, spec: MetaSpec) -> Iterable[Finding]:
    """Find website events without user agent: documented as required, yet accepted without."""
    if event.get("action_source") != "website":
        return ()
    user_data = event.get("user_data")
    if not isinstance(user_data, dict) or user_data.get("client_user_agent"):
        return ()
    return (spec.rules["website_without_user_agent"].finding("$.user_data.client_user_agent"),)


def custom_data_keys(event: dict[str, Any], now: int, spec: MetaSpec) -> Iterable[Finding]:
    """Find keys of other blocks in custom data: Meta takes them for custom properties."""
    custom = event.get("custom_data")
    if not isinstance(custom, dict) or spec.not_in_custom_data.isdisjoint(custom):
        return ()
    rule = spec.rules["misplaced_in_custom_data"]
    return [
        rule.finding(
            f"$.custom_data.{key}", field=f"custom_data.{key}", place=place_in_words(key, spec.right_places)
        )
        for key in custom
        if key in spec.not_in_custom_data
    ]


def money_and_items(event: dict[str, Any], now: int, spec: MetaSpec) -> Iterable[Finding]:
    """Find unknown currencies, events of no use for catalog ads, CRM events with another action source."""
    custom = event.get("custom_data")
    if not isinstance(custom, dict):
        return ()
    findings = []
    if _is_unknown_currency(custom.get("currency"), spec):
        findings.append(spec.rules["unknown_currency"].finding("$.custom_data.currency"))
    if not custom.get("contents") and not custom.get("content_ids") and _sells(event, spec):
        name = event["event_name"]
        findings.append(spec.rules["items_missing"].finding("$.custom_data.contents", event=name))
    if custom.get("event_source") == "crm" and event.get("action_source") != "system_generated":
        findings.append(spec.rules["crm_action_source"].finding("$.action_source"))
    return findings


def _sells(event: dict[str, Any], spec: MetaSpec) -> bool:
    """Say whether this is one of the events that catalog ads are built from, on a website or in an app."""
    name = event.get("event_name")
    return (
        isinstance(name, str)
        and name in spec.catalog_events
        and event.get("action_source") in ("website", "app")
    )


def _is_unknown_currency(code: Any, spec: MetaSpec) -> bool:
    """Say whether a text of the right form is not a currency; the schema reports other forms."""
    if not isinstance(code, str) or code in spec.currencies:
        return False
    return len(code) == 3 and code.isascii() and code.isalpha() and code.upper() not in spec.currencies


# --- rules for events that the bridge did not clean -------------------------------------------


def numbers_as_text(event: Mapping[str, Any], now: int, spec: MetaSpec) -> Iterator[Finding]:
    """Find amounts written as texts, as in Meta's own samples."""
    custom = event.get("custom_data")
    if not isinstance(custom, Mapping):
        return
    for name in ("value", "predicted_ltv", "net_revenue"):
        if isinstance(custom.get(name), str):
            field = f"custom_data.{name}"
            yield spec.rules["number_as_text"].finding(f"$.{field}", field=field)
    items = custom.get("contents")
    for place, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, Mapping) and isinstance(item.get("item_price"), str):
            field = f"custom_data.contents[{place}].item_price"
            yield spec.rules["number_as_text"].finding(f"$.{field}", field=field)


def ids(event: Mapping[str, Any], now: int, spec: MetaSpec) -> Iterator[Finding]:
    """Find ids that hold an e-mail address or a phone number."""
    given = event.get("event_id")
    if isinstance(given, str) and (holds_contact(given) or holds_hashed_phone(given, _phone_hashes(event))):
        yield spec.rules["personal_data_in_id"].finding("$.event_id", field="event_id")


def _phone_hashes(event: Mapping[str, Any]) -> Any:
    user_data = event.get("user_data")
    return user_data.get("ph") if isinstance(user_data, Mapping) else None


def urls(event: Mapping[str, Any], now: int, spec: MetaSpec) -> Iterator[Finding]:
    """Find personal data and secrets in URLs."""
    for field in ("event_source_url", "referrer_url"):
        url = event.get(field)
        if isinstance(url, str) and not is_clean(url, spec):
            cleaned = clean_url(url, spec, web_only=False)
            if cleaned is not None and cleaned.removed:
                removed = ", ".join(cleaned.removed)
                yield spec.rules["personal_data_in_url"].finding(
                    f"$.{field}", field=field, parameters=removed
                )


def custom_data(event: Mapping[str, Any], now: int, spec: MetaSpec) -> Iterator[Finding]:
    """Find personal data in custom data: by the name of a key, or by its value."""
    custom = event.get("custom_data")
    if isinstance(custom, Mapping):
        yield from _personal_parts(custom, "custom_data", spec, _phone_hashes(event), 0)


def _personal_parts(part: Any, field: str, spec: MetaSpec, hashes: Any, depth: int) -> Iterator[Finding]:
    if isinstance(part, str):
        if holds_contact(part) or holds_hashed_phone(part, hashes):
            yield spec.rules["personal_data_in_custom_data"].finding(f"$.{field}", field=field)
    elif isinstance(part, Mapping) and depth < 20:
        for key, value in part.items():
            inner = f"{field}.{key}" if isinstance(key, str) and PLAIN_NAME(key) else field
            if key in _OWN_KEYS or not isinstance(key, str) or not is_personal_key(key, spec):
                if type(value) is not int and type(value) is not float:
                    yield from _personal_parts(value, inner, spec, hashes, depth + 1)
            else:
                yield spec.rules["personal_data_in_custom_data"].finding(f"$.{inner}", field=inner)
    elif isinstance(part, list) and depth < 20:
        for place, value in enumerate(part):
            yield from _personal_parts(value, f"{field}[{place}]", spec, hashes, depth + 1)


# Meta's own parameters: known not to be personal by their names.
_OWN_KEYS: Final = frozenset(
    {"value", "currency", "content_ids", "contents", "content_type", "content_name", "num_items", "order_id"}
    | {
        "id",
        "quantity",
        "item_price",
        "event_source",
        "lead_event_source",
        "content_category",
        "brand",
        "title",
    }
)

FOREIGN_EVENT_RULES: Final = (numbers_as_text, ids, urls, custom_data)
