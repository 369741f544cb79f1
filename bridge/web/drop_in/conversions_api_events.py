"""The events of a call to the drop-in: out of every form of `data`, into finished events with an id each.

What had to be put right on the way is a finding of the event, so that the sender learns of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from bridge.body.limits import check_bounds
from bridge.coerce.json_text import opened_text
from bridge.coerce.special_characters import without_special_escapes
from bridge.finding import Finding
from bridge.meta_spec.spec import MetaSpec
from bridge.models import Draft, Event, ReadingSettings, Request
from bridge.pipeline import finish
from bridge.settings import Destination
from bridge.web.drop_in.conversions_api_errors import invalid

MOST_VALUES = 200_000  # a thousand events with two hundred values each
_MOST_EVENTS = 1000
_BLOCKS = ("user_data", "custom_data", "app_data")
# A setter of Meta's Node SDK writes this key of app_data beside event_name.
_OF_APP_DATA = "advertiser_tracking_enabled"
_DEVICE_PARTS = tuple(str(number) for number in range(16))
# What Meta's Java SDK calls two of its own fields when it writes an event for a gateway.
_DEVICE_IN_JAVA = "extendedDeviceInfoArray"
_PROPERTIES_IN_JAVA = "customProperties"
_LISTS = {"": ("data_processing_options",), "custom_data": ("content_ids", "contents")}
_INTERNAL = "internal:"
_NUMBERS = (int, float, Decimal)


class FinishedEvent(NamedTuple):
    """One event as it will be sent. `internal_id` is the same whenever the very same event comes again."""

    event: Event
    internal_id: str


def given_events(fields: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the events in the fields of a body. Raises MetaError, with advice where the mistake is known.

    Raises TooLarge over the bounds of a body.
    """
    opened = _opened(fields.get("data"))
    items = [_opened(item) for item in opened[: _MOST_EVENTS + 1]] if isinstance(opened, list) else None
    if not items:
        raise invalid("param data must be an array.", _advice(opened, fields))
    if len(items) > _MOST_EVENTS:
        raise invalid(f"param data has more than {_MOST_EVENTS} events", "Send them in several calls.")
    if not all(isinstance(item, dict) for item in items):
        raise invalid(
            "param data must be an array of objects", "Each element of data is one event, an object."
        )
    check_bounds(items, MOST_VALUES)
    return tuple(items)


def _advice(data: Any, fields: Mapping[str, Any]) -> str:
    if isinstance(data, Mapping):
        return 'data is one event; put it into a list: "data": [{…}].'
    if data == []:
        return f"data is empty; send 1 to {_MOST_EVENTS} events."
    if "event_name" in fields:
        return 'The body is an event itself; put it into a list under data: {"data": [{…}]}.'
    lists = [name for name in ("events", "event", "payload") if name in fields]
    if lists:
        return f"Meta reads the events from data, not from {lists[0]}."
    return 'Send {"data": [{…}]}, one object for each event.'


def _opened(value: Any) -> Any:
    """Return a value that may have been sent as JSON text; numbers keep their digits."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(without_special_escapes(value), parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise invalid("param data is not valid JSON") from error


def _no_constant(_name: str) -> Any:
    raise ValueError


def finished_event(
    sent: Mapping[str, Any], destination: Destination, request: Request, spec: MetaSpec
) -> FinishedEvent:
    """Clean, hash and validate one event of a call."""
    fields, repaired = _in_metas_terms(sent, spec)
    digest = _fingerprint(fields, destination.dataset_id)
    draft = Draft(
        label="",
        fields=fields,
        settings=ReadingSettings(),
        send_to=(destination.name,),
        positions={},
        findings=repaired,
        made_event_id=digest,
    )
    event = finish(draft, spec, request.received_at)
    findings = [*event.findings, *_repairs(fields, event, digest, spec)]
    if findings:
        event = event.with_findings(tuple(map(spec.in_finished_body, findings)))
    return FinishedEvent(event, _INTERNAL + digest)


def _in_metas_terms(event: Mapping[str, Any], spec: MetaSpec) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """Return an event under Meta's names (`em` for `email`), texts of JSON opened, and what was put right.

    Raises TooLarge where such a text is over the bounds of a body.
    """
    fields = dict(event)
    repairs = (
        _open_blocks,
        _rename_people,
        _spread_properties,
        _list_numbered,
        _move_into_app_data,
        _list_device,
    )
    return fields, tuple(finding for repair in repairs for finding in repair(fields, spec))


def _open_blocks(fields: dict[str, Any], spec: MetaSpec) -> Iterator[Finding]:
    """Read a block that is a text of JSON. An empty one may be `[]`: PHP writes its empty objects so."""
    for block in _BLOCKS:
        if fields.get(block) == []:
            fields.pop(block)
        if isinstance(fields.get(block), str):
            fields[block] = opened_text(fields[block])
            check_bounds(fields[block])
            if isinstance(fields[block], dict):
                yield _repaired(block, spec)


def _rename_people(fields: dict[str, Any], spec: MetaSpec) -> Iterator[Finding]:
    """Read `email` as `em`, unless the event has both: then Meta's own name counts."""
    people, names = fields.get("user_data"), spec.user_data_names
    if not isinstance(people, dict):
        return
    own = {key: value for key, value in people.items() if names.get(key, key) == key}
    fields["user_data"] = dict(own)
    for key in [key for key in people if key not in own]:
        fields["user_data"].setdefault(names[key], people[key])
        yield _read_as(f"user_data.{key}", f"user_data.{names[key]}", spec)


