"""One event of a mapping: compiled once from its block, then run for every item of every webhook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from bridge.catalog import Catalog
from bridge.mapping.changes import SKIP
from bridge.mapping.compiling import Compiling, PathUse, Read
from bridge.mapping.conditions import Condition, compile_condition
from bridge.mapping.consent import Consent, compile_consent, compile_limited_data_use
from bridge.mapping.fields import (
    NESTED,
    Copy,
    Slot,
    Slots,
    compile_copy,
    compile_slots,
    defaults_of,
    fill,
    removed_fields,
    takes_back,
)
from bridge.mapping.kinds import PLAIN_KINDS, shown
from bridge.mapping.loading import Entries, Entry, Loading
from bridge.mapping.scope import Scope, text_of
from bridge.mapping.templates import compile_template, holds_fields
from bridge.mapping.value import compile_value
from bridge.suggest import closest
from bridge.values import Draft, Finding, Position, ReadingSettings, Verdict
from bridge.yamltext import Block, Listing, Node, Scalar

DEFAULT_DESTINATIONS = ("main",)


@dataclass(frozen=True, slots=True)
class MappedLine:
    """One line of the file that sets a field: what it is, where it stands and which paths it reads."""

    field: str
    event: int
    position: Position
    paths: tuple[PathUse, ...]
    constant: bool


@dataclass(frozen=True, slots=True)
class CompiledEvent:
    """One event, ready to run. `top` fills the event itself, `blocks` what lies in it."""

    number: int
    label: str | None
    conditions: tuple[Condition, ...]
    consent: Consent | None
    event_name: Read
    event_name_text: str | None
    action_source: str
    top: Slots
    blocks: tuple[tuple[str, Slots], ...]
    copy: Copy | None
    limited: Condition | None
    defaults: tuple[tuple[str | None, str, str], ...]
    removed: frozenset[str]
    send_to: tuple[str, ...]
    positions: Mapping[str, Position]
    lines: tuple[MappedLine, ...]

    def draft(
        self, scope: Scope, settings: ReadingSettings, event_id: Callable[[CompiledEvent, str, Scope], str]
    ) -> Draft:
        """Return what this event makes of one item; `event_id` makes an id when the mapping gives none."""
        for condition in self.conditions:
            failed = condition(scope)
            if failed is not None:
                return self._ended(scope, settings, "skipped", f"when: {failed}")
        if self.consent is not None and (decision := self.consent(scope)) is not None:
            return self._ended(scope, settings, *decision)
        name = self._name(scope)
        if name is SKIP:
            return self._ended(
                scope, settings, "skipped", "event_name: no row of its lookup fits, and otherwise says skip"
            )
        fields = self._fields(scope, name)
        if fields.get("event_id") is None:
            fields["event_id"] = event_id(self, name or "", scope)
        findings = tuple(scope.findings)
        return Draft(
            self.label or name or f"event {self.number}",
            fields,
            settings,
            self.send_to,
            self.positions,
            findings=findings,
        )

    def _name(self, scope: Scope) -> Any:
        if scope.trace is not None:
            scope.field = "event_name"
            scope.trace.record("event_name")
        name = self.event_name(scope)
        return name if name is SKIP or name is None else text_of(name)

    def _fields(self, scope: Scope, name: str | None) -> dict[str, Any]:
        fields: dict[str, Any] = {"action_source": self.action_source}
        if name is not None:
            fields["event_name"] = name
        fill(self.top, scope, fields)
        for block, slots in self.blocks:
            inner: dict[str, Any] = {}
            fill(slots, scope, inner)
            if inner:
                fields[block] = inner
        if self.copy is not None:
            self.copy(scope, fields.setdefault("custom_data", {}))
        if self.defaults:
            self._apply_defaults(scope, fields)
        if (
            self.limited is not None
            and "data_processing_options" not in fields
            and self.limited(scope) is None
        ):
            fields["data_processing_options"] = ["LDU"]
            fields.setdefault("data_processing_options_country", 0)
            fields.setdefault("data_processing_options_state", 0)
        if "event_time" not in fields:
            fields["event_time"] = int(scope.request.received_at.timestamp())
        return fields

    def _apply_defaults(self, scope: Scope, fields: dict[str, Any]) -> None:
        for block, key, text in self.defaults:
            target = fields if block is None else fields.setdefault(block, {})
            if key not in target:
                target[key] = text
                if scope.trace is not None:
                    record = scope.trace.record(f"{block}.{key}" if block else key)
                    record.defaulted, record.dropped, record.supplied_by = True, None, "defaults"

    def _ended(self, scope: Scope, settings: ReadingSettings, verdict: Verdict, reason: str) -> Draft:
        findings = tuple(scope.findings)
        if verdict == "held":
            fix = "have the sender say it, or say under consent what unknown means"
            findings += (
                Finding("error", "consent_unknown", reason, fix, position=self.positions.get("consent")),
            )
        label = self.label or self.event_name_text or f"event {self.number}"
        return Draft(label, {}, settings, self.send_to, self.positions, verdict, reason, findings)


# --- compiling -------------------------------------------------------------------------------------


def compile_event(
    compiling: Compiling, shared: Entries, own: Entries, node: Node, number: int
) -> CompiledEvent | None:
    """Compile one event from what all events share and what it says itself; None when it cannot be."""
    loading = compiling.loading
    entries = merged(shared, own)
    for name in ("event_name", "action_source"):
        if name not in entries and not _written(loading, node, name):
            fix = (
                "name it as Meta does: Lead, Purchase, ..."
                if name == "event_name"
                else "say where it happened: website, system_generated, ..."
            )
            loading.error(node, "missing_key", f"an event needs {name}", fix)
    compiling = replace(compiling, uses=[])
    recorder = _Lines(compiling, number)
    defaults = defaults_of(compiling, entries.get("defaults"))
    removed = _removed(compiling, shared, own)
    compiling = compiling.with_currency(_currency(compiling, entries, defaults))
    recorder.compiling = compiling
    conditions = tuple(
        recorder.line("when", block["when"], compile_condition) for block in (shared, own) if "when" in block
    )
    consent = recorder.entry("consent", entries.get("consent"), compile_consent)
    limited = compile_limited_data_use(compiling, entries.get("consent"))
    read_name, name_text = recorder.name(entries.get("event_name"))
    top = recorder.slots(
        "", {key: entry for key, entry in entries.items() if _is_field(compiling, key)}, removed
    )
    blocks = tuple(
        (block, recorder.slots(block, entries[block].value or {}, removed))
        for block in NESTED
        if block in entries
    )
    copied = recorder.entry("copy", entries.get("copy"), compile_copy)
    source = entries.get("action_source")
    positions = {**made_from_others(loading.catalog, recorder.positions), **recorder.positions}
    for key in (*NESTED, "consent", "event_name", "action_source"):
        if key in entries:
            positions[key] = entries[key].position
    kept_defaults = {path: text for path, (text, _) in defaults.items() if path not in removed}
    for path, (_, position) in defaults.items():
        positions.setdefault(path, position)
    return CompiledEvent(
        number=number,
        label=(entries["name"].value if "name" in entries else None),
        conditions=conditions,
        consent=consent,
        event_name=read_name,
        event_name_text=name_text,
        action_source=(source.value if source else None) or "",
        top=top,
        blocks=blocks,
        copy=copied,
        limited=limited,
        defaults=tuple((*_split_path(path), text) for path, text in kept_defaults.items()),
        removed=removed,
        send_to=destinations(compiling, entries.get("send_to")),
        positions=MappingProxyType(positions),
        lines=tuple(recorder.lines),
    )


def made_from_others(catalog: Catalog, positions: Mapping[str, Position]) -> dict[str, Position]:
    """Return the lines of fields that are made out of another one: first and last name of a full name."""
    return {
        f"user_data.{made}": positions[f"user_data.{rule.name}"]
        for rule in catalog.user_data.values()
        for made in rule.becomes
        if f"user_data.{rule.name}" in positions
    }


def _written(loading: Loading, node: Node, name: str) -> bool:
    """Say whether a key was written although it was refused, or misspelt: that is reported already."""
    if isinstance(node, Block) and node.get(name) is not None:
        return True
    return any(finding.suggestion == name for finding in loading.findings)


def merged(shared: Entries, own: Entries) -> Entries:
    """Lay an event over what all events share: blocks field by field, everything else as a whole."""
    entries = {**shared, **own}
    for name in (*NESTED, "defaults"):
        if name in shared and name in own:
            entries[name] = _merged_block(shared[name], own[name])
    return entries


def _merged_block(shared: Entry, own: Entry) -> Entry:
    value = {**(shared.value or {}), **(own.value or {})} if isinstance(own.value, dict) else own.value
    if "properties" in (shared.value or {}) and "properties" in (own.value or {}):
        value["properties"] = _merged_block(shared.value["properties"], own.value["properties"])
    node = own.node
    if isinstance(shared.node, Block) and isinstance(own.node, Block):
        mine = {key.text for key, _ in own.node.entries}
        kept = tuple((key, below) for key, below in shared.node.entries if key.text not in mine)
        node = Block(kept + own.node.entries, own.node.position)
    return Entry(own.key, node, value)


def _removed(compiling: Compiling, shared: Entries, own: Entries) -> frozenset[str]:
    removed = removed_fields(compiling, shared.get("remove")) | removed_fields(compiling, own.get("remove"))
    taken = {
        f"{block}.{name}" for block in NESTED if block in own for name in takes_back(own[block].value or {})
    }
    return (
        removed
        | taken
        | takes_back({name: entry for name, entry in own.items() if _is_field(compiling, name)})
    )


def _is_field(compiling: Compiling, name: str) -> bool:
    key = compiling.loading.grammar["event"].keys.get(name)
    return key is not None and key.kind == "value"


def _split_path(path: str) -> tuple[str | None, str]:
    block, dot, name = path.partition(".")
    return (block, name) if dot else (None, block)


def _currency(
    compiling: Compiling, entries: Entries, defaults: Mapping[str, tuple[str, Position]]
) -> Read | None:
    """Return the reader of the event's currency, which cents need; it is not explained twice."""
    custom_data: Entries = (entries["custom_data"].value if "custom_data" in entries else None) or {}
    default = defaults.get("custom_data.currency", (None, None))[0]
    if "currency" not in custom_data:
        return (lambda scope: default) if default else None
    silent = replace(compiling, uses=[])
    read = compile_value(silent, custom_data["currency"].node)

    def currency(scope: Scope) -> Any:
        trace, scope.trace = scope.trace, None
        try:
            return read(scope) or default
        finally:
            scope.trace = trace

    return currency


