"""Compiling `fetch`: its steps, in the order in which one needs the other, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeVar

from bridge.finding import Position
from bridge.mapping.compiler.call_block import compile_json, compile_paths, compile_query
from bridge.mapping.compiler.conditions import Condition, compile_condition
from bridge.mapping.compiler.context import Compiling, PathUse
from bridge.mapping.compiler.values import compile_field, compile_value
from bridge.mapping.language.path_syntax import SYSTEM_VALUES, Path
from bridge.mapping.language.reader import Entries, Entry, Loading, value_of
from bridge.mapping.runtime.call_parts import Target
from bridge.mapping.runtime.event import MappedLine
from bridge.mapping.runtime.fetch_step import FetchStep, Match
from bridge.mapping.runtime.paths import CompiledPath
from bridge.mapping.runtime.scope import Reader
from bridge.positioned_yaml import Block, Node, Scalar, rows_of
from bridge.spelling import closest

MAX_STEPS: Final = 3
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_RESERVED: Final = {name.removeprefix("$") for name in SYSTEM_VALUES} | {"visit"}
_NAME_OF_SOURCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_LONGEST_SHOWN: Final = 40
_LONGEST_KEPT: Final = 86_400

NamedBlocks = list[tuple[Scalar, Node, Entries]]
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class Fetching:
    """The `fetch` block of a file: its steps by name, which paths look up when they run, and its lines."""

    steps: dict[str, FetchStep]
    lines: tuple[MappedLine, ...]

    def finished(self, loading: Loading, uses: Iterable[PathUse]) -> tuple[FetchStep, ...]:
        """Return the steps in order of use, each with the paths into its answer; report one nobody reads.

        `uses` are the paths of the events.
        """
        all_uses = [*uses, *(use for line in self.lines for use in line.paths)]
        for name, step in self.steps.items():
            paths = [use.compiled.path for use in all_uses if use.answer == name]
            if not paths and _is_readable(loading, name):
                message = f"nothing reads ${name}, so it would never be fetched"
                loading.error(
                    step.position, "unread_step", message, f"write ${name}.field, or remove the step"
                )
            self.steps[name] = replace(step, reads=_bodies(paths, step.match))
        needs = _needs(self.lines)
        return tuple(sorted(self.steps.values(), key=lambda step: len(_all_needed(step.name, needs))))


def _is_readable(loading: Loading, name: str) -> bool:
    """Say whether a path could read a step, and none is reported that probably was meant to."""
    meant = (finding.suggestion or "" for finding in loading.findings)
    return _NAME.fullmatch(name) is not None and not any(text.startswith(f"${name}") for text in meant)


def step_names(entry: Entry | None) -> tuple[str, ...]:
    """Return the names that `$name` may read, before anything is compiled."""
    blocks: NamedBlocks = (entry.value if entry else None) or []
    return tuple(key.text for key, _, _ in blocks)


def compile_fetch(compiling: Compiling, entry: Entry | None, steps: dict[str, FetchStep]) -> Fetching:
    """Compile the steps into `steps`, which the paths of the file look at; what is wrong is reported."""
    blocks: NamedBlocks = (entry.value if entry else None) or []
    loading = compiling.loading
    if entry is not None and isinstance(entry.node, Block) and not blocks:
        loading.error(
            entry.node, "empty_list", "fetch has no step", "write a name, and below it what is fetched"
        )
    for key, _, _ in blocks[MAX_STEPS:]:
        fix = "leave out the step that is needed least"
        loading.error(key, "too_many_steps", f"fetch has at most {MAX_STEPS} steps", fix)
    lines = []
    for key, _, entries in blocks:
        _check_name(loading, key)
        own = replace(compiling, uses=[])
        steps[key.text] = _Step(own, key, entries).compiled()
        lines.append(MappedLine(f"fetch.{key.text}", 0, key.position, tuple(own.uses), constant=False))
    _check_cycles(loading, lines)
    return Fetching(steps, tuple(lines))


def _check_name(loading: Loading, key: Scalar) -> None:
    if not _NAME.fullmatch(key.text):
        fix = "use small letters, digits and _, and start with a letter: person"
        message = f"{key.text[:_LONGEST_SHOWN]!r} cannot be the name of a step"
        loading.error(key, "bad_step_name", message, fix)
    elif key.text in _RESERVED:
        message = f"${key.text} already means something else"
        loading.error(key, "bad_step_name", message, "choose another name, such as person")


class _Step:
    """Compiles one step."""

    def __init__(self, compiling: Compiling, key: Scalar, entries: Entries) -> None:
        self.compiling = compiling
        self.loading = compiling.loading
        self.key = key
        self.entries = entries

    def compiled(self) -> FetchStep:
        """Return the step; of what is wrong with it, as little as possible is left out."""
        self._check_source()
        self.compiling = replace(self.compiling, ids=self._part("ids", self._ids) or {})
        paths = self._part("path", lambda entry: compile_paths(self.compiling, entry))
        query = self._part("query", lambda entry: compile_query(self.compiling, entry))
        target = Target(paths or (), query or {})
        self._check_varies(target)
        take = self._part("take", lambda entry: self._in_the_answer(entry.node, "take"))
        return FetchStep(
            name=self.key.text,
            source=value_of(self.entries, "from", ""),
            position=self.key.position,
            method=self._method(),
            target=target,
            body=self._part("json", lambda entry: compile_json(self.compiling, entry)),
            condition=self._part("when", self._condition),
            take=take.locate if take else None,
            taken_from=tuple(step.key for step in take.path.steps if step.kind == "key") if take else (),
            match=self._part("match", self._match),
            keep_seconds=self._keep_seconds(),
            holds_when_missing=value_of(self.entries, "on_missing", "continue") == "hold",
            holds_when_failed=value_of(self.entries, "on_failure", "hold") == "hold",
            depth=len(self.compiling.base),
        )

    def _part(self, name: str, compile_entry: Callable[[Entry], _Made]) -> _Made | None:
        return compile_entry(self.entries[name]) if name in self.entries else None

    def _ids(self, entry: Entry) -> Mapping[str, Reader]:
        """Return the values that the step names; a name that no text could mean is reported."""
        rows = rows_of(entry.node)
        for key, _ in rows:
            if not _NAME.fullmatch(key.text):
                message = f"{key.text[:_LONGEST_SHOWN]!r} cannot be a name below ids"
                fix = "use small letters, digits and _, and start with a letter: order"
                self.loading.error(key, "bad_id_name", message, fix)
        return {key.text: compile_value(self.compiling, node) for key, node in rows}

    def _check_source(self) -> None:
        """Report a source that the settings do not have; where secrets are optional it may be missing."""
        loading, name = self.loading, value_of(self.entries, "from")
        if name is None:
            return
        entry = self.entries["from"]
        if not _NAME_OF_SOURCE.fullmatch(name):
            message = f"from names a source of bridge.yaml, and {name[:_LONGEST_SHOWN]!r} is no such name"
            fix = "write the name alone; its host and its key are set there, below sources"
            loading.error(entry.node, "bad_source_name", message, fix)
        elif loading.sources is not None and name not in loading.sources:
            note = loading.error if loading.secrets == "required" else loading.warning
            there = ", ".join(sorted(loading.sources)) or "none"
            message = f"bridge.yaml has no source {name[:_LONGEST_SHOWN]!r} (it has {there})"
            fix = f'write below sources: {name}: {{url: "https://...", headers: {{...}}}}; see docs/fetch.md'
            note(entry.node, "unknown_source", message, fix, closest(name, sorted(loading.sources)))

    def _check_varies(self, target: Target) -> None:
        """Report a call that is the same for every webhook: its field probably lacks the braces."""
        path = self.entries.get("path")
        if path is None or "json" in self.entries or not target.paths or target.has_fields:
            return
        message = "path has no {field} in it, so every webhook asks for the same record"
        fix = "write the field in braces: /persons/{data.person_id}"
        self.loading.warning(path.node, "same_call_always", message, fix)

    def _keep_seconds(self) -> int:
        seconds: int = value_of(self.entries, "keep", 0)
        if seconds > _LONGEST_KEPT:
            message = "an answer about a person is kept in memory for a day at most"
            self.loading.error(self.entries["keep"].node, "kept_too_long", message, "write 24 hours or less")
        return seconds

    def _method(self) -> Literal["GET", "POST"]:
        method, body = self.entries.get("method"), self.entries.get("json")
        if method is not None and method.value == "GET" and body is not None:
            self.loading.error(body.key, "option_alone", "a GET has no json", "write method: POST, or query")
        if method is not None and method.value == "POST" and body is None:
            self.loading.error(
                method.key, "missing_key", "a POST needs json", "add json: and what is asked for"
            )
        return "GET" if body is None else "POST"

    def _condition(self, entry: Entry) -> Condition:
        """Compile `when`, which reads the webhook alone: it says whether anything is fetched."""
        return compile_condition(replace(self.compiling, steps=None), entry.node)

    def _in_the_answer(self, node: Node, what: str) -> CompiledPath | None:
        """Compile a path that starts in the answer, not in the webhook."""
        if not isinstance(node, Scalar) or node.text.startswith("$"):
            message = f"{what} must be one field of the answer, without $"
            self.loading.error(node, "wrong_shape", message, "write the field alone, such as data.items")
            return None
        return replace(self.compiling, base=(), above=(), uses=[]).path(node, node.text)

    def _match(self, entry: Entry) -> Match | None:
        rows = rows_of(entry.node)
        if len(rows) != 1 or not isinstance(rows[0][1], Scalar) or rows[0][1].null:
            fix = "write the field of an entry and the event's field that is equal, such as id: objectId"
            self.loading.error(entry.node, "wrong_shape", "match must be one line", fix)
            return None
        of_entry = self._in_the_answer(rows[0][0], "the left side of match")
        of_event = compile_field(self.compiling, rows[0][1])
        return Match(of_entry.locate, of_event, rows[0][0].text) if of_entry else None


# --- a step and the others ---------------------------------------------------------------------------

# step -> the steps whose answers it reads, and where
Needs = Mapping[str, Mapping[str, Position]]


def _needs(lines: Sequence[MappedLine]) -> Needs:
    return {
        line.field.removeprefix("fetch."): {use.answer: use.position for use in line.paths if use.answer}
        for line in lines
    }


def _all_needed(name: str, needs: Needs) -> frozenset[str]:
    """Return every step that must be answered before a step, directly or not."""
    found: set[str] = set()
    left = [name]
    while left:
        new = needs.get(left.pop(), {}).keys() - found
        found |= new
        left += new
    return frozenset(found)


def _check_cycles(loading: Loading, lines: Sequence[MappedLine]) -> None:
    needs = _needs(lines)
    for name, others in needs.items():
        for other, position in others.items():
            if name == other or name in _all_needed(other, needs):
                needed = "its own answer" if name == other else f"${other}, which needs ${name}"
                fix = "let the step that is needed first read fields of the webhook only"
                loading.error(position, "fetch_cycle", f"the step {name} needs {needed}", fix)


def _bodies(paths: Sequence[Path], match: Match | None) -> tuple[str, ...] | None:
    """Return the paths into an answer, None when all of it is read."""
    if any(not path.steps or path.steps[0].kind != "key" for path in paths):
        return None
    return (*(path.body for path in paths), *((match.key,) if match else ()))
