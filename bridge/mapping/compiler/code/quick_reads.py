"""How a value is read: at once where plain keys lead to a plain value, else by the mapping's own reader."""

from __future__ import annotations

from typing import Final

from bridge.mapping.compiler.code.writer import Writer
from bridge.mapping.compiler.sources import SumOf
from bridge.mapping.compiler.templates import FieldInText, Template
from bridge.mapping.compiler.values import EitherOf, FieldReader, FirstOf
from bridge.mapping.runtime.paths import ChosenEntry, CompiledPath, SpreadPath, plain_keys
from bridge.mapping.runtime.scope import Constant, Reader

_MOST_KEYS: Final = 4
_IN_THE_WEBHOOK: Final = {"item", "webhook"}


class Variable:
    """Stands for a value that the function has read before."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name: Final = name


class QuickReads:
    """Writes reads into a function, and remembers the inner objects that several of them go through.

    `item` is the variable that holds the current item; `readers_scope` calls a reader for it.
    """

    def __init__(self, writer: Writer, item: str, call: str) -> None:
        self.writer = writer
        self.item = item
        self.call = call
        self.inner: dict[tuple[str, ...], str] = {}
        self.needs_root = False

    def objects(self) -> list[str]:
        """Return the lines that find the inner objects; an absent one is an empty one."""
        lines = ["root = scope.root if type(scope.root) is dict else NO_FIELDS"] if self.needs_root else []
        for (*above, key), name in self.inner.items():
            source = self.inner[tuple(above)] if len(above) > 1 else above[0]
            lines += [
                f"{name} = {source}.get({key})",
                f"if type({name}) is not dict:",
                f"    {name} = NO_FIELDS",
            ]
        return lines

    def read(self, target: str, reader: Reader, hint: str) -> None:
        """Write the lines that put a value, or None, into a variable."""
        quick, again = self.quickly(reader, hint)
        self.writer.line(f"{target} = {quick}")
        if again is not None:
            starts = f"{target}[0] in starts and {target}[1:2] in starts[{target}[0]]"
            self.writer.line(f"if type({target}) is not str or not {target} or {starts}: {target} = {again}")

    def generally(self, reader: Reader | Variable, hint: str) -> str:
        """Return the expression that reads a value as always: for fields without a short way."""
        if isinstance(reader, Variable):
            return reader.name
        if isinstance(reader, Constant):
            return self.writer.constants.named("text", reader.value, hint)
        return self._general(reader, hint)

    def quickly(self, reader: Reader | Variable, hint: str) -> tuple[str, str | None]:
        """Return the expression of something: the value, or what is no ordinary one.

        With it comes the expression that reads the value with all care; None when the first does so already.
        """
        quick = None if isinstance(reader, Variable) else self._quick(reader)
        general = self.generally(reader, hint)
        if quick is not None:
            return quick, general
        if isinstance(reader, Template) and (text := self._template(reader, general)) is not None:
            return text, None
        return general, None

    def list_of(self, target: str, path: CompiledPath) -> bool:
        """Write the line that finds a list, and say whether there is a quick way to it."""
        quick = self.by_keys(path)
        if quick is not None:
            self.writer.line(f"{target} = {quick}")
        return quick is not None

    def _general(self, reader: Reader, hint: str) -> str:
        return self.call.format(self.writer.constants.named("read", reader.read, hint))

    def _quick(self, reader: Reader) -> str | None:
        if isinstance(reader, EitherOf):
            reader = reader.first
        elif isinstance(reader, FirstOf):
            reader = reader.options[0]
        if isinstance(reader, SumOf):
            return self._sum(reader)
        if not isinstance(reader, FieldReader) or reader.compiled.path.root not in _IN_THE_WEBHOOK:
            return None
        if isinstance(reader.locate, ChosenEntry):
            return self._chosen(reader.locate)
        return self.by_keys(reader.compiled)

    def _chosen(self, entry: ChosenEntry) -> str | None:
        if len(entry.after) != 1:
            return None
        named = self.writer.constants.named
        items = f"{self._start(whole=entry.whole)}.get({named('key', entry.only, entry.only)})"
        key, wanted = named("key", entry.key, entry.key), named("text", entry.wanted, entry.wanted)
        return f"chosen({items}, {key}, {wanted}, {named('key', entry.after[0], entry.after[0])})"

    def _sum(self, reader: SumOf) -> str | None:
        source = reader.read_many.only
        if not isinstance(source, FieldReader) or source.compiled.path.root not in _IN_THE_WEBHOOK:
            return None
        spread = source.locate
        if not isinstance(spread, SpreadPath) or not spread.keys:
            return None
        names = [self.writer.constants.named("key", key, key) for key in (*spread.keys, spread.last)]
        items = self._object(self._start(whole=spread.whole), tuple(names[:-2]))
        return f"sum_of_whole_numbers({items}.get({names[-2]}), {names[-1]})"

    def _start(self, *, whole: bool) -> str:
        self.needs_root = self.needs_root or whole
        return "root" if whole else self.item

    def by_keys(self, compiled: CompiledPath) -> str | None:
        """Return the expression that reads a path of plain keys, None for every other path."""
        keys = plain_keys(compiled.path)
        if compiled.path.root not in _IN_THE_WEBHOOK or not 0 < len(keys) <= _MOST_KEYS:
            return None
        names = [self.writer.constants.named("key", key, key) for key in keys]
        start = self._start(whole=compiled.path.root == "webhook")
        return f"{self._object(start, tuple(names[:-1]))}.get({names[-1]})"

    def _object(self, start: str, keys: tuple[str, ...]) -> str:
        """Return the variable of an inner object, each of the way to it found once."""
        for count in range(1, len(keys) + 1):
            way = (start, *keys[:count])
            if way not in self.inner:
                name = "_".join(key.removeprefix("key_") for key in way)
                taken = f"{name}_" in self.inner.values()
                self.inner[way] = f"{name}_{len(self.inner)}_" if taken else f"{name}_"
        return self.inner[start, *keys] if keys else start

    def _template(self, template: Template, general: str) -> str | None:
        """Write the lines that read the fields of a text, when each has a quick way; return the text."""
        named = self.writer.constants.named
        pieces = [
            (self.by_keys(part.compiled), True)
            if isinstance(part, FieldInText)
            else (named("text", part), False)
            for part in template.parts
        ]
        if any(quick is None for quick, _ in pieces) or not any(is_field for _, is_field in pieces):
            return None
        variables = []
        for number, (quick, is_field) in enumerate(pieces, 1):
            if is_field:
                self.writer.line(f"piece_{number} = text_of_piece({quick})")
            variables.append(f"piece_{number}" if is_field else str(quick))
        absent = " or ".join(f"{name} is None" for name in variables if name.startswith("piece_"))
        return f"{general} if {absent} else {' + '.join(variables)}"