class _Lines:
    """Compiles line after line and remembers which paths each of them used."""

    def __init__(self, compiling: Compiling, number: int) -> None:
        self.compiling = compiling
        self.number = number
        self.lines: list[MappedLine] = []
        self.positions: dict[str, Position] = {}

    def _note(self, field: str, position: Position, before: int, *, constant: bool = False) -> None:
        paths = tuple(self.compiling.uses[before:])
        self.lines.append(MappedLine(field, self.number, position, paths, constant))

    def line(self, field: str, entry: Entry, compile_node: Callable[[Compiling, Node], Any]) -> Any:
        before = len(self.compiling.uses)
        compiled = compile_node(self.compiling, entry.node)
        self._note(field, entry.position, before)
        return compiled

    def entry(
        self, field: str, entry: Entry | None, compile_entry: Callable[[Compiling, Entry | None], Any]
    ) -> Any:
        before = len(self.compiling.uses)
        compiled = compile_entry(self.compiling, entry)
        if entry is not None:
            self._note(field, entry.position, before)
        return compiled

    def slots(self, block: str, entries: Entries, removed: frozenset[str]) -> Slots:
        slots = []
        compiled = compile_slots(self.compiling, block, entries)
        before = len(self.compiling.uses)
        for slot in compiled:
            self._note(slot.path, slot.position, before, constant=len(self.compiling.uses) == before)
            before = len(self.compiling.uses)
            if slot.path in removed:
                continue
            self.positions[slot.path] = slot.position
            slots.append((_key_of(slot, block), slot.path, slot.read))
        return tuple(slots)

    def name(self, entry: Entry | None) -> tuple[Read, str | None]:
        if entry is None:
            return (lambda scope: None), None
        before = len(self.compiling.uses)
        read, text = compile_event_name(self.compiling, entry)
        self._note("event_name", entry.position, before, constant=text is not None)
        return read, text


