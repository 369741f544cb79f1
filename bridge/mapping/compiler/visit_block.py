"""Compiling `visit`: by what the earlier visit of a person is found, and which empty fields it fills."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from bridge.finding import Position
from bridge.mapping.compiler.context import Compiling, Read
from bridge.mapping.compiler.templates import Template
from bridge.mapping.compiler.values import compile_value
from bridge.mapping.language.node_types import one_of, shown
from bridge.mapping.language.path_syntax import Path
from bridge.mapping.language.reader import Entries, Entry, Loading, value_of
from bridge.mapping.language.visit_words import (
    FIRST,
    OF_THE_FIRST_TOUCH,
    VISIT,
    VISIT_ADDS,
    VISIT_FIELDS,
    VISIT_KEYS,
    VISIT_SOURCE,
)
from bridge.mapping.runtime.call_parts import Target
from bridge.mapping.runtime.event import CompiledEvent, MappedLine
from bridge.mapping.runtime.fetch_step import FetchStep
from bridge.mapping.runtime.visit_join import VisitJoin, VisitQuestion, describe
from bridge.positioned_yaml import Block, Node, Scalar, one_or_more
from bridge.spelling import closest

_WITHIN_SECONDS: Final = 90 * 86_400
_LONGEST_WAIT_SECONDS: Final = 3600
_NOWHERE: Final = Target((Template(("/",)),), {})


@dataclass(frozen=True, slots=True)
class WrittenKey:
    """One entry of `by`; without a reader of its own it reads the field that the event maps."""

    name: str
    position: Position
    read: Read | None


@dataclass(frozen=True, slots=True)
class VisitBlock:
    """The `visit` block of a file, from which each event gets its own join."""

    position: Position
    keys: tuple[WrittenKey, ...]
    add: tuple[tuple[str, Position], ...]
    within_seconds: int
    wait_seconds: int
    phone_country: Read | None
    line: MappedLine

    def joined(self, compiling: Compiling, event: CompiledEvent) -> CompiledEvent:
        """Return an event that is joined with its visit."""
        readers = {
            path: read for slots in (event.top, *(s for _, s in event.blocks)) for _, path, read in slots
        }
        question = VisitQuestion(
            keys=tuple(
                (VISIT_KEYS[key.name].kind, read)
                for key in self.keys
                if (read := key.read or readers.get(VISIT_KEYS[key.name].field)) is not None
            ),
            event_time=readers.get("event_time"),
            phone_country=self.phone_country,
            settings=compiling.settings,
            within_seconds=self.within_seconds,
            wait_seconds=self.wait_seconds,
        )
        self._check_cycles(compiling.loading, event)
        join = VisitJoin(self._step(question, event, len(compiling.base)), question, self.add)
        added = {f"user_data.{VISIT_ADDS[word][0]}": position for word, position in self.add}
        return replace(event, visit=join, positions=MappingProxyType({**added, **event.positions}))

    def _step(self, question: VisitQuestion, event: CompiledEvent, depth: int) -> FetchStep:
        return FetchStep(
            name=VISIT,
            source=VISIT_SOURCE,
            position=self.position,
            method="POST",
            target=_NOWHERE,
            body=question,
            condition=None,
            take=None,
            match=None,
            keep_seconds=0,
            holds_when_missing=False,
            holds_when_failed=False,
            depth=depth,
            event=event.number,
            no_record="no earlier visit was found",
            describe=describe,
        )

    def _check_cycles(self, loading: Loading, event: CompiledEvent) -> None:
        """Report a field by which the visit is found, and which the visit itself would fill."""
        alone = {VISIT_KEYS[key.name].field for key in self.keys if key.read is None}
        for line in event.lines:
            if line.field in alone | {"event_time"} and any(use.answer == VISIT for use in line.paths):
                message = f"{line.field} is needed to find the visit, so it cannot be read from it"
                fix = "let the visit fill it: name it under add, and leave out $visit here"
                loading.error(line.position, "visit_cycle", message, fix)

    def check_used(self, loading: Loading, events: Iterable[CompiledEvent]) -> None:
        """Report a key that no event of the file has: nobody would ever be found by it."""
        mapped = {line.field for event in events for line in event.lines}
        for key in self.keys:
            field = VISIT_KEYS[key.name].field
            if key.read is None and field not in mapped:
                name = loading.spec.name_in_mappings(field)
                message = f"no event maps {name}, so no visit is found by {key.name}"
                fix = f"map it, or say where it is: {{{key.name}: field}}"
                loading.error(key.position, "key_unmapped", message, fix)


def compile_visit(compiling: Compiling, entry: Entry | None, phone_country: Read | None) -> VisitBlock | None:
    """Compile the block; what is wrong with it is reported."""
    if entry is None:
        return None
    entries: Entries = entry.value or {}
    own = replace(compiling, uses=[])
    keys = _keys(own, entries["by"].node) if "by" in entries else ()
    add = tuple((word, entries["add"].position) for word in value_of(entries, "add") or ())
    return VisitBlock(
        position=entry.position,
        keys=keys,
        add=add,
        within_seconds=value_of(entries, "within") or _WITHIN_SECONDS,
        wait_seconds=_wait(compiling.loading, entries),
        phone_country=phone_country,
        line=MappedLine(VISIT, 0, entry.position, tuple(own.uses), constant=False),
    )


def _wait(loading: Loading, entries: Entries) -> int:
    seconds: int = value_of(entries, "wait") or 0
    if seconds > _LONGEST_WAIT_SECONDS:
        message = "an event waits at most 1 hour for a visit"
        loading.error(entries["wait"].node, "too_long", message, "write 2 minutes: a page reports at once")
    return seconds


def _keys(compiling: Compiling, node: Node) -> tuple[WrittenKey, ...]:
    items = one_or_more(node)
    written = [key for item in items if (key := _key(compiling, item)) is not None]
    for number, key in enumerate(written):
        if any(key.name == before.name for before in written[:number]):
            compiling.loading.error(
                key.position, "same_field_twice", f"{key.name} is there twice", "keep one"
            )
    return tuple(written)


def _key(compiling: Compiling, item: Node) -> WrittenKey | None:
    """Compile one entry: a name alone, or a name and where it is."""
    rows = item.entries if isinstance(item, Block) else ((item, None),)
    name = rows[0][0] if len(rows) == 1 else None
    if not isinstance(name, Scalar) or name.null:
        fix = "write a name, such as email, or one with its field: {visitor_id: hidden.visitor_id}"
        compiling.loading.error(item, "wrong_shape", "an entry of by is one name", fix)
        return None
    if name.text not in VISIT_KEYS:
        fix = f"write {one_of(tuple(VISIT_KEYS))}"
        near = closest(name.text, VISIT_KEYS)
        compiling.loading.error(
            name, "unknown_word", f"a visit is not found by {shown(name.text)}", fix, near
        )
        return None
    node = rows[0][1]
    if node is not None:
        return WrittenKey(name.text, name.position, compile_value(compiling, node, "many"))
    if not VISIT_KEYS[name.text].field:
        fix = f"say where the webhook has it: {{{name.text}: field}}"
        compiling.loading.error(name, "missing_key", f"{name.text} is no field of an event", fix)
        return None
    return WrittenKey(name.text, name.position, None)


# --- what is read of a visit -------------------------------------------------------------------------


def check_fields_read(loading: Loading, events: Iterable[CompiledEvent]) -> None:
    """Report a path to something that no visit has."""
    for event in events:
        for line in event.lines:
            for use in line.paths:
                if use.answer == VISIT:
                    _check_steps(loading.error, use.compiled.path, use.position)


def _check_steps(error: Callable[..., None], path: Path, position: Position) -> None:
    keys = [step.key for step in path.steps]
    known = (VISIT_FIELDS, OF_THE_FIRST_TOUCH if keys[:1] == [FIRST] else ())
    for key, names in zip(keys, known, strict=False):
        if key not in names:
            near = closest(key, names)
            suggestion = near and path.text.replace(f".{key}", f".{near}")
            message = f"a visit has no {shown(key)}"
            error(position, "unknown_key", message, f"write one of {', '.join(names)}", suggestion)
            return
