"""`user_data`: every value of a draft cleaned, hashed and collected under Meta's names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from bridge.meta_spec.spec import MetaSpec
from bridge.models import ReadingSettings
from bridge.normalize.context import CleaningContext, ValueDropped
from bridge.normalize.escapes import without_escapes
from bridge.normalize.field import Cleaner, cleaners, listed
from bridge.normalize.findings import Findings
from bridge.normalize.full_name import split_name
from bridge.normalize.ids import click_id, click_id_in
from bridge.normalize.places import country_code
from bridge.normalize.steps import STEP_WORDS
from bridge.normalize.text import text_of

_LONGEST_COUNTRY: Final = 80
_VIRTUAL: Final = frozenset({"full_name", "fbclid"})


def clean_user_data(
    given: dict[str, Any], settings: ReadingSettings, now_seconds: int, findings: Findings
) -> dict[str, Any]:
    """Return `user_data` as it is sent. What cannot be used is left out with a finding; nothing raises."""
    fields = cleaners(findings.spec, settings.hash_external_id)
    context = known_about(given.get("country"), settings, findings.spec, now_seconds)
    sent: dict[str, Any] = {}
    traced = findings.trace is not None
    for key, value in given.items():
        field = fields.get(key) or _by_other_name(key, fields, findings)
        if field is None:
            continue
        if traced or type(value) is list or (type(value) is str and value[:1] == "["):
            send_value(field, listed(value, field), context, sent, findings)
            continue
        try:  # the same as send_value for one value, without its call: this is the busiest line of the bridge
            result = field.clean(value, context)[1]
        except ValueDropped as reason:
            findings.add_dropped(f"user_data.{field.name}", reason)
        else:
            sent[field.name] = [result] if field.many else result
    if "full_name" in given:
        add_names(given["full_name"], settings, context, sent, findings)
    return sent


def add_names(
    full_name: Any,
    settings: ReadingSettings,
    context: CleaningContext,
    sent: dict[str, Any],
    findings: Findings,
) -> None:
    """Fill first and last name out of a full one, unless they are there."""
    if "fn" in sent and "ln" in sent:
        return
    fields = cleaners(findings.spec, settings.hash_external_id)
    for name, part in _names(full_name, settings, findings):
        if name not in sent:
            send_value(fields[name], part, context, sent, findings)


def _by_other_name(key: Any, fields: dict[str, Cleaner], findings: Findings) -> Cleaner | None:
    if key in _VIRTUAL:
        return None
    name = findings.spec.user_data_names.get(key) if isinstance(key, str) else None
    if name is None:
        findings.add_unknown_key("user_data", key)
        return None
    return fields.get(name)


def known_about(country: Any, settings: ReadingSettings, spec: MetaSpec, now_seconds: int) -> CleaningContext:
    """Return what the cleaning steps may use: the person's country, the mapping's settings, today."""
    if type(country) is list:
        country = country[0] if country else None
    if type(country) is not str or len(country) > _LONGEST_COUNTRY:
        country = None
    return _known(country, settings.phone_country, settings.date_format, now_seconds // 86_400, spec)


@lru_cache(maxsize=1024)
def _known(
    country: str | None, phone_country: str | None, date_format: str | None, days: int, spec: MetaSpec
) -> CleaningContext:
    today = datetime.fromtimestamp(days * 86_400, UTC).date()
    return CleaningContext(_code(country, spec), _code(phone_country, spec), date_format, today)


def _code(country: str | None, spec: MetaSpec) -> str | None:
    return country_code(country.strip().lower(), spec) if country else None


def send_value(
    field: Cleaner, value: Any, context: CleaningContext, sent: dict[str, Any], findings: Findings
) -> None:
    """Clean one value, or each of several, and put what is usable under Meta's name."""
    if type(value) is list:
        usable = _usable(field, value, context, findings)
        if usable:
            sent[field.name] = usable if field.many else usable[0]
        return
    try:
        result = field.clean(value, context)[1]
    except ValueDropped as reason:
        findings.add_dropped(f"user_data.{field.name}", reason)
        return
    sent[field.name] = [result] if field.many else result
    if findings.trace is not None:
        _explain(field, value, result, context, findings)