def _key_of(slot: Slot, block: str) -> str:
    return slot.path[len(block) + 1 :] if block else slot.path


def compile_event_name(compiling: Compiling, entry: Entry) -> tuple[Read, str | None]:
    """Return the reader of the event's name, and the name itself when it is a plain text."""
    node = entry.node
    if isinstance(node, Listing):
        compiling.loading.error(
            node, "wrong_shape", "event_name is one name", "use events for several events"
        )
        return (lambda scope: None), None
    if isinstance(node, Block):
        return _looked_up_name(replace(compiling, skips=True), node), None
    if holds_fields(node.text):
        return compile_template(compiling, node), None
    text = node.text
    warn_of_near_name(compiling, node, text)
    return (lambda scope: text), text


def warn_of_near_name(compiling: Compiling, node: Node, name: str) -> None:
    """Warn of a name that is nearly one of Meta's own: it would be a different, custom event."""
    catalog = compiling.loading.catalog
    known = sorted(catalog.standard_events | catalog.messaging_events | catalog.reserved_events)
    near = None if name in known else closest(name, known)
    if near is not None and _spelt(near) != _spelt(name):
        message = f"{shown(name)} is nearly Meta's {near}, but would be an event of your own"
        compiling.loading.warning(
            node, "near_standard_event", message, f"write {near} if that is meant", near
        )