def _spread_properties(fields: dict[str, Any], spec: MetaSpec) -> Iterator[Finding]:
    """Read the author's own properties as such where Meta's Java SDK keeps them in an object apart."""
    custom = fields.get("custom_data")
    properties = custom.get(_PROPERTIES_IN_JAVA) if isinstance(custom, dict) else None
    if isinstance(custom, dict) and isinstance(properties, dict):
        rest = {key: value for key, value in custom.items() if key != _PROPERTIES_IN_JAVA}
        fields["custom_data"] = {**properties, **rest}
        yield _repaired(f"custom_data.{_PROPERTIES_IN_JAVA}", spec)


def _list_numbered(fields: dict[str, Any], spec: MetaSpec) -> Iterator[Finding]:
    """Read an object with numbers for keys as the list it stands for: PHP writes lists with gaps so."""
    people = tuple(name for name, rule in spec.user_data.items() if rule.many)
    for block, names in {**_LISTS, "user_data": people}.items():
        inner = fields.get(block) if block else fields
        if not isinstance(inner, dict):
            continue
        lists = {name: list(inner[name].values()) for name in names if _is_numbered(inner.get(name))}
        if lists:
            fields.update({block: {**inner, **lists}} if block else lists)
        yield from (_repaired(f"{block}.{name}" if block else name, spec) for name in lists)


def _is_numbered(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(map(str.isdigit, value))


def _move_into_app_data(fields: dict[str, Any], spec: MetaSpec) -> Iterator[Finding]:
    app_data = fields.get("app_data", {})
    if _OF_APP_DATA in fields and isinstance(app_data, dict):
        fields["app_data"] = {_OF_APP_DATA: fields.pop(_OF_APP_DATA), **app_data}
        yield _read_as(_OF_APP_DATA, f"app_data.{_OF_APP_DATA}", spec)


def _list_device(fields: dict[str, Any], spec: MetaSpec) -> Iterator[Finding]:
    """Read the objects that Meta's Node and Java SDKs write for extinfo as the list that they stand for."""
    app_data = fields.get("app_data")
    device = app_data.get("extinfo") if isinstance(app_data, dict) else None
    if not isinstance(app_data, dict) or not isinstance(device, dict):
        return
    parts = device.get(_DEVICE_IN_JAVA)
    if not isinstance(parts, list) and device.keys() <= set(_DEVICE_PARTS):
        parts = [device.get(part, "") for part in _DEVICE_PARTS]
    if isinstance(parts, list):
        fields["app_data"] = {**app_data, "extinfo": parts}
        yield _repaired("app_data.extinfo", spec)


def _repaired(field: str, spec: MetaSpec) -> Finding:
    return spec.rules["value_repaired"].finding(f"$.{field}", field=field)


def _read_as(field: str, name: str, spec: MetaSpec) -> Finding:
    return spec.rules["read_under_another_name"].finding(f"$.{field}", field=field, name=name)


def _fingerprint(event: Mapping[str, Any], dataset_id: str) -> str:
    """Return a digest that the same event has again, for the same dataset.

    The order of keys does not count, nor that of several values of a person: Meta's Python SDK shuffles them.
    """
    people = event.get("user_data")
    if isinstance(people, Mapping):
        shuffled = {key: sorted(map(_text, many)) for key, many in people.items() if isinstance(many, list)}
        event = {**event, "user_data": {**people, **shuffled}}
    return hashlib.sha256(f"{dataset_id} {_text(event)}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


# --- what was put right ----------------------------------------------------------------------------


def _repairs(given: Mapping[str, Any], event: Event, made_id: str, spec: MetaSpec) -> Iterator[Finding]:
    """Yield a finding for each value that is sent in another form, unless one says so already."""
    sent = event.data or {}
    named = {_field(finding.path or "") for finding in event.findings}
    if sent.get("event_id") == made_id:
        named.add("event_id")
        yield spec.rules["event_id_made"].finding("$.event_id")
    for field, before, after in _pairs(given, sent):
        if field not in named and not _is_same(before, after):
            yield _repaired(field, spec)


def _field(path: str) -> str:
    """Return the field that a path leads into: `custom_data.contents` of `$.custom_data.contents[0].id`."""
    return ".".join(part.partition("[")[0] for part in path.split(".")[1:3])


def _pairs(given: Mapping[str, Any], sent: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield each field that was given and is sent. Not those of a person: they are always cleaned."""
    yield from ((key, given[key], sent[key]) for key in _shared(given, sent) if key not in _BLOCKS)
    for block in ("custom_data", "app_data"):
        before, after = given.get(block), sent.get(block)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from ((f"{block}.{key}", before[key], after[key]) for key in _shared(before, after))


def _shared(given: Mapping[str, Any], sent: Mapping[str, Any]) -> Iterable[str]:
    return [key for key in given if key in sent]


def _is_same(before: Any, after: Any) -> bool:
    """Say whether a value left as it came: equal numbers are, and `eur` is EUR to Meta, too."""
    if isinstance(before, str) and isinstance(after, str):
        return before.casefold() == after.casefold()
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_is_same_entry, before, after))
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return before.keys() == after.keys() and all(_is_same(before[key], after[key]) for key in before)
    if type(before) in _NUMBERS and type(after) in _NUMBERS:
        return Decimal(str(before)) == Decimal(str(after))
    return bool(before == after)


def _is_same_entry(before: Any, after: Any) -> bool:
    """Compare entries of a list, where Meta's SDKs write numbers for texts (ids, the parts of extinfo)."""
    return _is_same(before, after) or (type(before) is int and str(before) == after)
