"""Compiling one event: what all events of the file share, laid under what this one says itself."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, cast

from bridge.finding import Position
from bridge.mapping.compiler.code import write_event_code
from bridge.mapping.compiler.conditions import Condition, compile_condition
from bridge.mapping.compiler.consent import (
    compile_consent,
    compile_limited_data_use,
    verdict_of_unknown,
)
from bridge.mapping.compiler.consent_regions import compile_regions
from bridge.mapping.compiler.context import Compiling, Read
from bridge.mapping.compiler.copied_properties import compile_copy
from bridge.mapping.compiler.destinations import (
    DEFAULT_DESTINATIONS,
    compile_destinations,
    require_default_destination,
)
from bridge.mapping.compiler.event_name import compile_event_name
from bridge.mapping.compiler.fields import compile_slots, defaults_of, removed_fields, takes_back
from bridge.mapping.compiler.values import compile_value
from bridge.mapping.language.reader import Entries, Entry, Loading, block_of, value_of
from bridge.mapping.language.visit_words import VISIT
from bridge.mapping.runtime.event import CodeOnDemand, CompiledEvent, MappedLine
from bridge.mapping.runtime.fetch_step import FetchStep
from bridge.mapping.runtime.scope import NOTHING, Called, Constant, Scope
from bridge.mapping.runtime.slots import Slots
from bridge.meta_spec.spec import MetaSpec
from bridge.models import BLOCKS
from bridge.positioned_yaml import Block, Node

_NEEDED = {
    "event_name": "name it as Meta does, such as Lead or Purchase",
    "action_source": "say where it happened, such as website or system_generated",
}


def compile_event(
    compiling: Compiling, shared: Entries, own: Entries, node: Node, number: int
) -> CompiledEvent:
    """Compile one event from what all events share and what it says itself."""
    entries = merged(shared, own)
    steps: dict[str, FetchStep] = {}
    if compiling.visit is not None:
        answers, known = (
            (*compiling.answers, VISIT),
            ChainMap(steps, cast("dict[str, FetchStep]", compiling.steps)),
        )
        compiling = replace(compiling, answers=answers, steps=known)
    for name, fix in _NEEDED.items():
        if name not in entries and not _written(compiling.loading, node, name):
            compiling.loading.error(node, "missing_key", f"an event needs {name}", fix)
    if "send_to" not in entries:
        require_default_destination(compiling.loading, node)
    defaults = defaults_of(compiling, entries.get("defaults"))
    silent = replace(compiling, uses=[])
    priced = replace(compiling, uses=[]).with_currency(_currency(silent, entries, defaults))
    event = _Event(priced, entries, number, _removed(compiling, shared, own)).compiled(
        tuple(block["when"] for block in (shared, own) if "when" in block), defaults
    )
    if compiling.visit is not None:
        joined: CompiledEvent = compiling.visit.joined(compiling, event)
        if joined.visit is not None:
            steps[VISIT] = joined.visit.step
        return joined  # it waits for its visit: that its code is quick would help nobody
    if event.policy is not None:
        return event  # what its country decides is left to the general way
    write = partial(write_event_code, event, compiling.settings, compiling.loading.spec, compiling.empty)
    return replace(event, on_demand=CodeOnDemand(write))


class _Event:
    """Compiles an event line after line and remembers which paths each of them used."""

    def __init__(self, compiling: Compiling, entries: Entries, number: int, removed: frozenset[str]) -> None:
        self.compiling = compiling
        self.entries = entries
        self.number = number
        self.removed = removed
        self.lines: list[MappedLine] = []
        self.positions: dict[str, Position] = {}

    def compiled(
        self, conditions: tuple[Entry, ...], defaults: Mapping[str, tuple[str, Position]]
    ) -> CompiledEvent:
        """Return the whole event; the order of the lines is that in which they are run."""
        whens = tuple(self._condition(entry) for entry in conditions)
        consent, limited, policy = self._part("consent", _consent) or (None, None, None)
        read_name, text = self._part("event_name", compile_event_name) or (NOTHING, None)
        top = self._slots("", {name: entry for name, entry in self.entries.items() if self._is_field(name)})
        blocks = tuple(
            (name, self._slots(name, block_of(self.entries[name]))) for name in BLOCKS if name in self.entries
        )
        send_to, routing = self._part("send_to", compile_destinations) or (DEFAULT_DESTINATIONS, None)
        return CompiledEvent(
            number=self.number,
            label=value_of(self.entries, "name"),
            conditions=whens,
            consent=consent,
            policy=policy,
            event_name=read_name,
            event_name_text=text,
            action_source=value_of(self.entries, "action_source", ""),
            top=top,
            blocks=blocks,
            copy=self._part("copy", compile_copy),
            limited=limited,
            defaults=tuple(
                (*_split_path(path), default)
                for path, (default, _) in defaults.items()
                if path not in self.removed
            ),
            removed=self.removed,
            send_to=send_to,
            routing=routing,
            positions=self._all_positions(defaults),
            lines=tuple(self.lines),
        )

    def _is_field(self, name: str) -> bool:
        return is_field(self.compiling, name)

    def _note(self, field: str, position: Position, before: int, *, constant: bool = False) -> None:
        paths = tuple(self.compiling.uses[before:])
        self.lines.append(MappedLine(field, self.number, position, paths, constant))

    def _condition(self, entry: Entry) -> Condition:
        before = len(self.compiling.uses)
        condition = compile_condition(self.compiling, entry.node)
        self._note("when", entry.position, before)
        return condition

    def _part(self, name: str, compile_entry: Callable[[Compiling, Entry], Any]) -> Any:
        entry = self.entries.get(name)
        if entry is None:
            return None
        before = len(self.compiling.uses)
        compiled = compile_entry(self.compiling, entry)
        constant = name == "event_name" and len(self.compiling.uses) == before
        self._note(name, entry.position, before, constant=constant)
        return compiled

    def _slots(self, block: str, entries: Entries) -> Slots:
        slots = []
        before = len(self.compiling.uses)
        for slot in compile_slots(self.compiling, block, entries):
            self._note(slot.path, slot.position, before, constant=len(self.compiling.uses) == before)
            before = len(self.compiling.uses)
            if slot.path not in self.removed:
                self.positions[slot.path] = slot.position
                slots.append((slot.path[len(block) + 1 :] if block else slot.path, slot.path, slot.read))
        return tuple(slots)

    def _all_positions(self, defaults: Mapping[str, tuple[str, Position]]) -> Mapping[str, Position]:
        named = (*BLOCKS, "consent", "event_name", "action_source")
        return MappingProxyType(
            {
                **{path: position for path, (_, position) in defaults.items()},
                **made_from_others(self.compiling.loading.spec, self.positions),
                **self.positions,
                **{name: self.entries[name].position for name in named if name in self.entries},
            }
        )


def _consent(compiling: Compiling, entry: Entry) -> Any:
    policy = compile_regions(compiling, entry, verdict_of_unknown(entry))
    return compile_consent(compiling, entry), compile_limited_data_use(compiling, entry), policy


def made_from_others(spec: MetaSpec, positions: Mapping[str, Position]) -> dict[str, Position]:
    """Return the lines of fields that are made out of another one: first and last name of a full name."""
    return {
        f"user_data.{made}": positions[f"user_data.{rule.name}"]
        for rule in spec.user_data.values()
        for made in rule.becomes
        if f"user_data.{rule.name}" in positions
    }


def _written(loading: Loading, node: Node, name: str) -> bool:
    """Return whether a key is there but invalid or misspelt, which has been reported already."""
    if isinstance(node, Block) and node.get(name) is not None:
        return True
    return any(finding.suggestion == name for finding in loading.findings)


def merged(shared: Entries, own: Entries) -> Entries:
    """Lay an event over what all events share: blocks field by field, everything else as a whole."""
    entries = {**shared, **own}
    for name in (*BLOCKS, "defaults"):
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
        f"{block}.{name}" for block in BLOCKS if block in own for name in takes_back(own[block].value or {})
    }
    return (
        removed
        | taken
        | takes_back({name: entry for name, entry in own.items() if is_field(compiling, name)})
    )


def is_field(compiling: Compiling, name: str) -> bool:
    """Return whether a key next to `event_name` is a field of the event, not a block or a rule."""
    key = compiling.loading.grammar["event"].keys.get(name)
    return key is not None and key.kind == "value"


def _split_path(path: str) -> tuple[str | None, str]:
    block, dot, name = path.partition(".")
    return (block, name) if dot else (None, block)


def _currency(
    compiling: Compiling, entries: Entries, defaults: Mapping[str, tuple[str, Position]]
) -> Read | None:
    """Return the reader of the event's currency, which cents need; it is not explained twice."""
    custom_data = block_of(entries.get("custom_data"))
    default = defaults.get("custom_data.currency", (None, None))[0]
    if "currency" not in custom_data:
        return Constant(default) if default else None
    read = compile_value(compiling, custom_data["currency"].node)

    def currency(scope: Scope) -> Any:
        trace, scope.trace = scope.trace, None
        try:
            return read.read(scope) or default
        finally:
            scope.trace = trace

    return Called(currency)
