"""How a value is read: at once where plain keys lead to a plain value, else by the mapping's own reader."""

from __future__ import annotations

from typing import Final

from bridge.mapping.compiler.code.writer import Writer
from bridge.mapping.compiler.templates import FieldInText, Template
from bridge.mapping.compiler.values import EitherOf, FieldReader, FirstOf
from bridge.mapping.runtime.paths import CompiledPath, plain_keys
from bridge.mapping.runtime.scope import Constant, Reader

_MOST_KEYS: Final = 4


class Variable(Reader):
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
        again = self.read_quickly(target, reader, hint)
        if again is not None:
            self.writer.line(f"if type({target}) is not str or is_empty({target}): {target} = {again}")

    def read_generally(self, target: str, reader: Reader, hint: str) -> None:
        """Write the line that reads a value as always: for fields without a short way."""
        self.writer.line(f"{target} = {self._known(reader, hint) or self._general(reader, hint)}")

    def read_quickly(self, target: str, reader: Reader, hint: str) -> str | None:
        """Write the line that puts something into a variable: the value, or what is no ordinary one.

        Return what reads the value again with all care, None when it was read so already.
        """
        known = self._known(reader, hint)
        if known is not None:
            if known != target:
                self.writer.line(f"{target} = {known}")
            return None
        general = self._general(reader, hint)
        if isinstance(reader, Template) and self._template(target, reader, general):
            return None
        quick = self._quick(reader)
        self.writer.line(f"{target} = {general if quick is None else quick}")
        return None if quick is None else general

    def _known(self, reader: Reader, hint: str) -> str | None:
        if isinstance(reader, Variable):
            return reader.name
        if isinstance(reader, Constant):
            return self.writer.constants.named("text", reader.value, hint)
        return None

    def list_of(self, target: str, path: CompiledPath) -> bool:
        """Write the line that finds a list, and say whether there is a quick way to it."""
        quick = self._by_keys(path)
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
        return self._by_keys(reader.compiled) if isinstance(reader, FieldReader) else None

    def _by_keys(self, compiled: CompiledPath) -> str | None:
        keys = plain_keys(compiled.path)
        if compiled.path.root == "system" or not 0 < len(keys) <= _MOST_KEYS:
            return None
        names = [self.writer.constants.named("key", key, key) for key in keys]
        start = "root" if compiled.path.root == "webhook" else self.item
        self.needs_root = self.needs_root or start == "root"
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

    def _template(self, target: str, template: Template, general: str) -> bool:
        """Write the lines of a text with fields, when each field has a quick way."""
        named = self.writer.constants.named
        pieces = []
        for part in template.parts:
            quick = self._by_keys(part.compiled) if isinstance(part, FieldInText) else named("text", part)
            if quick is None:
                return False
            pieces.append((isinstance(part, FieldInText), quick))
        variables: list[str] = []
        for is_field, quick in pieces:
            if is_field:
                variables.append(f"piece_{len(variables) + 1}")
                self.writer.line(f"{variables[-1]} = text_of_piece({quick})")
            else:
                variables.append(quick)
        fields = [name for name in variables if name.startswith("piece_")]
        if not fields:
            return False
        absent = " or ".join(f"{name} is None" for name in fields)
        self.writer.line(f"{target} = {general} if {absent} else {' + '.join(variables)}")
        return True