def _spelt(name: str) -> str:
    """Return a name without case and gaps: those slips are for `check` to tell."""
    return name.casefold().replace("_", "").replace(" ", "")


def _looked_up_name(compiling: Compiling, node: Block) -> Read:
    """Read a name through a lookup; when there is nothing to look up, `otherwise` decides as well."""
    read = compile_value(compiling, node)
    rows = node.get("lookup")
    for _, below in rows.entries if isinstance(rows, Block) else ():
        if isinstance(below, Scalar):
            warn_of_near_name(compiling, below, below.text)
    otherwise = node.get("otherwise")
    fallback = otherwise.text if isinstance(otherwise, Scalar) else "error"
    empty = Finding(
        "error",
        "event_name_empty",
        "the field that decides the event's name is empty",
        "have the sender fill it, or write otherwise: skip",
        position=node.position,
    )

    def name(scope: Scope) -> Any:
        findings = len(scope.findings)
        found = read(scope)
        if found is not None:
            return found
        if fallback in {"error", "keep"}:
            if len(scope.findings) == findings:
                scope.findings.append(empty)
            return None
        return SKIP if fallback == "skip" else fallback

    return name


def destinations(compiling: Compiling, entry: Entry | None) -> tuple[str, ...]:
    """Return where the event goes; unknown names are reported when the destinations are known."""
    loading = compiling.loading
    if entry is None:
        return DEFAULT_DESTINATIONS
    rule = loading.grammar["event"].keys["send_to"]
    names: tuple[str, ...] | None = loading.plain(PLAIN_KINDS["texts"], rule, entry.node, "send_to")
    nodes = entry.node.items if isinstance(entry.node, Listing) else (entry.node,)
    for name, node in zip(names or (), nodes, strict=False):
        if loading.destinations is not None and name not in loading.destinations:
            fix = "the settings have " + (", ".join(sorted(loading.destinations)) or "none")
            suggestion = closest(name, sorted(loading.destinations))
            loading.error(node, "unknown_destination", f"there is no destination {name!r}", fix, suggestion)
    return names or DEFAULT_DESTINATIONS
