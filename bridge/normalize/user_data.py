"""`user_data`: every value of a draft cleaned, hashed and collected under Meta's names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from bridge.coerce.emptiness import is_one_of_names
from bridge.explain.trace import Trace
from bridge.meta_spec.spec import MetaSpec
from bridge.models import ReadingSettings
from bridge.normalize.context import CleaningContext, ValueDropped
from bridge.normalize.escapes import without_escapes
from bridge.normalize.field import Cleaner, cleaners
from bridge.normalize.findings import Findings
from bridge.normalize.full_name import split_name
from bridge.normalize.places import country_code
from bridge.normalize.several import each_alone, listed
from bridge.normalize.steps import STEP_WORDS
from bridge.normalize.text import SHORTER_THAN_HASHES, text_of

_LONGEST_COUNTRY: Final = 80
_VIRTUAL: Final = frozenset({"full_name", "fbclid", "clicked_at"})


def clean_user_data(
    given: dict[str, Any], settings: ReadingSettings, now_seconds: int, findings: Findings
) -> dict[str, Any]:
    """Return `user_data` as it is sent. What cannot be used is left out with a finding; nothing raises."""
    fields = cleaners(findings.spec, settings.hash_external_id)
    context = known_about(given.get("country"), settings, findings.spec, now_seconds)
    context = _in_record(context, given, fields)
    sent: dict[str, Any] = {}
    traced = findings.trace is not None
    for key, value in given.items():
        field = fields.get(key) or _by_other_name(key, fields, findings)
        if field is None:
            continue
        may_be_several = type(value) is str and (field.separated or value[:1] == "[")
        values = listed(value, field, context) if may_be_several else value
        if traced or type(values) is list:
            _explain_list(field, value, values, findings)
            send_value(field, values, context, sent, findings)
            continue
        try:  # the same as send_value for one value, without its call: this is the busiest line of the bridge
            result = field.clean(value, context)[1]
        except ValueDropped as reason:
            findings.add_dropped(f"user_data.{field.name}", reason)
        else:
            sent[field.name] = [result] if field.many else result
    if "full_name" in given:
        add_names(given, settings, context, sent, findings)
    return sent


def add_names(
    given: dict[str, Any],
    settings: ReadingSettings,
    context: CleaningContext,
    sent: dict[str, Any],
    findings: Findings,
) -> None:
    """Fill first and last name out of a full one, unless they are there."""
    if "fn" in sent and "ln" in sent:
        return
    fields = cleaners(findings.spec, settings.hash_external_id)
    parts = dict(_names(given["full_name"], settings, findings))
    context = _in_record(context, {**parts, **given}, fields)
    for name, part in parts.items():
        if name not in sent:
            send_value(fields[name], part, context, sent, findings)


def _in_record(
    context: CleaningContext, given: dict[str, Any], fields: dict[str, Cleaner]
) -> CleaningContext:
    """Return the context in which `Null` is a surname where the rest of the record is a real person's."""
    surname = given.get("ln")
    if surname is None or not is_one_of_names(surname, fields["ln"].surnames):
        return context
    return context.of_a_person() if _is_person(given, fields, context) else context


def _is_person(given: dict[str, Any], fields: dict[str, Cleaner], context: CleaningContext) -> bool:
    """Say whether a record names a person beside the surname, and a way to reach them."""
    usable = {name for name in ("fn", "em", "ph") if _is_usable(fields[name], given.get(name), context)}
    return "fn" in usable and len(usable) > 1


def _is_usable(field: Cleaner, value: Any, context: CleaningContext) -> bool:
    try:
        field.clean(value[0] if type(value) is list and value else value, context)
    except ValueDropped:
        return False
    return True


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
        cleaned, result = field.clean(value, context)
    except ValueDropped as reason:
        findings.add_dropped(f"user_data.{field.name}", reason)
        return
    sent[field.name] = [result] if field.many else result
    if findings.trace is not None:
        _explain(field, value, cleaned, result, context, findings.trace)


def _usable(field: Cleaner, values: Any, context: CleaningContext, findings: Findings) -> list[Any]:
    """Return each usable value once, in the order given, and no more than belong to one person."""
    limit = findings.spec.limits.user_data_list
    usable: list[Any] = []
    for value in each_alone(values[: limit * 4], field, context):
        try:
            cleaned, result = field.clean(value, context)
        except ValueDropped as reason:
            findings.add_dropped(f"user_data.{field.name}", reason)
            continue
        if findings.trace is not None:
            _explain(field, value, cleaned, result, context, findings.trace)
        if result not in usable:
            usable.append(result)
    if field.many and len(usable) > limit:
        findings.add("too_many_values", f"user_data.{field.name}", limit=limit)
    return usable[:limit]


def _explain_list(field: Cleaner, value: Any, values: Any, findings: Findings) -> None:
    if findings.trace is not None and values is not value:
        findings.trace.step(f"user_data.{field.name}", "several values in one text, each on its own", values)


def _explain(  # noqa: PLR0913, PLR0917 - a value before, in between and behind
    field: Cleaner, value: Any, cleaned: str, result: Any, context: CleaningContext, trace: Trace
) -> None:
    """Write each step into the trace. Steps are pure, so running them again tells the truth."""
    text, steps = text_of(value), trace.record(f"user_data.{field.name}").steps
    if len(text) >= SHORTER_THAN_HASHES and field.hashed and text.lower()[:64] == result[:64]:
        steps.append({"step": "already hashed, passed through", "value": result})
        return
    if cleaned != text:
        _explain_steps(field, text, context, steps)
    if field.hashed:
        steps.append({"step": "SHA-256", "value": result})


def _explain_steps(field: Cleaner, text: str, context: CleaningContext, steps: list[dict[str, Any]]) -> None:
    if (readable := field.readable(text)) != text:
        steps.append({"step": "escapes, outer brackets and quotes undone", "value": readable})
        text = readable
    for step_name, step in field.steps:
        after = step(text, context)
        if after != text:
            steps.append({"step": STEP_WORDS[step_name], "value": after})
        text = after


def _names(full_name: Any, settings: ReadingSettings, findings: Findings) -> Iterator[tuple[str, str]]:
    """Yield first and last name out of a full one, each only when there is something."""
    text = text_of_virtual(full_name, "user_data.full_name", findings)
    if text is not None:
        first, last = split_name(without_escapes(text), findings.spec, settings.name_order)
        yield from ((name, part) for name, part in (("fn", first), ("ln", last)) if part)


def text_of_virtual(value: Any, field: str, findings: Findings) -> str | None:
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
