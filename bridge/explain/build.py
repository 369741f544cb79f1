"""Builds the explanation of an event from what was recorded on the way: why each field is what it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, overload

from bridge.explain.masking import mask, mask_text
from bridge.explain.render import tried_source
from bridge.explain.trace import NOTHING_FOUND, FieldRecord, Trace
from bridge.explain.unused_fields import probably_meant, unused_fields
from bridge.finding import Position
from bridge.meta_spec.rule_files import load_meta_spec
from bridge.models import BLOCKS, Draft, Event, Webhook

if TYPE_CHECKING:
    from bridge.mapping import CompiledMapping

_HASH = re.compile(r"[0-9a-f]{64}").fullmatch
_HASH_CHARACTERS = 64
# fields that an event has without a line of the mapping that reads them
_MADE_HERE = {
    "event_time": "$received_at",
    "event_id": "made from the webhook",
    "event_name": "the text of the mapping",
    "action_source": "the text of the mapping",
}


Traced = tuple[Draft, Event, Trace]


def explanation(
    mapping: CompiledMapping,
    webhook: Webhook,
    traced: Callable[[], Iterable[Traced]],
    *,
    reveal: bool = False,
) -> Sequence[Mapping[str, Any]]:
    """Return one entry for each event, and a last one for the webhook: what is unused, what was not found.

    Values of `user_data` are masked unless `reveal` is set; hashes are shown as they are. The entries are
    made when they are first read: only then does `traced` run the pipeline again, this time recording.
    The pipeline is pure, so the result is the same.
    """

    def build() -> list[dict[str, Any]]:
        events = list(traced())
        entries = [_explained_event(draft, event, trace, reveal=reveal) for draft, event, trace in events]
        traces = [*(trace for _, _, trace in events), *mapping.read_by_requests(webhook)]
        read = {path for trace in traces for path in _read_by(trace)}
        unused = unused_fields(webhook.data, read)
        empty = [line for entry in entries for line in _empty_lines(entry, unused)]
        return [*entries, {"mapping": mapping.name, "unused": unused, "empty": empty}]

    return Explanation(build)


def _empty_lines(
    entry: Mapping[str, Any], unused: Sequence[Mapping[str, str | None]]
) -> Iterable[dict[str, Any]]:
    """Yield each field that an event maps and this webhook does not have, with what was probably meant."""
    if entry["verdict"] not in {"ready", "held"}:
        return
    for field in entry["fields"]:
        if field["dropped"] == NOTHING_FOUND:
            name = load_meta_spec().name_in_mappings(field["field"])
            yield {
                "event": entry["event"],
                "field": name,
                "tried": [tried_source(tried) for tried in field["tried"]],
                "suggestion": probably_meant(name, field["tried"], unused),
                **{key: field[key] for key in ("file", "line", "column")},
            }


def _read_by(trace: Trace) -> Iterable[str]:
    """Yield the places an event read: for its fields, and for its conditions."""
    yield from trace.paths_read
    for condition in trace.conditions:
        path = str(condition.get("path", ""))
        if not path.startswith("$") or path.startswith(("$.", "$[")):
            yield path.removeprefix("$").removeprefix(".")


class Explanation(Sequence[Mapping[str, Any]]):
    """Entries that are built when they are first read."""

    def __init__(self, build: Callable[[], list[dict[str, Any]]]) -> None:
        self._build = build

    @cached_property
    def _entries(self) -> list[dict[str, Any]]:
        return self._build()

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        """Return one entry, or some."""
        return self._entries[index]

    def __len__(self) -> int:
        return len(self._entries)


def _explained_event(draft: Draft, event: Event, trace: Trace, *, reveal: bool) -> dict[str, Any]:
    names = dict.fromkeys([*trace.records, *_field_names(event.data or {})])
    feeders = _feeders(trace)
    return {
        "event": draft.label,
        "event_name": (event.data or draft.fields).get("event_name"),
        "verdict": event.verdict,
        "reason": event.reason,
        "conditions": list(trace.conditions),
        "fields": [
            _explained_field(
                draft, event, trace.records.get(name) or FieldRecord(name), feeders, reveal=reveal
            )
            for name in names
        ],
        "findings": [finding.as_json() for finding in event.findings],
    }


def _field_names(data: Mapping[str, Any]) -> Iterable[str]:
    """Yield `event_name`, `user_data.em`, `custom_data.value`: an event's fields, two levels deep."""
    for name, value in data.items():
        if name in BLOCKS and type(value) is dict:
            yield from (f"{name}.{key}" for key in value)
        else:
            yield name


def _feeders(trace: Trace) -> dict[str, FieldRecord]:
    """Return, for each field that another may fill (`fn` by `full_name`), the record of the other."""
    records = trace.records
    return {filled: records[feeder] for filled, feeder in _fed() if feeder in records}


@cache
def _fed() -> tuple[tuple[str, str], ...]:
    """Return each field that another may fill, and the other one."""
    rules = load_meta_spec().user_data
    return tuple(
        (f"user_data.{filled}", f"user_data.{name}")
        for name, rule in rules.items()
        for filled in rule.becomes
    )


def _explained_field(
    draft: Draft, event: Event, record: FieldRecord, feeders: Mapping[str, FieldRecord], *, reveal: bool
) -> dict[str, Any]:
    name = record.name
    where = draft.positions.get(name) or _nearest_position(name, draft.positions)
    block, dot, key = name.partition(".")
    given, sent = draft.fields.get(block), event.data.get(block) if event.data else None
    if dot:
        given = given.get(key) if type(given) is dict else None
        sent = sent.get(key) if type(sent) is dict else None
    steps = record.steps
    if block == "user_data" and dot and not reveal:
        given, sent = _masked(given), _masked(sent)
        steps = [{"step": entry["step"], "value": _masked(entry["value"])} for entry in steps]
    return {
        "field": name,
        "given": given,
        "sent": sent,
        "from": _source(name, feeders) if record.supplied_by is None else record.supplied_by,
        "tried": record.tried,
        "steps": steps,
        "dropped": record.dropped,
        "defaulted": record.defaulted,
        "file": where.file if where else None,
        "line": where.line if where else None,
        "column": where.column if where else None,
    }


def _source(name: str, feeders: Mapping[str, FieldRecord]) -> str | None:
    """Return where a field comes from that no line of the mapping reads."""
    feeder = feeders.get(name)
    return feeder.supplied_by if feeder else _MADE_HERE.get(name)


def _nearest_position(name: str, positions: Mapping[str, Position]) -> Position | None:
    """Return where the block around a field stands, or the one around that."""
    position = None
    while position is None and name:
        name = name.rpartition(".")[0]
        position = positions.get(name)
    return position


def _masked(value: Any) -> Any:
    if type(value) is str:
        return value if len(value) == _HASH_CHARACTERS and _HASH(value) else mask_text(value)
    return [_masked(item) for item in value] if type(value) is list else mask(value)


def clear_text(field: Mapping[str, Any]) -> str | None:
    """Return what a revealed field was just before hashing; None when it has several values or none."""
    sent = field["sent"]
    if sent is None or (isinstance(sent, list) and len(sent) != 1):
        return None
    values = [field["given"], *(step["value"] for step in field["steps"])]
    texts = [str(value) for value in values if isinstance(value, str | int) and not _HASH(str(value))]
    return texts[-1] if texts else None
