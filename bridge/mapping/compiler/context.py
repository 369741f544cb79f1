"""What the compiling of one file shares: the problems, what counts as empty, and which fields were named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from bridge.coerce.emptiness import Emptiness
from bridge.mapping.language.path_syntax import BROWSER_ONLY, BadPath, read_path
from bridge.mapping.language.reader import Loading
from bridge.mapping.runtime.paths import CompiledPath, compile_path
from bridge.mapping.runtime.scope import MISSING, Reader, Scope, entries_of
from bridge.models import Position, ReadingSettings, Webhook
from bridge.positioned_yaml import Node, Scalar

MAX_ITEMS: Final = 1_000

Read = Reader
Shape = Literal["one", "many"]


@dataclass(frozen=True, slots=True)
class PathUse:
    """One path of the file: its text, its position, the list it is below, and how it is read.

    `above` holds the readers of the `for_each` lists around it, outermost first.
    """

    text: str
    position: Position
    base: str | None
    above: tuple[Reader, ...]
    locate: Reader
    system: bool

    def values(self, webhook: Webhook, source: str = "") -> list[Any]:
        """Return what the path finds in a webhook, once for every item above it, without missing ones."""
        found = (self.locate.read(scope) for scope in scopes_below(Scope(webhook, source), self.above))
        return [value for value in found if value is not MISSING]


def scopes_below(scope: Scope, above: tuple[Reader, ...]) -> Iterator[Scope]:
    """Yield the scope of every item of nested lists."""
    if not above:
        yield scope
        return
    for index, item in enumerate(entries_of(above[0].read(scope), scope)[:MAX_ITEMS]):
        yield from scopes_below(scope.inside(item, index, ""), above[1:])


@dataclass(frozen=True, slots=True)
class Compiling:
    """The state of compiling at one place of the file; `uses` collects every path in their order.

    `false_is_empty` where no field of Meta takes a truth value: Odoo sends false for every empty field.
    """

    loading: Loading
    empty: Emptiness
    settings: ReadingSettings
    browser: bool
    base: tuple[str, ...] = ()
    above: tuple[Reader, ...] = ()
    currency: Read | None = None
    skips: bool = False
    false_is_empty: bool = False
    uses: list[PathUse] = field(default_factory=list)

    def below(self, path: str, reader: Reader) -> Compiling:
        """Return the state inside the entries of a list."""
        return replace(self, base=(*self.base, path), above=(*self.above, reader))

    def with_currency(self, currency: Read | None) -> Compiling:
        """Return the state of an event whose currency is known, for cents."""
        return replace(self, currency=currency)

    def path(self, node: Node, text: str, offset: int = 0) -> CompiledPath | None:
        """Compile one path; a wrong one is reported and None."""
        try:
            path = read_path(text)
        except BadPath as bad:
            where = moved(node.position, offset + bad.offset + (isinstance(node, Scalar) and node.quoted))
            self.loading.error(where, bad.code, bad.message, bad.fix, bad.suggestion)
            return None
        if path.system in BROWSER_ONLY and not self.browser:
            self.loading.error(
                node,
                "not_the_visitors",
                f"{path.system} in a webhook sent by a server describes that server, not the person",
                "remove the line, or write sent_by: browser under receive when browsers post here directly",
            )
            return None
        compiled = compile_path(path)
        base = ".*.".join(self.base) if self.base and path.root == "item" else None
        above = self.above if path.root == "item" else ()
        self.uses.append(PathUse(text, node.position, base, above, compiled.locate, path.root == "system"))
        return compiled


def moved(position: Position, columns: int) -> Position:
    """Return a place further right on the same line."""
    return replace(position, column=position.column + columns)


def watch(compiled: CompiledPath, scope: Scope, outcome: str | None) -> None:
    """Record what a path gave, for an explanation; the live pipeline never calls this."""
    trace = scope.trace
    if trace is None:
        return
    if outcome is not None:
        trace.tried(scope.field, compiled.path.text, outcome)
        return
    trace.supplied(scope.field, compiled.path.text)
    trace.reads.append(compiled.places(scope))