def _usable(field: Cleaner, values: Any, context: CleaningContext, findings: Findings) -> list[Any]:
    """Return each usable value once, in the order given, and no more than belong to one person."""
    limit = findings.spec.limits.user_data_list
    usable: list[Any] = []
    for value in values[: limit * 4]:
        try:
            result = field.clean(value, context)[1]
        except ValueDropped as reason:
            findings.add_dropped(f"user_data.{field.name}", reason)
            continue
        if findings.trace is not None:
            _explain(field, value, result, context, findings)
        if result not in usable:
            usable.append(result)
    if field.many and len(usable) > limit:
        findings.add("too_many_values", f"user_data.{field.name}", limit=limit)
    return usable[:limit]


def _explain(field: Cleaner, value: Any, result: Any, context: CleaningContext, findings: Findings) -> None:
    """Write each step into the trace. Steps are pure, so running them again tells the truth."""
    trace, name = findings.trace, f"user_data.{field.name}"
    if trace is None:
        return
    text = text_of(value)
    if field.hashed and text.lower()[:64] == result[:64]:
        trace.step(name, "already hashed, passed through", result)
        return
    if (readable := field.readable(text)) != text:
        trace.step(name, "escapes, outer brackets and quotes undone", readable)
        text = readable
    for step_name, step in field.steps:
        after = step(text, context)
        if after != text:
            trace.step(name, STEP_WORDS[step_name], after)
        text = after
    if field.hashed:
        trace.step(name, "SHA-256", result)


def _names(full_name: Any, settings: ReadingSettings, findings: Findings) -> Iterator[tuple[str, str]]:
    """Yield first and last name out of a full one, each only when there is something."""
    text = _one_text(full_name, "user_data.full_name", findings)
    if text is not None:
        first, last = split_name(without_escapes(text), findings.spec, settings.name_order)
        yield from ((name, part) for name, part in (("fn", first), ("ln", last)) if part)


def _one_text(value: Any, field: str, findings: Findings) -> str | None:
    """Return the text of a virtual field, or None when it is empty or a placeholder."""
    if type(value) is list:
        value = value[0] if value else None
    try:
        text = text_of(value)
    except ValueDropped as reason:
        findings.add_dropped(field, reason)
        return None
    if text.lower() not in findings.spec.placeholders and not findings.spec.is_unfilled(text):
        return text
    if text:
        findings.add_dropped(field, ValueDropped("placeholder"))
    return None


def fill_click_id(
    sent: dict[str, Any], given: dict[str, Any], urls: tuple[Any, ...], event_time: Any, findings: Findings
) -> None:
    """Build fbc from a click id, or from the one in a URL, when there is no cookie.

    The documented form is fb.1.<milliseconds>.<click id>; the event's time is the nearest known moment.
    """
    if "fbc" in sent or type(event_time) is not int:
        return
    found = _given_click_id(given.get("fbclid"), findings) or _first_click_id(urls)
    if found is None:
        return
    sent["fbc"] = f"fb.1.{event_time * 1000}.{found}"
    if findings.trace is not None:
        findings.trace.step("user_data.fbc", "built from the click id and the event's time", sent["fbc"])


def _first_click_id(urls: tuple[Any, ...]) -> str | None:
    for url in urls:
        found = click_id_in(url) if type(url) is str else None
        if found:
            return found
    return None


def _given_click_id(value: Any, findings: Findings) -> str | None:
    text = _one_text(value, "user_data.fbclid", findings) if value is not None else None
    try:
        return click_id(text) if text is not None else None
    except ValueDropped as reason:
        findings.add_dropped("user_data.fbclid", reason)
        return None
